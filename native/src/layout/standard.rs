//! The standard layout, SqliteSaver's own: one row for each checkpoint, one row for each pending write.
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, ToSql, ffi, params_from_iter};

use super::change::{Change, Tally};
use crate::columns::{Column, Row, Rows};
use crate::errors::SqlError;
use crate::key_part::KeyPart;
use crate::values::Values;

/// The columns of `checkpoints`.
pub const CHECKPOINTS: [&str; 7] =
    ["thread_id", "checkpoint_ns", "checkpoint_id", "parent_checkpoint_id", "type", "checkpoint", "metadata"];
/// The same, for SQL.
const COLUMNS: &str = "thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata";
const REPLACE_WRITE: &str = "INSERT OR REPLACE INTO writes (thread_id, checkpoint_ns, checkpoint_id, task_id, \
                             task_path, idx, channel, type, value) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
const KEEP_WRITE: &str = "INSERT OR IGNORE INTO writes (thread_id, checkpoint_ns, checkpoint_id, task_id, \
                          task_path, idx, channel, type, value) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// Which columns of the rows that are read hold the serializer's output.
pub const CHECKPOINT_COLUMN: usize = 5;
pub const VALUE_COLUMN: usize = 3;

fn run(conn: &Connection, sql: &str, row: &Values) -> Result<usize, SqlError> {
    Ok(conn.prepare_cached(sql)?.execute(params_from_iter(row))?)
}

/// Applies `change`, with `table` as the table of checkpoints.
pub fn apply(conn: &Connection, table: &str, change: &Change) -> Result<Tally, SqlError> {
    match change {
        Change::Put(row) => {
            let sql = format!("INSERT OR REPLACE INTO {table} ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)");
            run(conn, &sql, row).map(|_| Tally::default())
        }
        Change::PutWrites { rows, replace } => {
            let sql = if *replace { REPLACE_WRITE } else { KEEP_WRITE };
            for row in rows {
                run(conn, sql, row)?;
            }
            Ok(Tally::default())
        }
        Change::CopyThread { source, target } => copy_thread(conn, table, source, target).map(|()| Tally::default()),
        // `write` has these carried out elsewhere, or there is nothing to do in the standard layout.
        Change::Remove(_) | Change::Sweep(_) | Change::Convert { .. } => Ok(Tally::default()),
    }
}

fn copy_thread(conn: &Connection, table: &str, source: &str, target: &str) -> Result<(), SqlError> {
    let taken: bool = conn
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM checkpoints WHERE thread_id = ?1) \
             OR EXISTS (SELECT 1 FROM writes WHERE thread_id = ?1)",
        )?
        .query_row([target], |row| row.get(0))?;
    if taken {
        let message = format!("thread {target:?} has checkpoints already");
        return Err(SqlError::new(ffi::SQLITE_CONSTRAINT, ffi::SQLITE_CONSTRAINT_PRIMARYKEY, message));
    }
    conn.execute(
        &format!(
            "INSERT INTO {table} ({COLUMNS}) SELECT ?2, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, \
             checkpoint, metadata FROM {table} WHERE thread_id = ?1"
        ),
        [source, target],
    )?;
    conn.execute(
        "INSERT INTO writes (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value) \
         SELECT ?2, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value \
         FROM writes WHERE thread_id = ?1",
        [source, target],
    )?;
    Ok(())
}

/// The error in sqlite3's words.
fn not_utf8(column: &str, text: &[u8]) -> SqlError {
    let text = String::from_utf8_lossy(text);
    let message = format!("Could not decode to UTF-8 column '{column}' with text '{text}'");
    SqlError::new(ffi::SQLITE_ERROR, ffi::SQLITE_ERROR, message)
}

/// Copies a column. Text that is not UTF-8 is an error, as in sqlite3.
pub fn column(row: &rusqlite::Row<'_>, index: usize) -> Result<Column, SqlError> {
    match row.get_ref(index)? {
        ValueRef::Text(text) if std::str::from_utf8(text).is_err() => {
            Err(not_utf8(row.as_ref().column_name(index)?, text))
        }
        value => Column::new(value),
    }
}

fn row(row: &rusqlite::Row<'_>, columns: usize) -> Result<Row, SqlError> {
    (0..columns).map(|index| column(row, index)).collect()
}

/// The checkpoint of this id, or the latest of its namespace.
pub fn checkpoint(
    conn: &Connection,
    thread: &KeyPart,
    namespace: &KeyPart,
    id: Option<&KeyPart>,
) -> Result<Option<Row>, SqlError> {
    let which = if id.is_some() { "AND checkpoint_id = ?" } else { "ORDER BY checkpoint_id DESC LIMIT 1" };
    let sql = format!("SELECT {COLUMNS} FROM checkpoints WHERE thread_id = ? AND checkpoint_ns = ? {which}");
    conn.prepare_cached(&sql)?
        .query_row(params_from_iter([thread, namespace].into_iter().chain(id)), |found| Ok(row(found, 7)))
        .optional()?
        .transpose()
}

/// A checkpoint's parent and metadata.
pub fn description(
    conn: &Connection,
    thread: &KeyPart,
    namespace: &KeyPart,
    id: &KeyPart,
) -> Result<Option<Row>, SqlError> {
    conn.prepare_cached(
        "SELECT parent_checkpoint_id, metadata FROM checkpoints \
         WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?",
    )?
    .query_row([thread, namespace, id], |found| Ok(row(found, 2)))
    .optional()?
    .transpose()
}

/// The pending writes of a checkpoint, of one channel or of all: task_id, channel, type, value, task_path, idx.
pub fn pending_writes(
    conn: &Connection,
    has_task_path: bool,
    key: (&KeyPart, &KeyPart, &KeyPart),
    channel: Option<&str>,
) -> Result<Rows, SqlError> {
    let task_path = if has_task_path { "task_path" } else { "''" };
    let one = if channel.is_some() { " AND channel = ?" } else { "" };
    let sql = format!(
        "SELECT task_id, channel, type, value, {task_path}, idx FROM writes \
         WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?{one}"
    );
    let (thread, namespace, id) = key;
    let key = [thread, namespace, id].map(|part| part as &dyn ToSql);
    let parameters = key.into_iter().chain(channel.as_ref().map(|channel| channel as &dyn ToSql));
    let mut statement = conn.prepare_cached(&sql)?;
    let mut found = statement.query(params_from_iter(parameters))?;
    let mut rows = Vec::new();
    while let Some(next) = found.next()? {
        rows.push(row(next, 6)?);
    }
    Ok(rows)
}
