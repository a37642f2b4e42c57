//! Reading a checkpoint in the compact layout, as a row of the standard one.
use std::sync::Arc;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, params_from_iter};

use super::assembly::{BASE, CHECKPOINT, CHECKPOINT_ID, RANGES, SELECT, SIZE, STANDARD_COLUMNS, assembled};
use super::cache::{CheckpointCache, StoredCheckpoint};
use super::generation::Generation;
use crate::columns::{Column, Row};
use crate::errors::SqlError;
use crate::key_part::KeyPart;
use crate::layout::schema::Schema;
use crate::layout::standard;

/// The checkpoint with this id, or the latest of the namespace. `schema` is asked for while the row is held, and so
/// within its snapshot.
pub fn checkpoint(
    conn: &Connection,
    (cache, schema): (&CheckpointCache, impl Fn() -> Result<Schema, SqlError>),
    thread: &KeyPart,
    namespace: &KeyPart,
    id: Option<&KeyPart>,
) -> Result<Option<Row>, SqlError> {
    let which = if id.is_some() { "AND checkpoint_id = ?" } else { "ORDER BY checkpoint_id DESC LIMIT 1" };
    let standard_row = |row: &SqlRow<'_>| {
        let is_in_pieces = row.get_ref(RANGES)? != ValueRef::Null;
        let id = row.get_ref(CHECKPOINT_ID)?.as_str().ok().filter(|_| is_in_pieces);
        let in_memory = match (thread.text(), namespace.text(), id) {
            (Some(thread), Some(namespace), Some(id)) => match cache.get(schema()?, thread, namespace, id) {
                Some((generation, checkpoint)) if Generation::of(conn, thread)? == Some(generation) => {
                    (row.get_ref(BASE)? == ValueRef::Integer(generation.base())).then_some(checkpoint)
                }
                _ => None,
            },
            _ => None,
        };
        let column = |index| match index {
            CHECKPOINT if is_in_pieces => {
                if let Some(checkpoint) = &in_memory
                    && is_row_of(row, checkpoint)?
                {
                    return Ok(Column::Shared(Arc::clone(&checkpoint.bytes)));
                }
                let in_memory = in_memory.as_deref().map(|checkpoint| checkpoint.reference());
                Ok(Column::Blob(assembled(conn, row, in_memory)?.bytes))
            }
            _ => standard::column(row, index),
        };
        (0..STANDARD_COLUMNS).map(column).collect()
    };
    conn.prepare_cached(&format!("{SELECT} WHERE thread_id = ? AND checkpoint_ns = ? {which}"))?
        .query_row(params_from_iter([thread, namespace].into_iter().chain(id)), |row| Ok(standard_row(row)))
        .optional()?
        .transpose()
}

/// Whether the row is that of the checkpoint in memory. Then its bytes are the same: its pieces are, under the
/// generation.
fn is_row_of(row: &SqlRow<'_>, checkpoint: &StoredCheckpoint) -> Result<bool, SqlError> {
    let Some(columns) = &checkpoint.columns else { return Ok(false) };
    Ok(row.get_ref(CHECKPOINT)? == ValueRef::Blob(&columns.own)
        && row.get_ref(RANGES)? == ValueRef::Text(columns.ranges.as_bytes())
        && row.get_ref(BASE)? == ValueRef::Integer(columns.base)
        && row.get_ref(SIZE)?.as_i64().is_ok_and(|size| usize::try_from(size) == Ok(columns.size)))
}
