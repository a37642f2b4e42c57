//! Writing changes in the compact layout.
use std::sync::Arc;

use fast_langgraph_compact::Number;
use rusqlite::{Connection, ToSql, params};

use super::cache::CacheWriter;
use super::convert::convert;
use super::generation::Generation;
use super::pieces;
use super::store::{Key, can_be_cut, store};
use super::sweep::sweep;
use crate::buffer::Buffer;
use crate::errors::SqlError;
use crate::key_part::KeyPart;
use crate::layout::change::{Change, Tally};
use crate::layout::standard;
use crate::values::{Value, Values};

const TABLE: &str = "fl_checkpoints";

/// The statement that puts a row in place of one with the same key, or else only if there is none. The former takes
/// longer to prepare.
macro_rules! put_sql {
    ($or:literal) => {
        concat!(
            "INSERT OR ",
            $or,
            " INTO fl_checkpoints (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, \
             metadata, ranges, base, size) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        )
    };
}

/// Applies `change` within a transaction.
pub fn apply(conn: &Connection, cache: &mut CacheWriter, change: &Change) -> Result<Tally, SqlError> {
    match change {
        Change::Put(row) => match put(conn, cache, row)? {
            Put::NotText => standard::apply(conn, TABLE, change),
            Put::InPieces | Put::Whole => Ok(Tally::default()),
        },
        Change::PutWrites { .. } | Change::Remove(_) => standard::apply(conn, TABLE, change),
        Change::CopyThread { source, target } => {
            let copied = standard::apply(conn, TABLE, change)?;
            copy_pieces(conn, source, target)?;
            Ok(copied)
        }
        Change::Sweep(thread) => sweep(conn, thread).map(|()| Tally::default()),
        Change::Convert { to, from } => convert(conn, cache, *to, *from),
    }
}

/// How a checkpoint was put.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Put {
    InPieces,
    /// It has none, or they would lie too scattered.
    Whole,
    /// It was not put: only keys that are text can have pieces.
    NotText,
}

/// Puts a checkpoint in pieces if it can be cut, else whole.
pub fn put(conn: &Connection, cache: &mut CacheWriter, row: &Values) -> Result<Put, SqlError> {
    let [Value::Text(thread), Value::Text(namespace), Value::Text(id), parent, kind, blob, metadata] = row.as_slice()
    else {
        return Ok(Put::NotText);
    };
    let key = Key { thread, namespace, id, parent: if let Value::Text(parent) = parent { Some(parent) } else { None } };
    let in_pieces = match (kind, blob) {
        (Value::Text(kind), Value::Blob(bytes)) if can_be_cut(kind) => store(conn, cache, &key, bytes)?,
        (Value::Text(kind), Value::Bytes(bytes)) if can_be_cut(kind) => {
            store(conn, cache, &key, &Arc::new(Buffer::new(bytes.to_vec())))?
        }
        _ => None,
    };
    let checkpoint: &dyn ToSql = in_pieces.as_ref().map_or(blob, |columns| &columns.own);
    let ranges = in_pieces.as_ref().map(|columns| &columns.ranges);
    let (base, size) = in_pieces.as_ref().map(|columns| (columns.base, columns.size)).unzip();
    let columns = params![thread, namespace, id, parent, kind, checkpoint, metadata, ranges, base, size];
    if conn.prepare_cached(put_sql!("IGNORE"))?.execute(columns)? == 0 {
        conn.prepare_cached(put_sql!("REPLACE"))?.execute(columns)?;
    }
    Ok(if in_pieces.is_some() { Put::InPieces } else { Put::Whole })
}

/// Deletes the checkpoints of a thread with their pieces, and leaves its pending writes.
pub fn delete_thread(conn: &Connection, thread: &KeyPart) -> Result<(), SqlError> {
    conn.prepare_cached("DELETE FROM fl_checkpoints WHERE thread_id = ?")?.execute([thread])?;
    sweep(conn, thread)
}

fn copy_pieces(conn: &Connection, source: &str, target: &str) -> Result<(), SqlError> {
    let Some(from) = Generation::of(conn, source)? else { return Ok(()) };
    // A thread of this name may have been deleted through the view, which leaves its pieces.
    sweep(conn, &target.into())?;
    let to = Generation::create(conn, target)?;
    conn.execute(
        "INSERT INTO fl_pieces (id, bytes) SELECT id - ?1 + ?2, bytes FROM fl_pieces WHERE id BETWEEN ?1 AND ?3",
        [from.base(), to.base(), pieces::id(from.base(), Number::MAX)],
    )?;
    conn.execute(
        "UPDATE fl_checkpoints SET ranges = source.ranges, base = ?3, size = source.size FROM fl_checkpoints AS source \
         WHERE source.thread_id = ?1 AND source.base = ?4 AND fl_checkpoints.thread_id = ?2 \
         AND source.checkpoint_ns = fl_checkpoints.checkpoint_ns AND source.checkpoint_id = fl_checkpoints.checkpoint_id",
        params![source, target, to.base(), from.base()],
    )?;
    Ok(())
}
