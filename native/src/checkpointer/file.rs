//! The file of a database, told from others that take its name.
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rusqlite::ffi;

use super::options::Options;
use crate::errors::SqlError;

/// Device and inode.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FileIdentity(u64, u64);

impl FileIdentity {
    pub fn of(path: &Path) -> Option<Self> {
        // By its name: opening and closing the file would drop the locks that SQLite holds on it.
        std::fs::metadata(path).ok().map(|file| Self(file.dev(), file.ino()))
    }
}

/// The error for a file that was deleted or replaced while it was open: what is written to it would be lost when the
/// last connection closes.
pub fn moved(options: &Options) -> SqlError {
    let name = options.path.as_deref().unwrap_or(Path::new("")).display();
    SqlError::new(
        ffi::SQLITE_READONLY,
        ffi::SQLITE_READONLY_DBMOVED,
        format!("database file {name} was moved, replaced or deleted while it was open; make a new checkpointer"),
    )
}
