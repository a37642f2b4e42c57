//! The tables of the compact layout, and the view that shows them as SqliteSaver's table.
//!
//! `fl_checkpoints` is SqliteSaver's table under another name, with three more columns that say how a row's
//! `checkpoint` is put together from pieces. Where they are NULL the row is stored as in the standard layout. So a
//! conversion can stop anywhere, and a row that is inserted through the view is stored as it is.
use fast_langgraph_compact::{NUMBER_BITS, Number};
use rusqlite::{Connection, OptionalExtension, ffi};

use crate::errors::SqlError;
use crate::layout::created_at::{CREATED_AT, created_at, created_at_column};
use crate::layout::kind::Layout;
use crate::layout::standard::CHECKPOINTS;

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

/// The checkpoint of a row in `fl_checkpoints`, for plain SQL. If the size is wrong, because a piece is missing or SQLite
/// is too old, it raises an error: `abs` of the least integer fails.
const WHOLE: &str = "CASE WHEN ranges IS NULL THEN checkpoint ELSE (
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
    ) END";

/// A view has no rowid of its own: these names would be NULL, or unknown. Public clean-up scripts order by them.
const ROWIDS: [&str; 3] = ["rowid", "oid", "_rowid_"];

/// The view that shows `fl_checkpoints` as SqliteSaver's table, with columns that the app has added to it, and the
/// triggers that make it writable: pairs of a name and its SQL.
///
/// A column of the table is `created_at` only if something of the app's refers to it: it would have to be compiled for
/// each put of a patched saver, which takes 80 us.
fn view(conn: &Connection, shows_created_at: bool) -> Result<Vec<(&'static str, String)>, SqlError> {
    let own = own_columns(conn)?;
    let has_created_at = own.iter().any(|column| column.name.eq_ignore_ascii_case(&quoted(CREATED_AT)));
    let created_at = if shows_created_at && !has_created_at {
        format!(", {} AS {CREATED_AT}", shown_created_at())
    } else {
        String::new()
    };
    let list = |columns: &[String]| columns.iter().map(|column| format!(", {column}")).collect::<String>();
    let names: Vec<String> = own.iter().map(|column| column.name.clone()).collect();
    // A name that the app has taken is the app's.
    let rowids: Vec<&str> = ROWIDS.into_iter().filter(|name| !names.contains(&quoted(name))).collect();
    let shown: Vec<String> = rowids.iter().map(|name| format!("fl_checkpoints.rowid AS {name}")).collect();
    let is_other_rowid: Vec<String> = rowids.iter().map(|name| format!("NEW.{name} IS NOT OLD.{name}")).collect();
    let new_rowid: String = rowids.iter().map(|name| format!("NEW.{name}, ")).collect();
    let written: Vec<&OwnColumn> = own.iter().filter(|column| !column.is_generated).collect();
    let written_names: Vec<String> = written.iter().map(|column| column.name.clone()).collect();
    let inserted: Vec<String> = written
        .iter()
        .map(|OwnColumn { name, default, .. }| match default {
            Some(default) => format!("coalesce(NEW.{name}, {default})"),
            None => format!("NEW.{name}"),
        })
        .collect();
    let set: Vec<String> = written_names.iter().map(|name| format!("{name} = NEW.{name}")).collect();
    let keep_rowid = format!(
        "SELECT RAISE(ABORT, 'the rowid of a checkpoint can''t be changed in the compact layout') WHERE {};",
        if is_other_rowid.is_empty() { "0".to_owned() } else { is_other_rowid.join(" OR ") }
    );
    let of_row = "WHERE thread_id = OLD.thread_id AND checkpoint_ns = OLD.checkpoint_ns \
                  AND checkpoint_id = OLD.checkpoint_id";
    let of_last = format!(
        "(SELECT thread FROM fl_threads WHERE thread_id = OLD.thread_id \
         AND NOT EXISTS (SELECT 1 FROM fl_checkpoints WHERE thread_id = OLD.thread_id)) << {NUMBER_BITS}"
    );
    Ok(vec![
        (
            "checkpoints",
            format!(
                "CREATE VIEW checkpoints AS
SELECT thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type,
    {WHOLE} AS checkpoint,
    metadata{}{created_at}{} FROM fl_checkpoints",
                list(&names),
                list(&shown)
            ),
        ),
        (
            "fl_insert",
            format!(
                "CREATE TRIGGER fl_insert INSTEAD OF INSERT ON checkpoints BEGIN
    INSERT INTO fl_checkpoints
        (rowid, thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata{})
    VALUES (coalesce({new_rowid}NULL, NULL), NEW.thread_id, coalesce(NEW.checkpoint_ns, ''), NEW.checkpoint_id,
        NEW.parent_checkpoint_id, NEW.type, NEW.checkpoint, NEW.metadata{});
END",
                list(&written_names),
                list(&inserted)
            ),
        ),
        (
            "fl_update_checkpoint",
            format!(
                "CREATE TRIGGER fl_update_checkpoint INSTEAD OF UPDATE ON checkpoints
WHEN NEW.checkpoint IS NOT OLD.checkpoint OR NEW.thread_id IS NOT OLD.thread_id BEGIN
    {keep_rowid}
    UPDATE fl_checkpoints SET thread_id = NEW.thread_id, checkpoint_ns = NEW.checkpoint_ns,
        checkpoint_id = NEW.checkpoint_id, parent_checkpoint_id = NEW.parent_checkpoint_id, type = NEW.type,
        metadata = NEW.metadata, checkpoint = NEW.checkpoint, ranges = NULL, base = NULL, size = NULL{}
    {of_row};
END",
                list(&set)
            ),
        ),
        (
            "fl_update_others",
            format!(
                "CREATE TRIGGER fl_update_others INSTEAD OF UPDATE ON checkpoints
WHEN NEW.checkpoint IS OLD.checkpoint AND NEW.thread_id IS OLD.thread_id BEGIN
    {keep_rowid}
    UPDATE fl_checkpoints SET checkpoint_ns = NEW.checkpoint_ns, checkpoint_id = NEW.checkpoint_id,
        parent_checkpoint_id = NEW.parent_checkpoint_id, type = NEW.type, metadata = NEW.metadata{}
    {of_row};
END",
                list(&set)
            ),
        ),
        (
            "fl_delete",
            // With the last checkpoint of a thread its pieces go: so DELETE and VACUUM alone give the space back.
            format!(
                "CREATE TRIGGER fl_delete INSTEAD OF DELETE ON checkpoints BEGIN
    DELETE FROM fl_checkpoints {of_row};
    DELETE FROM fl_pieces WHERE id BETWEEN {of_last} AND ({of_last}) + {};
    DELETE FROM fl_threads WHERE thread_id = OLD.thread_id
        AND NOT EXISTS (SELECT 1 FROM fl_checkpoints WHERE thread_id = OLD.thread_id);
END",
                Number::MAX
            ),
        ),
    ])
}

