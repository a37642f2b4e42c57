//! Copying a database while it is in use.
use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, OptionalExtension, ffi};

use super::busy;
use super::connection::OWN;
use crate::errors::SqlError;

/// What SQLite appends to a database's name for the files that belong to it. If one of them is left from an earlier
/// database, SQLite takes it for a part of the new one.
const COMPANIONS: [&str; 3] = ["-wal", "-journal", "-shm"];

/// Copies the database as it is at this moment. The copy gets its name when it is whole.
pub fn backup(conn: &Connection, path: &Path) -> Result<(), SqlError> {
    let failed = |error: io::Error| refused(format!("unable to open database file {}: {error}", path.display()));
    check_name(path)?;
    let partial = with_suffix(path, ".partial");
    let lock = claimed(&partial)
        .map_err(failed)?
        .ok_or_else(|| refused(format!("{}: another backup to this name is under way", path.display())))?;
    let copied = copy(conn, &partial)
        .map_err(|error| error.with_message(|message| format!("{}: {message}", path.display())))
        .and_then(|()| {
            check_name(path)?;
            publish(&partial, path).map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => exists(path),
                _ => failed(error),
            })
        });
    // If the copy has got its name, this removes its other name.
    drop(std::fs::remove_file(&partial));
    // Until here: SQLite's locks on a file are gone once its process closes any handle of it.
    drop(lock);
    copied
}

fn refused(message: String) -> SqlError {
    SqlError::new(ffi::SQLITE_CANTOPEN, ffi::SQLITE_CANTOPEN, message)
}

fn exists(path: &Path) -> SqlError {
    refused(format!("{} exists already", path.display()))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(OsStr::new(suffix));
    PathBuf::from(name)
}

/// Refuses a name that is in use, or would be taken for the name of an earlier database's files.
fn check_name(path: &Path) -> Result<(), SqlError> {
    // A link that leads nowhere is in the way too.
    if path.symlink_metadata().is_ok() {
        return Err(exists(path));
    }
    let left = COMPANIONS.iter().map(|suffix| with_suffix(path, suffix)).find(|name| name.symlink_metadata().is_ok());
    left.map_or(Ok(()), |name| {
        Err(refused(format!(
            "{} is left from another database of this name, and SQLite would apply it to the backup; remove it, or \
             choose another name",
            name.display()
        )))
    })
}

/// Makes the file for the copy and locks it until the backup ends. What a backup that was killed has left there is
/// removed. None if another backup has the name.
fn claimed(partial: &Path) -> io::Result<Option<File>> {
    use std::os::unix::fs::OpenOptionsExt;
    loop {
        // As SQLite makes a database.
        match File::options().write(true).create_new(true).mode(0o644).open(partial) {
            Ok(file) if is_locked(&file, partial)? => {
                for suffix in COMPANIONS {
                    remove(&with_suffix(partial, suffix))?;
                }
                return Ok(Some(file));
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if !is_locked(&File::open(partial)?, partial)? {
                    return Ok(None);
                }
                // Only its name: a backup that was killed at its very end may have two, and the other one may have
                // been moved.
                remove(partial)?;
            }
            Ok(_) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether the file is locked by this handle now, and still has the name. Without locks, in some network file systems,
/// `publish` decides between two backups.
fn is_locked(file: &File, path: &Path) -> io::Result<bool> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) if error.kind() != io::ErrorKind::Unsupported => Err(error),
        _ => Ok(is_same(file, path)),
    }
}

fn is_same(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    file.metadata().map(identity).ok() == std::fs::metadata(path).map(identity).ok()
}

/// Gives the copy its name, unless somebody has taken it meanwhile, and waits until the folder is on disk.
fn publish(partial: &Path, path: &Path) -> io::Result<()> {
    match std::fs::hard_link(partial, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
        // A file system without links.
        Err(_) => std::fs::rename(partial, path)?,
        Ok(()) => std::fs::remove_file(partial)?,
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Some file systems can't sync a folder.
    drop(File::open(folder).and_then(|folder| folder.sync_all()));
    Ok(())
}

fn copy(conn: &Connection, path: &Path) -> Result<(), SqlError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OWN;
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
