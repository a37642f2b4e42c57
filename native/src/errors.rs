//! What SQLite said, as the exception that `sqlite3` makes of it.
use std::ffi::c_int;

use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;
use rusqlite::ffi;

use crate::host_sqlite::Host;
use crate::operation::Unsupported;

/// An error of SQLite's, read before anything else was asked of the connection.
#[derive(Clone, Debug)]
pub struct SqlError {
    /// The primary code, as a connection without extended result codes gives it.
    pub code: c_int,
    pub extended: c_int,
    pub message: String,
}

impl SqlError {
    /// Not SQLite's: a statement that is prepared to write nothing, as where an authorizer has its insert
    /// ignored. sqlite3 has rules of its own for it.
    pub const WRITES_NOTHING: Self = Self { code: -1, extended: -1, message: String::new() };
}

/// What sqlite3 says of a connection that is closed.
const CLOSED: &str = "Cannot operate on a closed database.";

/// The class that sqlite3 raises for a primary code; CPython 3.11 changed its mind about misuse.
const fn class_of(code: c_int) -> &'static str {
    match code {
        ffi::SQLITE_INTERNAL | ffi::SQLITE_NOTFOUND => "InternalError",
        ffi::SQLITE_ERROR
        | ffi::SQLITE_PERM
        | ffi::SQLITE_ABORT
        | ffi::SQLITE_BUSY
        | ffi::SQLITE_LOCKED
        | ffi::SQLITE_READONLY
        | ffi::SQLITE_INTERRUPT
        | ffi::SQLITE_IOERR
        | ffi::SQLITE_FULL
        | ffi::SQLITE_CANTOPEN
        | ffi::SQLITE_PROTOCOL
        | ffi::SQLITE_EMPTY
        | ffi::SQLITE_SCHEMA => "OperationalError",
        ffi::SQLITE_TOOBIG => "DataError",
        ffi::SQLITE_CONSTRAINT | ffi::SQLITE_MISMATCH => "IntegrityError",
        #[cfg(Py_3_11)]
        ffi::SQLITE_RANGE => "InterfaceError",
        _ => "DatabaseError",
    }
}

/// The exception that sqlite3 raises for a closed connection.
pub fn closed(py: Python<'_>, host: &Host) -> PyErr {
    raised(py, host, "ProgrammingError", CLOSED)
}

fn raised(py: Python<'_>, host: &Host, class: &str, message: &str) -> PyErr {
    match host.module.bind(py).getattr(class).and_then(|class| class.call1((message,))) {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

/// The exception that sqlite3 raises for `error`.
pub fn exception(py: Python<'_>, host: &Host, error: &SqlError) -> PyErr {
    match error.code {
        ffi::SQLITE_NOMEM => return PyMemoryError::new_err(()),
        // Another thread has closed the connection meanwhile.
        ffi::SQLITE_MISUSE => return closed(py, host),
        code if code == SqlError::WRITES_NOTHING.code => {
            return Unsupported::new_err("a statement that writes nothing");
        }
        _ => {}
    }
    let exception = raised(py, host, class_of(error.code), &error.message);
    #[cfg(Py_3_11)]
    {
        let value = exception.value(py);
        let name = name_of(py, host, error.extended);
        // Both are ordinary attributes of an exception: setting them can't fail but for want of memory.
        drop(value.setattr("sqlite_errorcode", error.extended));
        drop(value.setattr("sqlite_errorname", name));
    }
    exception
}

/// The name of a result code. The module has a constant for each that it names, among constants of other
/// kinds with the same numbers, so result codes are told by how they begin.
#[cfg(Py_3_11)]
fn name_of(py: Python<'_>, host: &Host, extended: c_int) -> String {
    const PRIMARY: [&str; 29] = [
        "OK",
        "ERROR",
        "INTERNAL",
        "PERM",
        "ABORT",
        "BUSY",
        "LOCKED",
        "NOMEM",
        "READONLY",
        "INTERRUPT",
        "IOERR",
        "CORRUPT",
        "NOTFOUND",
        "FULL",
        "CANTOPEN",
        "PROTOCOL",
        "EMPTY",
        "SCHEMA",
        "TOOBIG",
        "CONSTRAINT",
        "MISMATCH",
        "MISUSE",
        "NOLFS",
        "AUTH",
        "FORMAT",
        "RANGE",
        "NOTADB",
        "NOTICE",
        "WARNING",
    ];
    let primary = usize::try_from(extended & 0xff).ok().and_then(|code| PRIMARY.get(code));
    let unknown = || "unknown".to_owned();
    let Some(primary) = primary else { return unknown() };
    let start = format!("SQLITE_{primary}");
    if extended & !0xff == 0 {
        return start;
    }
    let Ok(names) = host.module.bind(py).dir() else { return unknown() };
    names
        .iter()
        .filter_map(|name| name.extract::<String>().ok())
        .filter(|name| name.strip_prefix(&start).is_some_and(|rest| rest.starts_with('_')))
        .find(|name| host.module.bind(py).getattr(name.as_str()).is_ok_and(|value| value.eq(extended).unwrap_or(false)))
        .unwrap_or_else(unknown)
}
