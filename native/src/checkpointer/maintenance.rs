//! What is done to a database as a whole.
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, OptionalExtension, ffi};

use super::database::Database;
use super::readers::at_one_moment;
use super::reply::{Answer, Reply};
use super::{busy, wal};
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
        Task::Threads => database.read(threads).map(Reply::Threads),
        Task::Stats { largest } => {
            let mut stats = database.read(|conn| stats(conn, *largest, schema.is_empty))?;
            stats.numbers.push(("wal_file_bytes", wal_file_bytes(database)));
            stats.numbers.extend(database.counters.all());
            Ok(Reply::Stats(Box::new(stats)))
        }
        Task::Vacuum => {
            database.writer.with(database, |conn| conn.execute_batch("VACUUM"))??;
            // The log holds all of the database now.
            wal::checkpoint(database, database.options.busy_timeout)?;
            Ok(Reply::Done)
        }
        Task::Backup(path) => {
            database.read(|conn| backup(conn, path))?;
            Ok(Reply::Done)
        }
    }
}

/// Hops from thread to thread by the index, past the checkpoints of each.
fn threads(conn: &Connection) -> Result<Vec<String>, SqlError> {
    let mut statement = conn.prepare(
        "WITH RECURSIVE threads(id) AS (SELECT min(thread_id) FROM checkpoints UNION ALL \
         SELECT (SELECT min(thread_id) FROM checkpoints WHERE thread_id > id) FROM threads WHERE id IS NOT NULL) \
         SELECT id FROM threads WHERE id IS NOT NULL",
    )?;
    let found = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(found)
}

fn stats(conn: &Connection, largest: usize, is_empty: bool) -> Result<Stats, SqlError> {
    at_one_moment(conn, |conn| {
        let pragma = |name: &str| -> rusqlite::Result<u64> { conn.pragma_query_value(None, name, |row| row.get(0)) };
        let page_size = pragma("page_size")?;
        let mut found = Stats {
            numbers: vec![
                ("database_bytes", page_size * pragma("page_count")?),
                ("free_bytes", page_size * pragma("freelist_count")?),
            ],
            last_checkpoint_id: None,
            largest_threads: Vec::new(),
        };
        if is_empty {
            return Ok(found);
        }
        // Lengths stand at the start of a row: what they are of is not read.
        let mut one = |name, sql: &str| -> Result<(), SqlError> {
            found.numbers.push((name, conn.query_row(sql, [], |row| row.get(0))?));
            Ok(())
        };
        one("threads", "SELECT count(DISTINCT thread_id) FROM checkpoints")?;
        one("checkpoints", "SELECT count(*) FROM checkpoints")?;
        one("writes", "SELECT count(*) FROM writes")?;
        one(
            "checkpoint_bytes",
            "SELECT coalesce(sum(length(checkpoint) + coalesce(length(metadata), 0)), 0) FROM checkpoints",
        )?;
        one("write_bytes", "SELECT coalesce(sum(length(value)), 0) FROM writes")?;
        found.last_checkpoint_id =
            conn.query_row("SELECT max(checkpoint_id) FROM checkpoints", [], |row| row.get(0))?;
        let mut statement = conn.prepare(
            "SELECT thread_id, count(*), coalesce(sum(length(checkpoint) + coalesce(length(metadata), 0)), 0) AS bytes \
             FROM checkpoints GROUP BY thread_id ORDER BY bytes DESC, thread_id LIMIT ?",
        )?;
        let rows = statement.query_map([i64::try_from(largest).unwrap_or(i64::MAX)], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
        found.largest_threads = rows.collect::<rusqlite::Result<_>>()?;
        Ok(found)
    })
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
        copy(conn, &partial).map_err(|error| error.explained(|message| format!("{}: {message}", path.display())));
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
