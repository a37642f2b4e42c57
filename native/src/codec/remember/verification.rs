//! `FAST_LANGGRAPH_VERIFY`: what was taken as it was is compared with what is made anew.
//!
//! Each element is made anew at the moment at which it is taken: a hook that runs later in the call may change it. That
//! runs no Python code, or the element should not have been taken. The whole is made anew if nothing was handed over to
//! stock: hooks would run, warn and log once more.
use std::sync::Mutex;

use fast_langgraph_msgpack::reader::Reader;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::codec::decode::{Decoder, Exts};
use crate::codec::encode::Encoder;
use crate::codec::stock::Stock;
use crate::sync::lock;

/// What compares the two, and raises if they differ; None unless everything is verified.
static COMPARE: Mutex<Option<Py<PyAny>>> = Mutex::new(None);

/// Calls `compare` with what was remembered, and with the same made anew. None ends it.
#[pyfunction]
pub fn verify_remembered(compare: Option<Py<PyAny>>) {
    let former = std::mem::replace(&mut *lock(&COMPARE), compare);
    drop(former);
}

/// What is compared at the end of a call.
pub struct Verification {
    compare: Py<PyAny>,
    taken: Vec<Py<PyAny>>,
    fresh: Vec<Py<PyAny>>,
}

impl Verification {
    /// None unless everything is verified.
    pub fn begin(py: Python<'_>) -> Option<Self> {
        let compare = lock(&COMPARE).as_ref()?.clone_ref(py);
        Some(Self { compare, taken: Vec::new(), fresh: Vec::new() })
    }

    /// Bytes that have to be the same.
    pub fn add_bytes(&mut self, py: Python<'_>, taken: &[u8], fresh: &[u8]) {
        self.taken.push(PyBytes::new(py, taken).into_any().unbind());
        self.fresh.push(PyBytes::new(py, fresh).into_any().unbind());
    }

    /// Encodes `object` anew, for which `taken` was written.
    pub fn encode(&mut self, stock: &Stock, object: &Bound<'_, PyAny>, taken: &[u8]) {
        let py = object.py();
        let mut fresh = Encoder::new(py, stock, Vec::new());
        let encoded = fresh.object(object);
        self.taken.push(PyBytes::new(py, taken).into_any().unbind());
        let is_silent = encoded.is_ok() && !fresh.ran_python;
        self.fresh.push(if is_silent { PyBytes::new(py, &fresh.out).into_any().unbind() } else { py.None() });
    }

    /// Decodes `bytes` anew, for which `object` was taken.
    pub fn decode(&mut self, mut decoder: Decoder<'_, '_>, bytes: &[u8], level: u16, object: &Bound<'_, PyAny>) {
        let py = object.py();
        let fresh = decoder.value(&mut Reader::new(bytes), level, Exts::Any).ok();
        self.taken.push(object.clone().unbind());
        self.fresh.push(fresh.filter(|_| !decoder.ran_python).map_or_else(|| py.None(), Bound::unbind));
    }

    /// Compares all elements with one another, and then the whole, where `fresh` makes it anew.
    pub fn end<'py>(
        self,
        py: Python<'py>,
        whole: Option<(Bound<'py, PyAny>, impl FnOnce() -> PyResult<Bound<'py, PyAny>>)>,
    ) -> PyResult<()> {
        if self.taken.is_empty() {
            return Ok(());
        }
        // Before anything is compared: other threads may go on then, and change what is encoded.
        let whole = whole.map(|(whole, fresh)| fresh().map(|fresh| (whole, fresh))).transpose()?;
        let compare = self.compare.bind(py);
        compare.call1((PyList::new(py, self.taken)?, PyList::new(py, self.fresh)?))?;
        whole.map_or(Ok(()), |pair| compare.call1(pair).map(drop))
    }
}
