//! Extending the file of the write-ahead log before a commit needs the room.
//!
//! If a commit extends the file, syncing it also writes records of the file system; if it overwrites bytes that exist,
//! it does not. Zeros are not taken for a frame of the log by any reader.
#![allow(unsafe_code)] // calls methods of the file that SQLite has open: opening it a second time may drop locks

use std::ffi::{CStr, c_int};
use std::ptr;

use rusqlite::{Connection, ffi};

/// SQLite's own VFSes. Another one may store something else than what is written, or write to the buffer it is given.
const KNOWN_VFS: [&CStr; 2] = [c"unix", c"unix-excl"];

const ZEROS: &[u8] = &[0; 64 << 10];

/// Extends the log's file to at least `length` bytes and returns its length. None if that is not possible; then the
/// file is as it was.
///
/// Call it in a write transaction that has written nothing yet, on a connection in WAL mode: then nobody else extends
/// the log, and no part of the log lies beyond the end of its file.
pub fn extend(conn: &Connection, length: u64) -> Option<u64> {
    if !has_known_vfs(conn) || length > max_length() {
        return None;
    }
    let file = file_control::<ffi::sqlite3_file>(conn, ffi::SQLITE_FCNTL_JOURNAL_POINTER)?;
    // SAFETY: SQLite's file object lives as long as its connection, which no other thread uses meanwhile, and the
    // methods of an open file never change.
    let methods = unsafe { (*file).pMethods.as_ref() }?;
    let (size_of, write, truncate) = (methods.xFileSize?, methods.xWrite?, methods.xTruncate?);
    let length = i64::try_from(length).ok()?;
    let mut before = 0;
    // SAFETY: a method of this file, and a place for its result.
    let result = unsafe { size_of(file, &raw mut before) };
    if result != ffi::SQLITE_OK {
        return None;
    }
    let mut end = before;
    while end < length {
        let part = i32::try_from(length - end).unwrap_or(i32::MAX).min(ZEROS.len() as i32);
        // SAFETY: a method of this file, and a buffer of at least so many bytes. They are written behind its end.
        let result = unsafe { write(file, ZEROS.as_ptr().cast(), part, end) };
        if result != ffi::SQLITE_OK {
            // SAFETY: a method of this file. It takes off only what was just written behind its end.
            unsafe { truncate(file, before) };
            return None;
        }
        end += i64::from(part);
    }
    u64::try_from(end).ok()
}

fn has_known_vfs(conn: &Connection) -> bool {
    let Some(vfs) = file_control::<ffi::sqlite3_vfs>(conn, ffi::SQLITE_FCNTL_VFS_POINTER) else { return false };
    // SAFETY: SQLite's object for a VFS that is in use lives on, with its name, which ends in NUL.
    let name = unsafe { (*vfs).zName.as_ref().map(|name| CStr::from_ptr(name)) };
    name.is_some_and(|name| KNOWN_VFS.contains(&name))
}

/// Asks SQLite for a pointer that belongs to a connection's file.
fn file_control<T>(conn: &Connection, what: c_int) -> Option<*mut T> {
    let mut answer: *mut T = ptr::null_mut();
    // SAFETY: an open connection, a name that ends in NUL, and a place for the pointer that is asked for.
    let result = unsafe { ffi::sqlite3_file_control(conn.handle(), c"main".as_ptr(), what, (&raw mut answer).cast()) };
    (result == ffi::SQLITE_OK && !answer.is_null()).then_some(answer)
}

/// The length of a file beyond which the system kills the process, by default.
fn max_length() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a place for its result.
    let result = unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit) };
    if result == 0 { limit.rlim_cur } else { 0 }
}
