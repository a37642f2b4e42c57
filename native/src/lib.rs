//! The native half of fast_langgraph: the codec, and storage on the host's own SQLite.
#![cfg_attr(not(unix), allow(dead_code))] // what only the checkpointer uses

use pyo3::prelude::*;

// With `gil_used` such an interpreter would switch its GIL on, unless it is told not to (PYTHON_GIL=0).
#[cfg(Py_GIL_DISABLED)]
compile_error!("fast_langgraph needs an interpreter with a GIL: install it with one that is not free-threaded");

#[macro_use]
mod names;

mod borrowed_connection;
mod buffer;
#[cfg(unix)]
mod checkpointer;
mod codec;
mod columns;
mod counts;
mod delta_channels;
mod encodings;
mod errors;
mod file_identity;
mod host_sqlite;
mod interpreter;
mod key_part;
mod layout;
mod metadata;
mod profile;
mod sync;
mod values;
#[cfg(unix)]
mod wal_file;

// The GIL guards everything that is shared here.
#[pymodule(gil_used = true)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    interpreter::require_main(module.py())?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    #[cfg(unix)]
    checkpointer::register(module)?;
    counts::register(module)?;
    codec::register(module)?;
    host_sqlite::register(module)?;
    metadata::register(module)?;
    profile::register(module)?;
    errors::register(module)?;
    encodings::register(module)?;
    borrowed_connection::register(module)?;
    Ok(())
}
