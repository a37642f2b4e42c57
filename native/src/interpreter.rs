//! Which interpreter imports the module.
#![allow(unsafe_code)] // asks CPython which one it is

use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;

/// Refuses subinterpreters: objects that are kept for the whole process would pass from one to another, and CPython
/// before 3.12 does not prevent that.
pub fn require_main(py: Python<'_>) -> PyResult<()> {
    // SAFETY: the GIL is held, so there is a current interpreter.
    let id = unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) };
    match id {
        0 => Ok(()),
        -1 => Err(PyErr::fetch(py)),
        _ => Err(PyImportError::new_err("fast_langgraph can't be used in a subinterpreter")),
    }
}
