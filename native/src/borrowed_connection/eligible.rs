//! Whether a connection is set up so that our code does exactly what sqlite3 would do with it.
use std::ffi::CStr;

use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::host_sqlite::{self, Host};

/// `sqlite3.LEGACY_TRANSACTION_CONTROL`
const LEGACY: i32 = -1;

/// The statements that sqlite3 begins transactions with, by isolation level. The first one ends in a space, as in
/// sqlite3, because a trace callback sees it.
const BEGIN: [(&str, &CStr); 4] = [
    ("", c"BEGIN "),
    ("DEFERRED", c"BEGIN DEFERRED"),
    ("IMMEDIATE", c"BEGIN IMMEDIATE"),
    ("EXCLUSIVE", c"BEGIN EXCLUSIVE"),
];

/// The statement that sqlite3 begins transactions with on `conn`, None if it begins none. An error says why they have
/// to be left to sqlite3.
pub fn begin_statement(conn: &Bound<'_, PyAny>, host: &Host) -> Result<Option<&'static CStr>, &'static str> {
    const UNKNOWN: &str = "the connection has another isolation level";
    let py = conn.py();
    // On another thread than the connection's own, the attribute raises.
    if host.has_autocommit
        && let Ok(mode) = conn.getattr(intern!(py, "autocommit"))
        && !mode.extract::<i32>().is_ok_and(|mode| mode == LEGACY)
    {
        return Err("the connection has another autocommit mode");
    }
    let level = conn.getattr(intern!(py, "isolation_level")).map_err(|_| UNKNOWN)?;
    if level.is_none() {
        return Ok(None);
    }
    let level = level.cast_exact::<PyString>().map_err(|_| UNKNOWN)?.to_str().map_err(|_| UNKNOWN)?;
    // CPython 3.10 returns it in the case that it was set in.
    let known = BEGIN.iter().find(|(name, _)| name.eq_ignore_ascii_case(level));
    known.map(|(_, statement)| Some(*statement)).ok_or(UNKNOWN)
}

/// Why only sqlite3 can serve `conn` as it is set up now; None if there is no such reason.
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
    begin_statement(conn, &host).err().or_else(|| is_adapted(py, &host))
}

/// Whether an app has registered adapters or converters for the types of the two tables.
fn is_adapted(py: Python<'_>, host: &Host) -> Option<&'static str> {
    if let Some(converters) = &host.converters {
        let converters = converters.bind(py);
        let has = |name: &Bound<'_, PyString>| converters.contains(name).unwrap_or(true);
        if has(intern!(py, "TEXT")) || has(intern!(py, "BLOB")) || has(intern!(py, "INTEGER")) {
            return Some("sqlite3 has converters for the tables' types");
        }
    }
    if let Some(adapters) = &host.adapters {
        let adapters = adapters.bind(py);
        if host.adapted_types.iter().any(|key| adapters.contains(key).unwrap_or(true)) {
            return Some("sqlite3 has adapters for the tables' types");
        }
    }
    None
}
