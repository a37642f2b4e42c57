//! How many bytes each channel takes in an encoded checkpoint. Nothing is decoded, and no Python code runs.
use fast_langgraph_msgpack::reader::{Reader, Token};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::past::pass;
use crate::buffer::Blob;

/// Of a checkpoint as `dumps_typed` makes it, by channel the bytes of its name and its value. None if these are not the
/// bytes of one.
#[pyfunction]
pub fn channel_sizes(data: &Bound<'_, PyAny>) -> Option<Vec<(String, usize)>> {
    if let Ok(blob) = data.cast_exact::<Blob>() {
        return sizes(blob.get().as_slice());
    }
    sizes(data.cast_exact::<PyBytes>().ok()?.as_bytes())
}

fn sizes(data: &[u8]) -> Option<Vec<(String, usize)>> {
    let mut reader = Reader::new(data);
    let Token::Map(len) = reader.token().ok()? else { return None };
    for _ in 0..len {
        let Token::Str(key) = reader.token().ok()? else { return None };
        if key == b"channel_values" {
            return channels(&mut reader);
        }
        pass(&mut reader)?;
    }
    None
}

fn channels(reader: &mut Reader<'_>) -> Option<Vec<(String, usize)>> {
    let Token::Map(len) = reader.token().ok()? else { return None };
    let mut found = Vec::new();
    for _ in 0..len {
        let before = reader.remaining();
        let Token::Str(name) = reader.token().ok()? else { return None };
        let name = String::from_utf8_lossy(name).into_owned();
        pass(reader)?;
        found.push((name, before - reader.remaining()));
    }
    Some(found)
}
