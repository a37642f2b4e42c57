//! What is to be written, owned by Rust: it may be carried out on any thread, without the GIL.
use std::ffi::CString;
use std::sync::Arc;

use pyo3::create_exception;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyFloat, PyInt, PyString, PyTuple};
use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::buffer::{Blob, Buffer};

create_exception!(
    fast_langgraph._native,
    Unsupported,
    PyTypeError,
    "A value that is not bound or read here as sqlite3 would; sqlite3 has to do it."
);

/// SQLite refuses anything longer by default.
const LONGEST: usize = 1_000_000_000;

/// A parameter of a statement.
pub enum Value {
    Null,
    Int(i64),
    Float(f64),
    Text(Box<str>),
    Bytes(Box<[u8]>),
    /// A codec's output, used where it lies.
    Blob(Arc<Buffer>),
}

impl Value {
    /// Of exactly these types: sqlite3 may adapt any other in its own way.
    pub fn new(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let unsupported = || Unsupported::new_err("a parameter of another type than is bound here");
        let value = if value.is_none() {
            Self::Null
        } else if let Ok(text) = value.cast_exact::<PyString>() {
            Self::Text(text.to_str().map_err(|_| unsupported())?.into())
        } else if let Ok(blob) = value.cast_exact::<Blob>() {
            Self::Blob(blob.get().shared())
        } else if let Ok(bytes) = value.cast_exact::<PyBytes>() {
            Self::Bytes(bytes.as_bytes().into())
        } else if let Ok(int) = value.cast_exact::<PyInt>() {
            Self::Int(int.extract().map_err(|_| unsupported())?)
        } else if let Ok(float) = value.cast_exact::<PyFloat>() {
            Self::Float(float.value())
        } else {
            return Err(unsupported());
        };
        if value.len() > LONGEST {
            return Err(unsupported());
        }
        Ok(value)
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::Blob(blob) => blob.len(),
            Self::Null | Self::Int(_) | Self::Float(_) => 0,
        }
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Float(value) => ValueRef::Real(*value),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
            Self::Blob(blob) => ValueRef::Blob(blob),
        }))
    }
}

/// The parameters of one execution, in their order.
pub fn row(values: &Bound<'_, PyTuple>) -> PyResult<Vec<Value>> {
    values.iter().map(|value| Value::new(&value)).collect()
}

/// A statement as C has it; one with a NUL in it is sqlite3's to refuse.
pub fn sql(text: &str) -> PyResult<CString> {
    CString::new(text).map_err(|_| Unsupported::new_err("a statement with a NUL"))
}

/// How the statements begin that sqlite3 opens a transaction for.
const WRITING: [&str; 4] = ["INSERT", "UPDATE", "DELETE", "REPLACE"];

/// A statement that writes.
fn writing(text: &str) -> PyResult<CString> {
    let begins = |word: &&str| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    if WRITING.iter().any(begins) { sql(text) } else { Err(Unsupported::new_err("no statement to write with")) }
}

/// A statement and the rows that it is executed for, one after the other.
pub struct Statement {
    pub sql: CString,
    pub rows: Vec<Vec<Value>>,
}

/// What one call of a saver writes: statements that are carried out in order and committed together.
#[pyclass(frozen, module = "fast_langgraph._native")]
pub struct Operation {
    pub statements: Vec<Statement>,
}

#[pymethods]
impl Operation {
    /// `statements` holds pairs of a statement and a list of its rows.
    ///
    /// Raises Unsupported for a statement other than INSERT, UPDATE, DELETE or REPLACE, and for a parameter
    /// that is not exactly None, int of 64 bits, float, str without surrogates, bytes or Blob.
    #[new]
    fn new(statements: Vec<(String, Vec<Bound<'_, PyTuple>>)>) -> PyResult<Self> {
        let statements = statements
            .iter()
            .map(|(text, rows)| {
                let rows = rows.iter().map(row).collect::<PyResult<_>>()?;
                Ok(Statement { sql: writing(text)?, rows })
            })
            .collect::<PyResult<_>>()?;
        Ok(Self { statements })
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Operation>()?;
    module.add("Unsupported", module.py().get_type::<Unsupported>())?;
    Ok(())
}
