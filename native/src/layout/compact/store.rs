//! Storing a checkpoint in pieces.
use std::sync::Arc;

use fast_langgraph_compact::{Plan, Reference, Same, cuts, plan};
use rusqlite::{Connection, OptionalExtension, ToSql, params};

use super::assembly::{SELECT, assembled_if_whole};
use super::cache::{CacheEntry, CacheWriter, PieceColumns, StoredCheckpoint};
use super::confirm::confirm;
use super::generation::Generation;
use super::pieces;
use crate::buffer::{Buffer, Run};
use crate::errors::SqlError;

pub struct Key<'a> {
    pub thread: &'a str,
    pub namespace: &'a str,
    pub id: &'a str,
    pub parent: Option<&'a str>,
}

/// Whether the output of a serializer of this type can be cut.
pub fn can_be_cut(kind: &str) -> bool {
    kind == "msgpack"
}

/// Stores the pieces of a checkpoint that are not stored yet. None if the checkpoint is better stored as it is.
pub fn store(
    conn: &Connection,
    cache: &mut CacheWriter,
    key: &Key<'_>,
    bytes: &Arc<Buffer>,
) -> Result<Option<PieceColumns>, SqlError> {
    let cuts = cuts(bytes);
    if cuts.is_empty() {
        return Ok(None);
    }
    let (generation, others) = match Generation::of(conn, key.thread)? {
        Some(generation) => (generation, stored_checkpoints(conn, cache, generation, key)?),
        None => (Generation::create(conn, key.thread)?, Vec::new()),
    };
    let same: Vec<Vec<Same>> = others.iter().map(|other| in_common(bytes, &other.bytes)).collect();
    let references: Vec<Reference<'_>> =
        others.iter().zip(&same).map(|(other, same)| Reference { same, ..other.reference() }).collect();
    let base = generation.base();
    let plan = plan(bytes, &cuts, &references, |series| pieces::last(conn, base, series))?;
    let Some(Plan { pieces, is_new, own, recipe }) = plan else { return Ok(None) };
    let new = pieces.iter().zip(&is_new).filter(|(_, is_new)| **is_new).map(|(piece, _)| piece);
    pieces::store(conn, base, bytes, new)?;
    let columns = PieceColumns { own: own.into(), ranges: recipe.into(), base, size: bytes.len() };
    cache.insert(CacheEntry {
        by: cache.by,
        thread: key.thread.into(),
        generation,
        namespace: key.namespace.into(),
        id: key.id.into(),
        parent: key.parent.map(Into::into),
        checkpoint: Arc::new(StoredCheckpoint { bytes: Arc::clone(bytes), pieces, columns: Some(columns.clone()) }),
    });
    Ok(Some(columns))
}

/// The runs that the codec has taken from `other`, element by element.
fn in_common(bytes: &Buffer, other: &Arc<Buffer>) -> Vec<Same> {
    bytes.runs_from(other).iter().map(|&Run { start, from, len }| Same { start, from, len }).collect()
}

/// Checkpoints to compare with: the parent, then others of the thread.
fn stored_checkpoints(
    conn: &Connection,
    cache: &mut CacheWriter,
    generation: Generation,
    key: &Key<'_>,
) -> Result<Vec<Arc<StoredCheckpoint>>, SqlError> {
    confirm(conn, cache, key.thread)?;
    let (mut parent, mut others) = cache.of_thread(key.thread, generation, key.namespace, key.parent);
    if parent.is_none()
        && let Some(id) = key.parent
    {
        let sql = format!("{SELECT} WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ? AND base = ?");
        parent = read(conn, &sql, params![key.thread, key.namespace, id, generation.base()])?;
    }
    if parent.is_none() && others.is_empty() {
        let sql = format!("{SELECT} WHERE thread_id = ? AND base = ? ORDER BY rowid DESC LIMIT 1");
        others.extend(read(conn, &sql, params![key.thread, generation.base()])?);
    }
    Ok(parent.into_iter().chain(others).collect())
}

/// A checkpoint to compare with. One that is damaged is as good as none: it must not be in the way of new ones.
fn read(conn: &Connection, sql: &str, parameters: &[&dyn ToSql]) -> Result<Option<Arc<StoredCheckpoint>>, SqlError> {
    let found = conn.prepare_cached(sql)?.query_row(parameters, |row| Ok(assembled_if_whole(conn, row))).optional()?;
    let Some(found) = found.transpose()?.flatten() else { return Ok(None) };
    let bytes = Arc::new(Buffer::new(found.bytes));
    Ok(Some(Arc::new(StoredCheckpoint { bytes, pieces: found.pieces, columns: None })))
}
