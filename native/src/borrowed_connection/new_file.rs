//! Making the tables of the compact layout in a database that has none yet.
use pyo3::prelude::*;
use rusqlite::ffi;

use super::borrow;
use super::statement::Connection;
use crate::errors::{SqlError, Unsupported};
use crate::host_sqlite;
use crate::layout;

/// Makes the tables of the compact layout and the view, in one transaction, if the database has no table or view named
/// `checkpoints`. Returns why it is left to stock's code, which makes the standard layout; None if it is compact now, or
/// keeps the layout that it has.
///
/// A transaction that is open is committed, as stock's code does before it makes its tables.
#[pyfunction]
pub fn make_compact(conn: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    let host = host_sqlite::of(conn).ok_or_else(|| Unsupported::new_err("a connection of another kind"))?;
    if !host.no_connections.is_empty() {
        return Ok(Some(host.no_connections.clone()));
    }
    let detached = borrow::detached(conn, &host, |connection| connection.exclusively(|| make(connection)))?;
    match detached.pending {
        Some(pending) => Err(pending),
        None => Ok(detached.result.err().map(|error| error.message)),
    }
}

fn make(connection: &Connection) -> Result<(), SqlError> {
    if connection.looks_made() {
        return Ok(());
    }
    connection.run_if_autocommit(false, c"COMMIT")?;
    // As stock's code does, before it makes its tables: once there is a transaction of somebody's in another journal mode,
    // it could not. If it fails here, somebody else is doing it.
    drop(connection.run(c"PRAGMA journal_mode=WAL"));
    let made = make_in_transaction(connection);
    connection.run_if_autocommit(false, if made.is_ok() { c"COMMIT" } else { c"ROLLBACK" })?;
    match made {
        // Somebody writes, and may be making the tables. Stock's code waits once more, and says if it fails.
        Err(error) if error.code == ffi::SQLITE_BUSY || error.code == ffi::SQLITE_LOCKED => Ok(()),
        made => made,
    }
}

fn make_in_transaction(connection: &Connection) -> Result<(), SqlError> {
    connection.run(c"BEGIN IMMEDIATE")?;
    layout::make_compact(&connection.for_rusqlite()?)
}
