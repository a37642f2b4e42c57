//! A Python bytes object that grows while it is written: a second copy would cost as much as encoding a
//! long str does.
#![allow(unsafe_code)] // writes into a bytes object that nobody else has seen yet

use fast_langgraph_msgpack::writer::Sink;
use pyo3::exceptions::PyMemoryError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

/// A value that holds at least this much text near its top is written straight into its bytes object;
/// the many small pieces of any other go to a buffer that is warm already, and are copied once.
const BULK: usize = 32 << 10;

/// How much text lies near the top of `value`, if that is most of what there is to write.
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
    /// Part of the C API, in spite of its name.
    fn _PyBytes_Resize(object: *mut *mut ffi::PyObject, size: ffi::Py_ssize_t) -> std::ffi::c_int;
}

/// Bytes in the making. Where Python has no memory left, what is written is dropped and `finish` fails.
pub struct PyBytesSink<'py> {
    py: Python<'py>,
    /// A bytes object of `capacity` bytes that only this refers to; NULL once Python was out of memory.
    object: *mut ffi::PyObject,
    capacity: usize,
    written: usize,
}

impl<'py> PyBytesSink<'py> {
    pub fn new(py: Python<'py>, capacity: usize) -> Self {
        // SAFETY: the interpreter is attached; uninitialized bytes of this size, or NULL.
        let object = unsafe { ffi::PyBytes_FromStringAndSize(std::ptr::null(), capacity.cast_signed()) };
        let capacity = if object.is_null() { 0 } else { capacity };
        if object.is_null() {
            drop(PyErr::take(py));
        }
        Self { py, object, capacity, written: 0 }
    }

    /// The bytes object, of just what was written.
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
        // SAFETY: only this refers to the object, as the call demands; on failure it sets NULL, and an
        // error that must not stand while a hook runs: `finish` raises it.
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
        // SAFETY: called only where the object is not NULL.
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
