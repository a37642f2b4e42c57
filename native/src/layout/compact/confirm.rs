//! Whether a file has the checkpoints that are in memory.
use rusqlite::{Connection, params};

use super::cache::{CacheEntry, CacheWriter, Writer};
use crate::errors::SqlError;

/// Forgets the checkpoints of a thread that are not in the file as they are in memory: a transaction may have been rolled
/// back unseen, and a backup that was copied into the file has the same threads with other pieces. What this connection
/// alone has put need not be looked for.
pub fn confirm(conn: &Connection, cache: &CacheWriter, thread: &str) -> Result<(), SqlError> {
    let entries = cache.cache.entries_of(thread);
    let is_sure = |entry: &CacheEntry| entry.by == cache.by && cache.by != Writer::AnyConnection;
    if entries.iter().all(is_sure) {
        return Ok(());
    }
    let mut statement = conn.prepare_cached(
        "SELECT 1 FROM fl_checkpoints WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ? \
         AND ranges = ? AND base = ? AND size = ?",
    )?;
    let mut found = Vec::with_capacity(entries.len());
    for entry in entries {
        let is_there = is_sure(&entry)
            || match &entry.checkpoint.columns {
                Some(of) => {
                    statement.exists(params![thread, entry.namespace, entry.id, of.ranges, of.base, of.size])?
                }
                None => false,
            };
        if is_there {
            found.push(CacheEntry { by: cache.by, ..entry });
        }
    }
    cache.cache.set_entries(thread, found);
    Ok(())
}
