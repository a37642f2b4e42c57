//! The tables of the compact layout, and the view that shows them as SqliteSaver's table.
//!
//! `fl_checkpoints` is SqliteSaver's table under another name, with three more columns that say how a row's
//! `checkpoint` is put together from pieces. Where they are NULL the row is stored as in the standard layout. So a
//! conversion can stop anywhere, and a row that is inserted through the view is stored as it is.
use rusqlite::{Connection, ffi};

use crate::errors::SqlError;
use crate::layout::kind::Layout;

/// `group_concat` of earlier releases ends at a NUL.
const OLDEST_SQLITE: i32 = 3_037_000;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS fl_threads (
    thread_id TEXT PRIMARY KEY,
    -- the upper half of the ids of its pieces
    thread INTEGER NOT NULL UNIQUE,
    -- another one after pieces were removed
    epoch INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS fl_pieces (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
";

/// A table that exists while a database is converted back to the standard layout.
const CLOSING: &str = "fl_closing";

const COLUMNS: [(&str, &str); 3] = [
    // the recipe: own bytes and ranges of pieces, in turns
    ("ranges", "TEXT"),
    // what is added to the number of a piece to get its id
    ("base", "INTEGER"),
    // the size of the whole, in bytes
    ("size", "INTEGER"),
];

/// If the size is wrong, because a piece is missing or SQLite is too old, the view raises an error: `abs` of the least
/// integer fails.
const VIEW: &str = "
CREATE VIEW checkpoints AS
SELECT thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type,
    CASE WHEN ranges IS NULL THEN checkpoint ELSE (
        SELECT CASE WHEN length(whole) = size THEN whole ELSE abs(-9223372036854775807 - 1) END FROM (
            SELECT CAST(group_concat(bytes, '') AS BLOB) AS whole FROM (
                WITH RECURSIVE part(place, own, own_size, first, last) AS (
                    SELECT 1, 1, CAST(substr(ranges, 1, 10) AS INTEGER),
                        base + CAST(substr(ranges, 11, 10) AS INTEGER), base + CAST(substr(ranges, 21, 10) AS INTEGER)
                    UNION ALL
                    SELECT place + 30, own + own_size, CAST(substr(ranges, place + 30, 10) AS INTEGER),
                        base + CAST(substr(ranges, place + 40, 10) AS INTEGER),
                        base + CAST(substr(ranges, place + 50, 10) AS INTEGER)
                    FROM part WHERE place + 30 < length(ranges)
                )
                SELECT place, 0 AS id, substr(checkpoint, own, own_size) AS bytes FROM part
                UNION ALL
                SELECT place, id, bytes FROM part JOIN fl_pieces ON id BETWEEN first AND last
                ORDER BY 1, 2
            )
        )
    ) END AS checkpoint,
    metadata";

const TRIGGERS: &str = "
CREATE TRIGGER fl_insert INSTEAD OF INSERT ON checkpoints BEGIN
    INSERT INTO fl_checkpoints
        (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata)
    VALUES (NEW.thread_id, coalesce(NEW.checkpoint_ns, ''), NEW.checkpoint_id, NEW.parent_checkpoint_id, NEW.type,
        NEW.checkpoint, NEW.metadata);
END;
CREATE TRIGGER fl_update_checkpoint INSTEAD OF UPDATE ON checkpoints
WHEN NEW.checkpoint IS NOT OLD.checkpoint OR NEW.thread_id IS NOT OLD.thread_id BEGIN
    UPDATE fl_checkpoints SET thread_id = NEW.thread_id, checkpoint_ns = NEW.checkpoint_ns,
        checkpoint_id = NEW.checkpoint_id, parent_checkpoint_id = NEW.parent_checkpoint_id, type = NEW.type,
        metadata = NEW.metadata, checkpoint = NEW.checkpoint, ranges = NULL, base = NULL, size = NULL
    WHERE thread_id = OLD.thread_id AND checkpoint_ns = OLD.checkpoint_ns AND checkpoint_id = OLD.checkpoint_id;
END;
CREATE TRIGGER fl_update_others INSTEAD OF UPDATE ON checkpoints
WHEN NEW.checkpoint IS OLD.checkpoint AND NEW.thread_id IS OLD.thread_id BEGIN
    UPDATE fl_checkpoints SET checkpoint_ns = NEW.checkpoint_ns, checkpoint_id = NEW.checkpoint_id,
        parent_checkpoint_id = NEW.parent_checkpoint_id, type = NEW.type, metadata = NEW.metadata
    WHERE thread_id = OLD.thread_id AND checkpoint_ns = OLD.checkpoint_ns AND checkpoint_id = OLD.checkpoint_id;
END;
CREATE TRIGGER fl_delete INSTEAD OF DELETE ON checkpoints BEGIN
    DELETE FROM fl_checkpoints
    WHERE thread_id = OLD.thread_id AND checkpoint_ns = OLD.checkpoint_ns AND checkpoint_id = OLD.checkpoint_id;
END;";

fn refused(message: &str) -> SqlError {
    SqlError::new(ffi::SQLITE_ERROR, ffi::SQLITE_ERROR, message.to_owned())
}

fn exists(conn: &Connection, condition: &str) -> Result<bool, SqlError> {
    let sql = format!("SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE {condition})");
    Ok(conn.query_row(&sql, [], |row| row.get(0))?)
}

/// The layout that a database is in.
pub fn layout(conn: &Connection) -> Result<Layout, SqlError> {
    let is_compact =
        exists(conn, "name = 'checkpoints' AND type = 'view'")? && exists(conn, "name = 'fl_checkpoints'")?;
    Ok(match (is_compact, exists(conn, &format!("name = '{CLOSING}'"))?) {
        (false, _) => Layout::Standard,
        (true, false) => Layout::Compact,
        (true, true) => Layout::Closing,
    })
}

/// Begins a conversion to the standard layout: from now on no process stores pieces.
pub fn begin_closing(conn: &Connection) -> Result<(), SqlError> {
    Ok(conn.execute_batch(&format!("CREATE TABLE {CLOSING} (x)"))?)
}

/// Ends such a conversion before it is done.
pub fn end_closing(conn: &Connection) -> Result<(), SqlError> {
    Ok(conn.execute_batch(&format!("DROP TABLE {CLOSING}"))?)
}

fn has_column(conn: &Connection, table: &str, name: &str) -> Result<bool, SqlError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM pragma_table_xinfo(?) WHERE lower(name) = ?)";
    Ok(conn.query_row(sql, [table, name], |row| row.get(0))?)
}

