//! Writing a change in the layout that a database has.
use rusqlite::Connection;

use super::change::{Change, Removal, Tally};
use super::compact;
use super::compact::cache::CacheWriter;
use super::kind::Layout;
use super::removal::{self, KnownMark};
use super::standard;
use crate::errors::SqlError;

/// Applies `change`.
pub fn apply(
    conn: &Connection,
    layout: Layout,
    (cache, known_mark): (&mut CacheWriter, &mut KnownMark),
    change: &Change,
) -> Result<Tally, SqlError> {
    match (change, layout) {
        (Change::Remove(removal), _) => {
            let removed = removal::remove(conn, layout, known_mark, removal)?;
            if let (Removal::Thread { thread, .. }, true) = (removal, layout.is_compact()) {
                compact::sweep::sweep(conn, thread)?;
            }
            Ok(removed)
        }
        (Change::Convert { to, from }, _) => compact::convert::convert(conn, cache, *to, *from),
        (_, Layout::Standard) => standard::apply(conn, "checkpoints", change),
        (Change::Put(_), Layout::Closing) => standard::apply(conn, "fl_checkpoints", change),
        (_, Layout::Compact | Layout::Closing) => compact::write::apply(conn, cache, change),
    }
}
