//! The parts of a call, and what is noted of it meanwhile.
use std::collections::HashMap;

use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;

/// What is measured, by its place among the parts.
pub const ENCODE: usize = 0;
pub const DECODE: usize = 1;
pub const WAITING: usize = 2;
pub const SQLITE: usize = 3;
pub const COMMIT: usize = 4;
pub const SQLITE_AND_COMMIT: usize = 5;
pub const PARTS: usize = 6;

/// An error for what is no part.
pub fn known(part: usize) -> PyResult<()> {
    if part < PARTS { Ok(()) } else { Err(PyIndexError::new_err("no such part")) }
}

/// A pending write that was encoded: its bytes and its time.
pub struct Written {
    pub bytes: usize,
    pub seconds: f64,
}

/// A checkpoint that was looked into: by channel the bytes, and the seconds to encode it alone.
pub struct Look {
    pub bytes: Vec<(String, usize)>,
    pub seconds: Option<HashMap<String, f64>>,
}

/// Times are in seconds.
#[derive(Default)]
pub struct State {
    pub began: f64,
    pub ended: f64,
    pub parts: [Option<f64>; PARTS],
    /// What was encoded or decoded.
    pub bytes: Option<usize>,
    /// The name of the class of the exception that ended it.
    pub error: Option<String>,
    /// Between two of what was listed, while the caller looks at it.
    pub away: f64,
    /// What measuring itself took.
    pub overhead: f64,
    /// These two, and encoding and decoding: counted already, or not to be counted.
    pub elsewhere: f64,
    /// What `put` is about to store, until it is encoded.
    pub checkpoint: Option<Py<PyAny>>,
    pub look: Option<Look>,
    pub written: Vec<Written>,
    pub is_over: bool,
    /// Whether the saver's lock was taken as the call began, until the first work on the database.
    pub contended: bool,
    /// Inside the serializer, which may call itself.
    pub coding: bool,
    /// Inside a group commit, which measures its own waiting; and the work on the database that was done before it.
    pub committing: bool,
    pub before_commit: f64,
    pub token: Option<Py<PyAny>>,
}

impl State {
    pub fn add(&mut self, part: usize, seconds: f64) {
        if let Some(part) = self.parts.get_mut(part) {
            *part = Some(part.unwrap_or(0.0) + seconds);
        }
    }

    pub fn part(&self, part: usize) -> f64 {
        self.parts.get(part).copied().flatten().unwrap_or(0.0)
    }

    /// Without what the caller did between two of what was listed, and without measuring.
    pub fn took(&self) -> f64 {
        self.ended - self.began - self.away - self.overhead
    }

    pub fn coded(&mut self, part: usize, seconds: f64, bytes: usize) {
        self.add(part, seconds);
        self.elsewhere += seconds;
        self.bytes = Some(self.bytes.unwrap_or(0) + bytes);
    }

    pub fn measured(&mut self, seconds: f64) {
        self.overhead += seconds;
        self.elsewhere += seconds;
    }

    /// Work on the database begins: if the lock was taken, the call has waited for it until now.
    pub fn first_work(&mut self, now: f64) {
        if self.contended {
            self.contended = false;
            self.add(WAITING, (now - self.began - self.elsewhere).max(0.0));
        }
    }
}
