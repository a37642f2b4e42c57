//! Making the file of the write-ahead log longer before it is needed.
//!
//! Where a commit makes the file longer, syncing it has the file system's own records written too; where it writes
//! over bytes that are there it does not. Zeros are no frame of a log to whoever reads it.
#![allow(unsafe_code)] // calls methods of the file that SQLite has open: to open it a second time may drop locks

use std::ptr;

use rusqlite::{Connection, ffi};

const ZEROS: &[u8] = &[0; 64 << 10];

/// Makes the log's file at least `length` bytes long and says how long it is; None, and it is as it was, where that
/// can't be done.
///
/// To be called within a write transaction that has written nothing yet, of a connection with a log: then nobody
/// makes the log longer meanwhile, and none of it lies behind the end of its file.
pub fn extend(conn: &Connection, length: u64) -> Option<u64> {
    let file = log_of(conn)?;
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

/// The open file of the log.
fn log_of(conn: &Connection) -> Option<*mut ffi::sqlite3_file> {
    let mut file: *mut ffi::sqlite3_file = ptr::null_mut();
    // SAFETY: an open connection, a name that ends in NUL, and a place for the pointer that this one asks for.
    let result = unsafe {
        let place = (&raw mut file).cast();
        ffi::sqlite3_file_control(conn.handle(), c"main".as_ptr(), ffi::SQLITE_FCNTL_JOURNAL_POINTER, place)
    };
    (result == ffi::SQLITE_OK && !file.is_null()).then_some(file)
}
