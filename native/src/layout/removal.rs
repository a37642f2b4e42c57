//! Removing checkpoints of a thread, as long as nothing was put into it since somebody looked.
use rusqlite::Connection;

use super::change::{Mark, NamespaceAndId};
use super::standard::delete;
use crate::errors::SqlError;
use crate::key_part::KeyPart;

/// The mark of a thread. It takes a look at all of the thread's keys.
pub fn mark(conn: &Connection, table: &str, thread: &KeyPart) -> Result<Mark, SqlError> {
    let sql = format!("SELECT count(*), max(rowid), max(checkpoint_id) FROM {table} WHERE thread_id = ?");
    Ok(conn.prepare_cached(&sql)?.query_row([thread], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?)
}

/// What the writing connection knows of the thread that it removed checkpoints from last. A thread of 100,000 is removed
/// in 200 transactions: to look at all of its keys in each takes most of the time.
#[derive(Default)]
pub struct KnownMark {
    of: Option<(KeyPart, Mark, Stamp)>,
    /// How often all keys of a thread were looked at.
    scans: u64,
}

/// Changes with anything that is written: by others, and by this connection.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    data_version: i64,
    total_changes: u64,
}

impl Stamp {
    /// Within a transaction.
    fn now(conn: &Connection) -> Result<Self, SqlError> {
        let data_version = conn.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        Ok(Self { data_version, total_changes: conn.total_changes() })
    }
}

impl KnownMark {
    /// Whether the thread has this mark still. If nothing at all was written since, it need not be looked at.
    fn is(&mut self, conn: &Connection, table: &str, thread: &KeyPart, seen: &Mark) -> Result<bool, SqlError> {
        if let Some((thread_id, known, stamp)) = &self.of
            && thread_id == thread
            && known == seen
            && *stamp == Stamp::now(conn)?
        {
            return Ok(true);
        }
        self.scans += 1;
        Ok(*seen == mark(conn, table, thread)?)
    }

    /// Deletes checkpoints with their pending writes, or none if the thread's mark is not `seen`. Returns how many there
    /// were; the mark then has so many less, and is otherwise the same.
    pub fn delete_checkpoints(
        &mut self,
        conn: &Connection,
        table: &str,
        thread: &KeyPart,
        keys: &[NamespaceAndId],
        seen: &Mark,
    ) -> Result<u64, SqlError> {
        if !self.is(conn, table, thread, seen)? {
            return Ok(0);
        }
        let mut deleted = 0;
        for (namespace, id) in keys {
            let key = [thread, namespace, id];
            let of_key = "WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?";
            deleted += delete(conn, &format!("DELETE FROM {table} {of_key}"), &key)?;
            delete(conn, &format!("DELETE FROM writes {of_key}"), &key)?;
        }
        let (count, rowid, id) = seen;
        let left = (count.saturating_sub(deleted), *rowid, id.clone());
        self.of = Some((thread.clone(), left, Stamp::now(conn)?));
        Ok(deleted)
    }

    /// The scans since the last call.
    pub fn take_scans(&mut self) -> u64 {
        std::mem::take(&mut self.scans)
    }
}
