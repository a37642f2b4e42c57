//! Removing threads, checkpoints of a thread as long as nothing was put into it since somebody looked, and pending writes
//! without a checkpoint; and how much that would be.
use rusqlite::{Connection, ToSql, params, params_from_iter};

use super::change::{Mark, NamespaceAndId, Removal, Tally};
use super::created_at::uuid6_pattern;
use super::kind::Layout;
use super::statistics::whole_bytes;
use crate::errors::SqlError;
use crate::key_part::KeyPart;

/// How much would be removed now, whatever the mark of the thread.
pub fn measured(conn: &Connection, layout: Layout, removal: &Removal) -> Result<Tally, SqlError> {
    let rows = Rows { conn, layout, removes: false };
    match removal {
        Removal::Thread { thread, before } => rows.of_thread(thread, before.as_deref()),
        Removal::Checkpoints { thread, keys, .. } => rows.of_checkpoints(thread, keys),
        Removal::Orphans { thread, before } => rows.orphans(thread.as_ref(), before),
    }
}

/// Removes it, within a transaction.
pub fn remove(
    conn: &Connection,
    layout: Layout,
    known_mark: &mut KnownMark,
    removal: &Removal,
) -> Result<Tally, SqlError> {
    let rows = Rows { conn, layout, removes: true };
    match removal {
        Removal::Thread { thread, before } => rows.of_thread(thread, before.as_deref()),
        Removal::Checkpoints { thread, keys, mark } => known_mark.remove_checkpoints(&rows, thread, keys, mark),
        Removal::Orphans { thread, before } => rows.orphans(thread.as_ref(), before),
    }
}

/// Rows that are counted, and removed if that is asked for.
struct Rows<'a> {
    conn: &'a Connection,
    layout: Layout,
    removes: bool,
}

impl Rows<'_> {
    fn of_thread(&self, thread: &KeyPart, before: Option<&str>) -> Result<Tally, SqlError> {
        if let Some(before) = before
            && !is_older(self.conn, self.layout.table(), thread, before)?
        {
            return Ok(Tally::default());
        }
        self.of_key("thread_id = ?", &[thread])
    }

    fn of_checkpoints(&self, thread: &KeyPart, keys: &[NamespaceAndId]) -> Result<Tally, SqlError> {
        let mut all = Tally::default();
        for (namespace, id) in keys {
            all +=
                self.of_key("thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?", &[thread, namespace, id])?;
        }
        Ok(all)
    }

    /// Checkpoints and pending writes.
    fn of_key(&self, condition: &str, key: &[&dyn ToSql]) -> Result<Tally, SqlError> {
        let (checkpoints, bytes) = self.taken(self.layout.table(), whole_bytes(self.layout), condition, key)?;
        let (writes, values) = self.taken("writes", VALUE_BYTES, condition, key)?;
        Ok(Tally { checkpoints, writes, bytes: bytes + values, ..Tally::default() })
    }

    /// Pending writes that belong to no checkpoint. In a thread that has checkpoints, those of a namespace that has none
    /// stay: a run may be about to put its first.
    fn orphans(&self, thread: Option<&KeyPart>, before: &str) -> Result<Tally, SqlError> {
        let table = self.layout.table();
        let of_thread = if thread.is_some() { " AND thread_id = ?3" } else { "" };
        let condition = format!(
            "checkpoint_id < ?1 AND checkpoint_id GLOB ?2{of_thread} \
             AND coalesce(checkpoint_id < (SELECT max(checkpoint_id) FROM {table} c \
                 WHERE c.thread_id = writes.thread_id AND c.checkpoint_ns = writes.checkpoint_ns), \
                 NOT EXISTS (SELECT 1 FROM {table} c WHERE c.thread_id = writes.thread_id)) \
             AND NOT EXISTS (SELECT 1 FROM {table} c WHERE c.thread_id = writes.thread_id \
                 AND c.checkpoint_ns = writes.checkpoint_ns AND c.checkpoint_id = writes.checkpoint_id)"
        );
        let pattern = uuid6_pattern();
        let mut parameters: Vec<&dyn ToSql> = vec![&before, &pattern];
        parameters.extend(thread.map(|thread| thread as &dyn ToSql));
        let (writes, bytes) = self.taken("writes", VALUE_BYTES, &condition, &parameters)?;
        Ok(Tally { writes, bytes, ..Tally::default() })
    }

    /// How many rows of a table there are, and their bytes.
    fn taken(
        &self,
        table: &str,
        bytes: &str,
        condition: &str,
        parameters: &[&dyn ToSql],
    ) -> Result<(u64, u64), SqlError> {
        let found = format!("SELECT count(*), coalesce(sum({bytes}), 0) FROM {table} WHERE {condition}");
        let mut found = self.conn.prepare_cached(&found)?;
        let (rows, bytes) =
            found.query_row(params_from_iter(parameters), |row| Ok((row.get::<_, u64>(0)?, row.get(1)?)))?;
        if self.removes && rows > 0 {
            let delete = format!("DELETE FROM {table} WHERE {condition}");
            self.conn.prepare_cached(&delete)?.execute(params_from_iter(parameters))?;
        }
        Ok((rows, bytes))
    }
}

const VALUE_BYTES: &str = "coalesce(length(value), 0)";

/// Whether the id of a thread's latest checkpoint is a UUIDv6 below `before`.
fn is_older(conn: &Connection, table: &str, thread: &KeyPart, before: &str) -> Result<bool, SqlError> {
    let sql = format!(
        "SELECT coalesce(max(checkpoint_id) < ?2 AND max(checkpoint_id) GLOB ?3, 0) FROM {table} WHERE thread_id = ?1"
    );
    Ok(conn.prepare_cached(&sql)?.query_row(params![thread, before, uuid6_pattern()], |row| row.get(0))?)
}

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

    /// Removes checkpoints with their pending writes, or none if the thread's mark is not `seen`. The mark then has so
    /// many less, and is otherwise the same.
    fn remove_checkpoints(
        &mut self,
        rows: &Rows<'_>,
        thread: &KeyPart,
        keys: &[NamespaceAndId],
        seen: &Mark,
    ) -> Result<Tally, SqlError> {
        if !self.is(rows.conn, rows.layout.table(), thread, seen)? {
            return Ok(Tally::default());
        }
        let removed = rows.of_checkpoints(thread, keys)?;
        let (count, rowid, id) = seen;
        let left = (count.saturating_sub(removed.checkpoints), *rowid, id.clone());
        self.of = Some((thread.clone(), left, Stamp::now(rows.conn)?));
        Ok(removed)
    }

    /// The scans since the last call.
    pub fn take_scans(&mut self) -> u64 {
        std::mem::take(&mut self.scans)
    }
}
