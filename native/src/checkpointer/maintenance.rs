//! What is done to a database as a whole.
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, OptionalExtension, ffi};

use super::database::Database;
use super::layout::Layout;
use super::reply::{Answer, Reply};
use super::schema::Schema;
use super::work::Work;
use super::{busy, compact, wal};
use crate::errors::SqlError;

pub enum Task {
    /// Opens it, and makes the tables if need be.
    Setup,
    Threads,
    Stats {
        largest: usize,
    },
    Vacuum,
    Backup(PathBuf),
}

/// What a database holds, and what was done with it.
pub struct Stats {
    pub layout: &'static str,
    pub numbers: Vec<(&'static str, u64)>,
    pub last_checkpoint_id: Option<String>,
    /// Thread, checkpoints, bytes.
    pub largest_threads: Vec<(String, u64, u64)>,
}

pub fn answer(database: &Arc<Database>, task: &Task) -> Answer {
    let schema = database.schema()?;
    match task {
        Task::Setup => Ok(Reply::Done),
        Task::Threads if schema.is_empty => Ok(Reply::Threads(Vec::new())),
        Task::Threads => database.read_with_schema(threads).map(Reply::Threads),
        Task::Stats { largest } => {
            let mut stats = database.read_with_schema(|conn, schema| stats(conn, schema, *largest))?;
            stats.numbers.push(("wal_file_bytes", wal_file_bytes(database)));
            stats.numbers.extend(database.counters.all());
            Ok(Reply::Stats(Box::new(stats)))
        }
        Task::Vacuum => {
            // Pieces that nobody needs would be kept.
            for thread in database.read_with_schema(threads_with_pieces)? {
                database.writer.write(database, &Arc::new(Work::Sweep(thread)))?;
            }
            database.writer.with(database, |open| open.conn.execute_batch("VACUUM"))??;
            // The log holds all of the database now.
            wal::patiently(database, || wal::checkpoint(database))?;
            Ok(Reply::Done)
        }
        Task::Backup(path) => {
            database.read(|conn| backup(conn, path))?;
            Ok(Reply::Done)
        }
    }
}

/// Those that have checkpoints, and those that have pieces left of some.
fn threads(conn: &Connection, schema: Schema) -> Result<Vec<String>, SqlError> {
    let table = schema.layout.table();
    // Hops from thread to thread by the index, past the checkpoints of each.
    let mut statement = conn.prepare(&format!(
        "WITH RECURSIVE threads(id) AS (SELECT min(thread_id) FROM {table} UNION ALL \
         SELECT (SELECT min(thread_id) FROM {table} WHERE thread_id > id) FROM threads WHERE id IS NOT NULL) \
         SELECT id FROM threads WHERE id IS NOT NULL"
    ))?;
    let mut found = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<BTreeSet<String>>>()?;
    found.extend(threads_with_pieces(conn, schema)?);
    Ok(found.into_iter().collect())
}

fn threads_with_pieces(conn: &Connection, schema: Schema) -> Result<Vec<String>, SqlError> {
    if schema.layout == Layout::Standard { Ok(Vec::new()) } else { compact::threads(conn) }
}

fn stats(conn: &Connection, schema: Schema, largest: usize) -> Result<Stats, SqlError> {
    let pragma = |name: &str| -> rusqlite::Result<u64> { conn.pragma_query_value(None, name, |row| row.get(0)) };
    let page_size = pragma("page_size")?;
    let mut found = Stats {
        layout: schema.layout.name(),
        numbers: vec![
            ("database_bytes", page_size * pragma("page_count")?),
            ("free_bytes", page_size * pragma("freelist_count")?),
        ],
        last_checkpoint_id: None,
        largest_threads: Vec::new(),
    };
    if schema.is_empty {
        return Ok(found);
    }
    let table = schema.layout.table();
    let is_compact = schema.layout != Layout::Standard;
    // Lengths stand at the start of a row: what they are of is not read.
    let stored = "coalesce(length(checkpoint), 0) + coalesce(length(metadata), 0)";
    let whole =
        if is_compact { "coalesce(size, length(checkpoint), 0) + coalesce(length(metadata), 0)" } else { stored };
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
    found.last_checkpoint_id =
        conn.query_row(&format!("SELECT max(checkpoint_id) FROM {table}"), [], |row| row.get(0))?;
    let mut statement = conn.prepare(&format!(
        "SELECT thread_id, count(*), coalesce(sum({whole}), 0) AS bytes FROM {table} \
         GROUP BY thread_id ORDER BY bytes DESC, thread_id LIMIT ?"
    ))?;
    let rows = statement
        .query_map([i64::try_from(largest).unwrap_or(i64::MAX)], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    found.largest_threads = rows.collect::<rusqlite::Result<_>>()?;
    Ok(found)
}

/// By its name: opening and closing the file would drop the locks that SQLite holds on it.
fn wal_file_bytes(database: &Database) -> u64 {
    let Some(path) = &database.options.path else { return 0 };
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    std::fs::metadata(name).map_or(0, |file| file.len())
}

/// A copy as of this moment. It takes its name when it is whole.
fn backup(conn: &Connection, path: &Path) -> Result<(), SqlError> {
    let refused = |message: String| SqlError::new(ffi::SQLITE_CANTOPEN, ffi::SQLITE_CANTOPEN, message);
    if path.exists() {
        return Err(refused(format!("{} exists already", path.display())));
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    let partial = PathBuf::from(name);
    let failed = |error: std::io::Error| refused(format!("{}: {error}", path.display()));
    // Left behind by a backup that was killed.
    if partial.exists() {
        std::fs::remove_file(&partial).map_err(failed)?;
    }
    let copied =
        copy(conn, &partial).map_err(|error| error.with_message(|message| format!("{}: {message}", path.display())));
    if copied.is_err() {
        // It may not have come to be.
        drop(std::fs::remove_file(&partial));
    }
    copied?;
    std::fs::rename(&partial, path).map_err(failed)
}

fn copy(conn: &Connection, path: &Path) -> Result<(), SqlError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut target = Connection::open_with_flags(path, flags)?;
    busy::install(&target)?;
    // All pages in one step, under one snapshot: a writer meanwhile doesn't have it start over.
    let stepped = Backup::new(conn, &mut target)?.step(-1)?;
    if stepped != StepResult::Done {
        return Err(SqlError::new(ffi::SQLITE_BUSY, ffi::SQLITE_BUSY, "database is locked".to_owned()));
    }
    // Of the copy nothing may lie in a log beside it.
    let mode: Option<String> = target.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0)).optional()?;
    drop(mode);
    target.close().map_err(|(_, error)| error)?;
    Ok(())
}
