//! The SQLite library that the interpreter's `sqlite3` module has loaded.
//!
//! Two copies of SQLite in one process lose data, because closing a connection of one drops the file locks of the
//! other. So none is linked: the functions that are used come from the library behind the module, through the table
//! that SQLite gives to every extension. `probe` gets hold of that table, `functions` names what is used of it,
//! `bind` accepts or refuses what was found, `adopt` gives it to rusqlite, and `host` keeps it.
use pyo3::prelude::*;

mod adopt;
mod bind;
mod functions;
mod host;
mod loaded;
mod probe;
mod refusal;

pub use functions::{Functions, bytes, message};
#[cfg(unix)] // for the checkpointer
pub use host::of_type;
pub use host::{ErrorCode, Host, of};

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("BindError", module.py().get_type::<refusal::BindError>())?;
    module.add_function(wrap_pyfunction!(bind::bind, module)?)?;
    Ok(())
}
