//! What a profile is told of calls: when any go on, and those that are over.
use std::mem;
use std::sync::Mutex;

use pyo3::prelude::*;

use super::call::Call;
use super::sums::{Sums, sum_up};
use crate::sync::lock;

/// So many calls are added up together: code that was just used runs faster.
const TOGETHER: usize = 512;

#[derive(Default)]
struct State {
    running: usize,
    /// Seconds in which at least one call went on, without those since `busy_since` if any does now.
    busy: f64,
    busy_since: f64,
    ended: Vec<Py<Call>>,
    is_closed: bool,
}

/// Its state is locked for moments in which no Python code runs, so no signal handler and no child of a fork finds it
/// locked.
#[pyclass(frozen, module = "fast_langgraph._native")]
pub struct Tally {
    /// A weak reference to what is called when it is time to `take` what is here.
    full: Py<PyAny>,
    state: Mutex<State>,
}

#[pymethods]
impl Tally {
    #[new]
    fn new(full: Py<PyAny>) -> Self {
        Self { full, state: Mutex::default() }
    }

    /// How many calls go on.
    #[getter]
    fn running(&self) -> usize {
        lock(&self.state).running
    }

    /// Seconds in which at least one call went on until now.
    fn busy(&self, now: f64) -> f64 {
        let state = lock(&self.state);
        state.busy + if state.running > 0 { now - state.busy_since } else { 0.0 }
    }

    /// The sums of calls that have ended since the last time.
    fn take(&self, py: Python<'_>) -> Sums {
        let calls = mem::take(&mut lock(&self.state).ended);
        sum_up(py, &calls)
    }

    /// Nothing is counted from now on.
    fn close(&self) {
        lock(&self.state).is_closed = true;
    }

    /// None of the calls go on: this is the child of a fork.
    fn forget_running(&self) {
        lock(&self.state).running = 0;
    }
}

impl Tally {
    pub fn began(&self, now: f64) {
        let mut state = lock(&self.state);
        if state.is_closed {
            return;
        }
        if state.running == 0 {
            state.busy_since = now;
        }
        state.running += 1;
    }

    pub fn paused(&self, now: f64) {
        let mut state = lock(&self.state);
        if state.is_closed {
            return;
        }
        if state.running == 1 {
            state.busy += now - state.busy_since;
        }
        state.running = state.running.saturating_sub(1);
    }

    pub fn ended(&self, call: &Bound<'_, Call>, now: f64) -> PyResult<()> {
        self.paused(now);
        let is_full = {
            let mut state = lock(&self.state);
            if state.is_closed {
                return Ok(());
            }
            state.ended.push(call.clone().unbind());
            state.ended.len().is_multiple_of(TOGETHER)
        };
        if is_full {
            let full = self.full.bind(call.py()).call0()?;
            if !full.is_none() {
                full.call0()?;
            }
        }
        Ok(())
    }
}
