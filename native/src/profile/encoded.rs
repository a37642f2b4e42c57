//! The bytes of what was encoded or is decoded.
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyString, PyTuple};

use crate::buffer::Blob;
use crate::codec::channel_sizes::channel_sizes;

/// The bytes that `dumps_typed` has made or that are decoded, alone or in a pair with their kind.
fn data_of<'py>(found: &Bound<'py, PyAny>) -> (Option<Bound<'py, PyAny>>, Bound<'py, PyAny>) {
    match found.cast_exact::<PyTuple>() {
        Ok(pair) => match (pair.len(), pair.get_item(0), pair.get_item(1)) {
            (2, Ok(kind), Ok(data)) => (Some(kind), data),
            _ => (None, found.clone()),
        },
        Err(_) => (None, found.clone()),
    }
}

pub fn size_of(found: &Bound<'_, PyAny>) -> usize {
    let (_, data) = data_of(found);
    if let Ok(blob) = data.cast_exact::<Blob>() {
        blob.get().as_slice().len()
    } else if let Ok(bytes) = data.cast_exact::<PyBytes>() {
        bytes.as_bytes().len()
    } else {
        data.cast_exact::<PyByteArray>().map_or(0, |bytes| bytes.len())
    }
}

/// By channel the bytes of a checkpoint that was encoded; None if they are not plain MessagePack.
pub fn sizes_in(encoded: &Bound<'_, PyAny>) -> Option<Vec<(String, usize)>> {
    let (kind, data) = data_of(encoded);
    let is_plain = kind?.cast_exact::<PyString>().is_ok_and(|kind| kind == "msgpack");
    if is_plain { channel_sizes(&data) } else { None }
}