/// Makes the tables of the compact layout out of the standard ones, within a transaction. No row is touched.
pub fn make(conn: &Connection) -> Result<(), SqlError> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(refused("the compact layout requires SQLite 3.37 or later"));
    }
    let encoding: String = conn.query_row("PRAGMA encoding", [], |row| row.get(0))?;
    if encoding != "UTF-8" {
        return Err(refused(&format!(
            "the compact layout requires a database in UTF-8, and this one is in {encoding}"
        )));
    }
    if exists(conn, "type = 'trigger' AND lower(tbl_name) = 'checkpoints'")? {
        return Err(refused("table checkpoints of this database has triggers, which a view in its place can't keep"));
    }
    let references = "SELECT EXISTS (SELECT 1 FROM sqlite_master AS other, pragma_foreign_key_list(other.name) AS key \
                      WHERE other.type = 'table' AND lower(key.\"table\") = 'checkpoints')";
    if conn.query_row(references, [], |row| row.get(0))? {
        return Err(refused(
            "foreign keys of this database refer to table checkpoints, and they can't refer to a view",
        ));
    }
    for (name, _) in COLUMNS {
        // A conversion to the standard layout leaves our columns behind, empty.
        let is_used = format!("SELECT EXISTS (SELECT 1 FROM checkpoints WHERE {name} IS NOT NULL)");
        if has_column(conn, "checkpoints", name)? && conn.query_row(&is_used, [], |row| row.get(0))? {
            return Err(refused(&format!("table checkpoints of this database has a column {name} of its own")));
        }
    }
    conn.execute_batch(TABLES)?;
    // With the legacy rename, views of the app go on to refer to the name `checkpoints`.
    conn.execute_batch("PRAGMA legacy_alter_table = ON; ALTER TABLE checkpoints RENAME TO fl_checkpoints")?;
    for (name, kind) in COLUMNS {
        if !has_column(conn, "fl_checkpoints", name)? {
            conn.execute_batch(&format!("ALTER TABLE fl_checkpoints ADD COLUMN {name} {kind}"))?;
        }
    }
    let created_at = if has_column(conn, "fl_checkpoints", "created_at")? { ", created_at" } else { "" };
    Ok(conn.execute_batch(&format!("{VIEW}{created_at} FROM fl_checkpoints;{TRIGGERS}"))?)
}

/// Makes the tables standard again, within a transaction, when no row is made of pieces any more. Our columns stay,
/// empty: dropping them would write every row again.
pub fn unmake(conn: &Connection) -> Result<(), SqlError> {
    Ok(conn.execute_batch(&format!(
        "PRAGMA legacy_alter_table = ON; DROP VIEW checkpoints; ALTER TABLE fl_checkpoints RENAME TO checkpoints; \
         DROP TABLE fl_pieces; DROP TABLE fl_threads; DROP TABLE {CLOSING}"
    ))?)
}
