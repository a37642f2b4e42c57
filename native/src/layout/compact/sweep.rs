//! Removing the pieces of a thread that none of its checkpoints needs.
use fast_langgraph_compact::{Number, parse};
use rusqlite::{Connection, params};

use super::generation::Generation;
use super::pieces;
use crate::errors::SqlError;
use crate::key_part::KeyPart;

/// Removes the pieces of a thread that are not needed, and the thread itself if it has no checkpoint in pieces. Other
/// threads are not touched.
pub fn sweep(conn: &Connection, thread: &KeyPart) -> Result<(), SqlError> {
    let Some(thread) = thread.text() else { return Ok(()) };
    let Some(generation) = Generation::of(conn, thread)? else { return Ok(()) };
    let base = generation.base();
    // If a recipe can't be read, it may need any of them.
    let Some(needed) = needed(conn, thread, base)? else { return Ok(()) };
    let mut removed = 0;
    // All needed pieces below this number are passed.
    let mut next: Number = 0;
    for (first, last) in &needed {
        if *first > next {
            removed += pieces::remove(conn, base, next, first - 1)?;
        }
        next = next.max(last.saturating_add(1));
    }
    removed += pieces::remove(conn, base, next, Number::MAX)?;
    if needed.is_empty() {
        conn.prepare_cached("DELETE FROM fl_threads WHERE thread = ?")?.execute([generation.thread])?;
    } else if removed > 0 {
        conn.prepare_cached("UPDATE fl_threads SET epoch = random() WHERE thread = ?")?.execute([generation.thread])?;
    }
    Ok(())
}

/// The first and the last number of each range that a checkpoint of the thread names, in order. None if a recipe can't
/// be read.
fn needed(conn: &Connection, thread: &str, base: i64) -> Result<Option<Vec<(Number, Number)>>, SqlError> {
    let mut statement = conn.prepare_cached("SELECT ranges FROM fl_checkpoints WHERE thread_id = ? AND base = ?")?;
    let mut rows = statement.query(params![thread, base])?;
    let mut ranges = Vec::new();
    while let Some(row) = rows.next()? {
        let Some(steps) = row.get_ref(0)?.as_str().ok().and_then(|text| parse(text).ok()) else { return Ok(None) };
        ranges.try_reserve(steps.len()).map_err(|_| SqlError::no_memory())?;
        ranges.extend(steps.iter().filter(|step| !step.has_no_pieces()).map(|step| (step.first, step.last)));
    }
    ranges.sort_unstable();
    ranges.dedup();
    Ok(Some(ranges))
}
