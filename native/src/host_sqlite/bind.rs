//! Accepting or refusing the library that a probe has found.
#![allow(unsafe_code)] // calls SQLite

use std::ffi::c_int;
use std::ptr::null_mut;

use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyFloat, PyInt, PyString, PyTuple, PyType};
use rusqlite::ffi;

use super::adopt::adopt;
use super::host::{ErrorCode, Host};
use super::probe::{Found, ProbeLock, by_extension, by_symbols};
use super::refusal::{BindError, refusal};

/// Finds the SQLite library behind `module`, an extension module such as `_sqlite3`, and where its connections
/// keep their handle. Returns the route that led there ("symbols" or "extension") and the library's version.
///
/// `native_file` is the file of this module. `routes` are the routes to try, in order: "symbols", "bare symbols"
/// (without SQLite's table of functions) and "extension". Raises BindError with the reasons if none succeeds.
#[pyfunction]
#[pyo3(signature = (module, native_file, routes = vec!["symbols".to_owned(), "extension".to_owned()]))]
pub fn bind(module: &Bound<'_, PyAny>, native_file: &str, routes: Vec<String>) -> PyResult<(String, String)> {
    let py = module.py();
    if cfg!(any(windows, target_vendor = "apple")) {
        return Err(refusal(format!("storage in Rust is not there yet on {}", std::env::consts::OS)));
    }
    let _one_at_a_time = ProbeLock::new(py)?;
    let mut reasons: Vec<String> = Vec::new();
    for route in &routes {
        let found = match route.as_str() {
            "symbols" => by_symbols(module, false),
            "bare symbols" => by_symbols(module, true),
            "extension" => by_extension(module, native_file),
            _ => Err(refusal(format!("no such route: {route}"))),
        };
        match found.and_then(|found| accept(module, found)) {
            Ok(bound) => return Ok(bound),
            Err(error) if error.is_instance_of::<BindError>(py) => reasons.push(error.value(py).to_string()),
            Err(error) if error.is_instance_of::<PyException>(py) => reasons.push(error.to_string()),
            Err(error) => return Err(error),
        }
    }
    reasons.dedup();
    Err(refusal(if reasons.is_empty() { "switched off".to_owned() } else { reasons.join("; ") }))
}

fn accept(module: &Bound<'_, PyAny>, found: Found<'_>) -> PyResult<(String, String)> {
    let Found { probe, db, table, functions, offset, route } = found;
    // SAFETY: a live connection of the library, and its mutex; no other thread knows of either.
    let tried = unsafe {
        let mutex = (functions.db_mutex)(db);
        // A connection without a mutex may be used by one thread at a time only.
        if mutex.is_null() {
            return Err(refusal("SQLite was built for one thread at a time"));
        }
        let tried = (functions.mutex_try)(mutex);
        if tried == ffi::SQLITE_OK {
            (functions.mutex_leave)(mutex);
        }
        tried
    };
    if tried != ffi::SQLITE_OK {
        return Err(refusal("SQLite's mutexes can't be tried without waiting"));
    }
    let dict = |name: &str| -> PyResult<Option<Py<PyDict>>> {
        Ok(module.getattr_opt(name)?.and_then(|dict| dict.cast_into::<PyDict>().ok()).map(Bound::unbind))
    };
    let host = Host {
        functions,
        connection_type: module.getattr("Connection")?.cast_into::<PyType>()?.unbind(),
        adapters: dict("adapters")?,
        adapted_types: adapted_types(module)?,
        converters: dict("converters")?,
        error_code: error_code(&probe.conn)?,
        has_autocommit: probe.conn.hasattr("autocommit")?,
        module: module.clone().unbind(),
        // SAFETY: the table that the library itself handed over; its release was checked.
        no_connections: unsafe { adopt(table) }.err().unwrap_or_default(),
        offset,
    };
    if host.handle(&probe.conn) != Some(db) {
        return Err(refusal("sqlite3.Connection is not of the type that it makes"));
    }
    probe.conn.call_method0("close")?;
    if host.handle(&probe.conn) != Some(null_mut()) {
        return Err(refusal("sqlite3.Connection does not clear its handle when it is closed"));
    }
    host.install();
    Ok((route.to_owned(), module.getattr("sqlite_version")?.extract()?))
}

/// Which result code an exception carries, learned from an error whose primary and extended codes differ.
fn error_code(conn: &Bound<'_, PyAny>) -> PyResult<ErrorCode> {
    conn.call_method1("execute", ("CREATE TABLE probe (value UNIQUE)",))?;
    let Err(error) = conn.call_method1("execute", ("INSERT INTO probe VALUES (1), (1)",)) else {
        return Err(refusal("SQLite does not enforce constraints"));
    };
    Ok(match error.value(conn.py()).getattr_opt("sqlite_errorcode")?.map(|code| code.extract::<c_int>()) {
        Some(Ok(ffi::SQLITE_CONSTRAINT_UNIQUE)) => ErrorCode::Extended,
        Some(Ok(ffi::SQLITE_CONSTRAINT)) => ErrorCode::Primary,
        None => ErrorCode::None,
        Some(_) => return Err(refusal("the exceptions of sqlite3 carry unknown result codes")),
    })
}

/// The keys under which sqlite3 looks for adapters of the types that are bound here.
fn adapted_types(module: &Bound<'_, PyAny>) -> PyResult<Vec<Py<PyTuple>>> {
    let py = module.py();
    let protocol = module.getattr("PrepareProtocol")?;
    let none = py.None().bind(py).get_type();
    let types =
        [py.get_type::<PyString>(), py.get_type::<PyBytes>(), py.get_type::<PyInt>(), py.get_type::<PyFloat>(), none];
    types.iter().map(|class| Ok(PyTuple::new(py, [class.as_any(), &protocol])?.unbind())).collect()
}
