//! What is done with the file when a checkpointer is constructed: as by `sqlite3.connect`, it is made; beyond that, one
//! that is no checkpointer's is refused.
//!
//! Nothing stays open, so the process may fork. Nothing is waited for, and no byte of the database or its log changes.
//! What can't be seen in this way is left to the first use.
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, ffi};

use super::connection::{self, Use};
use super::options::Options;
use crate::errors::SqlError;
use crate::layout::Tables;

/// SQLite has to read all of a log that was left by a process that was killed: 2 ms for this size, if it is cached.
const MAX_LOG: u64 = 8 << 20;

/// Makes the file if it is missing, and checks it as its first use does.
pub fn make_and_check(options: &Options) -> Result<(), SqlError> {
    let Some(path) = &options.path else { return Ok(()) };
    if options.read_only && !path.exists() {
        // Somebody else may make it later.
        return Ok(());
    }
    let conn = connection::connect(options, Use::Write)?;
    // SQLite has followed links, and has its other files there.
    let Ok(database) = path.canonicalize() else { return Ok(()) };
    let log = length(&database, "-wal");
    // SQLite takes a log beside an empty database for one that nobody needs, and deletes it. The journal of a process
    // that was killed would be rolled back.
    let is_empty = length(&database, "").unwrap_or(0) == 0;
    if is_empty || log > Some(MAX_LOG) || length(&database, "-journal") > Some(0) {
        return Ok(());
    }
    if log.is_none() && is_fine_as_it_lies(&database) {
        return Ok(());
    }
    // The last connection moves the log into the database and deletes it. But without a log, that removes the empty
    // files that reading makes.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, log.is_some())?;
    conn.busy_timeout(Duration::ZERO)?;
    match Tables::check(&conn) {
        Err(error) if is_about_the_content(&error) => Err(connection::explained(options, error)),
        _ => Ok(()),
    }
}

/// Whether the file, without a log, is a checkpointer's. This takes no lock and makes no files beside it. It is not
/// believed if it finds something wrong: somebody may write to the file meanwhile.
fn is_fine_as_it_lies(database: &Path) -> bool {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | connection::OWN;
    Connection::open_with_flags(immutable(database), flags).is_ok_and(|conn| Tables::check(&conn).is_ok())
}

/// The URI of a database that SQLite is to treat as one that nobody changes.
fn immutable(database: &Path) -> String {
    let mut uri = "file:".to_owned();
    for byte in database.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || *byte == b'/' {
            uri.push(char::from(*byte));
        } else {
            // Writing to a String can't fail.
            let _ = write!(uri, "%{byte:02x}");
        }
    }
    uri + "?immutable=1"
}

/// Not about a lock, a folder that can't be written or a disk, which may be otherwise at the first use.
fn is_about_the_content(error: &SqlError) -> bool {
    matches!(error.code, ffi::SQLITE_NOTADB | ffi::SQLITE_CORRUPT | ffi::SQLITE_ERROR)
}

/// The length of one of the files that SQLite has for a database, if there is one.
fn length(database: &Path, suffix: &str) -> Option<u64> {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    // By its name: opening and closing it would drop the locks that SQLite holds on it.
    std::fs::metadata(name).ok().map(|file| file.len())
}
