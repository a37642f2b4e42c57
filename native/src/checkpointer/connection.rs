//! Opening connections of our own.
use std::path::Path;

use rusqlite::{Connection, OpenFlags, ffi};

use super::busy;
use super::options::{Options, Synchronous};
use crate::errors::SqlError;
use crate::layout::{Schema, Tables};

/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 64;

/// How a connection is used.
/// What all connections of ours have in common: one thread at a time uses them, and they share no cache with others,
/// whatever the app has set.
pub const OWN: OpenFlags = OpenFlags::SQLITE_OPEN_NO_MUTEX.union(OpenFlags::SQLITE_OPEN_PRIVATE_CACHE);

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Use {
    Write,
    Read,
    /// To move the write-ahead log into the database.
    Checkpoint,
}

/// A connection to the file, of which nothing is read yet.
pub fn connect(options: &Options, usage: Use) -> Result<Connection, SqlError> {
    let path = options.path.as_deref().unwrap_or(Path::new(":memory:"));
    let access = if options.read_only || usage == Use::Read {
        OpenFlags::SQLITE_OPEN_READ_ONLY
    } else if usage == Use::Checkpoint {
        OpenFlags::SQLITE_OPEN_READ_WRITE
    } else {
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE
    };
    // A path is taken literally, never as a URI.
    Connection::open_with_flags(path, access | OWN).map_err(|error| explained(options, error.into()))
}

pub fn open(options: &Options, usage: Use) -> Result<Connection, SqlError> {
    busy::set_timeout(options.busy_timeout);
    let conn = connect(options, usage)?;
    busy::install(&conn)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    // If a checkpoint is not synced before the log starts over, what was on disk may be lost.
    let synchronous = match (usage, options.synchronous) {
        (Use::Checkpoint, Synchronous::Off) => Synchronous::Normal,
        (_, synchronous) => synchronous,
    };
    conn.pragma_update(None, "synchronous", synchronous.pragma()).map_err(|error| explained(options, error.into()))?;
    Ok(conn)
}

/// The same error with the name of the file, and with a cause that SQLite does not tell.
pub fn explained(options: &Options, error: SqlError) -> SqlError {
    let Some(path) = &options.path else { return error };
    let name = path.display();
    match error.code {
        ffi::SQLITE_CANTOPEN => {
            let cause = match path.parent() {
                Some(folder) if !folder.is_dir() => format!("the folder {} does not exist", folder.display()),
                _ if path.is_dir() => "it is a folder".to_owned(),
                _ if !path.exists() && options.read_only => "there is no such file".to_owned(),
                Some(folder) if path.exists() => format!(
                    "the file, its -wal or its -shm can't be opened or created; SQLite needs to write in {} even to read",
                    folder.display()
                ),
                _ => "it can't be created".to_owned(),
            };
            error.with_message(|_| format!("unable to open database file {name}: {cause}"))
        }
        ffi::SQLITE_READONLY if error.extended == ffi::SQLITE_READONLY_DIRECTORY => {
            let folder = path.parent().unwrap_or(path).display();
            error.with_message(|message| format!("{message} {name}: SQLite needs to write in {folder} even to read"))
        }
        // Opening it to read succeeds.
        ffi::SQLITE_IOERR if path.is_dir() => error.with_message(|message| format!("{message} {name}: it is a folder")),
        ffi::SQLITE_NOTADB => error.with_message(|message| format!("{name}: {message}")),
        _ => error,
    }
}

/// Checks the tables of a connection that was opened first, and makes what is missing, unless it can only be read.
pub fn prepare(conn: &Connection, options: &Options) -> Result<Schema, SqlError> {
    let prepared = || {
        let read_only = options.read_only || conn.is_readonly("main")?;
        // Before anything is changed: a database that is not a checkpointer's stays as it is.
        let tables = Tables::check(conn)?;
        if !read_only && !options.is_memory() {
            use_wal(conn, options)?;
        }
        tables.prepare(conn, &options.tables, read_only)
    };
    prepared().map_err(|error| explained(options, error))
}

fn use_wal(conn: &Connection, options: &Options) -> Result<(), SqlError> {
    // SQLite refuses this at once if another connection has a transaction open.
    busy::retrying(options.busy_timeout, || {
        conn.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0))
    })?;
    // `wal` moves the log into the database instead.
    conn.pragma_update(None, "wal_autocheckpoint", 0)?;
    limit_wal_file(conn, options.max_wal_bytes)
}

/// When the log starts over, its file is cut to this size: a snapshot of somebody, or VACUUM, may have made it longer.
pub fn limit_wal_file(conn: &Connection, bytes: u64) -> Result<(), SqlError> {
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    Ok(conn.pragma_update_and_check(None, "journal_size_limit", bytes, |row| row.get::<_, i64>(0)).map(|_| ())?)
}
