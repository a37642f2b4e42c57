//! Storage on a borrowed handle: the one inside a saver's own `sqlite3.Connection`.
//!
//! `borrow` gets hold of the handle and `statement` runs SQL on it. `write` executes operations, which `operation` has,
//! and `read` and `delta_channels` fetch rows; `eligible` says when sqlite3 has to do it. In a file in the compact
//! layout, `compact` does what concerns checkpoints, and `file_states` has what is in memory of it; `new_file` makes such
//! files; `file_name` says which file it is. Nothing of SQLite's is kept between calls: a cached statement would keep the file of a closed connection open.
use pyo3::prelude::*;

mod borrow;
mod compact;
mod delta_channels;
mod eligible;
mod file_name;
mod file_states;
mod new_file;
mod operation;
mod read;
mod statement;
mod write;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<operation::Operation>()?;
    module.add_class::<file_states::FileStates>()?;
    module.add_function(wrap_pyfunction!(file_states::compact_files, module)?)?;
    module.add_function(wrap_pyfunction!(eligible::eligible, module)?)?;
    module.add_function(wrap_pyfunction!(file_name::file_name, module)?)?;
    module.add_function(wrap_pyfunction!(write::execute, module)?)?;
    module.add_function(wrap_pyfunction!(new_file::make_compact, module)?)?;
    module.add_function(wrap_pyfunction!(read::fetch_checkpoint, module)?)?;
    module.add_function(wrap_pyfunction!(delta_channels::fetch_delta_ancestors, module)?)?;
    module.add_function(wrap_pyfunction!(delta_channels::fetch_delta_writes, module)?)?;
    Ok(())
}
