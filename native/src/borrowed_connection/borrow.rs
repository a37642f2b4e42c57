//! Getting hold of the handle inside a connection, so that it stays one while the GIL is released.
#![allow(unsafe_code)] // calls SQLite

use std::thread::sleep;
use std::time::Duration;

use pyo3::prelude::*;
use rusqlite::ffi;

use super::statement::Connection;
use crate::errors::{self, Unsupported};
use crate::host_sqlite::{Functions, Host};

/// How long to wait before the mutex is tried again, first and at most.
const FIRST_WAIT: Duration = Duration::from_micros(20);
const LONGEST_WAIT: Duration = Duration::from_millis(1);

/// Never run: while it lives, a close by another thread makes a zombie of the handle and not a freed one,
/// and what is prepared from then on fails with MISUSE. VACUUM because an authorizer is not asked about it,
/// which would run Python code (and might refuse).
const PIN: &std::ffi::CStr = c"VACUUM";

/// What came of work on a handle.
pub struct Done<T> {
    pub result: T,
    /// An exception that Python code called by SQLite (a collation, say) has left behind. sqlite3 raises it
    /// where no statement failed.
    pub left: Option<PyErr>,
}

/// A mutex of a connection that this thread has entered.
struct Entered {
    functions: Functions,
    mutex: *mut ffi::sqlite3_mutex,
}

// SAFETY: only moved into a closure that runs on the thread that has entered the mutex.
unsafe impl Send for Entered {}

impl Drop for Entered {
    fn drop(&mut self) {
        // SAFETY: entered by this thread; the handle that the mutex belongs to is not freed before it is left.
        unsafe { (self.functions.mutex_leave)(self.mutex) };
    }
}

/// Calls `work` on the handle inside `conn`, with the GIL released. All that it prepares is gone when it
/// returns.
///
/// Raises what sqlite3 raises for a connection that is closed, or of another thread; Unsupported, and `work`
/// was not called, for one that only sqlite3 can use.
pub fn detached<T: Send>(
    conn: &Bound<'_, PyAny>,
    host: &Host,
    work: impl FnOnce(&Connection) -> T + Send,
) -> PyResult<Done<T>> {
    let py = conn.py();
    let (connection, entered) = enter(conn, host)?;
    let (result, left) = (
        py.detach(move || {
            // Without the GIL too: in shared-cache mode even this may wait for another connection, whose
            // thread may be waiting for the GIL. A close meanwhile waits for the mutex.
            let pin = connection.prepare(PIN);
            drop(entered);
            // The pin goes last, for finalizing it may be what closes the handle.
            pin.map(|_pin| work(&connection))
        }),
        PyErr::take(py),
    );
    // A lock of shared-cache mode, say: sqlite3 meets it where it would.
    let result = result.map_err(|_| Unsupported::new_err("the connection can't be pinned"))?;
    Ok(Done { result, left })
}

/// The handle inside `conn`, with its mutex entered: no other thread can close it.
fn enter(conn: &Bound<'_, PyAny>, host: &Host) -> PyResult<(Connection, Entered)> {
    let py = conn.py();
    let functions = host.functions;
    let mut wait = FIRST_WAIT;
    loop {
        conn.call_method0(intern!(py, "cursor"))?;
        let Some(db) = host.handle(conn).filter(|db| !db.is_null()) else {
            return Err(errors::closed_exception(py, host));
        };
        // SAFETY: the handle is open as long as the GIL is held.
        let mutex = unsafe { (functions.db_mutex)(db) };
        if mutex.is_null() {
            return Err(Unsupported::new_err("a connection without a mutex"));
        }
        // SAFETY: the mutex of an open handle. It is only tried: whoever holds it may be waiting for the GIL,
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
