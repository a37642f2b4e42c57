//! Whether a connection is set up so that ours does just what sqlite3 would do with it.
use std::ffi::CString;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyFloat, PyInt, PyString};

use crate::host_sqlite::{self, Host};

/// `sqlite3.LEGACY_TRANSACTION_CONTROL`
const LEGACY: i32 = -1;

/// The statement that sqlite3 begins transactions with on `conn`, None where it begins none, an error
/// where that is not known.
pub fn begin_statement(conn: &Bound<'_, PyAny>) -> Result<Option<CString>, ()> {
    let level = conn.getattr(intern!(conn.py(), "isolation_level")).map_err(|_| ())?;
    if level.is_none() {
        return Ok(None);
    }
    let level = level.cast_exact::<PyString>().map_err(|_| ())?.to_str().map_err(|_| ())?.to_ascii_uppercase();
    match level.as_str() {
        "" | "DEFERRED" | "IMMEDIATE" | "EXCLUSIVE" => CString::new(format!("BEGIN {level}")).map(Some).map_err(|_| ()),
        _ => Err(()),
    }
}

/// Why only sqlite3 can serve `conn` as it is set up now; None where there is no such reason.
#[pyfunction]
pub fn eligible(conn: &Bound<'_, PyAny>) -> Option<&'static str> {
    let py = conn.py();
    let Some(host) = host_sqlite::of(conn) else {
        return Some("a connection of another class or library");
    };
    let is = |name: &Bound<'_, PyString>, expected: &Bound<'_, PyAny>| {
        conn.getattr(name).is_ok_and(|value| value.is(expected))
    };
    if !is(intern!(py, "row_factory"), py.None().bind(py)) {
        return Some("the connection has a row_factory");
    }
    if !is(intern!(py, "text_factory"), py.get_type::<PyString>().as_any()) {
        return Some("the connection has a text_factory");
    }
    if let Ok(Some(mode)) = conn.getattr_opt(intern!(py, "autocommit"))
        && !mode.extract::<i32>().is_ok_and(|mode| mode == LEGACY)
    {
        return Some("the connection has another autocommit mode");
    }
    if begin_statement(conn).is_err() {
        return Some("the connection has another isolation level");
    }
    adapted(py, &host)
}

/// Adapters and converters that an app has registered for the types of the two tables.
fn adapted(py: Python<'_>, host: &Host) -> Option<&'static str> {
    if let Some(converters) = &host.converters {
        let converters: &Bound<'_, PyDict> = converters.bind(py);
        let has = |name: &Bound<'_, PyString>| converters.contains(name).unwrap_or(true);
        if has(intern!(py, "TEXT")) || has(intern!(py, "BLOB")) || has(intern!(py, "INTEGER")) {
            return Some("sqlite3 has converters for the tables' types");
        }
    }
    if let (Some(adapters), Some(protocol)) = (&host.adapters, &host.prepare_protocol) {
        let adapters: &Bound<'_, PyDict> = adapters.bind(py);
        // Two come with the module, for dates.
        if adapters.len() > 2 {
            let none = py.None().bind(py).get_type();
            for class in [
                py.get_type::<PyString>(),
                py.get_type::<PyBytes>(),
                py.get_type::<PyInt>(),
                py.get_type::<PyFloat>(),
                none,
            ] {
                if adapters.contains((class, protocol)).unwrap_or(true) {
                    return Some("sqlite3 has adapters for the tables' types");
                }
            }
        }
    }
    None
}
