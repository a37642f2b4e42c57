//! Getting hold of the handle inside a connection, so that it stays one while the GIL is released.
#![allow(unsafe_code)] // calls SQLite

use std::ffi::CStr;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use pyo3::intern;
use pyo3::prelude::*;
use rusqlite::ffi;

use super::statement::{Connection, Prepared};
use crate::errors;
use crate::host_sqlite::{self, Host};
use crate::operation::Unsupported;

/// How long to wait before the mutex is tried again, first and at most.
const FIRST_WAIT: Duration = Duration::from_micros(20);
const LONGEST_WAIT: Duration = Duration::from_millis(1);

/// A statement that is prepared and never run. An authorizer is not asked about this one.
const PIN: &CStr = c"VACUUM";

/// A handle that is used without the GIL. While a statement of it lives, a close by another thread makes a
/// zombie of it and not a freed one; what is prepared from then on fails with MISUSE.
pub struct Borrowed {
    connection: Connection,
    host: Arc<Host>,
    /// A statement that is never run.
    pin: Prepared,
}

impl Borrowed {
    /// Raises what sqlite3 raises for a connection that is closed, or of another thread.
    pub fn new(conn: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = conn.py();
        let host = host_sqlite::of(conn).ok_or_else(|| Unsupported::new_err("a connection of another kind"))?;
        let mut wait = FIRST_WAIT;
        loop {
            conn.call_method0(intern!(py, "cursor"))?;
            let Some(db) = host.handle(conn).filter(|db| !db.is_null()) else {
                return Err(errors::closed(py, &host));
            };
            let functions = &host.functions;
            // SAFETY: the handle is open as long as the GIL is held. Its mutex is only tried: whoever
            // holds it may be waiting for the GIL, inside a Python function that SQLite has called.
            let pin = unsafe {
                let mutex = (functions.db_mutex)(db);
                if (functions.mutex_try)(mutex) == ffi::SQLITE_OK {
                    let connection = Connection::new(*functions, db);
                    let pin = connection.prepare(PIN);
                    (functions.mutex_leave)(mutex);
                    Some((connection, pin))
                } else {
                    None
                }
            };
            match pin {
                Some((connection, Ok(pin))) => return Ok(Self { connection, host, pin }),
                // Whatever it is, sqlite3 meets it where it would.
                Some((_, Err(_))) => return Err(Unsupported::new_err("the connection can't be pinned")),
                None => {}
            }
            py.detach(|| sleep(wait));
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Calls `work` without the GIL. All that it prepares is gone when it returns; the pin goes last, and
    /// it too without the GIL, for finalizing waits for whoever is using the handle.
    pub fn detached<T: Send>(self, py: Python<'_>, work: impl FnOnce(&Connection) -> T + Send) -> (Arc<Host>, T) {
        let Self { connection, host, pin } = self;
        let result = py.detach(move || {
            let result = work(&connection);
            drop(pin);
            result
        });
        (host, result)
    }
}
