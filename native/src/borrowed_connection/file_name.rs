//! The file of a connection, asked without a statement: the app's trace and authorizer would see one.
use std::path::PathBuf;

use pyo3::prelude::*;

use super::borrow;
use super::statement::Connection;
use crate::errors::Unsupported;
use crate::host_sqlite;

/// The name of the file of a `sqlite3.Connection`, empty for a database in memory; None if it has been replaced since it
/// was opened. Raises Unsupported for a connection that Rust can't use, and what sqlite3 raises for one that is closed or
/// another thread's.
#[pyfunction]
pub fn file_name(conn: &Bound<'_, PyAny>) -> PyResult<Option<PathBuf>> {
    let host = host_sqlite::of(conn).ok_or_else(|| Unsupported::new_err("a connection of another kind"))?;
    if !host.no_connections.is_empty() {
        return Err(Unsupported::new_err(host.no_connections.clone()));
    }
    Ok(borrow::detached(conn, &host, Connection::file_name)?.result)
}
