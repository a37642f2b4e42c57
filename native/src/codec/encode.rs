//! Encoding Python objects to the bytes that stock writes.
#![allow(unsafe_code)] // walks lists, tuples and dicts by their C structure

use fast_langgraph_msgpack::writer::{self, Sink};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::counters::ENCODED;
use super::fail::Fail;
use super::plain::Described;
use super::stock::{Stock, full_name, type_name};
use super::text;
use crate::counts::FallbackError;

/// ormsgpack's limit on nested arrays and maps, which starts anew in each ext.
const MAX_LEVELS: u16 = 255;
/// The limit on everything that is nested, exts included. It is below stock's limit, which is Python's stack.
const MAX_DEPTH: u16 = 300;

pub struct Encoder<'a, 'py, S> {
    pub py: Python<'py>,
    pub out: S,
    stock: &'a Stock,
    /// How many arrays and maps are open since the last ext.
    pub levels: u16,
    /// How many of all are open.
    depth: u16,
    /// Whether stock's code, and perhaps a user's, has run in this call: then it can't start over.
    pub ran_python: bool,
    /// How many values went to stock's hook.
    pub handed_over: u64,
    /// The types of this call, by address. No address is reused within a call, unless Python code runs; then this is
    /// cleared.
    pub seen: Vec<(*mut ffi::PyTypeObject, Described)>,
}

impl<'a, 'py, S: Sink> Encoder<'a, 'py, S> {
    pub fn new(py: Python<'py>, stock: &'a Stock, out: S) -> Self {
        Self { py, out, stock, levels: 0, depth: 0, ran_python: false, handed_over: 0, seen: Vec::new() }
    }

