//! One call of a saver's method that goes on.
use std::collections::HashMap;
use std::sync::Mutex;

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::clock::clock;
use super::encoded::{size_of, sizes_in};
use super::parts::{DECODE, ENCODE, Look, PARTS, SQLITE_AND_COMMIT, State, WAITING, Written, known};
use super::sampler::Sampler;
use crate::sync::lock;

/// What a method is about to store: a checkpoint, or pending writes to these channels.
pub enum Stored {
    Checkpoint(Option<Py<PyAny>>),
    Writes(Vec<String>),
    Nothing,
}

/// Its state is locked for moments in which no Python code runs, so no child of a fork finds it locked.
#[pyclass(frozen, module = "fast_langgraph._native")]
pub struct Call {
    /// The saver's class and the method.
    #[pyo3(get)]
    pub method: Py<PyTuple>,
    /// Who is told of it: tallies, and what has a method `ended`.
    #[pyo3(get)]
    pub told: Py<PyTuple>,
    sampler: Py<Sampler>,
    pub is_put: bool,
    /// Of what `put_writes` is about to store; None of other methods.
    pub channels: Option<Vec<String>>,
    pub state: Mutex<State>,
}

impl Call {
    pub fn new(method: Py<PyTuple>, told: Py<PyTuple>, sampler: Py<Sampler>, stored: Stored, contended: bool) -> Self {
        let is_put = matches!(stored, Stored::Checkpoint(_));
        let (checkpoint, channels) = match stored {
            Stored::Checkpoint(checkpoint) => (checkpoint, None),
            Stored::Writes(channels) => (None, Some(channels)),
            Stored::Nothing => (None, None),
        };
        let state = Mutex::new(State { checkpoint, contended, ..State::default() });
        Self { method, told, sampler, is_put, channels, state }
    }

    /// When encoding or decoding begins; None in a call that is over, and inside the serializer.
    pub fn begin_coding(&self) -> Option<f64> {
        let mut state = lock(&self.state);
        if state.is_over || state.coding {
            return None;
        }
        state.coding = true;
        Some(clock())
    }

    /// The result is what `dumps_typed` has returned for the value. Whether each channel is to be encoded alone as well.
    pub fn encoded(&self, began: f64, result: &Bound<'_, PyAny>, value: Option<&Bound<'_, PyAny>>) -> bool {
        let seconds = clock() - began;
        let bytes = size_of(result);
        let checkpoint = {
            let mut state = lock(&self.state);
            state.coded(ENCODE, seconds, bytes);
            state.coding = false;
            if self.channels.is_some() {
                state.written.push(Written { bytes, seconds });
            }
            state.checkpoint.take_if(|checkpoint| value.is_some_and(|value| value.is(&*checkpoint)))
        };
        let sampler = self.sampler.get();
        if checkpoint.is_none() || !sampler.is_due(began) {
            return false;
        }
        let looked = clock();
        let look = sizes_in(result).map(|bytes| Look { bytes, seconds: None });
        let mut state = lock(&self.state);
        state.look = look;
        let seconds = clock() - looked;
        sampler.took(seconds);
        state.measured(seconds);
        state.coding = sampler.encodes();
        state.coding
    }

    /// Each channel was encoded alone since then, and took so long; None if one could not be.
    pub fn encoded_alone(&self, began: f64, times: Option<HashMap<String, f64>>) {
        let mut state = lock(&self.state);
        if let Some(look) = state.look.as_mut() {
            look.seconds = times;
        }
        let seconds = clock() - began;
        self.sampler.get().took_longer(seconds);
        state.measured(seconds);
        state.coding = false;
    }

    /// It began at that time. The bytes are those that were decoded, alone or in a pair with their kind.
    pub fn decoded(&self, began: f64, data: Option<&Bound<'_, PyAny>>) {
        let seconds = clock() - began;
        let bytes = data.map_or(0, size_of);
        let mut state = lock(&self.state);
        state.coded(DECODE, seconds, bytes);
        state.coding = false;
    }

    pub fn end_coding(&self) {
        lock(&self.state).coding = false;
    }

    pub fn end_work(&self, part: usize, began: f64) {
        let seconds = clock() - began;
        lock(&self.state).add(part, seconds);
    }
}

#[pymethods]
impl Call {
    #[getter]
    fn is_over(&self) -> bool {
        lock(&self.state).is_over
    }

    #[getter]
    fn began(&self) -> f64 {
        lock(&self.state).began
    }

    #[getter]
    fn ended(&self) -> f64 {
        lock(&self.state).ended
    }

    #[getter]
    fn took(&self) -> f64 {
        lock(&self.state).took()
    }

    #[getter]
    fn parts(&self) -> [Option<f64>; PARTS] {
        lock(&self.state).parts
    }

    #[getter]
    fn bytes(&self) -> Option<usize> {
        lock(&self.state).bytes
    }

    #[getter]
    fn error(&self) -> Option<String> {
        lock(&self.state).error.clone()
    }

    /// By the exception of this class.
    pub fn failed(&self, name: String) {
        lock(&self.state).error = Some(name);
    }

    /// When work on the database begins, with the saver's lock held; None in a call that is over.
    pub fn begin_work(&self) -> Option<f64> {
        let mut state = lock(&self.state);
        if state.is_over {
            return None;
        }
        let now = clock();
        state.first_work(now);
        Some(now)
    }

    /// When a group commit begins; None in a call that is over. All that is not the call's own work on the database is
    /// waiting: for the lock, or for somebody who has it and commits this call's rows with others. `waits` says whether
    /// the call may have waited for the lock before.
    pub fn begin_commit(&self, waits: bool) -> Option<f64> {
        let mut state = lock(&self.state);
        if state.is_over {
            return None;
        }
        let now = clock();
        if waits {
            state.first_work(now);
        }
        state.contended = false;
        state.committing = true;
        state.before_commit = state.part(SQLITE_AND_COMMIT);
        Some(now)
    }

    pub fn end_commit(&self, began: f64) {
        let seconds = clock() - began;
        let mut state = lock(&self.state);
        let own = state.part(SQLITE_AND_COMMIT) - state.before_commit;
        state.add(WAITING, seconds - own);
        state.committing = false;
    }

    /// Another thread has worked on the database; the rest of the time was waiting for it.
    fn end_hop(&self, part: usize, began: f64, worked: f64) -> PyResult<()> {
        let seconds = clock() - began;
        known(part)?;
        let mut state = lock(&self.state);
        state.add(part, worked);
        if !state.committing {
            state.add(WAITING, (seconds - worked).max(0.0));
        }
        Ok(())
    }
}