/// The time compares with numbers as the column of a table does, which has the affinity of its type.
fn shown_created_at() -> String {
    format!("CAST({} AS TEXT)", created_at())
}

/// A column of `fl_checkpoints` that is neither SqliteSaver's nor the compact layout's: one of the app's.
struct OwnColumn {
    /// Quoted.
    name: String,
    default: Option<String>,
    is_generated: bool,
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn own_columns(conn: &Connection) -> Result<Vec<OwnColumn>, SqlError> {
    let mut statement =
        conn.prepare("SELECT name, dflt_value, hidden FROM pragma_table_xinfo('fl_checkpoints') ORDER BY cid")?;
    let mut rows = statement.query([])?;
    let mut own = Vec::new();
    while let Some(row) = rows.next()? {
        let (name, default, hidden): (String, Option<String>, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let is_ours = COLUMNS.iter().any(|(ours, _)| name.eq_ignore_ascii_case(ours));
        if !is_ours && !CHECKPOINTS.iter().any(|stock| name.eq_ignore_ascii_case(stock)) {
            own.push(OwnColumn { name: quoted(&name), default, is_generated: hidden != 0 });
        }
    }
    Ok(own)
}

/// Whether the view is as this release makes it, for the columns that `fl_checkpoints` has now.
pub fn has_current_view(conn: &Connection, wants_created_at: bool) -> Result<bool, SqlError> {
    if takes_over_created_at(conn)? {
        return Ok(false);
    }
    let mut statement = conn.prepare("SELECT sql FROM sqlite_master WHERE name = ?")?;
    for (name, sql) in view(conn, wants_created_at || shows_created_at(conn)?)? {
        let found: Option<String> = statement.query_row([name], |row| row.get(0)).optional()?;
        if found.as_deref() != Some(&sql) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the view, if there is one, shows `created_at`.
fn shows_created_at(conn: &Connection) -> Result<bool, SqlError> {
    has_column(conn, "checkpoints", CREATED_AT)
}

/// Makes the view anew, within a transaction. It takes over `created_at` from the table.
pub fn renew_view(conn: &Connection, wants_created_at: bool) -> Result<(), SqlError> {
    let takes_over = takes_over_created_at(conn)?;
    let shows_created_at = takes_over || wants_created_at || shows_created_at(conn)?;
    conn.execute_batch("DROP VIEW IF EXISTS checkpoints")?;
    if takes_over {
        // It is not stored, so no row is touched.
        conn.execute_batch(&format!("ALTER TABLE fl_checkpoints DROP COLUMN {CREATED_AT}"))?;
    }
    for (_, sql) in view(conn, shows_created_at)? {
        conn.execute_batch(&sql)?;
    }
    Ok(())
}

/// Whether `fl_checkpoints` has the column that the standard layout has, and nothing of the app's could refer to it:
/// an index, another column, a view or trigger of whatever table. Only the view and its triggers belong to the name
/// `checkpoints`.
fn takes_over_created_at(conn: &Connection) -> Result<bool, SqlError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'fl_checkpoints' AND instr(sql, ?1))
        AND NOT EXISTS (
            SELECT 1 FROM sqlite_master WHERE tbl_name = 'fl_checkpoints' AND instr(lower(replace(sql, ?1, '')), ?2)
            OR type IN ('view', 'trigger') AND tbl_name <> 'checkpoints'
        )";
    Ok(conn.query_row(sql, [&created_at_column(), CREATED_AT], |row| row.get(0))?)
}

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
pub fn make(conn: &Connection, wants_created_at: bool) -> Result<(), SqlError> {
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
    alter(conn, "ALTER TABLE checkpoints RENAME TO fl_checkpoints")?;
    for (name, kind) in COLUMNS {
        if !has_column(conn, "fl_checkpoints", name)? {
            conn.execute_batch(&format!("ALTER TABLE fl_checkpoints ADD COLUMN {name} {kind}"))?;
        }
    }
    renew_view(conn, wants_created_at)
}

/// Makes the tables standard again, within a transaction, when no row is made of pieces any more. Our columns stay,
/// empty: dropping them would write every row again.
pub fn unmake(conn: &Connection) -> Result<(), SqlError> {
    let shows_created_at = shows_created_at(conn)?;
    conn.execute_batch("DROP VIEW checkpoints")?;
    alter(conn, "ALTER TABLE fl_checkpoints RENAME TO checkpoints")?;
    if shows_created_at && !has_column(conn, "checkpoints", CREATED_AT)? {
        conn.execute_batch(&format!("ALTER TABLE checkpoints ADD COLUMN {}", created_at_column()))?;
    }
    Ok(conn.execute_batch(&format!("DROP TABLE fl_pieces; DROP TABLE fl_threads; DROP TABLE {CLOSING}"))?)
}

/// Alters a table in the way of earlier releases of SQLite, which leaves views of the app alone: they go on to refer to
/// the name `checkpoints`. The connection may be the app's, so the setting is as before afterwards.
fn alter(conn: &Connection, sql: &str) -> Result<(), SqlError> {
    let is_legacy: bool = conn.query_row("PRAGMA legacy_alter_table", [], |row| row.get(0))?;
    conn.execute_batch("PRAGMA legacy_alter_table = ON")?;
    let altered = conn.execute_batch(sql);
    if !is_legacy {
        conn.execute_batch("PRAGMA legacy_alter_table = OFF")?;
    }
    Ok(altered?)
}
