//! Who may use a database: nobody while the process forks, and nobody once it is closed.
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::errors::SqlError;
use crate::sync::lock;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Open,
    /// Callers wait.
    Frozen,
    Closed,
}

struct State {
    mode: Mode,
    inside: usize,
}

pub struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

/// A caller that uses the database. It stays open as long as this lives.
pub struct Inside(Arc<Gate>);

impl Drop for Inside {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.inside -= 1;
        if state.inside == 0 && state.mode != Mode::Open {
            self.0.changed.notify_all();
        }
    }
}

impl Gate {
    /// A gate that is made while the process forks is frozen from the start.
    pub fn new(is_frozen: bool) -> Arc<Self> {
        let mode = if is_frozen { Mode::Frozen } else { Mode::Open };
        Arc::new(Self { state: Mutex::new(State { mode, inside: 0 }), changed: Condvar::new() })
    }

    /// Waits while the process forks, so the GIL must not be held.
    pub fn enter(self: &Arc<Self>) -> Result<Inside, SqlError> {
        let mut state = lock(&self.state);
        loop {
            match state.mode {
                Mode::Open => {
                    state.inside += 1;
                    return Ok(Inside(Arc::clone(self)));
                }
                Mode::Frozen => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Mode::Closed => return Err(SqlError::closed()),
            }
        }
    }

    /// Lets nobody in any more and waits until all have left; false if that takes longer than `timeout`.
    fn empty(&self, mode: Mode, timeout: Duration) -> bool {
        let until = Instant::now() + timeout;
        let mut state = lock(&self.state);
        if state.mode == Mode::Open {
            state.mode = mode;
        }
        while state.inside > 0 {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    pub fn freeze(&self, timeout: Duration) -> bool {
        self.empty(Mode::Frozen, timeout)
    }

    pub fn thaw(&self) {
        let mut state = lock(&self.state);
        if state.mode == Mode::Frozen {
            state.mode = Mode::Open;
            self.changed.notify_all();
        }
    }

    pub fn close(&self, timeout: Duration) -> bool {
        {
            // Whoever waits at a frozen gate hears of it too.
            let mut state = lock(&self.state);
            state.mode = Mode::Closed;
            self.changed.notify_all();
        }
        self.empty(Mode::Closed, timeout)
    }

    /// Waits until all have left a closed gate.
    pub fn wait(&self) {
        let mut state = lock(&self.state);
        while state.inside > 0 {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub fn is_closed(&self) -> bool {
        lock(&self.state).mode == Mode::Closed
    }
}
