//! What Python holds of a listing.
use std::sync::Arc;

use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;

use crate::key_part::KeyPart;
use crate::layout::CheckpointKey;

/// Keys of checkpoints, newest first.
#[pyclass(frozen, module = "fast_langgraph._native")]
#[derive(Clone)]
pub struct Listing(pub Arc<Vec<CheckpointKey>>);

#[pymethods]
impl Listing {
    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// Thread, namespace and id.
    fn __getitem__(&self, index: usize) -> PyResult<(KeyPart, KeyPart, KeyPart)> {
        let key = self.0.get(index).ok_or_else(|| PyIndexError::new_err("no such checkpoint"))?;
        Ok((key.thread.clone(), key.namespace.clone(), key.id.clone()))
    }
}
