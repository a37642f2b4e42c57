//! Accepting or refusing the library that a probe has found.
#![allow(unsafe_code)] // calls SQLite

use std::ffi::c_int;
use std::ptr::null_mut;

use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyFloat, PyInt, PyString, PyTuple, PyType};
use rusqlite::ffi;

use super::adopt::adopt;
use super::probe::{Found, Turn, by_extension, by_symbols};
use super::{BindError, CodeShown, Host, refusal};

/// Finds the SQLite library behind `module`, an extension module such as `_sqlite3`, and how its
/// connections keep their handle. Returns the route, "symbols" or "extension", and the library's version.
///
/// `native_file` is the file of this module. `routes` are those to try, in this order: "symbols", then
/// "bare symbols" (as where SQLite has no table), "extension". Raises BindError with the reasons where none
/// leads there.
#[pyfunction]
#[pyo3(signature = (module, native_file, routes = vec!["symbols".to_owned(), "extension".to_owned()]))]
pub fn bind(module: &Bound<'_, PyAny>, native_file: &str, routes: Vec<String>) -> PyResult<(String, String)> {
    let py = module.py();
    if cfg!(any(windows, target_vendor = "apple")) {
        return Err(refusal(format!("storage in Rust is not there yet on {}", std::env::consts::OS)));
    }
    let _turn = Turn::new(py)?;
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
    // SAFETY: a live connection of the library's, and its mutex, which nobody else knows of.
    let tried = unsafe {
        let mutex = (functions.db_mutex)(db);
        // Without a mutex of its own a connection is for one thread at a time.
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
        code_shown: code_shown(&probe.conn)?,
        has_autocommit: probe.conn.hasattr("autocommit")?,
        module: module.clone().unbind(),
        // SAFETY: the table that the library itself has handed over, of a release that was accepted.
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

/// Which code an exception carries, learned from one whose codes differ.
fn code_shown(conn: &Bound<'_, PyAny>) -> PyResult<CodeShown> {
    conn.call_method1("execute", ("CREATE TABLE probe (value UNIQUE)",))?;
    let Err(error) = conn.call_method1("execute", ("INSERT INTO probe VALUES (1), (1)",)) else {
        return Err(refusal("SQLite does not keep to constraints"));
    };
    Ok(match error.value(conn.py()).getattr_opt("sqlite_errorcode")?.map(|code| code.extract::<c_int>()) {
        Some(Ok(ffi::SQLITE_CONSTRAINT_UNIQUE)) => CodeShown::Extended,
        Some(Ok(ffi::SQLITE_CONSTRAINT)) => CodeShown::Primary,
        None => CodeShown::None,
        Some(_) => return Err(refusal("the exceptions of sqlite3 carry codes of another kind")),
    })
}

/// The keys under which the module would look for adapters of the types that are bound here.
fn adapted_types(module: &Bound<'_, PyAny>) -> PyResult<Vec<Py<PyTuple>>> {
    let py = module.py();
    let protocol = module.getattr("PrepareProtocol")?;
    let none = py.None().bind(py).get_type();
    let types =
        [py.get_type::<PyString>(), py.get_type::<PyBytes>(), py.get_type::<PyInt>(), py.get_type::<PyFloat>(), none];
    types.iter().map(|class| Ok(PyTuple::new(py, [class.as_any(), &protocol])?.unbind())).collect()
}
