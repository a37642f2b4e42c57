//! What stock's `SqliteSaver.cursor()` returns, timed.
use std::sync::Mutex;

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::call::Call;
use super::clock::clock;
use super::parts::{COMMIT, SQLITE, WAITING};
use crate::sync::lock;

/// It waits for the lock, hands out a cursor, and commits at the end.
#[pyclass(frozen, module = "fast_langgraph._native")]
pub struct TimedCursor {
    call: Py<Call>,
    made: Py<PyAny>,
    waits: bool,
    commits: bool,
    /// When the cursor was handed out, and what was counted of the call elsewhere before.
    entered: Mutex<(f64, f64)>,
}

#[pymethods]
impl TimedCursor {
    /// Of what stock has `made`. The first time, it makes the tables instead of waiting.
    #[new]
    fn new(call: Py<Call>, made: Py<PyAny>, waits: bool, commits: bool) -> Self {
        lock(&call.get().state).contended = false;
        Self { call, made, waits, commits, entered: Mutex::default() }
    }

    fn __enter__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let began = clock();
        let cursor = self.made.call_method0(py, intern!(py, "__enter__"))?;
        let now = clock();
        let mut state = lock(&self.call.get().state);
        state.add(if self.waits { WAITING } else { SQLITE }, now - began);
        *lock(&self.entered) = (now, state.elsewhere);
        Ok(cursor)
    }

    #[pyo3(signature = (*exception))]
    fn __exit__(&self, py: Python<'_>, exception: &Bound<'_, PyTuple>) -> PyResult<Py<PyAny>> {
        let ended = clock();
        let (began, before) = *lock(&self.entered);
        {
            let mut state = lock(&self.call.get().state);
            let elsewhere = state.elsewhere - before;
            state.add(SQLITE, ended - began - elsewhere);
        }
        let left = self.made.call_method1(py, intern!(py, "__exit__"), exception.clone());
        if self.commits {
            lock(&self.call.get().state).add(COMMIT, clock() - ended);
        }
        left
    }
}