    pub fn stock(&self) -> &'a Stock {
        self.stock
    }

    /// # Safety
    /// `object` is a live Python object, which the caller keeps alive.
    #[inline]
    pub unsafe fn value(&mut self, object: *mut ffi::PyObject) -> Result<(), Fail> {
        // SAFETY: each helper is called for an object of its type.
        unsafe {
            let class = ffi::Py_TYPE(object);
            if class == &raw mut ffi::PyUnicode_Type {
                self.str(object)
            } else if object == ffi::Py_None() {
                writer::nil(&mut self.out);
                Ok(())
            } else if class == &raw mut ffi::PyDict_Type {
                self.dict(object)
            } else if class == &raw mut ffi::PyList_Type {
                self.list(object)
            } else if class == &raw mut ffi::PyLong_Type {
                self.int(object)
            } else if class == &raw mut ffi::PyBool_Type {
                writer::bool(&mut self.out, object == ffi::Py_True());
                Ok(())
            } else if class == &raw mut ffi::PyFloat_Type {
                writer::f64(&mut self.out, ffi::PyFloat_AS_DOUBLE(object));
                Ok(())
            } else if class == &raw mut ffi::PyBytes_Type {
                self.bytes(object)
            } else {
                self.other(object, class)
            }
        }
    }

    /// # Safety
    /// `object` is a str, or of a subclass.
    #[inline]
    pub unsafe fn str(&mut self, object: *mut ffi::PyObject) -> Result<(), Fail> {
        // SAFETY: a str, by the caller's promise. The text is used at once.
        match unsafe { text::utf8(self.py, object) } {
            Some(text) => Ok(writer::str(&mut self.out, text)?),
            None => self.without_surrogates(object),
        }
    }

    /// A str with surrogates, which stock replaces by "?".
    #[cold]
    fn without_surrogates(&mut self, object: *mut ffi::PyObject) -> Result<(), Fail> {
        // SAFETY: a live str. The result is a new reference, or NULL with an error set.
        let bytes = unsafe {
            let bytes = ffi::PyUnicode_AsEncodedString(object, c"utf-8".as_ptr(), c"replace".as_ptr());
            Bound::from_owned_ptr_or_err(self.py, bytes)
        }
        .map_err(Fail::from)?;
        let bytes = bytes.cast_into::<PyBytes>().map_err(|error| Fail::Said(error.to_string().into()))?;
        Ok(writer::str(&mut self.out, bytes.as_bytes())?)
    }

    /// # Safety
    /// `object` is bytes.
    unsafe fn bytes(&mut self, object: *mut ffi::PyObject) -> Result<(), Fail> {
        // SAFETY: bytes, by the caller's promise, which never change.
        let bytes = unsafe {
            std::slice::from_raw_parts(
                ffi::PyBytes_AS_STRING(object).cast::<u8>(),
                ffi::PyBytes_Size(object).unsigned_abs(),
            )
        };
        Ok(writer::bin(&mut self.out, bytes)?)
    }

    /// # Safety
    /// `object` is an int, or of a subclass.
    #[inline]
    pub unsafe fn int(&mut self, object: *mut ffi::PyObject) -> Result<(), Fail> {
        let mut overflow = 0;
        // SAFETY: an int, by the caller's promise. Neither call runs Python code.
        unsafe {
            let value = ffi::PyLong_AsLongLongAndOverflow(object, &raw mut overflow);
            if overflow == 0 {
                writer::i64(&mut self.out, value);
                return Ok(());
            }
            if overflow > 0 {
                let value = ffi::PyLong_AsUnsignedLongLong(object);
                if value != u64::MAX || ffi::PyErr_Occurred().is_null() {
                    writer::u64(&mut self.out, value);
                    return Ok(());
                }
                ffi::PyErr_Clear();
            }
        }
        Err(Fail::Int)
    }

    /// # Errors
    /// As `value`.
    pub fn object(&mut self, object: &Bound<'py, PyAny>) -> Result<(), Fail> {
        // SAFETY: the caller holds `object`.
        unsafe { self.value(object.as_ptr()) }
    }

    /// An array of `len` values that `items` writes.
    pub fn array(&mut self, len: usize, items: impl FnOnce(&mut Self) -> Result<(), Fail>) -> Result<(), Fail> {
        self.enter()?;
        writer::array_len(&mut self.out, len)?;
        items(self)?;
        self.leave();
        Ok(())
    }

    pub fn enter(&mut self) -> Result<(), Fail> {
        if self.levels == MAX_LEVELS {
            return Err(Fail::Depth);
        }
        self.levels += 1;
        self.depth += 1;
        Ok(())
    }

    pub fn leave(&mut self) {
        self.levels -= 1;
        self.depth -= 1;
    }

    /// # Safety
    /// `object` is a list, or of a subclass.
    pub unsafe fn list(&mut self, object: *mut ffi::PyObject) -> Result<(), Fail> {
        self.enter()?;
        // SAFETY: a list, by the caller's promise. Encoding an item may run Python code that changes the list, so its
        // size is read again each time, and the item is held.
        unsafe {
            let size = ffi::PyList_GET_SIZE(object);
            writer::array_len(&mut self.out, size.unsigned_abs())?;
            for index in 0..size {
                if index >= ffi::PyList_GET_SIZE(object) {
                    return Err(Fail::Mutated);
                }
                let item = Bound::from_borrowed_ptr(self.py, ffi::PyList_GET_ITEM(object, index));
                self.value(item.as_ptr())?;
            }
        }
        self.leave();
        Ok(())
    }

    /// # Safety
    /// `object` is a tuple.
    pub unsafe fn tuple(&mut self, object: *mut ffi::PyObject) -> Result<(), Fail> {
        self.enter()?;
        // SAFETY: a tuple, by the caller's promise, which keeps its items as long as it lives.
        unsafe {
            let size = ffi::PyTuple_GET_SIZE(object);
            writer::array_len(&mut self.out, size.unsigned_abs())?;
            for index in 0..size {
                self.value(ffi::PyTuple_GET_ITEM(object, index))?;
            }
        }
        self.leave();
        Ok(())
    }

    /// # Safety
    /// `object` is a dict, or of a subclass.
    pub unsafe fn dict(&mut self, object: *mut ffi::PyObject) -> Result<(), Fail> {
        self.enter()?;
        let mut position = 0;
        let mut key = std::ptr::null_mut();
        let mut value = std::ptr::null_mut();
        // SAFETY: a dict, by the caller's promise. Encoding an entry may run Python code that changes the dict:
        // PyDict_Next stays within it, the entry is held, and the number of entries is checked at the end.
        unsafe {
            let size = ffi::PyDict_Size(object);
            writer::map_len(&mut self.out, size.unsigned_abs())?;
            let mut left = size;
            while ffi::PyDict_Next(object, &raw mut position, &raw mut key, &raw mut value) != 0 {
                let key = Bound::from_borrowed_ptr(self.py, key);
                let value = Bound::from_borrowed_ptr(self.py, value);
                self.key(key.as_ptr())?;
                self.value(value.as_ptr())?;
                left -= 1;
            }
            if left != 0 {
                return Err(Fail::Mutated);
            }
        }
        self.leave();
        Ok(())
    }

    /// # Safety
    /// `key` is a live Python object.
    #[inline]
    pub unsafe fn key(&mut self, key: *mut ffi::PyObject) -> Result<(), Fail> {
        // SAFETY: each type is read only as what it is, and the caller keeps the key alive.
        unsafe {
            let class = ffi::Py_TYPE(key);
            if class == &raw mut ffi::PyUnicode_Type {
                let text = text::utf8(self.py, key).ok_or(Fail::Surrogates)?;
                Ok(writer::str(&mut self.out, text)?)
            } else if class == &raw mut ffi::PyLong_Type {
                self.int(key)
            } else {
                self.unusual_key(&Bound::from_borrowed_ptr(self.py, key))
            }
        }
    }

    unsafe fn other(&mut self, object: *mut ffi::PyObject, class: *mut ffi::PyTypeObject) -> Result<(), Fail> {
        // SAFETY: each helper is called for an object of its type. The order of the tests is ormsgpack's: the metaclass
        // of enums before the flags of subclasses.
        unsafe {
            if class == &raw mut ffi::PyTuple_Type {
                return self.tuple(object);
            }
            match self.described(class) {
                Described::Plain(plain) => return self.model(object, &plain),
                Described::Changed(reason) => {
                    let object = Bound::from_borrowed_ptr(self.py, object);
                    ENCODED.value_lost(&full_name(&object), &reason)?;
                    return self.hook_counted(&object);
                }
                Described::Unknown => {}
            }
            if ffi::Py_TYPE(class.cast()) != self.stock.enum_meta.as_ptr().cast() {
                if ffi::PyType_HasFeature(class, ffi::Py_TPFLAGS_UNICODE_SUBCLASS) != 0 {
                    return self.str(object);
                }
                if ffi::PyType_HasFeature(class, ffi::Py_TPFLAGS_LONG_SUBCLASS) != 0 {
                    return self.int(object);
                }
                if ffi::PyType_HasFeature(class, ffi::Py_TPFLAGS_LIST_SUBCLASS) != 0 {
                    return self.list(object);
                }
                if ffi::PyType_HasFeature(class, ffi::Py_TPFLAGS_DICT_SUBCLASS) != 0 {
                    return self.dict(object);
                }
            }
            let object = Bound::from_borrowed_ptr(self.py, object);
            if self.known_ext(&object, class)? {
                return Ok(());
            }
            self.hook(&object, "a type that is not known")
        }
    }

    /// # Safety
    /// `class` is a live type.
    pub unsafe fn described(&mut self, class: *mut ffi::PyTypeObject) -> Described {
        if let Some((_, described)) = self.seen.iter().find(|(seen, _)| *seen == class) {
            return described.clone();
        }
        // SAFETY: a live type, by the caller's promise.
        let described = unsafe { self.stock.described(self.py, class) };
        // With hundreds of types the search would be slow. Such states are rare, and later types are described again.
        if self.seen.len() < 32 {
            self.seen.push((class, described.clone()));
        }
        described
    }

    /// Writes an ext of `code` for `object`. `payload` writes its payload, whose levels are counted anew.
    pub fn ext(
        &mut self,
        object: &Bound<'py, PyAny>,
        code: u8,
        payload: impl FnOnce(&mut Self) -> Result<(), Fail>,
    ) -> Result<(), Fail> {
        if self.depth >= MAX_DEPTH {
            if self.ran_python {
                return self.hook(object, "nested deeper than Rust goes");
            }
            return Err(Fail::ExtDepth);
        }
        let levels = std::mem::take(&mut self.levels);
        let depth = self.depth;
        self.depth += 1;
        let open = writer::open_ext(&mut self.out);
        let written = payload(self).and_then(|()| Ok(writer::close_ext(&mut self.out, open, code)?));
        self.levels = levels;
        self.depth = depth;
        match written {
            Err(Fail::ExtDepth) => Err(Fail::ExtDepth),
            Err(Fail::Python(error)) if error.is_instance_of::<FallbackError>(self.py) => Err(Fail::Python(error)),
            // In stock the hook fails, whatever failed in it.
            Err(_) => Err(Fail::Type(type_name(object).into())),
            Ok(()) => Ok(()),
        }
    }
}
