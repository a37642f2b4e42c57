//! SqliteSaver's two tables, as it makes them, and a column of ours that costs nothing; and which layout they have.
use std::fmt::Write as _;

use rusqlite::{Connection, ffi};

use super::busy;
use super::compact::{self, States, tables};
use super::layout::Layout;
use super::options::Options;
use super::standard;
use crate::columns::Row;
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

const CHECKPOINTS: [&str; 7] =
    ["thread_id", "checkpoint_ns", "checkpoint_id", "parent_checkpoint_id", "type", "checkpoint", "metadata"];
const WRITES: [&str; 8] = ["thread_id", "checkpoint_ns", "checkpoint_id", "task_id", "idx", "channel", "type", "value"];
const TASK_PATH: &str = "task_path";
const CREATED_AT: &str = "created_at";

/// What was found, or made.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Schema {
    /// Older databases lack it, and one that can't be written keeps lacking it.
    pub has_task_path: bool,
    /// There is nothing to read: the file can't be written and holds no checkpoints.
    pub is_empty: bool,
    pub layout: Layout,
    /// SQLite's count of changes to the schema, when this was found.
    version: i64,
}

impl Schema {
    fn found(conn: &Connection, is_empty: bool) -> Result<Self, SqlError> {
        let has_task_path = has(&columns(conn, "writes")?, TASK_PATH);
        Ok(Self { has_task_path, is_empty, layout: tables::layout(conn)?, version: version(conn)? })
    }

    /// The schema within this transaction: another process may have changed it.
    pub fn now(self, conn: &Connection) -> Result<Self, SqlError> {
        if self.version == version(conn)? { Ok(self) } else { Self::found(conn, self.is_empty) }
    }

    /// The checkpoint of this id, or the latest of its namespace.
    pub fn checkpoint(
        self,
        conn: &Connection,
        states: &States,
        thread: &str,
        namespace: &str,
        id: Option<&str>,
    ) -> Result<Option<Row>, SqlError> {
        match self.layout {
            Layout::Standard => standard::checkpoint(conn, thread, namespace, id),
            Layout::Compact | Layout::Closing => compact::checkpoint(conn, (states, self), thread, namespace, id),
        }
    }
}

fn version(conn: &Connection) -> Result<i64, SqlError> {
    Ok(conn.prepare_cached("PRAGMA schema_version")?.query_row([], |row| row.get(0))?)
}

/// A column of a table.
struct Found {
    name: String,
    /// It has to be given a value, and we don't know which.
    needed: bool,
}

