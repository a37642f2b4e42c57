//! Borrowing the handle inside a `sqlite3.Connection`, so that it stays valid while the GIL is released.
#![allow(unsafe_code)] // calls SQLite

use std::thread::sleep;
use std::time::Duration;

use pyo3::prelude::*;
use rusqlite::ffi;

use super::statement::Connection;
use crate::errors::{self, Unsupported};
use crate::host_sqlite::{Functions, Host};

/// How long to wait before the mutex is tried again: first, and at most.
const FIRST_WAIT: Duration = Duration::from_micros(20);
const LONGEST_WAIT: Duration = Duration::from_millis(1);

/// The statement of the pin, which is prepared and never run. While it lives, a close by another thread turns the
/// handle into a zombie and does not free it; statements that are prepared afterwards fail with MISUSE. It is VACUUM
/// because SQLite does not ask an authorizer about it, which would run Python code and might refuse.
const PIN: &std::ffi::CStr = c"VACUUM";

/// The result of work on a handle.
pub struct Detached<T> {
    pub result: T,
    /// An exception of Python code that SQLite has called (a collation, say). sqlite3 raises it if no statement failed.
    pub pending: Option<PyErr>,
}

/// The mutex of a connection, entered by this thread until it is dropped.
struct Entered {
    functions: Functions,
    mutex: *mut ffi::sqlite3_mutex,
}

// SAFETY: it is only moved into a closure that runs on the thread that has entered the mutex.
unsafe impl Send for Entered {}

impl Drop for Entered {
    fn drop(&mut self) {
        // SAFETY: this thread has entered it, and the handle that it belongs to is not freed before it is left.
        unsafe { (self.functions.mutex_leave)(self.mutex) };
    }
}

/// Calls `work` on the handle inside `conn`, with the GIL released. `work` must finalize every statement it prepares.
///
/// Raises what sqlite3 raises for a connection that is closed or belongs to another thread, and Unsupported for one
/// that only sqlite3 can use; then `work` was not called.
pub fn detached<T: Send>(
    conn: &Bound<'_, PyAny>,
    host: &Host,
    work: impl FnOnce(&Connection) -> T + Send,
) -> PyResult<Detached<T>> {
    let py = conn.py();
    let (connection, entered) = enter(conn, host)?;
    let (result, pending) = (
        py.detach(move || {
            // Without the GIL too: in shared-cache mode even preparing may wait for another connection, whose thread
            // may wait for the GIL. A close in the meantime waits for the mutex.
            let pin = connection.prepare(PIN);
            drop(entered);
            // The pin is finalized last, because that may be what closes the handle.
            pin.map(|_pin| work(&connection))
        }),
        PyErr::take(py),
    );
    // For a lock of shared-cache mode, say. sqlite3 meets it at its own statement.
    let result = result.map_err(|_| Unsupported::new_err("the connection can't be pinned"))?;
    Ok(Detached { result, pending })
}

/// The handle inside `conn`, with its mutex entered, so that no other thread can close it.
fn enter(conn: &Bound<'_, PyAny>, host: &Host) -> PyResult<(Connection, Entered)> {
    let py = conn.py();
    let functions = host.functions;
    let mut wait = FIRST_WAIT;
    loop {
        conn.call_method0(intern!(py, "cursor"))?;
        let Some(db) = host.handle(conn).filter(|db| !db.is_null()) else {
            return Err(errors::closed_exception(py, host));
        };
        // SAFETY: the handle stays open as long as the GIL is held.
        let mutex = unsafe { (functions.db_mutex)(db) };
        if mutex.is_null() {
            return Err(Unsupported::new_err("a connection without a mutex"));
        }
        // SAFETY: the mutex of an open handle. It is only tried, because the thread that holds it may wait for the GIL
        // inside a Python function that SQLite has called.
        if unsafe { (functions.mutex_try)(mutex) } == ffi::SQLITE_OK {
            let entered = Entered { functions, mutex };
            // SAFETY: `detached` pins the handle before it leaves the mutex.
            return Ok((unsafe { Connection::new(functions, db) }, entered));
        }
        py.detach(|| sleep(wait));
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}
