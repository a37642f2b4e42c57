//! Whether a file has the checkpoints that are in memory.
//!
//! Who has the only connection that a file is written through need not ask. On a connection of the app's anybody may
//! roll back what was put, and the file itself may be another one by now: a backup that was copied into its place has the
//! same threads, with other pieces.
use rusqlite::{Connection, params};

use super::cache::CheckpointCache;
use crate::errors::SqlError;

/// Forgets the checkpoints of a thread that are not in the file as they are in memory.
pub fn confirm(conn: &Connection, cache: &CheckpointCache, thread: &str) -> Result<(), SqlError> {
    let entries = cache.entries_of(thread);
    if entries.is_empty() {
        return Ok(());
    }
    let mut statement = conn.prepare_cached(
        "SELECT 1 FROM fl_checkpoints WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ? \
         AND ranges = ? AND base = ? AND size = ?",
    )?;
    let mut found = Vec::with_capacity(entries.len());
    for entry in entries {
        if let Some(columns) = &entry.checkpoint.columns
            && statement.exists(params![
                thread,
                entry.namespace,
                entry.id,
                columns.ranges,
                columns.base,
                columns.size
            ])?
        {
            found.push(entry);
        }
    }
    cache.set_entries(thread, found);
    Ok(())
}