fn columns(conn: &Connection, table: &str) -> Result<Vec<Found>, SqlError> {
    let mut statement =
        conn.prepare("SELECT name, \"notnull\", dflt_value IS NULL, hidden FROM pragma_table_xinfo(?)")?;
    let rows = statement.query_map([table], |row| {
        let (not_null, no_default, hidden): (bool, bool, i64) = (row.get(1)?, row.get(2)?, row.get(3)?);
        Ok(Found { name: row.get(0)?, needed: not_null && no_default && hidden == 0 })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn has(columns: &[Found], name: &str) -> bool {
    columns.iter().any(|column| column.name == name)
}

/// Refuses tables that rows of ours would not fit in.
fn check(table: &str, columns: &[Found], known: &[&str]) -> Result<(), SqlError> {
    let refused = |what: String| Err(SqlError::new(ffi::SQLITE_ERROR, ffi::SQLITE_ERROR, what));
    if let Some(missing) = known.iter().find(|name| !has(columns, name)) {
        return refused(format!("table {table} of this database has no column {missing}: not a checkpointer's"));
    }
    let expected = |name: &str| known.contains(&name) || name == TASK_PATH || name == CREATED_AT;
    if let Some(newer) = columns.iter().find(|column| column.needed && !expected(&column.name)) {
        return refused(format!(
            "table {table} of this database has a column {} that is not known here: its schema is newer than this \
             release of fast_langgraph",
            newer.name
        ));
    }
    Ok(())
}

/// Opens the database for use: makes what is missing, where it can be written.
pub fn prepare(conn: &Connection, options: &Options) -> Result<Schema, SqlError> {
    let read_only = options.read_only || conn.is_readonly("main")?;
    let checkpoints = columns(conn, "checkpoints")?;
    let mut writes = columns(conn, "writes")?;
    // Before anything is changed: what is not ours stays as it is.
    for (table, found, known) in [("checkpoints", &checkpoints, &CHECKPOINTS[..]), ("writes", &writes, &WRITES[..])] {
        if !found.is_empty() {
            check(table, found, known)?;
        }
    }
    if !read_only && !options.is_memory() {
        // SQLite refuses this at once where another connection is in the middle of something.
        busy::retrying(options.busy_timeout, || {
            conn.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0))
        })?;
        // What moves the log into the database is `wal`.
        conn.pragma_update(None, "wal_autocheckpoint", 0)?;
    }
    let usable = !checkpoints.is_empty() && has(&writes, TASK_PATH);
    let needs_no_column = !options.created_at || has(&checkpoints, CREATED_AT);
    let complete = usable && (needs_no_column || tables::layout(conn)? != Layout::Standard);
    if !complete && !read_only {
        match complete_tables(conn, options) {
            // Somebody else is writing all the while. The column can come another time.
            Err(error) if usable && error.code == ffi::SQLITE_BUSY => (),
            completed => completed?,
        }
        writes = columns(conn, "writes")?;
    }
    Schema::found(conn, read_only && (checkpoints.is_empty() || writes.is_empty()))
}

/// Within a transaction, so that of two processes one finds it done.
fn complete_tables(conn: &Connection, options: &Options) -> Result<(), SqlError> {
    conn.execute_batch("BEGIN IMMEDIATE")?;
    let made = make_tables(conn, options);
    conn.execute_batch(if made.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    made
}

fn make_tables(conn: &Connection, options: &Options) -> Result<(), SqlError> {
    let is_new = columns(conn, "checkpoints")?.is_empty();
    conn.execute_batch(TABLES)?;
    if !has(&columns(conn, "writes")?, TASK_PATH) {
        conn.execute_batch("ALTER TABLE writes ADD COLUMN task_path TEXT NOT NULL DEFAULT ''")?;
    }
    let is_standard = tables::layout(conn)? == Layout::Standard;
    if options.created_at && is_standard && !has(&columns(conn, "checkpoints")?, CREATED_AT) {
        let made = format!(
            "ALTER TABLE checkpoints ADD COLUMN {CREATED_AT} TEXT GENERATED ALWAYS AS ({}) VIRTUAL",
            created_at()
        );
        conn.execute_batch(&made)?;
    }
    if is_new && options.layout == Layout::Compact {
        tables::make(conn)?;
    }
    Ok(())
}

/// What a canonical UUIDv6 is like, for GLOB.
pub fn canonical() -> String {
    let digits = |count: usize| "[0-9a-f]".repeat(count);
    format!("{}-{}-6{}-[89ab]{}-{}", digits(8), digits(4), digits(3), digits(3), digits(12))
}

/// The time in a `checkpoint_id`, UTC, as `datetime()` writes it; NULL unless the id is a canonical UUIDv6.
fn created_at() -> String {
    let pattern = canonical();
    // The high, middle and low part of the time, most significant digit first, by their places in the text.
    let places = (1..=8).chain(10..=13).chain(16..=18);
    let mut ticks = String::new();
    for (place, shift) in places.zip((0..15).rev()) {
        let plus = if ticks.is_empty() { "" } else { " + " };
        // A String takes what is written to it.
        let _ = write!(
            ticks,
            "{plus}((instr('0123456789abcdef', substr(checkpoint_id, {place}, 1)) - 1) << {})",
            shift * 4
        );
    }
    // Ticks of 100 ns since the start of the Gregorian calendar.
    format!(
        "CASE WHEN checkpoint_id GLOB '{pattern}' THEN datetime(({ticks} - 122192928000000000) / 10000000, 'unixepoch') \
         END"
    )
}
