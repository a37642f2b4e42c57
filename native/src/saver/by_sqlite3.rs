//! Operations on a connection that only sqlite3 itself can use as it is set up: through its Python interface.
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyFloat, PyInt, PyString, PyTuple};

use crate::errors;
use crate::operation::{Operation, Statement, Unsupported, Value};

fn value<'py>(py: Python<'py>, value: &Value) -> Bound<'py, PyAny> {
    match value {
        Value::Null => py.None().into_bound(py),
        Value::Int(value) => PyInt::new(py, *value).into_any(),
        Value::Float(value) => PyFloat::new(py, *value).into_any(),
        Value::Text(text) => PyString::new(py, text).into_any(),
        Value::Bytes(bytes) => PyBytes::new(py, bytes).into_any(),
        Value::Blob(blob) => PyBytes::new(py, blob.get().as_slice()).into_any(),
    }
}

fn run(cursor: &Bound<'_, PyAny>, statement: &Statement) -> PyResult<()> {
    let py = cursor.py();
    let sql = statement.sql.to_str().map_err(|_| Unsupported::new_err("a statement that is not UTF-8"))?;
    let rows = statement.rows.iter().map(|row| PyTuple::new(py, row.iter().map(|each| value(py, each))));
    let rows = rows.collect::<PyResult<Vec<_>>>()?;
    cursor.call_method1(intern!(py, "executemany"), (sql, rows))?;
    Ok(())
}

/// One after the other, each committed by itself. Raises, with nothing begun, where there is no cursor to be
/// had; else returns for each operation its exception or None.
pub fn execute<'py>(
    conn: &Bound<'py, PyAny>,
    operations: &[&Operation],
    commit_failed: bool,
) -> PyResult<Vec<Option<Bound<'py, PyAny>>>> {
    let py = conn.py();
    let cursor = conn.call_method0(intern!(py, "cursor"))?;
    let exceptions = operations.iter().map(|operation| {
        let error = operation.statements.iter().try_for_each(|statement| run(&cursor, statement)).err();
        let commits = error.is_none() || commit_failed;
        let commit_error = if commits { conn.call_method0(intern!(py, "commit")).err() } else { None };
        errors::final_error(py, error, commit_error).map(|error| error.into_value(py).into_bound(py).into_any())
    });
    let exceptions = exceptions.collect();
    cursor.call_method0(intern!(py, "close"))?;
    Ok(exceptions)
}
