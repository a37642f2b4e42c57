//! SQLite's errors, and the exceptions of `sqlite3` that they become: `class_of` has the class of each result code.
use std::ffi::c_int;

use pyo3::create_exception;
use pyo3::exceptions::{PyMemoryError, PyTypeError};
use pyo3::prelude::*;
use rusqlite::ffi;

use crate::host_sqlite::{ErrorCode, Host};

create_exception!(
    fast_langgraph._native,
    Unsupported,
    PyTypeError,
    "A value that is not bound or read here as sqlite3 would; sqlite3 has to do it."
);

/// What sqlite3 says of a connection that is closed.
const CLOSED: &str = "Cannot operate on a closed database.";

/// An error of SQLite, read from the connection before another call could replace it.
#[derive(Clone, Debug)]
pub struct SqlError {
    /// The primary result code.
    pub code: c_int,
    pub extended: c_int,
    pub message: String,
    /// The class of an error that sqlite3 raises by itself; otherwise the code decides.
    class: Option<&'static str>,
}

impl SqlError {
    pub fn new(code: c_int, extended: c_int, message: String) -> Self {
        Self { code: code & 0xff, extended, message, class: None }
    }

    pub fn no_memory() -> Self {
        Self::new(ffi::SQLITE_NOMEM, ffi::SQLITE_NOMEM, String::new())
    }

    /// The error for a row that has not as many values as its statement has parameters.
    pub fn wrong_number_of_values(expected: c_int, supplied: usize) -> Self {
        let message = format!(
            "Incorrect number of bindings supplied. The current statement uses {expected}, and there are {supplied} \
             supplied."
        );
        Self { class: Some("ProgrammingError"), ..Self::new(ffi::SQLITE_RANGE, ffi::SQLITE_RANGE, message) }
    }

    /// The error for a misuse that never reaches SQLite.
    pub fn programming(message: impl Into<String>) -> Self {
        Self { class: Some("ProgrammingError"), ..Self::new(ffi::SQLITE_MISUSE, ffi::SQLITE_MISUSE, message.into()) }
    }

    pub fn closed() -> Self {
        Self::programming(CLOSED)
    }

    /// The same error with another message, made from its own.
    pub fn with_message(self, message: impl FnOnce(&str) -> String) -> Self {
        Self { message: message(&self.message), ..self }
    }

    /// The same error with its extended result code, if this is one of it.
    pub fn with_extended(self, extended: c_int) -> Self {
        if extended & 0xff == self.code { Self { extended, ..self } } else { self }
    }

    /// Not an error of SQLite: a prepared statement that writes nothing, because an authorizer has its insert
    /// ignored, say. sqlite3 has rules of its own for it.
    pub const WRITES_NOTHING: Self = Self { code: -1, extended: -1, message: String::new(), class: None };
}

/// The error for a database whose content makes no sense.
pub fn corrupt(message: String) -> SqlError {
    SqlError::new(ffi::SQLITE_CORRUPT, ffi::SQLITE_CORRUPT, message)
}

impl From<rusqlite::Error> for SqlError {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::SqliteFailure(error, message) => {
                Self::new(error.extended_code, error.extended_code, message.unwrap_or_else(|| error.to_string()))
            }
            // rusqlite's own: a column of another type than expected.
            error => Self::new(ffi::SQLITE_ERROR, ffi::SQLITE_ERROR, error.to_string()),
        }
    }
}

/// The class that sqlite3 raises for a primary result code. SQLITE_RANGE has one of its own since CPython 3.11.
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
pub fn closed_exception(py: Python<'_>, host: &Host) -> PyErr {
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
    if let Some(class) = error.class {
        return raised(py, host, class, &error.message);
    }
    match error.code {
        ffi::SQLITE_NOMEM => return PyMemoryError::new_err(()),
        // Another thread has closed the connection in the meantime.
        ffi::SQLITE_MISUSE => return closed_exception(py, host),
        code if code == SqlError::WRITES_NOTHING.code => {
            return Unsupported::new_err("a statement that writes nothing");
        }
        _ => {}
    }
    let exception = raised(py, host, class_of(error.code), &error.message);
    let code = match host.error_code {
        ErrorCode::None => return exception,
        ErrorCode::Primary => error.code,
        ErrorCode::Extended => error.extended,
    };
    let value = exception.value(py);
    // Setting an attribute of an exception fails only if memory is short.
    drop(value.setattr("sqlite_errorcode", code));
    drop(value.setattr("sqlite_errorname", name_of(py, host, code)));
    exception
}

/// What `finally: commit()` raises in the end: the commit's error, with the first error as its context.
pub fn with_commit_error(py: Python<'_>, error: Option<PyErr>, commit_error: Option<PyErr>) -> Option<PyErr> {
    let (error, commit_error) = match (error, commit_error) {
        (Some(error), Some(commit_error)) => (error, commit_error),
        (error, commit_error) => return commit_error.or(error),
    };
    let value = commit_error.into_value(py).into_bound(py).into_any();
    // Every exception has a context, so this can't fail.
    drop(value.setattr("__context__", error.into_value(py)));
    Some(PyErr::from_value(value))
}

/// The name of a result code. sqlite3 has a constant for each code that it names, but constants of other kinds share
/// the numbers, so only constants that begin with the name of the primary code are looked at.
fn name_of(py: Python<'_>, host: &Host, code: c_int) -> String {
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
    let primary = usize::try_from(code & 0xff).ok().and_then(|primary| PRIMARY.get(primary));
    let unknown = || "unknown".to_owned();
    let Some(primary) = primary else { return unknown() };
    let start = format!("SQLITE_{primary}");
    if code & !0xff == 0 {
        return start;
    }
    let Ok(names) = host.module.bind(py).dir() else { return unknown() };
    names
        .iter()
        .filter_map(|name| name.extract::<String>().ok())
        .filter(|name| name.strip_prefix(&start).is_some_and(|rest| rest.starts_with('_')))
        .find(|name| host.module.bind(py).getattr(name.as_str()).is_ok_and(|value| value.eq(code).unwrap_or(false)))
        .unwrap_or_else(unknown)
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("Unsupported", module.py().get_type::<Unsupported>())
}
