//! Writing a change in the layout that a database has.
use rusqlite::Connection;

use super::change::Change;
use super::compact;
use super::compact::cache::CacheWriter;
use super::kind::Layout;
use super::removal::KnownMark;
use super::standard;
use crate::errors::SqlError;

/// Applies `change`. The result is the number of checkpoints it concerns, or what `Change` says of it.
pub fn apply(
    conn: &Connection,
    layout: Layout,
    (cache, known_mark): (&mut CacheWriter, &mut KnownMark),
    change: &Change,
) -> Result<u64, SqlError> {
    match (change, layout) {
        (Change::DeleteCheckpoints { thread, keys, mark }, _) => {
            known_mark.delete_checkpoints(conn, layout.table(), thread, keys, mark)
        }
        (Change::Convert { to, from }, _) => compact::convert::convert(conn, cache, *to, *from),
        (_, Layout::Standard) => standard::apply(conn, "checkpoints", change),
        (Change::Put(_), Layout::Closing) => standard::apply(conn, "fl_checkpoints", change),
        (_, Layout::Compact | Layout::Closing) => compact::write::apply(conn, cache, change),
    }
}
