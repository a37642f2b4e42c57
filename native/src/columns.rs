//! Columns of rows that were read, owned by Rust until they become Python objects.
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};
use rusqlite::types::ValueRef;

use crate::buffer::{self, Blob, Buffer};
use crate::errors::{SqlError, Unsupported};
use crate::key_part::KeyPart;

/// A copy of a column.
pub enum Column {
    Null,
    Int(i64),
    Float(f64),
    /// It may not be UTF-8.
    Text(Vec<u8>),
    Blob(Vec<u8>),
    /// A blob that is in memory already.
    Shared(Arc<Buffer>),
}

pub type Row = Vec<Column>;
pub type Rows = Vec<Row>;

/// Copies bytes that SQLite lends until the next step, into a pooled buffer if they are many.
pub fn copied(bytes: &[u8]) -> Result<Vec<u8>, SqlError> {
    let mut copy = if bytes.len() < buffer::MIN_POOLED { Vec::new() } else { buffer::take() };
    copy.try_reserve(bytes.len()).map_err(|_| SqlError::no_memory())?;
    copy.extend_from_slice(bytes);
    Ok(copy)
}

impl Column {
    pub fn new(value: ValueRef<'_>) -> Result<Self, SqlError> {
        Ok(match value {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(value) => Self::Int(value),
            ValueRef::Real(value) => Self::Float(value),
            ValueRef::Text(text) => Self::Text(copied(text)?),
            ValueRef::Blob(bytes) => Self::Blob(copied(bytes)?),
        })
    }

    /// The part of a key that it is. None for NULL, and for text that is not UTF-8.
    pub fn key_part(&self) -> Option<KeyPart> {
        match self {
            Self::Null => None,
            Self::Int(value) => Some(KeyPart::Int(*value)),
            Self::Float(value) => Some(KeyPart::Float(*value)),
            Self::Text(text) => std::str::from_utf8(text).ok().map(KeyPart::from),
            Self::Blob(bytes) => Some(KeyPart::Blob(bytes.as_slice().into())),
            Self::Shared(bytes) => Some(KeyPart::Blob(bytes[..].into())),
        }
    }

    /// The text; None if it is something else, or not UTF-8.
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { std::str::from_utf8(text).ok() } else { None }
    }

    /// The bytes of a blob.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Blob(bytes) => Some(bytes),
            Self::Shared(bytes) => Some(bytes),
            Self::Null | Self::Int(_) | Self::Float(_) | Self::Text(_) => None,
        }
    }

    /// How many bytes it holds outside of itself.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(bytes) | Self::Blob(bytes) => bytes.len(),
            Self::Shared(bytes) => bytes.len(),
            Self::Null | Self::Int(_) | Self::Float(_) => 0,
        }
    }

    /// A blob becomes a `Blob` if it is the serializer's output, else bytes.
    fn into_python(self, py: Python<'_>, is_serialized: bool) -> PyResult<Bound<'_, PyAny>> {
        Ok(match self {
            Self::Null => py.None().into_bound(py),
            Self::Int(value) => value.into_pyobject(py)?.into_any(),
            Self::Float(value) => value.into_pyobject(py)?.into_any(),
            Self::Text(bytes) => {
                let text = std::str::from_utf8(&bytes).map_err(|_| Unsupported::new_err("a text that is not UTF-8"))?;
                let text = PyString::new(py, text).into_any();
                buffer::give_back(bytes);
                text
            }
            Self::Blob(bytes) if !is_serialized => {
                let copy = PyBytes::new(py, &bytes).into_any();
                buffer::give_back(bytes);
                copy
            }
            Self::Blob(bytes) => Bound::new(py, Blob::new(bytes))?.into_any(),
            Self::Shared(bytes) if !is_serialized => PyBytes::new(py, &bytes).into_any(),
            Self::Shared(bytes) => Bound::new(py, Blob::shares(&bytes))?.into_any(),
        })
    }
}

/// The row as a tuple; its column `serialized` holds the serializer's output.
pub fn tuple(py: Python<'_>, row: Row, serialized: usize) -> PyResult<Bound<'_, PyTuple>> {
    let columns = (0..).zip(row).map(|(index, column)| column.into_python(py, index == serialized));
    PyTuple::new(py, columns.collect::<PyResult<Vec<_>>>()?)
}

pub fn tuples(py: Python<'_>, rows: Rows, serialized: usize) -> PyResult<Vec<Bound<'_, PyTuple>>> {
    rows.into_iter().map(|row| tuple(py, row, serialized)).collect()
}
