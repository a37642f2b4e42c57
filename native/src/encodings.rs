//! Pending writes that are being encoded. SqliteSaver encodes them under its lock, so a checkpoint that is put meanwhile
//! is on disk no earlier than they are. Ours are encoded without it, so the checkpoint waits until they are queued.
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::sync::lock;

/// Nobody waits longer: what encodes, an app's own code, may itself wait for the one who waits. On stock both would
/// wait for ever.
const PATIENCE: Duration = Duration::from_secs(5);

struct Begun {
    /// The child of a fork has none of its parent's threads, so what they have begun never ends there, and their locks
    /// may stay locked.
    process: u32,
    thread: ThreadId,
    is_over: Mutex<bool>,
    ended: Condvar,
}

impl Begun {
    fn is_inherited(&self) -> bool {
        self.process != std::process::id()
    }

    fn is_over(&self) -> bool {
        self.is_inherited() || *lock(&self.is_over)
    }

    fn end(&self) {
        if !self.is_inherited() {
            *lock(&self.is_over) = true;
            self.ended.notify_all();
        }
    }

    fn wait(&self, until: Instant) -> bool {
        let mut is_over = lock(&self.is_over);
        while !*is_over {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            is_over = self.ended.wait_timeout(is_over, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

/// Those of one saver.
#[pyclass(frozen, module = "fast_langgraph._native")]
#[derive(Default)]
pub struct Encodings {
    /// Locked with the GIL only, so that no child of a fork finds it locked.
    begun: Mutex<Vec<Arc<Begun>>>,
}

#[pymethods]
impl Encodings {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// To be called before pending writes are encoded.
    fn begin(&self) -> Encoding {
        let begun = Arc::new(Begun {
            process: std::process::id(),
            thread: thread::current().id(),
            is_over: Mutex::new(false),
            ended: Condvar::new(),
        });
        let mut all = lock(&self.begun);
        all.retain(|begun| !begun.is_over());
        all.push(Arc::clone(&begun));
        Encoding(begun)
    }

    /// Waits until those are over that other threads have begun; false if that takes too long.
    fn wait(&self, py: Python<'_>) -> bool {
        let thread = thread::current().id();
        let mut others = lock(&self.begun).clone();
        others.retain(|begun| begun.thread != thread && !begun.is_over());
        let until = Instant::now() + PATIENCE;
        others.is_empty() || py.detach(|| others.iter().all(|begun| begun.wait(until)))
    }
}

/// The pending writes of one call, until they are queued: over at the end of a `with`, or by `end` before that. Dropped
/// where Ctrl-C has kept the `with` from beginning.
#[pyclass(frozen, module = "fast_langgraph._native")]
pub struct Encoding(Arc<Begun>);

#[pymethods]
impl Encoding {
    /// To be called once they are queued. May be called again.
    pub fn end(&self) {
        self.0.end();
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, PyTuple>) {
        self.0.end();
    }
}

impl Drop for Encoding {
    fn drop(&mut self) {
        self.0.end();
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Encodings>()?;
    module.add_class::<Encoding>()
}
