//! Calls and fallbacks of one site, for `status()`.
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;

/// Reasons are few; should they come from data some day, this many are told apart.
const REASONS: usize = 64;

#[derive(Default)]
struct Inner {
    calls: AtomicU64,
    handed_over: AtomicU64,
    fallbacks: Mutex<BTreeMap<String, u64>>,
}

/// Counts of one site; safe from any thread.
#[pyclass(frozen, module = "fast_langgraph._native")]
#[derive(Clone, Default)]
pub struct Counts(Arc<Inner>);

impl Counts {
    /// Single values within a call that stock's own code encoded or decoded.
    pub fn hand_over(&self, values: u64) {
        if values > 0 {
            self.0.handed_over.fetch_add(values, Ordering::Relaxed);
        }
    }
}

#[pymethods]
impl Counts {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Calls so far, those that fell back included.
    #[getter]
    fn calls(&self) -> u64 {
        self.0.calls.load(Ordering::Relaxed)
    }

    #[getter]
    fn handed_over(&self) -> u64 {
        self.0.handed_over.load(Ordering::Relaxed)
    }

    /// Calls that stock's code carried out, by reason.
    #[getter]
    fn fallbacks(&self) -> BTreeMap<String, u64> {
        self.0.fallbacks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts a call.
    pub fn called(&self) {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a call that stock's code carries out.
    pub fn fell_back(&self, reason: &str) {
        self.called();
        let mut fallbacks = self.0.fallbacks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = fallbacks.get_mut(reason) {
            *count += 1;
        } else {
            let reason = if fallbacks.len() < REASONS { reason } else { "other reasons" };
            *fallbacks.entry(reason.to_owned()).or_default() += 1;
        }
    }
}
