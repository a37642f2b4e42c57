//! Copying a database while it is in use.
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, OptionalExtension, ffi};

use super::busy;
use crate::errors::SqlError;

/// Copies the database as it is at this moment. The copy gets its name when it is whole.
pub fn backup(conn: &Connection, path: &Path) -> Result<(), SqlError> {
    let refused = |message: String| SqlError::new(ffi::SQLITE_CANTOPEN, ffi::SQLITE_CANTOPEN, message);
    if path.exists() {
        return Err(refused(format!("{} exists already", path.display())));
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    let partial = PathBuf::from(name);
    let failed = |error: std::io::Error| refused(format!("{}: {error}", path.display()));
    // A backup that was killed leaves this behind.
    if partial.exists() {
        std::fs::remove_file(&partial).map_err(failed)?;
    }
    let copied =
        copy(conn, &partial).map_err(|error| error.with_message(|message| format!("{}: {message}", path.display())));
    if copied.is_err() {
        // It may not exist.
        drop(std::fs::remove_file(&partial));
    }
    copied?;
    std::fs::rename(&partial, path).map_err(failed)
}

fn copy(conn: &Connection, path: &Path) -> Result<(), SqlError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut target = Connection::open_with_flags(path, flags)?;
    busy::install(&target)?;
    // All pages in one step, under one snapshot: with more steps, a writer in between would have it start over.
    let stepped = Backup::new(conn, &mut target)?.step(-1)?;
    if stepped != StepResult::Done {
        return Err(SqlError::new(ffi::SQLITE_BUSY, ffi::SQLITE_BUSY, "database is locked".to_owned()));
    }
    // Nothing of the copy may lie in a log beside it.
    let mode: Option<String> = target.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0)).optional()?;
    drop(mode);
    target.close().map_err(|(_, error)| error)?;
    Ok(())
}
