//! The SQLite library that an interpreter's `sqlite3` module has loaded.
//!
//! Two copies of SQLite in one process lose data (closing one's connection drops the other's locks), so
//! none is linked: the functions that are used are taken from the library behind the module, through the
//! table that SQLite gives to each extension. `probe` gets hold of it, `functions` names what is used of it,
//! `bind` accepts or refuses what was found.
#![allow(unsafe_code)] // reads the handle inside a CPython object

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::create_exception;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};

mod adopt;
mod bind;
mod functions;
mod loaded;
mod probe;

pub use functions::{Db, Functions, message};

create_exception!(fast_langgraph._native, BindError, PyRuntimeError, "SQLite can't be reached from Rust; says why.");

fn refusal(reason: impl Into<String>) -> PyErr {
    BindError::new_err(reason.into())
}

/// The code that a module's exceptions carry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum CodeShown {
    /// CPython 3.10.
    None,
    /// pysqlite3.
    Primary,
    /// CPython 3.11 and later.
    Extended,
}

/// A library, and where the connections of its module keep their handle.
pub struct Host {
    pub functions: Functions,
    /// The module's own Connection: a subclass or a proxy is none of ours.
    connection_type: Py<PyType>,
    /// The extension module, for its exceptions.
    pub module: Py<PyAny>,
    pub code_shown: CodeShown,
    pub adapters: Option<Py<PyDict>>,
    /// Keys of `adapters` for the types that are bound here.
    pub adapted_types: Vec<Py<PyTuple>>,
    pub converters: Option<Py<PyDict>>,
    /// CPython 3.12 and later.
    pub has_autocommit: bool,
    /// Why rusqlite can't open connections of this library; empty where it can.
    pub no_connections: String,
    /// Of the `sqlite3*`, in bytes from the start of a connection.
    offset: usize,
}

/// One for each module that was bound: they may stand on different libraries.
static HOSTS: Mutex<Vec<Arc<Host>>> = Mutex::new(Vec::new());

/// The host of just this type of connection.
pub fn of(conn: &Bound<'_, PyAny>) -> Option<Arc<Host>> {
    of_type(&conn.get_type())
}

pub fn of_type(connection_type: &Bound<'_, PyType>) -> Option<Arc<Host>> {
    let hosts = HOSTS.lock().unwrap_or_else(PoisonError::into_inner);
    hosts.iter().find(|host| connection_type.is(&host.connection_type)).cloned()
}

impl Host {
    /// Makes it the host of its type of connection, in place of an earlier one.
    fn install(self) {
        let host = Arc::new(self);
        let mut hosts = HOSTS.lock().unwrap_or_else(PoisonError::into_inner);
        let old = hosts.iter().position(|known| known.connection_type.is(&host.connection_type));
        let old = old.map(|index| hosts.swap_remove(index));
        hosts.push(host);
        drop(hosts);
        // Outside the lock, for it lets go of Python objects.
        drop(old);
    }

    /// The handle of `conn`, which is NULL where it is closed; None for a connection of another type.
    pub fn handle(&self, conn: &Bound<'_, PyAny>) -> Option<Db> {
        if !conn.get_type().is(&self.connection_type) {
            return None;
        }
        // SAFETY: an object of just the type in which the handle was found at this offset.
        Some(unsafe { conn.as_ptr().byte_add(self.offset).cast::<Db>().read() })
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("BindError", module.py().get_type::<BindError>())?;
    module.add_function(wrap_pyfunction!(bind::bind, module)?)?;
    Ok(())
}
