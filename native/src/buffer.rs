//! Output buffers that outlive a call: a fresh 450 KB allocation costs more than filling it.
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// At most this many buffers are kept, of at most this capacity each: 16 MB idle at worst.
const KEPT: usize = 8;
const KEPT_CAPACITY: usize = 2 << 20;

/// Smaller ones aren't kept: they would take the places of those that are worth it.
pub const KEPT_LEAST: usize = 4 << 10;

/// Only tried, never waited for: columns are read without the GIL, so a fork may leave the child a pool that is
/// locked for good.
static POOL: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// An empty buffer, with the capacity of an earlier use where one is at hand.
pub fn take() -> Vec<u8> {
    POOL.try_lock().map_or_else(|_| Vec::new(), |mut pool| pool.pop().unwrap_or_default())
}

pub fn give_back(mut buffer: Vec<u8>) {
    if !(KEPT_LEAST..=KEPT_CAPACITY).contains(&buffer.capacity()) {
        return;
    }
    buffer.clear();
    if let Ok(mut pool) = POOL.try_lock()
        && pool.len() < KEPT
    {
        pool.push(buffer);
    }
}

/// Bytes that go back to the pool once nobody refers to them.
pub struct Buffer(Vec<u8>);

impl Buffer {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        give_back(std::mem::take(&mut self.0));
    }
}

/// Bytes owned by Rust: a codec's output on its way into a bind, or a column on its way into the decoder.
#[pyclass(frozen, module = "fast_langgraph._native")]
pub struct Blob(Arc<Buffer>);

impl Blob {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Buffer(bytes)))
    }

    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// For a thread without the GIL, which can't refer to a Python object.
    pub fn shared(&self) -> Arc<Buffer> {
        Arc::clone(&self.0)
    }
}

#[pymethods]
impl Blob {
    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0)
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }
}
