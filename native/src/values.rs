//! Values that are bound to the parameters of a statement, owned by Rust: any thread may bind them, without the GIL.
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyFloat, PyInt, PyString, PyTuple};
use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::buffer::{Blob, Buffer};
use crate::errors::Unsupported;

/// SQLite refuses anything longer by default.
const MAX_LENGTH: usize = 1_000_000_000;

pub enum Value {
    Null,
    Int(i64),
    Float(f64),
    Text(Box<str>),
    Bytes(Box<[u8]>),
    /// The codec's output, bound without a copy.
    Blob(Arc<Buffer>),
}

impl Value {
    /// Takes exact types only: sqlite3 may adapt an instance of a subclass in its own way.
    pub fn new(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let unsupported = || Unsupported::new_err("a parameter of a type that is not bound here");
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
        if value.len() > MAX_LENGTH {
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

/// The values of one execution, in the order of the parameters.
pub type Values = Vec<Value>;

pub fn values(tuple: &Bound<'_, PyTuple>) -> PyResult<Values> {
    tuple.iter().map(|value| Value::new(&value)).collect()
}
