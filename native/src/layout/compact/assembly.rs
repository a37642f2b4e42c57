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
    NotABlob,
}

impl From<SqlError> for Failure {
    fn from(error: SqlError) -> Self {
        Self::Sql(error)
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
    let (base, size): (i64, usize) = (row.get(BASE)?, row.get(SIZE)?);
    let broken = |what: &str| {
        let name = |index| row.get_ref(index).ok().and_then(|text| text.as_str().ok()).unwrap_or_default().to_owned();
        corrupt(format!("checkpoint {:?} of thread {:?} {what}", name(CHECKPOINT_ID), name(THREAD_ID)))
    };
    let text = row.get_ref(RANGES)?;
    let own = row.get_ref(CHECKPOINT)?.as_blob().map_err(|_| broken("has no blob in column checkpoint"))?;
    let steps = text.as_str().ok().and_then(|text| parse(text).ok());
    let steps = steps.ok_or_else(|| broken("has an invalid value in column ranges"))?;
    let bytes = if size < buffer::MIN_POOLED { Vec::new() } else { buffer::take() };
    let assembled = assemble(&steps, own, size, in_memory, bytes, |numbers, add| {
        pieces::each(conn, base, &numbers, |piece| add(piece.ok_or(Failure::NotABlob)?))
    });
    assembled.map_err(|failure| match failure {
        Failure::Sql(error) => error,
        Failure::NotABlob => broken("has a piece that is not a blob"),
        Failure::Malformed(Malformed::Text) => broken("has an invalid value in column ranges"),
        Failure::Malformed(Malformed::OwnBytes) => broken("has too few bytes in column checkpoint"),
        Failure::Malformed(Malformed::Pieces { first, last }) => {
            broken(&format!("lacks some of its pieces {first} to {last}"))
        }
        Failure::Malformed(Malformed::Size) => broken("does not have the size in column size"),
        Failure::Malformed(Malformed::NoMemory) => SqlError::no_memory(),
    })
}
