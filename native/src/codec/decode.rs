//! From stock's bytes to the objects that stock makes of them.
#![allow(unsafe_code)] // fills new lists and tuples

use std::sync::Arc;

use fast_langgraph_msgpack::reader::{Marker, Reader, Token};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::counters::DECODED;
use super::ext_codes::PYDANTIC_V2;
use super::fail::Fail;
use super::gc::CollectorPause;
use super::keys;
use super::plain::PlainClass;
use super::stock::{Stock, class_name};
use super::text;

/// ormsgpack's limit on values within one another, in each unpackb.
pub const LEVELS: u16 = 1024;

pub struct Decoder<'a, 'py> {
    pub py: Python<'py>,
    stock: &'a Stock,
    hook: &'a Bound<'py, PyAny>,
    pause: Option<CollectorPause>,
    /// A hook, and perhaps a user's code, has run in this call: it can't be started over.
    pub ran_python: bool,
    /// Values that went to stock's hook.
    pub handed_over: u64,
    /// The level of the fields of the model that is being built.
    pub field_level: u16,
    /// Classes met in this call, by the header of their payloads.
    seen: Vec<Arc<PlainClass>>,
}

/// What may become of exts where a value stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Exts {
    /// What is not known here goes to stock's hook.
    Any,
    /// Only what is known here: inside a payload that may yet go to the hook as a whole.
    Known,
}

impl<'a, 'py> Decoder<'a, 'py> {
    pub fn new(py: Python<'py>, stock: &'a Stock, hook: &'a Bound<'py, PyAny>) -> Self {
        let pause = Some(CollectorPause::new(py));
        Self { py, stock, hook, pause, ran_python: false, handed_over: 0, field_level: 0, seen: Vec::new() }
    }

    pub fn stock(&self) -> &'a Stock {
        self.stock
    }

    /// One whole value; what follows it is ignored, as stock does.
    pub fn decode(&mut self, data: &[u8]) -> Result<Bound<'py, PyAny>, Fail> {
        self.value(&mut Reader::new(data), 1, Exts::Any)
    }

    pub fn value(&mut self, reader: &mut Reader<'_>, level: u16, exts: Exts) -> Result<Bound<'py, PyAny>, Fail> {
        if level == LEVELS {
            return Err(Fail::Depth);
        }
        match reader.next_token()? {
            Token::Str(bytes) => text::str_from(self.py, bytes),
            Token::Array(len) => self.array(reader, len, level, exts),
            Token::Map(len) => self.map(reader, len, level, exts),
            Token::Ext(code, data) => match self.known(code, data, level) {
                Some(value) => Ok(value),
                None if exts == Exts::Any => self.hand_over(code, data),
                None => Err(Fail::Hook),
            },
            scalar => self.scalar(scalar),
        }
    }

    #[inline]
    fn scalar(&self, token: Token<'_>) -> Result<Bound<'py, PyAny>, Fail> {
        // SAFETY: the interpreter is attached; each call returns a new reference, or NULL with an error.
        let object = unsafe {
            match token {
                Token::Nil => ffi::Py_NewRef(ffi::Py_None()),
                Token::Bool(value) => ffi::PyBool_FromLong(value.into()),
                Token::UInt(value) => ffi::PyLong_FromUnsignedLongLong(value),
                Token::Int(value) => ffi::PyLong_FromLongLong(value),
                Token::Float(value) => ffi::PyFloat_FromDouble(value),
                Token::Bin(bytes) => ffi::PyBytes_FromStringAndSize(bytes.as_ptr().cast(), bytes.len().cast_signed()),
                Token::Str(bytes) => return text::str_from(self.py, bytes),
                // `value` and `key` have taken these.
                Token::Array(_) | Token::Map(_) | Token::Ext(..) => return Err(Fail::Value),
            }
        };
        // SAFETY: as above.
        unsafe { Bound::from_owned_ptr_or_err(self.py, object) }.map_err(Fail::from)
    }

    #[inline]
    pub fn array(
        &mut self,
        reader: &mut Reader<'_>,
        len: u32,
        level: u16,
        exts: Exts,
    ) -> Result<Bound<'py, PyAny>, Fail> {
        // A length that the input can't hold must not be allocated. Each element takes a byte or more,
        // so the input ends, with the error that stock has for it, before the list is full.
        let room = (len as usize).min(reader.remaining());
        // SAFETY: a new list of `room` empty places, each filled once; an early return drops it with
        // places empty, which lists allow for.
        unsafe {
            let list =
                Bound::from_owned_ptr_or_err(self.py, ffi::PyList_New(room.cast_signed())).map_err(Fail::from)?;
            for index in 0..len as usize {
                let item = self.value(reader, level + 1, exts)?;
                if index >= room {
                    return Err(Fail::Eof);
                }
                ffi::PyList_SET_ITEM(list.as_ptr(), index.cast_signed(), item.into_ptr());
            }
            Ok(list)
        }
    }

    #[inline]
    pub fn map(
        &mut self,
        reader: &mut Reader<'_>,
        len: u32,
        level: u16,
        exts: Exts,
    ) -> Result<Bound<'py, PyAny>, Fail> {
        let dict = new_dict(self.py, (len as usize).min(reader.remaining() / 2))?;
        for _ in 0..len {
            let key = self.key(reader, level + 1)?;
            let value = self.value(reader, level + 1, exts)?;
            set_item(&dict, &key, &value)?;
        }
        Ok(dict)
    }

    #[inline]
    fn key(&mut self, reader: &mut Reader<'_>, level: u16) -> Result<Bound<'py, PyAny>, Fail> {
        if level == LEVELS {
            return Err(Fail::Depth);
        }
        if let Some(0x80..=0x8f | 0xc1 | 0xc7..=0xc9 | 0xd4..=0xd8 | 0xde | 0xdf) = reader.rest().first() {
            return Err(refused_key(reader));
        }
        match reader.next_token()? {
            Token::Str(bytes) => keys::key_from(self.py, bytes),
            Token::Array(len) => self.tuple_key(reader, len, level),
            token => self.scalar(token),
        }
    }

    fn tuple_key(&mut self, reader: &mut Reader<'_>, len: u32, level: u16) -> Result<Bound<'py, PyAny>, Fail> {
        let mut items = Vec::with_capacity((len as usize).min(reader.remaining()));
        for _ in 0..len {
            items.push(self.key(reader, level + 1)?);
        }
        Ok(pyo3::types::PyTuple::new(self.py, items).map_err(Fail::from)?.into_any())
    }

    /// The object of an ext that stands at `level`, if it can be made without running any but the standard
    /// library's code. Levels are counted on from there, though stock counts anew in each ext: what goes
    /// too deep here may not go too deep for the hook.
    fn known(&mut self, code: i8, data: &[u8], level: u16) -> Option<Bound<'py, PyAny>> {
        if code == PYDANTIC_V2.cast_signed() {
            let class = self.payload_class(data)?;
            return self.build(data, &class, level);
        }
        self.constructed(code, data, level)
    }

    /// What stock's hook makes of this one ext: its class called, its events and warnings sent.
    fn hand_over(&mut self, code: i8, data: &[u8]) -> Result<Bound<'py, PyAny>, Fail> {
        self.count(code, data)?;
        self.ran_python = true;
        self.handed_over += 1;
        let hook = self.hook;
        let result = self.outside(|py| hook.call1((code, PyBytes::new(py, data)))).map_err(|_| Fail::Hook);
        self.seen.clear();
        result
    }

    /// Counts a value that goes to stock's hook; fails where one may not, and ours should have made it.
    fn count(&mut self, code: i8, data: &[u8]) -> Result<(), Fail> {
        let class = match class_name(data) {
            Some((module, name)) => format!("{module}.{name}"),
            None => format!("ext {code}"),
        };
        if code != PYDANTIC_V2.cast_signed() {
            DECODED.value_by_stock(&class, "a type that is not known, or one that is not made so");
            return Ok(());
        }
        let stock = self.stock;
        match self.outside(|py| stock.why_not_built(py, data)) {
            Ok(reason) => DECODED.value_by_stock(&class, reason),
            Err(reason) => DECODED.value_lost(&class, &reason)?,
        }
        Ok(())
    }

    /// Calls what may run Python code, with the collector as it was.
    pub fn outside<T>(&mut self, call: impl FnOnce(Python<'py>) -> T) -> T {
        self.pause = None;
        let result = call(self.py);
        self.pause = Some(CollectorPause::new(self.py));
        result
    }

    fn payload_class(&mut self, payload: &[u8]) -> Option<Arc<PlainClass>> {
        if let Some(class) = self.seen.iter().find(|class| payload.starts_with(&class.header)) {
            return Some(Arc::clone(class));
        }
        // Looking a changed class over again is a call into Python.
        let stock = self.stock;
        let class = self.outside(|py| stock.payload_class(py, payload));
        self.seen.extend(class.clone());
        class
    }
}

