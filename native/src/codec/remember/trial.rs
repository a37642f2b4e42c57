//! An object's outline for Python, which tries out on throw-away objects whether every change is seen.
#![allow(unsafe_code)] // outlines an object

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;

use super::dict_version;
use super::outline::{Found, Outline};
use super::words::{self, Word};
use crate::codec::stock;

/// An object as it is now, an instance of its class's as a plain one.
#[pyclass(frozen, module = "fast_langgraph._native")]
pub struct Outlined {
    object: Py<PyAny>,
    words: Vec<Word>,
    found: Found,
}

// SAFETY: words are read only with the interpreter attached.
unsafe impl Send for Outlined {}
// SAFETY: as above.
unsafe impl Sync for Outlined {}

#[pymethods]
impl Outlined {
    /// Raises TypeError for an object that can't be outlined.
    #[new]
    fn new(object: Bound<'_, PyAny>) -> PyResult<Self> {
        let slots = stock::current()?.slots.ok_or_else(|| PyRuntimeError::new_err(stock::NOT_READ))?;
        let class = object.get_type().as_type_ptr();
        let is_plain = |other: *mut ffi::PyTypeObject| other == class;
        let mut words = Vec::new();
        let mut found = Found::default();
        // SAFETY: a live object.
        let is_outlined =
            unsafe { Outline::new(object.py(), &mut words, &mut found, true, slots, &is_plain).add(object.as_ptr()) };
        if !is_outlined {
            dict_version::forget(&words);
            return Err(PyTypeError::new_err("the object can't be outlined"));
        }
        Ok(Self { object: object.unbind(), words, found })
    }

    /// Whether nothing in the object has changed.
    fn is_unchanged(&self) -> bool {
        // SAFETY: the object is held, and outlines list words in the order that this asks for.
        unsafe { words::unchanged(&self.words, 0, self.words.len()) }
    }

    /// Whether nobody else has the object or what is in it.
    fn is_ours_alone(&self) -> bool {
        // SAFETY: as above; all is alive if nothing has changed.
        self.is_unchanged() && unsafe { words::unchanged(&self.found.holders, 0, self.found.holders.len()) }
    }

    /// The object.
    #[getter]
    fn object(&self, py: Python<'_>) -> Py<PyAny> {
        self.object.clone_ref(py)
    }
}

impl Drop for Outlined {
    fn drop(&mut self) {
        dict_version::forget(&self.words);
    }
}
