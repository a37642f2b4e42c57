//! Statements on a handle, prepared, run and finalized within a call.
#![allow(unsafe_code)] // calls SQLite

use std::ffi::{CStr, c_int};
use std::ptr::null_mut;

use rusqlite::ffi;

use crate::errors::SqlError;
use crate::host_sqlite::{self, Functions};
use crate::operation::Value;

/// A handle and its library's functions. Used by one thread at a time, with or without the GIL.
#[derive(Clone, Copy)]
pub struct Connection {
    functions: Functions,
    db: *mut ffi::sqlite3,
}

// SAFETY: the library is in serialized mode (`host_sqlite` refuses any other), so a handle may be used
// from any thread.
unsafe impl Send for Connection {}
// SAFETY: as above.
unsafe impl Sync for Connection {}

/// A column of a row, copied.
pub enum Column {
    Null,
    Int(i64),
    Float(f64),
    /// Not yet checked to be UTF-8.
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

impl Connection {
    /// # Safety
    /// `db` is a handle of the library that `functions` are from, and stays one (pinned, perhaps as a
    /// zombie) as long as the value and its statements live.
    pub unsafe fn new(functions: Functions, db: *mut ffi::sqlite3) -> Self {
        Self { functions, db }
    }

    /// What the connection says of its last failure.
    fn error(&self) -> SqlError {
        // SAFETY: a live handle; the message is copied at once.
        unsafe {
            SqlError {
                code: (self.functions.errcode)(self.db) & 0xff,
                extended: (self.functions.extended_errcode)(self.db),
                message: host_sqlite::message((self.functions.errmsg)(self.db)),
            }
        }
    }

    pub fn prepare(&self, sql: &CStr) -> Result<Prepared, SqlError> {
        let mut statement = null_mut();
        // SAFETY: a live handle (a zombie fails with MISUSE) and a C string.
        let code = unsafe { (self.functions.prepare_v2)(self.db, sql.as_ptr(), -1, &raw mut statement, null_mut()) };
        match code {
            ffi::SQLITE_OK => Ok(Prepared { connection: *self, statement }),
            // A zombie must not be asked for more.
            ffi::SQLITE_MISUSE => Err(SqlError { code, extended: code, message: String::new() }),
            _ => Err(self.error()),
        }
    }

    /// Whether no transaction is open.
    pub fn autocommit(&self) -> bool {
        // SAFETY: a live handle.
        unsafe { (self.functions.get_autocommit)(self.db) != 0 }
    }

    /// Runs a statement without parameters to its end.
    pub fn run(&self, sql: &CStr) -> Result<(), SqlError> {
        self.prepare(sql)?.run(&[])
    }
}

/// A prepared statement; finalized when it is dropped.
pub struct Prepared {
    connection: Connection,
    statement: *mut ffi::sqlite3_stmt,
}

// SAFETY: as for `Connection`.
unsafe impl Send for Prepared {}

impl Prepared {
    pub fn writes_nothing(&self) -> bool {
        // SAFETY: a live statement.
        unsafe { (self.connection.functions.stmt_readonly)(self.statement) != 0 }
    }

    /// Binds `row`, which has to stay as it is until the statement is reset or bound anew.
    fn bind(&self, row: &[Value]) -> Result<(), SqlError> {
        let functions = &self.connection.functions;
        for (index, value) in (1..).zip(row) {
            // SAFETY: a live statement; text and blobs are bound as they lie and, by the rule above,
            // outlive their use. Lengths are below SQLite's limit of 10^9.
            #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)]
            let code = unsafe {
                let bytes = |bytes: &[u8]| {
                    (functions.bind_blob64)(self.statement, index, bytes.as_ptr().cast(), bytes.len() as u64, None)
                };
                match value {
                    Value::Null => (functions.bind_null)(self.statement, index),
                    Value::Int(value) => (functions.bind_int64)(self.statement, index, *value),
                    Value::Float(value) => (functions.bind_double)(self.statement, index, *value),
                    Value::Text(text) => {
                        (functions.bind_text)(self.statement, index, text.as_ptr().cast(), text.len() as c_int, None)
                    }
                    Value::Bytes(value) => bytes(value),
                    Value::Blob(blob) => bytes(blob.get().as_slice()),
                }
            };
            if code != ffi::SQLITE_OK {
                return Err(self.connection.error());
            }
        }
        Ok(())
    }

    /// Whether there is a row.
    fn step(&self) -> Result<bool, SqlError> {
        // SAFETY: a live statement.
        match unsafe { (self.connection.functions.step)(self.statement) } {
            ffi::SQLITE_ROW => Ok(true),
            ffi::SQLITE_DONE => Ok(false),
            _ => Err(self.connection.error()),
        }
    }

    /// Runs the statement for `row`, to its end.
    pub fn run(&self, row: &[Value]) -> Result<(), SqlError> {
        self.bind(row)?;
        let result = loop {
            match self.step() {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        // SAFETY: a live statement. What it returns is the error that is known already.
        unsafe { (self.connection.functions.reset)(self.statement) };
        result
    }

    /// All rows for the parameters `row`, at most `limit`.
    pub fn rows(&self, row: &[Value], limit: usize) -> Result<Vec<Vec<Column>>, SqlError> {
        self.bind(row)?;
        let mut rows = Vec::new();
        while rows.len() < limit && self.step()? {
            // SAFETY: a statement that stands on a row.
            let count = unsafe { (self.connection.functions.column_count)(self.statement) };
            rows.push((0..count).map(|index| self.column(index)).collect());
        }
        // SAFETY: a live statement: no read transaction may stay open for its sake.
        unsafe { (self.connection.functions.reset)(self.statement) };
        Ok(rows)
    }

    fn column(&self, index: c_int) -> Column {
        let functions = &self.connection.functions;
        // SAFETY: a statement that stands on a row that has this column; text and blobs are copied before
        // anything else is asked.
        unsafe {
            let bytes = |data: *const u8| {
                let length = (functions.column_bytes)(self.statement, index).unsigned_abs() as usize;
                if data.is_null() || length == 0 {
                    return Vec::new();
                }
                let mut copy = crate::buffer::take();
                copy.extend_from_slice(std::slice::from_raw_parts(data, length));
                copy
            };
            match (functions.column_type)(self.statement, index) {
                ffi::SQLITE_INTEGER => Column::Int((functions.column_int64)(self.statement, index)),
                ffi::SQLITE_FLOAT => Column::Float((functions.column_double)(self.statement, index)),
                ffi::SQLITE_TEXT => Column::Text(bytes((functions.column_text)(self.statement, index))),
                ffi::SQLITE_BLOB => Column::Blob(bytes((functions.column_blob)(self.statement, index).cast())),
                _ => Column::Null,
            }
        }
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        // SAFETY: a live statement, or NULL.
        unsafe { (self.connection.functions.finalize)(self.statement) };
    }
}
