//! Reading a row that is made of pieces.
use fast_langgraph_compact::{Assembled, Malformed, Reference, assemble, parse};
use rusqlite::{Connection, Row};

use super::pieces;
use crate::buffer;
use crate::errors::{SqlError, corrupt};

/// The columns of `fl_checkpoints`; `SELECT` has them in this order.
pub const SELECT: &str = "SELECT thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, \
                          metadata, ranges, base, size, rowid FROM fl_checkpoints";
pub const THREAD_ID: usize = 0;
pub const CHECKPOINT_NS: usize = 1;
pub const CHECKPOINT_ID: usize = 2;
pub const PARENT_CHECKPOINT_ID: usize = 3;
pub const TYPE: usize = 4;
pub const CHECKPOINT: usize = 5;
pub const RANGES: usize = 7;
pub const BASE: usize = 8;
pub const SIZE: usize = 9;
pub const ROWID: usize = 10;
/// How many of them the standard layout has.
pub const STANDARD_COLUMNS: usize = 7;

enum Failure {
    Sql(SqlError),
    Malformed(Malformed),
    /// A column of the row, or a piece, has another type than ours.
    Type(&'static str),
}

impl From<SqlError> for Failure {
    fn from(error: SqlError) -> Self {
        Self::Sql(error)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error.into())
    }
}

impl From<Malformed> for Failure {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// The checkpoint of a row that is made of pieces, and where these lie in it. `in_memory` is a checkpoint of the thread
/// in the generation that the row is read in; its pieces are not read again.
pub fn assembled(conn: &Connection, row: &Row<'_>, in_memory: Option<Reference<'_>>) -> Result<Assembled, SqlError> {
    attempt(conn, row, in_memory).map_err(|failure| error(row, failure))
}

/// The same, or None if the row is damaged: for those who can do without.
pub fn assembled_if_whole(conn: &Connection, row: &Row<'_>) -> Result<Option<Assembled>, SqlError> {
    match attempt(conn, row, None) {
        Ok(assembled) => Ok(Some(assembled)),
        Err(failure @ (Failure::Sql(_) | Failure::Malformed(Malformed::NoMemory))) => Err(error(row, failure)),
        Err(_) => Ok(None),
    }
}

fn attempt(conn: &Connection, row: &Row<'_>, in_memory: Option<Reference<'_>>) -> Result<Assembled, Failure> {
    let integer = |index, name| row.get_ref(index)?.as_i64().map_err(|_| Failure::Type(name));
    let (base, size) = (integer(BASE, "an invalid value in column base")?, integer(SIZE, SIZE_INVALID)?);
    let size = usize::try_from(size).map_err(|_| Failure::Type(SIZE_INVALID))?;
    let own = row.get_ref(CHECKPOINT)?.as_blob().map_err(|_| Failure::Type("no blob in column checkpoint"))?;
    let steps = parse(row.get_ref(RANGES)?.as_str().map_err(|_| Malformed::Text)?)?;
    let bytes = if size < buffer::MIN_POOLED { Vec::new() } else { buffer::take() };
    assemble(&steps, own, size, in_memory, bytes, |numbers, add| {
        pieces::each(conn, base, &numbers, |piece| add(piece.ok_or(Failure::Type("a piece that is not a blob"))?))
    })
}

const SIZE_INVALID: &str = "an invalid value in column size";

/// Names the checkpoint and what is wrong with it.
fn error(row: &Row<'_>, failure: Failure) -> SqlError {
    let broken = |what: &str| {
        let name = |index| row.get_ref(index).ok().and_then(|text| text.as_str().ok()).unwrap_or_default().to_owned();
        corrupt(format!("checkpoint {:?} of thread {:?} {what}", name(CHECKPOINT_ID), name(THREAD_ID)))
    };
    match failure {
        Failure::Sql(error) => error,
        Failure::Type(what) => broken(&format!("has {what}")),
        Failure::Malformed(Malformed::Text) => broken("has an invalid value in column ranges"),
        Failure::Malformed(Malformed::OwnBytes) => broken("has too few bytes in column checkpoint"),
        Failure::Malformed(Malformed::Pieces { first, last }) => {
            broken(&format!("lacks some of its pieces {first} to {last}"))
        }
        Failure::Malformed(Malformed::Size) => broken("does not have the size in column size"),
        Failure::Malformed(Malformed::NoMemory) => SqlError::no_memory(),
    }
}
