//! Connections to read with, lent out one by one.
use std::sync::{Condvar, Mutex, PoisonError};

use rusqlite::Connection;

use super::connection::{self, Use};
use super::database::Database;
use super::{busy, lock};
use crate::errors::SqlError;

#[derive(Default)]
struct State {
    idle: Vec<Connection>,
    lent: usize,
}

#[derive(Default)]
pub struct Readers {
    state: Mutex<State>,
    returned: Condvar,
}

/// A place among the readers, given back in the end.
struct Place<'a>(&'a Readers);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).lent -= 1;
        self.0.returned.notify_one();
    }
}

impl Readers {
    /// Calls `work` with a connection; waits where as many as there may be are lent out.
    pub fn with<T>(
        &self,
        database: &Database,
        work: impl FnOnce(&Connection) -> Result<T, SqlError>,
    ) -> Result<T, SqlError> {
        let mut state = lock(&self.state);
        while state.lent >= database.options.readers {
            state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.lent += 1;
        let idle = state.idle.pop();
        drop(state);
        let _place = Place(self);
        let conn = match idle {
            Some(conn) => conn,
            None => {
                database.counters.connections_opened.add(1);
                connection::open(&database.options, Use::Read)?
            }
        };
        busy::limit(database.options.busy_timeout);
        let result = work(&conn);
        // One on which something failed is closed: what it holds may be stale.
        if result.is_ok() {
            lock(&self.state).idle.push(conn);
        }
        result
    }

    pub fn close(&self) {
        let idle = std::mem::take(&mut lock(&self.state).idle);
        drop(idle);
    }
}

/// Calls `work` with all that it reads being of one moment.
pub fn at_one_moment<T>(
    conn: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, SqlError>,
) -> Result<T, SqlError> {
    conn.prepare_cached("BEGIN")?.execute([])?;
    let result = work(conn);
    // Ends a transaction that has only read; where something failed, the error is what counts.
    let ended = conn.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]));
    let value = result?;
    ended?;
    Ok(value)
}
