//! The parts of a checkpoint's key: its thread, its namespace and its id.
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3::{Borrowed, IntoPyObjectExt};
use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};

use crate::values::Value;

/// A thread, a namespace or an id. It is text nearly always, but a table takes a blob as well, and a parameter may be
/// anything: SQLite compares it as it does for stock.
#[derive(Clone, Debug, PartialEq)]
pub enum KeyPart {
    Null,
    Int(i64),
    Float(f64),
    Text(Arc<str>),
    Blob(Arc<[u8]>),
}

impl KeyPart {
    /// The text. None for anything else: no row in pieces has such a key.
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    fn value(&self) -> ValueRef<'_> {
        match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Float(value) => ValueRef::Real(*value),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }
    }
}

impl From<&str> for KeyPart {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl ToSql for KeyPart {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(self.value()))
    }
}

impl FromSql for KeyPart {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(match value {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(value) => Self::Int(value),
            ValueRef::Real(value) => Self::Float(value),
            ValueRef::Text(text) => Self::Text(std::str::from_utf8(text).map_err(FromSqlError::other)?.into()),
            ValueRef::Blob(bytes) => Self::Blob(bytes.into()),
        })
    }
}

impl<'py> FromPyObject<'_, 'py> for KeyPart {
    type Error = PyErr;

    /// Raises Unsupported for what `Value` does not take.
    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(match Value::new(&value)? {
            Value::Null => Self::Null,
            Value::Int(value) => Self::Int(value),
            Value::Float(value) => Self::Float(value),
            Value::Text(text) => Self::Text(text.into()),
            Value::Bytes(bytes) => Self::Blob(bytes.into()),
            Value::Blob(blob) => Self::Blob((**blob).into()),
        })
    }
}

impl<'py> IntoPyObject<'py> for KeyPart {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        match self {
            Self::Null => Ok(py.None().into_bound(py)),
            Self::Int(value) => value.into_bound_py_any(py),
            Self::Float(value) => value.into_bound_py_any(py),
            Self::Text(text) => text.into_bound_py_any(py),
            Self::Blob(bytes) => Ok(PyBytes::new(py, &bytes).into_any()),
        }
    }
}