/// Maps and exts are no keys. ormsgpack gives up before it has read them, but for the exts that could be
/// timestamps, of which it reads the code.
#[cold]
fn refused_key(reader: &Reader<'_>) -> Fail {
    let Some(marker) = reader.marker() else { return Fail::Eof };
    let header = match marker {
        Marker::FixExt4 | Marker::FixExt8 => 2,
        Marker::Ext8 => 3,
        marker => return Fail::KeyType(marker),
    };
    if reader.remaining() < header { Fail::Eof } else { Fail::Value }
}

#[cfg(all(unix, not(Py_3_16)))]
unsafe extern "C" {
    /// A dict with room for this many entries; CPython exports it up to 3.15, without a name in its headers.
    fn _PyDict_NewPresized(room: ffi::Py_ssize_t) -> *mut ffi::PyObject;
}

/// Windows links by DLL and name, and pyo3 does so for what is in the headers. Whether a CPython that isn't known has
/// the other is not known either, and without it nothing could be imported.
#[cfg(any(not(unix), Py_3_16))]
#[allow(non_snake_case)]
unsafe fn _PyDict_NewPresized(_room: ffi::Py_ssize_t) -> *mut ffi::PyObject {
    // SAFETY: the interpreter is attached, by the caller's word.
    unsafe { ffi::PyDict_New() }
}

#[inline]
pub fn new_dict(py: Python<'_>, room: usize) -> Result<Bound<'_, PyAny>, Fail> {
    // SAFETY: the interpreter is attached; a new reference, or NULL with an error set.
    unsafe { Bound::from_owned_ptr_or_err(py, _PyDict_NewPresized(room.cast_signed())) }.map_err(Fail::from)
}

#[inline]
pub fn set_item(dict: &Bound<'_, PyAny>, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> Result<(), Fail> {
    // SAFETY: `dict` was made by `new_dict`; key and value are live.
    if unsafe { ffi::PyDict_SetItem(dict.as_ptr(), key.as_ptr(), value.as_ptr()) } == 0 {
        return Ok(());
    }
    drop(PyErr::take(dict.py()));
    Err(Fail::Unhashable)
}
