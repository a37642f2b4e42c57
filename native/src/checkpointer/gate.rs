//! Who may use the database: nobody while the process forks, nobody again once it is closed.
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::lock;
use crate::errors::SqlError;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Open,
    /// Who comes now waits.
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

/// Somebody who uses the database; it stays open meanwhile.
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
    /// One that is made while the process forks is frozen from the start.
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

    /// Lets nobody in any more and waits until all have left; false where it took longer than `timeout`.
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
            // One that is frozen is thawed first: nobody may be left waiting.
            let mut state = lock(&self.state);
            state.mode = Mode::Closed;
            self.changed.notify_all();
        }
        self.empty(Mode::Closed, timeout)
    }

    /// Waits until all have left one that is closed.
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
