//! From one layout to the other, some rows in a transaction: whoever else reads or writes does so in between, and
//! whenever it ends the database is whole.
use std::sync::Arc;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};

use super::hot::Hot;
use super::{COLUMNS, Key, is_cut, made_of_pieces, put_together, tables};
use crate::buffer::Buffer;
use crate::checkpointer::layout::Layout;
use crate::errors::SqlError;

/// Rows of a transaction at most, and about how many bytes.
const ROWS: usize = 256;
const BYTES: usize = 8 << 20;

/// Takes the rows after `from` to a layout, as many as make a transaction, within which it is called. Returns the
/// last that it came to; 0 when all are done.
pub fn convert(conn: &Connection, hot: &mut Hot, to: Layout, from: i64) -> Result<u64, SqlError> {
    let found = tables::layout(conn)?;
    match (found, to) {
        (Layout::Standard, Layout::Compact) => tables::make(conn)?,
        (Layout::Closing, Layout::Compact) => tables::reopen(conn)?,
        (Layout::Compact, Layout::Standard) => tables::close(conn)?,
        (Layout::Standard, _) => return Ok(0),
        _ => {}
    }
    let last = if to == Layout::Compact { cut(conn, hot, from)? } else { back(conn, from)? };
    Ok(last.and_then(|last| u64::try_from(last).ok()).unwrap_or(0))
}

/// Rows that are stored as they are.
fn cut(conn: &Connection, hot: &mut Hot, from: i64) -> Result<Option<i64>, SqlError> {
    let mut statement =
        conn.prepare(&format!("{COLUMNS} WHERE rowid > ? AND ranges IS NULL ORDER BY rowid LIMIT {ROWS}"))?;
    let mut update =
        conn.prepare("UPDATE fl_checkpoints SET checkpoint = ?, ranges = ?, base = ?, size = ? WHERE rowid = ?")?;
    let mut rows = statement.query([from])?;
    let (mut last, mut bytes) = (None, 0);
    while bytes < BYTES
        && let Some(row) = rows.next()?
    {
        let id: i64 = row.get(10)?;
        last = Some(id);
        let (ValueRef::Text(kind), ValueRef::Blob(blob)) = (row.get_ref(4)?, row.get_ref(5)?) else { continue };
        let text = |index| row.get::<_, String>(index);
        let (Ok(thread), Ok(namespace), Ok(checkpoint)) = (text(0), text(1), text(2)) else { continue };
        if !std::str::from_utf8(kind).is_ok_and(is_cut) {
            continue;
        }
        let parent = text(3).ok();
        let key = Key { thread: &thread, namespace: &namespace, id: &checkpoint, parent: parent.as_deref() };
        bytes += blob.len();
        if let Some(made) = made_of_pieces(conn, hot, &key, &Arc::new(Buffer::new(blob.to_vec())))? {
            update.execute(params![made.own, made.ranges, made.base, made.size, id])?;
        }
    }
    Ok(last)
}

/// The same towards the standard layout, which the tables take in the end.
fn back(conn: &Connection, from: i64) -> Result<Option<i64>, SqlError> {
    let mut last = put_back(conn, from)?;
    if last.is_none() {
        // Somebody who converted the other way meanwhile may have cut rows before `from`; with the pieces they
        // would be lost.
        last = put_back(conn, i64::MIN)?;
    }
    if last.is_none() {
        tables::unmake(conn)?;
    }
    Ok(last)
}

/// Rows that are put together from pieces.
fn put_back(conn: &Connection, from: i64) -> Result<Option<i64>, SqlError> {
    let mut statement =
        conn.prepare(&format!("{COLUMNS} WHERE rowid > ? AND ranges IS NOT NULL ORDER BY rowid LIMIT {ROWS}"))?;
    let mut update = conn
        .prepare("UPDATE fl_checkpoints SET checkpoint = ?, ranges = NULL, base = NULL, size = NULL WHERE rowid = ?")?;
    let mut rows = statement.query([from])?;
    let (mut last, mut bytes) = (None, 0);
    while bytes < BYTES
        && let Some(row) = rows.next()?
    {
        let id: i64 = row.get(10)?;
        last = Some(id);
        let (whole, _) = put_together(conn, row, None)?;
        bytes += whole.len();
        update.execute(params![whole, id])?;
    }
    Ok(last)
}
