//! Converting a database from one layout to the other, some rows in each transaction. Others read and write in between,
//! and the database is whole wherever the conversion stops.
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};

use super::assembly::{
    CHECKPOINT, CHECKPOINT_ID, CHECKPOINT_NS, PARENT_CHECKPOINT_ID, ROWID, SELECT, THREAD_ID, TYPE, assembled,
    assembled_if_whole,
};
use super::cache::CacheWriter;
use super::store::{Key, can_be_cut, store};
use super::tables;
use crate::buffer::Buffer;
use crate::errors::{SqlError, corrupt};
use crate::layout::change::Tally;
use crate::layout::kind::Layout;
use crate::layout::statistics::whole_state_bytes;

/// A transaction converts at most so many rows, or about so many bytes, or for about so long: others wait for it, and
/// fail after 5 s unless they are told otherwise. It converts one row at least.
const MAX_ROWS: usize = 256;
const MAX_BYTES: u64 = 8 << 20;
const LONGEST: Duration = Duration::from_millis(250);

/// An error names at most so many damaged rows.
const MAX_NAMED: usize = 8;

/// How much there is to convert: threads, checkpoints, and their bytes as the standard layout stores them, without
/// metadata. Into the compact layout it may be less, because what has nothing in common with others stays whole.
pub fn remaining(conn: &Connection, to: Layout) -> Result<(u64, u64, u64), SqlError> {
    let found = tables::layout(conn)?;
    let condition = match (found.is_compact(), to) {
        (false, Layout::Compact) => "true",
        (false, _) => "false",
        (true, Layout::Compact) => "ranges IS NULL",
        (true, _) => "ranges IS NOT NULL",
    };
    let bytes = if found.is_compact() { whole_state_bytes!() } else { "coalesce(length(checkpoint), 0)" };
    let sql = format!(
        "SELECT count(DISTINCT thread_id), count(*), coalesce(sum({bytes}), 0) FROM {} WHERE {condition}",
        found.table()
    );
    Ok(conn.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?)
}

/// Converts rows after rowid `from`, as many as suit the transaction that it is called in.
pub fn convert(conn: &Connection, cache: &mut CacheWriter, to: Layout, from: i64) -> Result<Tally, SqlError> {
    let found = tables::layout(conn)?;
    match (found, to) {
        (Layout::Standard, Layout::Compact) => tables::make(conn, false)?,
        (Layout::Closing, Layout::Compact) => tables::end_closing(conn)?,
        (Layout::Compact, Layout::Standard) => tables::begin_closing(conn)?,
        (Layout::Standard, _) => return Ok(Tally::default()),
        _ => {}
    }
    let rows = if to == Layout::Compact { to_compact(conn, cache, from)? } else { to_standard(conn, from)? };
    let next = rows.last.and_then(|last| u64::try_from(last).ok()).unwrap_or(0);
    Ok(Tally { checkpoints: rows.converted, bytes: rows.bytes, next, ..Tally::default() })
}

/// Rows that were gone through: the last of them, and those that were converted, with their bytes.
#[derive(Default)]
struct ConvertedRows {
    last: Option<i64>,
    converted: u64,
    bytes: u64,
}

