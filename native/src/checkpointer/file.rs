//! What is said of a file that is not the one that was opened.
use std::path::Path;

use rusqlite::ffi;

use super::options::Options;
use crate::errors::SqlError;

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
