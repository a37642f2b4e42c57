//! The table of pieces: storing, reading and removing pieces of a thread. `base` is what their ids are above their
//! numbers.
use std::ops::RangeInclusive;

use fast_langgraph_compact::{Direction, Number, Piece, Series};
use rusqlite::{Connection, params};

use crate::errors::SqlError;

/// The id of a piece. A damaged file may state any base.
pub fn id(base: i64, number: Number) -> i64 {
    base.wrapping_add(i64::from(number))
}

/// Stores those pieces of `bytes` that are new.
pub fn store<'a>(
    conn: &Connection,
    base: i64,
    bytes: &[u8],
    new: impl Iterator<Item = &'a Piece>,
) -> Result<(), SqlError> {
    let mut statement = conn.prepare_cached("INSERT INTO fl_pieces (id, bytes) VALUES (?, ?)")?;
    for piece in new {
        let bytes = bytes.get(piece.range.clone()).unwrap_or_default();
        statement.execute(params![id(base, piece.number), bytes])?;
    }
    Ok(())
}

/// Calls `piece` with each stored piece of a range, in order; with None for one that is no blob.
pub fn each<E: From<SqlError>>(
    conn: &Connection,
    base: i64,
    numbers: &RangeInclusive<Number>,
    mut piece: impl FnMut(Option<&[u8]>) -> Result<(), E>,
) -> Result<(), E> {
    let sql = "SELECT bytes FROM fl_pieces WHERE id BETWEEN ? AND ? ORDER BY id";
    let mut statement = conn.prepare_cached(sql).map_err(SqlError::from)?;
    let ids = [id(base, *numbers.start()), id(base, *numbers.end())];
    let mut rows = statement.query(ids).map_err(SqlError::from)?;
    while let Some(row) = rows.next().map_err(SqlError::from)? {
        piece(row.get_ref(0).map_err(SqlError::from)?.as_blob().ok())?;
    }
    Ok(())
}

/// The last number of a series that is stored.
pub fn last(conn: &Connection, base: i64, series: Series) -> Result<Option<Number>, SqlError> {
    let (least, most) = series.bounds();
    let outermost = if series.direction == Direction::Down { "min" } else { "max" };
    let found: Option<i64> = conn
        .prepare_cached(&format!("SELECT {outermost}(id) FROM fl_pieces WHERE id BETWEEN ? AND ?"))?
        .query_row([id(base, least), id(base, most)], |row| row.get(0))?;
    Ok(found.and_then(|id| Number::try_from(id.wrapping_sub(base)).ok()))
}

/// Removes the pieces of a range and returns how many there were.
pub fn remove(conn: &Connection, base: i64, first: Number, last: Number) -> Result<usize, SqlError> {
    let mut statement = conn.prepare_cached("DELETE FROM fl_pieces WHERE id BETWEEN ? AND ?")?;
    Ok(statement.execute([id(base, first), id(base, last)])?)
}