/// Converts rows that are stored as they are.
fn to_compact(conn: &Connection, cache: &mut CacheWriter, from: i64) -> Result<ConvertedRows, SqlError> {
    let mut statement =
        conn.prepare(&format!("{SELECT} WHERE rowid > ? AND ranges IS NULL ORDER BY rowid LIMIT {MAX_ROWS}"))?;
    let mut update =
        conn.prepare("UPDATE fl_checkpoints SET checkpoint = ?, ranges = ?, base = ?, size = ? WHERE rowid = ?")?;
    let mut rows = statement.query([from])?;
    let (mut done, mut bytes, began) = (ConvertedRows::default(), 0, Instant::now());
    while bytes < MAX_BYTES
        && (done.last.is_none() || began.elapsed() < LONGEST)
        && let Some(row) = rows.next()?
    {
        let id: i64 = row.get(ROWID)?;
        done.last = Some(id);
        let (ValueRef::Text(kind), ValueRef::Blob(blob)) = (row.get_ref(TYPE)?, row.get_ref(CHECKPOINT)?) else {
            continue;
        };
        let text = |index| row.get::<_, String>(index);
        let (Ok(thread), Ok(namespace), Ok(checkpoint)) = (text(THREAD_ID), text(CHECKPOINT_NS), text(CHECKPOINT_ID))
        else {
            continue;
        };
        if !std::str::from_utf8(kind).is_ok_and(can_be_cut) {
            continue;
        }
        let parent = text(PARENT_CHECKPOINT_ID).ok();
        let key = Key { thread: &thread, namespace: &namespace, id: &checkpoint, parent: parent.as_deref() };
        bytes += blob.len() as u64;
        if let Some(columns) = store(conn, cache, &key, &Arc::new(Buffer::new(blob.to_vec())))? {
            update.execute(params![columns.own, columns.ranges, columns.base, columns.size, id])?;
            done.converted += 1;
            done.bytes += blob.len() as u64;
        }
    }
    Ok(done)
}

/// Converts rows back, and the tables when no row is left in pieces.
///
/// # Errors
/// If only damaged rows are left: they can't be put together, and the tables of pieces stay for them.
fn to_standard(conn: &Connection, from: i64) -> Result<ConvertedRows, SqlError> {
    let batch = whole_again(conn, from)?;
    if batch.last.is_some() {
        return Ok(batch);
    }
    // Another process that converted the other way meanwhile may have cut rows before `from`. They would be lost with
    // the pieces.
    let mut from = i64::MIN;
    loop {
        let batch = whole_again(conn, from)?;
        match batch.last {
            Some(_) if batch.converted > 0 => return Ok(batch),
            Some(last) => from = last,
            None => break,
        }
    }
    match damaged(conn)? {
        None => tables::unmake(conn).map(|()| ConvertedRows::default()),
        Some(error) => Err(error),
    }
}

/// Converts rows that are made of pieces. Damaged ones are left as they are.
fn whole_again(conn: &Connection, from: i64) -> Result<ConvertedRows, SqlError> {
    let mut statement =
        conn.prepare(&format!("{SELECT} WHERE rowid > ? AND ranges IS NOT NULL ORDER BY rowid LIMIT {MAX_ROWS}"))?;
    let mut update = conn
        .prepare("UPDATE fl_checkpoints SET checkpoint = ?, ranges = NULL, base = NULL, size = NULL WHERE rowid = ?")?;
    let mut rows = statement.query([from])?;
    let (mut done, began) = (ConvertedRows::default(), Instant::now());
    while done.bytes < MAX_BYTES
        && (done.last.is_none() || began.elapsed() < LONGEST)
        && let Some(row) = rows.next()?
    {
        let id: i64 = row.get(ROWID)?;
        done.last = Some(id);
        if let Some(whole) = assembled_if_whole(conn, row)? {
            done.bytes += whole.bytes.len() as u64;
            update.execute(params![whole.bytes, id])?;
            done.converted += 1;
        }
    }
    Ok(done)
}

/// The error that names the rows which are still in pieces, if there are any.
fn damaged(conn: &Connection) -> Result<Option<SqlError>, SqlError> {
    let count: usize =
        conn.query_row("SELECT count(*) FROM fl_checkpoints WHERE ranges IS NOT NULL", [], |row| row.get(0))?;
    if count == 0 {
        return Ok(None);
    }
    let mut statement = conn.prepare(&format!("{SELECT} WHERE ranges IS NOT NULL ORDER BY rowid LIMIT {MAX_NAMED}"))?;
    let mut rows = statement.query([])?;
    let mut names = Vec::new();
    while let Some(row) = rows.next()? {
        if let Err(error) = assembled(conn, row, None) {
            names.push(error.message);
        }
    }
    if count > names.len() {
        names.push(format!("and {} more", count - names.len()));
    }
    Ok(Some(corrupt(format!(
        "{count} damaged checkpoints can't be converted: {}. All others are. Until these are deleted, the database stays \
         half converted and stores new checkpoints whole; call convert() again then, or convert(\"compact\")",
        names.join("; ")
    ))))
}
