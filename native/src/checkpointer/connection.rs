//! Opening connections of our own.
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, ffi};

use super::busy;
use super::options::{Options, Synchronous};
use crate::errors::SqlError;

/// Statements that a connection keeps prepared.
const STATEMENTS: usize = 64;

/// A file by device and inode.
pub type File = (u64, u64);

/// How a connection is used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Use {
    Write,
    Read,
    /// Moving the write-ahead log into the database.
    Checkpoint,
}

pub fn open(options: &Options, usage: Use) -> Result<Connection, SqlError> {
    busy::limit(options.busy_timeout);
    let path = options.path.as_deref().unwrap_or(Path::new(":memory:"));
    let access = if options.read_only || usage == Use::Read {
        OpenFlags::SQLITE_OPEN_READ_ONLY
    } else if usage == Use::Checkpoint {
        OpenFlags::SQLITE_OPEN_READ_WRITE
    } else {
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE
    };
    // Each is used by one thread at a time. Names are names: no URIs.
    let conn = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(|error| explained(options, error.into()))?;
    busy::install(&conn)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    // A checkpoint that isn't synced before the log starts over loses what was on disk before.
    let synchronous = match (usage, options.synchronous) {
        (Use::Checkpoint, Synchronous::Off) => Synchronous::Normal,
        (_, synchronous) => synchronous,
    };
    conn.pragma_update(None, "synchronous", synchronous.pragma()).map_err(|error| explained(options, error.into()))?;
    Ok(conn)
}

/// The same error with the file's name in it, and what SQLite doesn't say of the cause.
pub fn explained(options: &Options, error: SqlError) -> SqlError {
    let Some(path) = &options.path else { return error };
    let name = path.display();
    match error.code {
        ffi::SQLITE_CANTOPEN => {
            let cause = match path.parent() {
                Some(folder) if !folder.is_dir() => format!("there is no folder {}", folder.display()),
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
        ffi::SQLITE_NOTADB => error.with_message(|message| format!("{name}: {message}")),
        _ => error,
    }
}

/// What tells a file from another that takes its name: device and inode.
pub fn identity(path: &Path) -> Option<File> {
    // Asked by name: opening and closing the file would drop the locks that SQLite holds on it.
    std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

/// Of a file that was deleted, or that another has replaced, while it was open: what is written to it would be
/// lost with the last connection.
pub fn moved(options: &Options) -> SqlError {
    let name = options.path.as_deref().unwrap_or(Path::new("")).display();
    SqlError::new(
        ffi::SQLITE_READONLY,
        ffi::SQLITE_READONLY_DBMOVED,
        format!("database file {name} was moved, replaced or deleted while it was open; make a new checkpointer"),
    )
}
