//! Making the file of the write-ahead log longer before it is needed.
//!
//! Where a commit makes the file longer, syncing it has the file system's own records written too; where it writes
//! over bytes that are there it does not. Zeros are no frame of a log to whoever reads it.
#![allow(unsafe_code)] // calls methods of the file that SQLite has open: to open it a second time may drop locks

use std::ffi::{CStr, c_int};
use std::ptr;

use rusqlite::{Connection, ffi};

/// SQLite's own. Another may make something else of what is written, or write to what it is given.
const FILE_SYSTEMS: [&CStr; 2] = [c"unix", c"unix-excl"];

const ZEROS: &[u8] = &[0; 64 << 10];

/// Makes the log's file at least `length` bytes long and says how long it is; None, and it is as it was, where that
/// can't be done.
///
/// To be called within a write transaction that has written nothing yet, of a connection with a log: then nobody
/// makes the log longer meanwhile, and none of it lies behind the end of its file.
pub fn extend(conn: &Connection, length: u64) -> Option<u64> {
    if !is_known(conn) || length > most() {
        return None;
    }
    let file = asked::<ffi::sqlite3_file>(conn, ffi::SQLITE_FCNTL_JOURNAL_POINTER)?;
    // SAFETY: SQLite's file object is good for as long as its connection is, which nobody else uses meanwhile, and
    // the methods of an open one are never changed.
    let methods = unsafe { (*file).pMethods.as_ref() }?;
    let (size_of, write, truncate) = (methods.xFileSize?, methods.xWrite?, methods.xTruncate?);
    let length = i64::try_from(length).ok()?;
    let mut before = 0;
    // SAFETY: a method of this file, and a place for what it says.
    let result = unsafe { size_of(file, &raw mut before) };
    if result != ffi::SQLITE_OK {
        return None;
    }
    let mut end = before;
    while end < length {
        let part = i32::try_from(length - end).unwrap_or(i32::MAX).min(ZEROS.len() as i32);
        // SAFETY: a method of this file, and so many bytes, or more. They go behind its end.
        let result = unsafe { write(file, ZEROS.as_ptr().cast(), part, end) };
        if result != ffi::SQLITE_OK {
            // SAFETY: a method of this file. Takes off what was just put behind its end, and no more.
            unsafe { truncate(file, before) };
            return None;
        }
        end += i64::from(part);
    }
    u64::try_from(end).ok()
}

fn is_known(conn: &Connection) -> bool {
    let Some(vfs) = asked::<ffi::sqlite3_vfs>(conn, ffi::SQLITE_FCNTL_VFS_POINTER) else { return false };
    // SAFETY: SQLite's object for a file system that is in use stays, with its name, which ends in NUL.
    let name = unsafe { (*vfs).zName.as_ref().map(|name| CStr::from_ptr(name)) };
    name.is_some_and(|name| FILE_SYSTEMS.contains(&name))
}

/// What SQLite says of a connection's file where the answer is a pointer.
fn asked<T>(conn: &Connection, what: c_int) -> Option<*mut T> {
    let mut answer: *mut T = ptr::null_mut();
    // SAFETY: an open connection, a name that ends in NUL, and a place for the pointer that is asked for.
    let result = unsafe { ffi::sqlite3_file_control(conn.handle(), c"main".as_ptr(), what, (&raw mut answer).cast()) };
    (result == ffi::SQLITE_OK && !answer.is_null()).then_some(answer)
}

/// The length of a file beyond which the system ends the process, by default.
fn most() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a place for what it says.
    let result = unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit) };
    if result == 0 { limit.rlim_cur } else { 0 }
}
