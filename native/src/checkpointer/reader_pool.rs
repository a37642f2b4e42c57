//! Connections to read with, lent to one caller at a time.
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use rusqlite::Connection;

use super::busy;
use super::connection::{self, Use};
use super::shared::Shared;
use crate::errors::SqlError;
use crate::sync::lock;

#[derive(Default)]
struct State {
    idle: Vec<Connection>,
    lent: usize,
}

pub struct ReaderPool {
    shared: Arc<Shared>,
    state: Mutex<State>,
    returned: Condvar,
}

/// Counts a connection as lent until it is dropped.
struct Lent<'a>(&'a ReaderPool);

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).lent -= 1;
        self.0.returned.notify_one();
    }
}

impl ReaderPool {
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared, state: Mutex::default(), returned: Condvar::new() }
    }

    /// Calls `work` with a connection. Waits while all that there may be are lent.
    pub fn with<T>(&self, work: impl FnOnce(&Connection) -> Result<T, SqlError>) -> Result<T, SqlError> {
        let options = &self.shared.options;
        let mut state = lock(&self.state);
        while state.lent >= options.readers {
            state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.lent += 1;
        let idle = state.idle.pop();
        drop(state);
        let _lent = Lent(self);
        let conn = match idle {
            Some(conn) => conn,
            None => {
                self.shared.counters.connections_opened.add(1);
                connection::open(options, Use::Read)?
            }
        };
        busy::set_timeout(options.busy_timeout);
        let result = work(&conn);
        // A connection on which something failed is closed: what it holds may be stale.
        if result.is_ok() {
            lock(&self.state).idle.push(conn);
        }
        result
    }

    /// Closes the connections that are not lent.
    pub fn close(&self) {
        let idle = std::mem::take(&mut lock(&self.state).idle);
        drop(idle);
    }
}

/// Calls `work` in a read transaction, so that all it reads is of one snapshot.
pub fn in_transaction<T>(
    conn: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, SqlError>,
) -> Result<T, SqlError> {
    conn.prepare_cached("BEGIN")?.execute([])?;
    let result = work(conn);
    // If `work` failed, its error is the one that counts.
    let ended = conn.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]));
    let value = result?;
    ended?;
    Ok(value)
}
