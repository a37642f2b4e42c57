//! Removing the pieces of a thread that none of its checkpoints needs.
use rusqlite::Connection;

use super::hot::Generation;
use super::numbers::Number;
use super::recipe;
use super::{corrupt, params};
use crate::errors::SqlError;

/// Removes what is not needed of a thread, and the thread where it has no checkpoint. No other is looked at.
/// Within a transaction.
pub fn sweep(conn: &Connection, thread: &str) -> Result<(), SqlError> {
    let Some(generation) = Generation::of(conn, thread)? else { return Ok(()) };
    let needed = needed(conn, thread, generation)?;
    let mut removed = 0;
    // Up to here, all that is needed is kept.
    let mut next: Number = 0;
    for (first, last) in &needed {
        if *first > next {
            removed += remove(conn, generation, next, first - 1)?;
        }
        next = next.max(last.saturating_add(1));
    }
    removed += remove(conn, generation, next, Number::MAX)?;
    if needed.is_empty() {
        conn.prepare_cached("DELETE FROM fl_threads WHERE thread = ?")?.execute([generation.thread])?;
    } else if removed > 0 {
        conn.prepare_cached("UPDATE fl_threads SET epoch = random() WHERE thread = ?")?.execute([generation.thread])?;
    }
    Ok(())
}

/// First and last of each range that a checkpoint of the thread names, in order.
fn needed(conn: &Connection, thread: &str, generation: Generation) -> Result<Vec<(Number, Number)>, SqlError> {
    let mut statement = conn.prepare_cached("SELECT ranges FROM fl_checkpoints WHERE thread_id = ? AND base = ?")?;
    let mut rows = statement.query(params![thread, generation.base()])?;
    let mut ranges = Vec::new();
    while let Some(row) = rows.next()? {
        let text = row.get_ref(0)?;
        // Of what can't be read nothing may be removed.
        let parts = text.as_str().ok().and_then(recipe::parts);
        let parts =
            parts.ok_or_else(|| corrupt(format!("a checkpoint of thread {thread:?} has ranges that make no sense")))?;
        ranges.extend(parts.iter().filter(|part| part.first <= part.last).map(|part| (part.first, part.last)));
    }
    ranges.sort_unstable();
    ranges.dedup();
    Ok(ranges)
}

pub fn remove(conn: &Connection, generation: Generation, first: Number, last: Number) -> Result<usize, SqlError> {
    let (first, last) = (generation.base() + i64::from(first), generation.base() + i64::from(last));
    let mut statement = conn.prepare_cached("DELETE FROM fl_pieces WHERE id BETWEEN ? AND ?")?;
    Ok(statement.execute([first, last])?)
}

/// All threads that have pieces.
pub fn threads(conn: &Connection) -> Result<Vec<String>, SqlError> {
    let mut statement = conn.prepare("SELECT thread_id FROM fl_threads")?;
    Ok(statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
}
