//! What a database holds: the numbers that `stats()` shows.
use rusqlite::Connection;

use super::kind::Layout;
use super::schema::Schema;
use crate::errors::SqlError;
use crate::key_part::KeyPart;

pub struct Statistics {
    pub layout: &'static str,
    pub numbers: Vec<(&'static str, u64)>,
    pub last_checkpoint_id: Option<String>,
    /// Thread, number of checkpoints, bytes.
    pub largest_threads: Vec<(KeyPart, u64, u64)>,
}

/// The bytes of a checkpoint in a compact file, as the standard layout would store it. A damaged file may have any
/// `size`, and its rows must be counted and removed all the same.
macro_rules! whole_state_bytes {
    () => {
        "CASE WHEN typeof(size) = 'integer' AND size BETWEEN 0 AND 1000000000 THEN size \
         ELSE coalesce(length(checkpoint), 0) END"
    };
}
pub(super) use whole_state_bytes;

/// The bytes of a checkpoint and its metadata, as the standard layout would store them. Lengths stand at the start of a
/// row, so the values themselves are not read.
pub fn whole_bytes(layout: Layout) -> &'static str {
    if layout.is_compact() { concat!(whole_state_bytes!(), " + coalesce(length(metadata), 0)") } else { STORED_BYTES }
}

const STORED_BYTES: &str = "coalesce(length(checkpoint), 0) + coalesce(length(metadata), 0)";

/// The bytes of a database, and those of its free pages.
pub struct Space {
    pub database: u64,
    pub free: u64,
}

pub fn space(conn: &Connection) -> Result<Space, SqlError> {
    let pragma = |name: &str| -> rusqlite::Result<u64> { conn.pragma_query_value(None, name, |row| row.get(0)) };
    let page_size = pragma("page_size")?;
    Ok(Space { database: page_size * pragma("page_count")?, free: page_size * pragma("freelist_count")? })
}

pub fn statistics(conn: &Connection, schema: Schema, largest: usize) -> Result<Statistics, SqlError> {
    let space = space(conn)?;
    let mut found = Statistics {
        layout: schema.layout.name(),
        numbers: vec![("database_bytes", space.database), ("free_bytes", space.free)],
        last_checkpoint_id: None,
        largest_threads: Vec::new(),
    };
    if schema.is_empty {
        return Ok(found);
    }
    let table = schema.layout.table();
    let is_compact = schema.layout.is_compact();
    let (stored, whole) = (STORED_BYTES, whole_bytes(schema.layout));
    let mut one = |name, sql: &str| -> Result<(), SqlError> {
        found.numbers.push((name, conn.query_row(sql, [], |row| row.get(0))?));
        Ok(())
    };
    one("threads", &format!("SELECT count(DISTINCT thread_id) FROM {table}"))?;
    one("checkpoints", &format!("SELECT count(*) FROM {table}"))?;
    one("writes", "SELECT count(*) FROM writes")?;
    let pieces = if is_compact { "(SELECT coalesce(sum(length(bytes)), 0) FROM fl_pieces)" } else { "0" };
    one("checkpoint_bytes", &format!("SELECT coalesce(sum({stored}), 0) + {pieces} FROM {table}"))?;
    one("standard_bytes", &format!("SELECT coalesce(sum({whole}), 0) FROM {table}"))?;
    one("write_bytes", "SELECT coalesce(sum(length(value)), 0) FROM writes")?;
    // Of those that are text, which come before blobs.
    found.last_checkpoint_id =
        conn.query_row(&format!("SELECT max(checkpoint_id) FROM {table} WHERE checkpoint_id < x''"), [], |row| {
            row.get(0)
        })?;
    let mut statement = conn.prepare(&format!(
        "SELECT thread_id, count(*), coalesce(sum({whole}), 0) AS bytes FROM {table} \
         GROUP BY thread_id ORDER BY bytes DESC, thread_id LIMIT ?"
    ))?;
    let rows = statement
        .query_map([i64::try_from(largest).unwrap_or(i64::MAX)], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    found.largest_threads = rows.collect::<rusqlite::Result<_>>()?;
    Ok(found)
}
