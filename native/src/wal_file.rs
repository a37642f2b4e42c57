//! Room in the file of the write-ahead log before commits need it.
//!
//! If a commit extends the file, syncing it also writes records of the file system; if it overwrites bytes that exist,
//! it does not. Zeros are not taken for a frame of the log by any reader.
#![allow(unsafe_code)] // calls methods of the file that SQLite has open: opening it a second time may drop locks

use std::ffi::{CStr, c_int, c_void};
use std::ptr;

use rusqlite::{Connection, ffi};

/// SQLite's own VFSes. Another one may store something else than what is written, or write to the buffer it is given.
const KNOWN_VFS: [&CStr; 2] = [c"unix", c"unix-excl"];

/// How the log's header begins, with either kind of checksum. A rollback journal has something else there.
const MAGIC: [[u8; 4]; 2] = [[0x37, 0x7f, 0x06, 0x82], [0x37, 0x7f, 0x06, 0x83]];
/// The header of the log, and of each page in it.
pub const HEADER: u64 = 32;
pub const FRAME_HEADER: u64 = 24;
/// Where a page has the salts of the log's header, which change when the log starts over.
const SALTS_OF_FRAME: u64 = 8;

/// The file is extended ahead of commits up to this size. Larger ones mostly take time for their bytes.
pub const SMALL_COMMIT: u64 = 64 << 10;
/// It is extended by as much as it holds, within these bounds: for a few commits many zeros should not be written.
const MIN_EXTENSION: u64 = 64 << 10;
const MAX_EXTENSION: u64 = 1 << 20;
/// It is extended when less than this part of what it holds is free, within bounds (the upper is `SMALL_COMMIT`).
const FREE_PART: u64 = 4;
const MIN_FREE: u64 = 16 << 10;

const ZEROS: &[u8] = &[0; 64 << 10];

/// The file of a log, as a connection has it open.
pub struct WalFile<'a> {
    file: *mut ffi::sqlite3_file,
    methods: &'a ffi::sqlite3_io_methods,
}

/// How many bytes should be free in the file of a log of this size.
pub fn room(size: u64) -> u64 {
    (size / FREE_PART).clamp(MIN_FREE, SMALL_COMMIT)
}

/// How long the file of a log of this size is to be made.
pub fn extended(size: u64) -> u64 {
    size + size.clamp(MIN_EXTENSION, MAX_EXTENSION)
}

impl<'a> WalFile<'a> {
    /// The file of the connection's log, or of its rollback journal if it is not in WAL mode. None if there is none, or
    /// if it is better left alone.
    pub fn of(conn: &'a Connection) -> Option<Self> {
        // SAFETY: a live handle, and the arguments that are asked for. Only this thread uses the connection.
        unsafe { Self::by(|what, answer| ffi::sqlite3_file_control(conn.handle(), c"main".as_ptr(), what, answer)) }
    }

    /// The same by `file_control`, called with what is asked for and a place for the answer.
    ///
    /// # Safety
    /// `file_control` asks a live handle. No other thread uses or closes it while the value lives.
    pub unsafe fn by(file_control: impl Fn(c_int, *mut c_void) -> c_int) -> Option<Self> {
        let pointer = |what: c_int| {
            let mut answer: *mut c_void = ptr::null_mut();
            let result = file_control(what, (&raw mut answer).cast());
            (result == ffi::SQLITE_OK && !answer.is_null()).then_some(answer)
        };
        let vfs: *mut ffi::sqlite3_vfs = pointer(ffi::SQLITE_FCNTL_VFS_POINTER)?.cast();
        // SAFETY: SQLite's object for a VFS that is in use lives on, with its name, which ends in NUL.
        let name = unsafe { (*vfs).zName.as_ref().map(|name| CStr::from_ptr(name)) }?;
        if !KNOWN_VFS.contains(&name) {
            return None;
        }
        let file: *mut ffi::sqlite3_file = pointer(ffi::SQLITE_FCNTL_JOURNAL_POINTER)?.cast();
        // SAFETY: SQLite's file object lives as long as its connection. A file that is open has methods, which never
        // change.
        let methods = unsafe { (*file).pMethods.as_ref() }?;
        Some(Self { file, methods })
    }

    fn length(&self) -> Option<u64> {
        let mut length = 0;
        // SAFETY: a method of this file, and a place for its result.
        let result = unsafe { (self.methods.xFileSize?)(self.file, &raw mut length) };
        if result == ffi::SQLITE_OK { u64::try_from(length).ok() } else { None }
    }

    fn read<const LENGTH: usize>(&self, at: u64) -> Option<[u8; LENGTH]> {
        let mut bytes = [0; LENGTH];
        let (length, at) = (c_int::try_from(LENGTH).ok()?, i64::try_from(at).ok()?);
        // SAFETY: a method of this file, and a buffer of this length.
        let result = unsafe { (self.methods.xRead?)(self.file, bytes.as_mut_ptr().cast(), length, at) };
        (result == ffi::SQLITE_OK).then_some(bytes)
    }

    /// Extends the file if it is nearly full, but not beyond `most` pages.
    ///
    /// Call it in a write transaction: then nobody else extends the log.
    pub fn make_room(&self, most: u64) {
        if let Some(length) = self.length_with_room(most) {
            self.extend(length);
        }
    }

    /// The length that the file should get. None if it has room, or is not that of a log.
    fn length_with_room(&self, most: u64) -> Option<u64> {
        let length = self.length().filter(|length| *length > HEADER)?;
        let header: [u8; HEADER as usize] = self.read(0)?;
        let [magic, _version, page_size, _sequence, salts @ ..] = header.as_chunks::<4>().0 else { return None };
        let frame = u64::from(u32::from_be_bytes(*page_size)) + FRAME_HEADER;
        if !MAGIC.contains(magic) {
            return None;
        }
        let asked = ((length - HEADER) / frame).saturating_sub(room(length).div_ceil(frame));
        // A frame of an earlier round of the log is free.
        let salts_of_frame: [u8; 8] = self.read(HEADER + asked * frame + SALTS_OF_FRAME)?;
        let extended = extended(length).min(HEADER + most * frame);
        (salts.as_flattened().starts_with(&salts_of_frame) && extended > length).then_some(extended)
    }

    /// Extends the file to at least `length` bytes and returns its length. None if that is not possible; then the file
    /// is as it was.
    ///
    /// Call it in a write transaction: then nobody else extends the log, and all of it lies within its file.
    pub fn extend(&self, length: u64) -> Option<u64> {
        let (write, truncate) = (self.methods.xWrite?, self.methods.xTruncate?);
        let before = self.length()?;
        if length > max_length() {
            return None;
        }
        let mut end = before;
        while end < length {
            let part = (length - end).min(ZEROS.len() as u64);
            let (count, at) = (c_int::try_from(part).ok()?, i64::try_from(end).ok()?);
            // SAFETY: a method of this file, and a buffer of at least so many bytes. They are written behind its end.
            let result = unsafe { write(self.file, ZEROS.as_ptr().cast(), count, at) };
            if result != ffi::SQLITE_OK {
                // SAFETY: a method of this file. It takes off only what was just written behind its end.
                unsafe { truncate(self.file, i64::try_from(before).ok()?) };
                return None;
            }
            end += part;
        }
        Some(end)
    }
}

/// The length of a file beyond which the system kills the process, by default.
fn max_length() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a place for its result.
    let result = unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit) };
    if result == 0 { limit.rlim_cur } else { 0 }
}
