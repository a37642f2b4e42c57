//! SqliteSaver's two tables as SqliteSaver makes them, with one column of ours that takes no storage; and which layout
//! a database has.
use rusqlite::{Connection, ffi};

use super::compact::tables;
use super::created_at::{CREATED_AT, created_at_column};
use super::kind::Layout;
use super::standard::CHECKPOINTS;
use crate::errors::SqlError;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS checkpoints (
    thread_id TEXT NOT NULL,
    checkpoint_ns TEXT NOT NULL DEFAULT '',
    checkpoint_id TEXT NOT NULL,
    parent_checkpoint_id TEXT,
    type TEXT,
    checkpoint BLOB,
    metadata BLOB,
    PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id)
);
CREATE TABLE IF NOT EXISTS writes (
    thread_id TEXT NOT NULL,
    checkpoint_ns TEXT NOT NULL DEFAULT '',
    checkpoint_id TEXT NOT NULL,
    task_id TEXT NOT NULL,
    task_path TEXT NOT NULL DEFAULT '',
    idx INTEGER NOT NULL,
    channel TEXT NOT NULL,
    type TEXT,
    value BLOB,
    PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id, task_id, idx)
);";

const WRITES: [&str; 8] = ["thread_id", "checkpoint_ns", "checkpoint_id", "task_id", "idx", "channel", "type", "value"];
const TASK_PATH: &str = "task_path";

/// How the tables of a new database are made.
#[derive(Clone, Copy)]
pub struct TableOptions {
    /// Whether `checkpoints` gets a column with the time of each checkpoint, which is not stored.
    pub created_at: bool,
    /// An existing database keeps the layout that it has.
    pub layout: Layout,
}

/// The schema of a database, as it was found or made.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Schema {
    /// Older databases lack the column, and those that can't be written go on without it.
    pub has_task_path: bool,
    /// There is nothing to read: the database can't be written here, and nobody else has made the tables yet.
    pub is_empty: bool,
    pub layout: Layout,
    /// SQLite's counter of changes to the schema at that time.
    version: i64,
}

impl Schema {
    fn found(conn: &Connection, may_be_empty: bool) -> Result<Self, SqlError> {
        let writes = columns(conn, "writes")?;
        let has_task_path = has(&writes, TASK_PATH);
        let is_empty = may_be_empty && (writes.is_empty() || columns(conn, "checkpoints")?.is_empty());
        Ok(Self { has_task_path, is_empty, layout: tables::layout(conn)?, version: version(conn)? })
    }

    /// The schema within this transaction: another process may have changed it.
    pub fn now(self, conn: &Connection) -> Result<Self, SqlError> {
        if self.version == version(conn)? { Ok(self) } else { Self::found(conn, self.is_empty) }
    }
}

fn version(conn: &Connection) -> Result<i64, SqlError> {
    Ok(conn.prepare_cached("PRAGMA schema_version")?.query_row([], |row| row.get(0))?)
}

/// A column of a table.
struct Column {
    name: String,
    /// An insert has to give it a value.
    is_required: bool,
}

fn columns(conn: &Connection, table: &str) -> Result<Vec<Column>, SqlError> {
    let mut statement =
        conn.prepare("SELECT name, \"notnull\", dflt_value IS NULL, hidden FROM pragma_table_xinfo(?)")?;
    let rows = statement.query_map([table], |row| {
        let (not_null, no_default, hidden): (bool, bool, i64) = (row.get(1)?, row.get(2)?, row.get(3)?);
        Ok(Column { name: row.get(0)?, is_required: not_null && no_default && hidden == 0 })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn has(columns: &[Column], name: &str) -> bool {
    columns.iter().any(|column| column.name.eq_ignore_ascii_case(name))
}

/// Refuses a table that our rows would not fit into.
fn check(table: &str, columns: &[Column], known: &[&str]) -> Result<(), SqlError> {
    let refused = |what: String| Err(SqlError::new(ffi::SQLITE_ERROR, ffi::SQLITE_ERROR, what));
    if let Some(missing) = known.iter().find(|name| !has(columns, name)) {
        return refused(format!("table {table} of this database has no column {missing}: not a checkpointer's"));
    }
    let is_expected = |name: &str| known.contains(&name) || name == TASK_PATH || name == CREATED_AT;
    if let Some(newer) = columns.iter().find(|column| column.is_required && !is_expected(&column.name)) {
        return refused(format!(
            "table {table} of this database has a column {} that is not known here: its schema is newer than this \
             release of fast_langgraph",
            newer.name
        ));
    }
    Ok(())
}

/// The two tables of a database as they are before anything is changed.
pub struct Tables {
    checkpoints: Vec<Column>,
    writes: Vec<Column>,
}

impl Tables {
    /// Refuses tables of these names that are not a checkpointer's.
    pub fn check(conn: &Connection) -> Result<Self, SqlError> {
        let tables = Self { checkpoints: columns(conn, "checkpoints")?, writes: columns(conn, "writes")? };
        if !tables.checkpoints.is_empty() {
            check("checkpoints", &tables.checkpoints, &CHECKPOINTS)?;
        }
        if !tables.writes.is_empty() {
            check("writes", &tables.writes, &WRITES)?;
        }
        Ok(tables)
    }

    /// Makes what is missing, unless the database is `read_only`.
    pub fn prepare(self, conn: &Connection, options: &TableOptions, read_only: bool) -> Result<Schema, SqlError> {
        let Self { checkpoints, writes } = self;
        let is_usable = !checkpoints.is_empty() && has(&writes, TASK_PATH);
        let is_complete = is_usable
            && if tables::layout(conn)?.is_compact() {
                tables::has_current_view(conn, options.created_at)?
            } else {
                !options.created_at || has(&checkpoints, CREATED_AT)
            };
        if !is_complete && !read_only {
            match complete(conn, options) {
                // Another process writes all the time. The column can be added another time.
                Err(error) if is_usable && error.code == ffi::SQLITE_BUSY => (),
                completed => completed?,
            }
        }
        Schema::found(conn, read_only)
    }
}

/// Makes what is missing in a transaction, so that of two processes one finds it done.
fn complete(conn: &Connection, options: &TableOptions) -> Result<(), SqlError> {
    conn.execute_batch("BEGIN IMMEDIATE")?;
    let made = make(conn, options);
    conn.execute_batch(if made.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    made
}

/// Makes the tables of the compact layout within a transaction, unless the database has tables of checkpoints.
pub fn make_compact(conn: &Connection) -> Result<(), SqlError> {
    make(conn, &TableOptions { created_at: false, layout: Layout::Compact })
}

fn make(conn: &Connection, options: &TableOptions) -> Result<(), SqlError> {
    let is_new = columns(conn, "checkpoints")?.is_empty();
    conn.execute_batch(TABLES)?;
    if !has(&columns(conn, "writes")?, TASK_PATH) {
        conn.execute_batch("ALTER TABLE writes ADD COLUMN task_path TEXT NOT NULL DEFAULT ''")?;
    }
    if tables::layout(conn)?.is_compact() {
        if !tables::has_current_view(conn, options.created_at)? {
            // An earlier release has made it, or the table has got another column since.
            tables::renew_view(conn, options.created_at)?;
        }
    } else if is_new && options.layout == Layout::Compact {
        tables::make(conn, options.created_at)?;
    } else if options.created_at && !has(&columns(conn, "checkpoints")?, CREATED_AT) {
        conn.execute_batch(&format!("ALTER TABLE checkpoints ADD COLUMN {}", created_at_column()))?;
    }
    Ok(())
}
