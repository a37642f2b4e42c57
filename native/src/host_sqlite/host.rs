//! A SQLite library that was bound, and the registry of all of them.
#![allow(unsafe_code)] // reads the handle inside a CPython object

use std::sync::{Arc, Mutex};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};

use super::functions::{Db, Functions};
use crate::sync::lock;

/// Which result code the exceptions of a module carry in `sqlite_errorcode`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// CPython 3.10.
    None,
    /// pysqlite3.
    Primary,
    /// CPython 3.11 and later.
    Extended,
}

/// A library, and where the connections of its sqlite3 module keep their handle.
pub struct Host {
    pub functions: Functions,
    /// The module's own Connection. Connections of a subclass, and proxies, are left to sqlite3.
    pub connection_type: Py<PyType>,
    /// The extension module, for its exceptions.
    pub module: Py<PyAny>,
    pub error_code: ErrorCode,
    pub adapters: Option<Py<PyDict>>,
    /// The keys that an adapter of a type that is bound here would have in `adapters`.
    pub adapted_types: Vec<Py<PyTuple>>,
    pub converters: Option<Py<PyDict>>,
    /// Whether connections have the attribute `autocommit`: CPython 3.12 and later.
    pub has_autocommit: bool,
    /// Why rusqlite can't open connections of this library; empty where it can.
    pub no_connections: String,
    /// Where the `sqlite3*` lies, in bytes from the start of a connection object.
    pub offset: usize,
}

/// One for each sqlite3 module that was bound: each may use a library of its own.
static HOSTS: Mutex<Vec<Arc<Host>>> = Mutex::new(Vec::new());

/// The host of this connection's exact type.
pub fn of(conn: &Bound<'_, PyAny>) -> Option<Arc<Host>> {
    of_type(&conn.get_type())
}

pub fn of_type(connection_type: &Bound<'_, PyType>) -> Option<Arc<Host>> {
    let hosts = lock(&HOSTS);
    hosts.iter().find(|host| connection_type.is(&host.connection_type)).cloned()
}

impl Host {
    /// Registers it as the host of its type of connection, in place of an earlier one.
    pub fn install(self) {
        let host = Arc::new(self);
        let mut hosts = lock(&HOSTS);
        let old = hosts.iter().position(|known| known.connection_type.is(&host.connection_type));
        let old = old.map(|index| hosts.swap_remove(index));
        hosts.push(host);
        drop(hosts);
        // Outside the lock: dropping Python objects may run Python code.
        drop(old);
    }

    /// The handle of `conn`, NULL for a closed connection; None for a connection of another type.
    pub fn handle(&self, conn: &Bound<'_, PyAny>) -> Option<Db> {
        if !conn.get_type().is(&self.connection_type) {
            return None;
        }
        // SAFETY: an object of exactly the type in which the handle was found at this offset.
        Some(unsafe { conn.as_ptr().byte_add(self.offset).cast::<Db>().read() })
    }
}
