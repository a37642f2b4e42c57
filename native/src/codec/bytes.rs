//! A Python bytes object that grows while it is written: copying a long str once more would take as long as encoding
//! it.
#![allow(unsafe_code)] // writes into a bytes object that nothing else refers to yet

use fast_langgraph_msgpack::writer::Sink;
use pyo3::exceptions::PyMemoryError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

/// A value with at least so many bytes of text near its top is written straight into a bytes object. The many small
/// parts of other values go to a pooled buffer, which is in the cache already, and are copied once.
const BULK: usize = 32 << 10;

/// The capacity that the bytes object of `value` should have, if the value is mostly text; else None.
pub fn bulk(value: &Bound<'_, PyAny>) -> Option<usize> {
    fn text(value: &Bound<'_, PyAny>, levels: u8) -> usize {
        if let Ok(text) = value.cast_exact::<PyString>() {
            return text.to_str().map_or(0, str::len);
        }
        if let Ok(bytes) = value.cast_exact::<PyBytes>() {
            return bytes.as_bytes().len();
        }
        match value.cast_exact::<PyDict>() {
            Ok(dict) if levels > 0 && dict.len() < 64 => dict.iter().map(|(_, value)| text(&value, levels - 1)).sum(),
            _ => 0,
        }
    }
    let size = text(value, 2);
    (size >= BULK).then_some(size + size / 8)
}

unsafe extern "C" {
    /// It is part of the C API, in spite of its name.
    fn _PyBytes_Resize(object: *mut *mut ffi::PyObject, size: ffi::Py_ssize_t) -> std::ffi::c_int;
}

/// A bytes object that is being written. If memory runs out, what is written is dropped and `finish` fails.
pub struct PyBytesSink<'py> {
    py: Python<'py>,
    /// A bytes object of `capacity` bytes that only this refers to; NULL after memory has run out.
    object: *mut ffi::PyObject,
    capacity: usize,
    written: usize,
}

impl<'py> PyBytesSink<'py> {
    pub fn new(py: Python<'py>, capacity: usize) -> Self {
        // SAFETY: the interpreter is attached. The result is an object of this size, not initialized, or NULL.
        let object = unsafe { ffi::PyBytes_FromStringAndSize(std::ptr::null(), capacity.cast_signed()) };
        let capacity = if object.is_null() { 0 } else { capacity };
        if object.is_null() {
            drop(PyErr::take(py));
        }
        Self { py, object, capacity, written: 0 }
    }

    /// The bytes object with exactly what was written.
    pub fn finish(mut self) -> PyResult<Bound<'py, PyAny>> {
        let written = self.written;
        self.resize(written);
        let object = std::mem::take(&mut self.object);
        // SAFETY: a bytes object that this owned, or NULL.
        unsafe { Bound::from_owned_ptr_or_opt(self.py, object) }
            .ok_or_else(|| PyMemoryError::new_err("no memory left for an encoded value"))
    }

    fn resize(&mut self, capacity: usize) {
        if self.object.is_null() {
            return;
        }
        // SAFETY: only this refers to the object, as the call demands. If it fails it sets NULL, and an error, which
        // must not stand while a hook runs; `finish` raises it.
        unsafe {
            if _PyBytes_Resize(&raw mut self.object, capacity.cast_signed()) != 0 {
                ffi::PyErr_Clear();
            }
        }
        self.capacity = if self.object.is_null() { 0 } else { capacity };
        if self.object.is_null() {
            self.written = 0;
        }
    }

    #[cold]
    fn grow(&mut self, more: usize) {
        self.resize((self.written + more).max(self.capacity * 2));
    }

    fn data(&self) -> *mut u8 {
        // SAFETY: it is called only if the object is not NULL.
        unsafe { ffi::PyBytes_AS_STRING(self.object).cast_mut().cast() }
    }
}

impl Sink for PyBytesSink<'_> {
    #[inline]
    fn written(&self) -> usize {
        self.written
    }

    #[inline]
    fn push(&mut self, byte: u8) {
        self.extend(&[byte]);
    }

    #[inline]
    fn extend(&mut self, bytes: &[u8]) {
        if self.capacity - self.written < bytes.len() {
            self.grow(bytes.len());
            if self.object.is_null() {
                return;
            }
        }
        // SAFETY: there is room for them behind what was written.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.data().add(self.written), bytes.len()) };
        self.written += bytes.len();
    }

    #[inline]
    fn cut(&mut self, len: usize) {
        self.written = self.written.min(len);
    }

    #[inline]
    fn bytes_mut(&mut self) -> &mut [u8] {
        if self.object.is_null() {
            return &mut [];
        }
        // SAFETY: the first `written` bytes are initialized, and only this refers to them.
        unsafe { std::slice::from_raw_parts_mut(self.data(), self.written) }
    }
}

impl Drop for PyBytesSink<'_> {
    fn drop(&mut self) {
        // SAFETY: this owns the reference, or it is NULL.
        unsafe { ffi::Py_XDECREF(self.object) };
    }
}
