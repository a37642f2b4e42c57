//! Which checkpoints that are put are looked into.
use std::sync::Mutex;

use pyo3::prelude::*;

use super::clock::clock;
use crate::sync::lock;

struct State {
    encodes: bool,
    spent: f64,
    last: f64,
}

/// The first, and those that keep it within a share of the time since the profile began.
#[pyclass(frozen, module = "fast_langgraph._native")]
pub struct Sampler {
    budget: f64,
    began: f64,
    state: Mutex<State>,
}

#[pymethods]
impl Sampler {
    /// `budget` is the share of the time.
    #[new]
    fn new(budget: f64) -> Self {
        Self { budget, began: clock(), state: Mutex::new(State { encodes: false, spent: 0.0, last: 0.0 }) }
    }

    /// Channels are encoded once more from now on.
    fn encode_channels(&self) {
        lock(&self.state).encodes = true;
    }
}

impl Sampler {
    pub fn encodes(&self) -> bool {
        lock(&self.state).encodes
    }

    pub fn is_due(&self, now: f64) -> bool {
        let state = lock(&self.state);
        // The next one may take longer than the last.
        state.spent == 0.0 || state.spent + 2.0 * state.last <= self.budget * (now - self.began)
    }

    pub fn took(&self, seconds: f64) {
        let mut state = lock(&self.state);
        state.spent += seconds;
        state.last = seconds;
    }

    /// The last one took so much more.
    pub fn took_longer(&self, seconds: f64) {
        let mut state = lock(&self.state);
        state.spent += seconds;
        state.last += seconds;
    }
}
