//! Storage on a borrowed handle: the one inside a saver's own `sqlite3.Connection`.
//!
//! `borrow` gets hold of the handle and `statement` runs SQL on it. `write` executes operations, which `operation` has,
//! and `read` fetches rows; `eligible` says when sqlite3 has to do it. Nothing is kept between calls: a cached
//! statement would keep the file of a closed connection open.
use pyo3::prelude::*;

mod borrow;
mod eligible;
mod operation;
mod read;
mod statement;
mod write;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<operation::Operation>()?;
    module.add_function(wrap_pyfunction!(eligible::eligible, module)?)?;
    module.add_function(wrap_pyfunction!(write::execute, module)?)?;
    module.add_function(wrap_pyfunction!(read::fetch_checkpoint, module)?)?;
    Ok(())
}
