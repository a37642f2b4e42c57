//! A pool of buffers for encoded values: a fresh allocation of 450 KB takes longer than filling it.
use std::ops::Deref;
use std::sync::{Arc, Mutex, Weak};

use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// The pool keeps at most so many buffers, and so many bytes in all.
const MAX_BUFFERS: usize = 8;
const MAX_BYTES: usize = 16 << 20;

/// Smaller buffers are not kept: they would take the place of those that are worth it.
pub const MIN_POOLED: usize = 4 << 10;

/// The lock is tried and never waited for: columns are read without the GIL, so in the child of a fork it may stay
/// locked for ever.
static POOL: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// An empty buffer, from the pool if it has one.
pub fn take() -> Vec<u8> {
    POOL.try_lock().map_or_else(|_| Vec::new(), |mut pool| pool.pop().unwrap_or_default())
}

/// An empty buffer for about so many bytes that are kept: the one from the pool that fits best, or a new one.
pub fn take_for(bytes: usize) -> Vec<u8> {
    let pooled = POOL.try_lock().ok().and_then(|mut pool| {
        let fits = |buffer: &Vec<u8>| (bytes..=bytes + bytes / 2 + MIN_POOLED).contains(&buffer.capacity());
        let best =
            pool.iter().enumerate().filter(|(_, buffer)| fits(buffer)).min_by_key(|(_, buffer)| buffer.capacity());
        let index = best?.0;
        Some(pool.swap_remove(index))
    });
    pooled.unwrap_or_else(|| Vec::with_capacity(bytes + bytes / 4))
}

pub fn give_back(mut buffer: Vec<u8>) {
    if buffer.capacity() < MIN_POOLED {
        return;
    }
    buffer.clear();
    if let Ok(mut pool) = POOL.try_lock()
        && pool.len() < MAX_BUFFERS
        && pool.iter().map(Vec::capacity).sum::<usize>() + buffer.capacity() <= MAX_BYTES
    {
        pool.push(buffer);
    }
}

/// Bytes that are the same as some of an earlier buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    pub start: usize,
    /// Where they lie in the earlier buffer.
    pub from: usize,
    pub len: usize,
}

/// What of a buffer was taken from an earlier one.
struct Origin {
    /// Only its address is used. As long as it is referred to, no other buffer gets that.
    earlier: Weak<Buffer>,
    /// In ascending order.
    runs: Vec<Run>,
}

/// Bytes whose buffer goes back to the pool when nobody refers to them any more.
pub struct Buffer {
    bytes: Vec<u8>,
    origin: Option<Origin>,
}

impl Buffer {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, origin: None }
    }

    /// Bytes that have these runs in common with `earlier`.
    pub fn taken_from(bytes: Vec<u8>, earlier: &Arc<Self>, runs: Vec<Run>) -> Self {
        Self { bytes, origin: Some(Origin { earlier: Arc::downgrade(earlier), runs }) }
    }

    /// The runs that it has in common with `other`, if it was made from that.
    pub fn runs_from(&self, other: &Arc<Self>) -> &[Run] {
        match &self.origin {
            Some(origin) if std::ptr::eq(origin.earlier.as_ptr(), Arc::as_ptr(other)) => &origin.runs,
            _ => &[],
        }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        give_back(std::mem::take(&mut self.bytes));
    }
}

/// Bytes owned by Rust: the encoder's output on its way to SQLite, or a column on its way to the decoder.
#[pyclass(frozen, module = "fast_langgraph._native")]
pub struct Blob(Arc<Buffer>);

impl Blob {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Buffer::new(bytes)))
    }

    pub fn shares(bytes: &Arc<Buffer>) -> Self {
        Self(Arc::clone(bytes))
    }

    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// The bytes for a thread without the GIL, which can't refer to a Python object.
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
