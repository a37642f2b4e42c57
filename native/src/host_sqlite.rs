//! The SQLite library that the interpreter's `sqlite3` has already loaded.
use pyo3::prelude::*;

pub fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
