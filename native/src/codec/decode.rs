//! Decoding stock's bytes to the objects that stock makes of them.
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

/// ormsgpack's limit on nested values, in each call of unpackb.
pub const MAX_LEVELS: u16 = 1024;

pub struct Decoder<'a, 'py> {
    pub py: Python<'py>,
    stock: &'a Stock,
    hook: &'a Bound<'py, PyAny>,
    pause: Option<CollectorPause>,
    /// Whether a hook, and perhaps a user's code, has run in this call: then it can't start over.
    pub ran_python: bool,
    /// How many values went to stock's hook.
    pub handed_over: u64,
    /// Which exts may stand in a state that is remembered, where it is decoded at the moment.
    pub exts: Exts,
    /// The level of the fields of the model that is built at the moment.
    pub field_level: u16,
    /// The plain classes of this call, to be found by the header of their payloads.
    pub seen: Vec<Arc<PlainClass>>,
}

/// Which exts may stand in a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Exts {
    /// Those that are not known here go to stock's hook.
    Any,
    /// Only those that are known here: the payload around them may still go to the hook as a whole.
    Known,
}

impl<'a, 'py> Decoder<'a, 'py> {
    pub fn new(py: Python<'py>, stock: &'a Stock, hook: &'a Bound<'py, PyAny>) -> Self {
        let pause = Some(CollectorPause::new(py));
        Self {
            py,
            stock,
            hook,
            pause,
            ran_python: false,
            handed_over: 0,
            exts: Exts::Any,
            field_level: 0,
            seen: Vec::new(),
        }
    }

    /// Another one, for the same serializer.
    pub fn another(&self) -> Self {
        Self::new(self.py, self.stock, self.hook)
    }

    pub fn stock(&self) -> &'a Stock {
        self.stock
    }

    /// Decodes one value. What follows it is ignored, as in stock.
    pub fn decode(&mut self, data: &[u8]) -> Result<Bound<'py, PyAny>, Fail> {
        self.value(&mut Reader::new(data), 1, Exts::Any)
    }

    pub fn value(&mut self, reader: &mut Reader<'_>, level: u16, exts: Exts) -> Result<Bound<'py, PyAny>, Fail> {
        if level == MAX_LEVELS {
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
        // SAFETY: the interpreter is attached. Each call returns a new reference, or NULL with an error set.
        let object = unsafe {
            match token {
                Token::Nil => ffi::Py_NewRef(ffi::Py_None()),
                Token::Bool(value) => ffi::PyBool_FromLong(value.into()),
                Token::UInt(value) => ffi::PyLong_FromUnsignedLongLong(value),
                Token::Int(value) => ffi::PyLong_FromLongLong(value),
                Token::Float(value) => ffi::PyFloat_FromDouble(value),
                Token::Bin(bytes) => ffi::PyBytes_FromStringAndSize(bytes.as_ptr().cast(), bytes.len().cast_signed()),
                Token::Str(bytes) => return text::str_from(self.py, bytes),
                // `value` and `key` have handled these.
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
        // A length that the input can't hold must not be allocated. Each element takes at least a byte, so the input
        // ends before the list is full, with the error that stock has for that.
        let room = (len as usize).min(reader.remaining());
        // SAFETY: a new list of `room` empty places, each of which is filled once. An early return drops it with empty
        // places, which lists allow.
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
    pub fn key(&mut self, reader: &mut Reader<'_>, level: u16) -> Result<Bound<'py, PyAny>, Fail> {
        if level == MAX_LEVELS {
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

    /// The object of an ext at `level`, if it can be made without running other code than the standard library's.
    /// Levels are counted on within the ext, while stock starts anew in each: what is too deep here may not be so for
    /// the hook.
    fn known(&mut self, code: i8, data: &[u8], level: u16) -> Option<Bound<'py, PyAny>> {
        if code == PYDANTIC_V2.cast_signed() {
            let class = self.payload_class(data)?;
            return self.build(data, &class, level);
        }
        self.constructed(code, data, level)
    }

    /// The object that stock's hook makes of this ext, with its events and warnings.
    fn hand_over(&mut self, code: i8, data: &[u8]) -> Result<Bound<'py, PyAny>, Fail> {
        self.count_hand_over(code, data)?;
        self.ran_python = true;
        self.handed_over += 1;
        let hook = self.hook;
        let result = self.calling_python(|py| hook.call1((code, PyBytes::new(py, data)))).map_err(|_| Fail::Hook);
        self.seen.clear();
        result
    }

    /// Counts a value that goes to stock's hook. Fails if Rust should have made it and fallbacks are to fail.
    fn count_hand_over(&mut self, code: i8, data: &[u8]) -> Result<(), Fail> {
        let class = match class_name(data) {
            Some((module, name)) => format!("{module}.{name}"),
            None => format!("ext {code}"),
        };
        if code != PYDANTIC_V2.cast_signed() {
            DECODED.value_by_stock(&class, "a type that is not known, or one that is not made so");
            return Ok(());
        }
        let stock = self.stock;
        match self.calling_python(|py| stock.why_not_built(py, data)) {
            Ok(reason) => DECODED.value_by_stock(&class, reason),
            Err(reason) => DECODED.value_lost(&class, &reason)?,
        }
        Ok(())
    }

    /// Calls what may run Python code, with the garbage collector as it was before the decode.
    pub fn calling_python<T>(&mut self, call: impl FnOnce(Python<'py>) -> T) -> T {
        self.pause = None;
        let result = call(self.py);
        self.pause = Some(CollectorPause::new(self.py));
        result
    }

    fn payload_class(&mut self, payload: &[u8]) -> Option<Arc<PlainClass>> {
        if let Some(class) = self.seen.iter().find(|class| payload.starts_with(&class.header)) {
            return Some(Arc::clone(class));
        }
        // If the class has changed, describing it again calls Python.
        let stock = self.stock;
        let class = self.calling_python(|py| stock.payload_class(py, payload));
        self.seen.extend(class.clone());
        class
    }
}

/// The error for a map or an ext as a key. ormsgpack stops before it has read it, except for exts that could be
/// timestamps, whose code it reads.
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
    /// A dict with room for so many entries. CPython exports it up to 3.15, though its headers do not declare it.
    fn _PyDict_NewPresized(room: ffi::Py_ssize_t) -> *mut ffi::PyObject;
}

/// On Windows only functions that the headers declare can be linked. A later CPython may not export the other one, and
/// then the module could not be imported.
#[cfg(any(not(unix), Py_3_16))]
#[allow(non_snake_case)]
unsafe fn _PyDict_NewPresized(_room: ffi::Py_ssize_t) -> *mut ffi::PyObject {
    // SAFETY: the interpreter is attached, by the caller's promise.
    unsafe { ffi::PyDict_New() }
}

#[inline]
pub fn new_dict(py: Python<'_>, room: usize) -> Result<Bound<'_, PyAny>, Fail> {
    // SAFETY: the interpreter is attached. The result is a new reference, or NULL with an error set.
    unsafe { Bound::from_owned_ptr_or_err(py, _PyDict_NewPresized(room.cast_signed())) }.map_err(Fail::from)
}

#[inline]
pub fn set_item(dict: &Bound<'_, PyAny>, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> Result<(), Fail> {
    // SAFETY: `dict` was made by `new_dict`; key and value are live objects.
    if unsafe { ffi::PyDict_SetItem(dict.as_ptr(), key.as_ptr(), value.as_ptr()) } == 0 {
        return Ok(());
    }
    drop(PyErr::take(dict.py()));
    Err(Fail::Unhashable)
}
