//! A thread's number in the tables of pieces, and its epoch.
//!
//! The epoch changes in the transaction that removes pieces of the thread. A checkpoint in memory is used only under
//! the generation that it was written in, so no checkpoint is ever made of pieces that are gone, and another process
//! may remove pieces at any time.
use fast_langgraph_compact::{NUMBER_BITS, Number};
use rusqlite::{Connection, OptionalExtension};

use super::pieces;
use crate::errors::{SqlError, corrupt};
use crate::key_part::KeyPart;

#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Generation {
    /// The upper half of the ids of the thread's pieces.
    pub thread: i64,
    pub epoch: i64,
}

impl Generation {
    /// What is added to a piece's number to get its id.
    pub fn base(self) -> i64 {
        self.thread << NUMBER_BITS
    }

    pub fn of(conn: &Connection, thread: &str) -> Result<Option<Self>, SqlError> {
        let mut statement = conn.prepare_cached("SELECT thread, epoch FROM fl_threads WHERE thread_id = ?")?;
        Ok(statement.query_row([thread], |row| Ok(Self { thread: row.get(0)?, epoch: row.get(1)? })).optional()?)
    }

    /// Gives a thread that has no pieces a number.
    pub fn create(conn: &Connection, thread: &str) -> Result<Self, SqlError> {
        conn.prepare_cached(
            "INSERT INTO fl_threads (thread_id, thread, epoch) \
             SELECT ?, coalesce(max(thread), 0) + 1, random() FROM fl_threads",
        )?
        .execute([thread])?;
        let created = Self::of(conn, thread)?
            .ok_or_else(|| corrupt(format!("thread {thread:?} could not be added to fl_threads")))?;
        // Pieces of an earlier thread with this number may be left.
        pieces::remove(conn, created.base(), 0, Number::MAX)?;
        Ok(created)
    }
}

/// The ids of all threads that have pieces.
pub fn threads(conn: &Connection) -> Result<Vec<KeyPart>, SqlError> {
    let mut statement = conn.prepare("SELECT thread_id FROM fl_threads")?;
    Ok(statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
}
