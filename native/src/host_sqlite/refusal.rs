//! Why a SQLite library can't be used from Rust.
use pyo3::create_exception;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

create_exception!(fast_langgraph._native, BindError, PyRuntimeError, "SQLite can't be reached from Rust; says why.");

pub fn refusal(reason: impl Into<String>) -> PyErr {
    BindError::new_err(reason.into())
}
