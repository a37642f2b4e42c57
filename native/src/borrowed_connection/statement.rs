//! Statements on a borrowed handle, prepared, run and finalized within one call.
#![allow(unsafe_code)] // calls SQLite

use std::ffi::{CStr, c_int};
use std::path::PathBuf;
use std::ptr::null_mut;

use rusqlite::ffi;

use crate::columns::{Column, copied};
use crate::errors::SqlError;
use crate::host_sqlite::{self, Functions};
use crate::values::Value;
#[cfg(unix)]
use crate::wal_file::WalFile;

#[cfg(unix)]
fn path(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(bytes).into()
}

#[cfg(not(unix))]
fn path(bytes: Vec<u8>) -> PathBuf {
    String::from_utf8_lossy(&bytes).into_owned().into()
}

/// A handle and the functions of its library. One thread at a time uses it, with or without the GIL.
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

impl Connection {
    /// # Safety
    /// `db` is a handle of the library that `functions` come from. It stays valid, if only as a zombie, as long as the
    /// value and its statements live.
    pub unsafe fn new(functions: Functions, db: *mut ffi::sqlite3) -> Self {
        Self { functions, db }
    }

    /// Calls `work`, which returns a result code. If it failed, the error is read before another thread that uses the
    /// connection can replace it.
    fn checked(&self, work: impl FnOnce() -> c_int) -> Result<c_int, SqlError> {
        let functions = &self.functions;
        self.exclusively(|| {
            let code = work();
            match code & 0xff {
                ffi::SQLITE_OK | ffi::SQLITE_ROW | ffi::SQLITE_DONE => Ok(code),
                // A zombie, which must not be asked for more.
                ffi::SQLITE_MISUSE => Err(SqlError::new(code, code, String::new())),
                // SAFETY: a live handle. The message is copied at once.
                _ => Err(unsafe {
                    SqlError::new(
                        (functions.errcode)(self.db),
                        (functions.extended_errcode)(self.db),
                        host_sqlite::message((functions.errmsg)(self.db)),
                    )
                }),
            }
        })
    }

    /// Calls `work` while no other thread uses the connection.
    pub fn exclusively<T>(&self, work: impl FnOnce() -> T) -> T {
        // SAFETY: a live handle. Its mutex is recursive, for SQLite enters it within each call; it is left in any case.
        unsafe {
            let mutex = (self.functions.db_mutex)(self.db);
            (self.functions.mutex_enter)(mutex);
            let result = work();
            (self.functions.mutex_leave)(mutex);
            result
        }
    }

    pub fn prepare(&self, sql: &CStr) -> Result<Prepared, SqlError> {
        let mut statement = null_mut();
        // SAFETY: a live handle (a zombie fails with MISUSE) and a C string.
        self.checked(|| unsafe {
            (self.functions.prepare_v2)(self.db, sql.as_ptr(), -1, &raw mut statement, null_mut())
        })?;
        Ok(Prepared { connection: *self, statement })
    }

    /// Runs a statement that opens or ends a transaction, if autocommit is as given. Another saver on the connection
    /// does the same, and must not get in between the test and the statement. Whether it was run.
    pub fn run_if_autocommit(&self, autocommit: bool, sql: &CStr) -> Result<bool, SqlError> {
        self.exclusively(|| if self.autocommit() == autocommit { self.run(sql).map(|()| true) } else { Ok(false) })
    }

    /// Whether no transaction is open.
    pub fn autocommit(&self) -> bool {
        // SAFETY: a live handle.
        unsafe { (self.functions.get_autocommit)(self.db) != 0 }
    }

    /// Whether the schema, as far as SQLite has read it, has this column in a table. Other processes may have changed
    /// it since. No statement is run, so no callback of the app's is called.
    fn has_column(&self, database: &CStr, table: &CStr, column: &CStr) -> bool {
        // SAFETY: a live handle and C strings. What is not asked for may be NULL.
        let found = unsafe {
            (self.functions.table_column_metadata)(
                self.db,
                database.as_ptr(),
                table.as_ptr(),
                column.as_ptr(),
                null_mut(),
                null_mut(),
                null_mut(),
                null_mut(),
                null_mut(),
            )
        };
        found == ffi::SQLITE_OK
    }

    /// Whether there is a table or a view of the compact layout named `checkpoints`.
    pub fn looks_made(&self) -> bool {
        self.has_column(c"main", c"checkpoints", c"thread_id") || self.has_column(c"main", c"fl_checkpoints", c"ranges")
    }

    /// Whether `checkpoints` is the view of the compact layout, as far as SQLite has read the schema.
    pub fn looks_compact(&self) -> bool {
        self.has_column(c"main", c"fl_checkpoints", c"ranges")
            && !self.has_column(c"main", c"checkpoints", c"thread_id")
            && !self.has_column(c"temp", c"checkpoints", c"thread_id")
    }

    /// Whether an authorizer lets rows be inserted into or deleted from a table or view. Asked by a statement that can't
    /// be prepared for another reason, which SQLite meets after it has asked the authorizer, and before it looks at
    /// triggers: these take 20 us to prepare.
    pub fn may_change(&self, sql_with_unknown_column: &CStr) -> bool {
        let prepared = self.prepare(sql_with_unknown_column);
        prepared.is_err_and(|error| error.code == ffi::SQLITE_ERROR)
    }

    /// How many bytes a value may have.
    pub fn length_limit(&self) -> usize {
        // SAFETY: a live handle. A negative limit changes nothing.
        let limit = unsafe { (self.functions.limit)(self.db, ffi::SQLITE_LIMIT_LENGTH, -1) };
        usize::try_from(limit).unwrap_or(0)
    }

    /// The name of the file that is open, empty for a database in memory. None if it can't be told whether a file of
    /// this name is still the one that was opened.
    pub fn file_name(&self) -> Option<PathBuf> {
        let name = self.exclusively(|| {
            // SAFETY: a live handle. The name is copied before another thread could close it.
            unsafe { host_sqlite::bytes((self.functions.db_filename)(self.db, c"main".as_ptr())) }
        });
        let mut has_moved: c_int = 0;
        // SAFETY: a live handle, and an int that this operation writes to.
        let answer = unsafe {
            (self.functions.file_control)(
                self.db,
                c"main".as_ptr(),
                ffi::SQLITE_FCNTL_HAS_MOVED,
                (&raw mut has_moved).cast(),
            )
        };
        let is_known = name.is_empty() || (answer == ffi::SQLITE_OK && has_moved == 0);
        is_known.then(|| path(name))
    }

    /// Makes room in the file of the write-ahead log, in a transaction that writes, for this commit and those to come.
    /// No statement is run.
    #[cfg(unix)]
    pub fn make_room_in_log(&self) {
        /// From so many pages on SQLite moves the log into the database, unless it is told otherwise. Then the log
        /// starts over.
        const AUTOCHECKPOINT: u64 = 1000;

        self.exclusively(|| {
            // SAFETY: a live handle, and a C string.
            let state = unsafe { (self.functions.txn_state)(self.db, c"main".as_ptr()) };
            // SAFETY: a live handle, and the arguments that are asked for. No other thread uses it meanwhile.
            let file = || unsafe {
                WalFile::by(|what, answer| (self.functions.file_control)(self.db, c"main".as_ptr(), what, answer))
            };
            if state == ffi::SQLITE_TXN_WRITE
                && !self.may_share_its_files()
                && let Some(file) = file()
            {
                file.make_room(AUTOCHECKPOINT);
            }
        });
    }

    /// Whether other connections may use the files that this one has open (shared-cache mode). They do so on other
    /// threads, under a lock that only SQLite can take, and some builds of SQLite seek before they read or write.
    #[cfg(unix)]
    fn may_share_its_files(&self) -> bool {
        let functions = &self.functions;
        let cache_used = |by: c_int| {
            let (mut bytes, mut highest) = (0, 0);
            // SAFETY: a live handle, and two places for the answer.
            let result = unsafe { (functions.db_status)(self.db, by, &raw mut bytes, &raw mut highest, 0) };
            (result == ffi::SQLITE_OK).then_some(bytes)
        };
        // SAFETY: a live handle, whose file name has the parameters of its URI behind it.
        let cache = unsafe {
            let name = (functions.db_filename)(self.db, c"main".as_ptr());
            host_sqlite::bytes((functions.uri_parameter)(name, c"cache".as_ptr()))
        };
        // Without a URI, a setting of the process's has it shared. Each connection then has its part of the cache.
        cache == b"shared"
            || cache_used(ffi::SQLITE_DBSTATUS_CACHE_USED) != cache_used(ffi::SQLITE_DBSTATUS_CACHE_USED_SHARED)
    }

    /// There is none on other systems.
    #[cfg(not(unix))]
    pub fn make_room_in_log(&self) {}

    /// The handle for rusqlite, which must have been given the same library. Everything that is made of it has to go
    /// before this value does.
    pub fn for_rusqlite(&self) -> Result<rusqlite::Connection, SqlError> {
        // SAFETY: a live handle, which is not closed when the result is dropped.
        Ok(unsafe { rusqlite::Connection::from_handle(self.db) }?)
    }

    /// The same error with its extended code: rusqlite takes the code that the call returned, and sqlite3 leaves
    /// extended codes off.
    pub fn with_extended_code(&self, error: SqlError) -> SqlError {
        // SAFETY: a live handle, or a zombie, which answers MISUSE.
        let extended = unsafe { (self.functions.extended_errcode)(self.db) };
        error.with_extended(extended)
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

    /// Binds `row`, which has to stay unchanged until the statement is reset or bound again.
    fn bind<'a>(&self, row: impl ExactSizeIterator<Item = &'a Value>) -> Result<(), SqlError> {
        let functions = &self.connection.functions;
        // SAFETY: a live statement.
        let expected = unsafe { (functions.bind_parameter_count)(self.statement) };
        if usize::try_from(expected) != Ok(row.len()) {
            return Err(SqlError::wrong_number_of_values(expected, row.len()));
        }
        for (index, value) in (1..).zip(row) {
            // SAFETY: a live statement. Text and blobs are bound without a copy and, by the rule above, outlive their
            // use. Their lengths are below SQLite's limit of 10^9.
            #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)]
            self.connection.checked(|| unsafe {
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
                    Value::Blob(blob) => bytes(blob),
                }
            })?;
        }
        Ok(())
    }

    /// Steps to the next row; false at the end.
    fn step(&self) -> Result<bool, SqlError> {
        // SAFETY: a live statement.
        let code = self.connection.checked(|| unsafe { (self.connection.functions.step)(self.statement) })?;
        Ok(code == ffi::SQLITE_ROW)
    }

    /// Runs the statement for `row`, to its end.
    pub fn run(&self, row: &[Value]) -> Result<(), SqlError> {
        self.bind(row.iter())?;
        let result = loop {
            match self.step() {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        // SAFETY: a live statement. It returns the error that is known already.
        unsafe { (self.connection.functions.reset)(self.statement) };
        result
    }

    /// The rows that the statement finds for `row`, at most `limit`.
    pub fn rows<'a>(
        &self,
        row: impl ExactSizeIterator<Item = &'a Value>,
        limit: usize,
    ) -> Result<Vec<Vec<Column>>, SqlError> {
        let mut rows = Vec::new();
        if limit > 0 {
            self.visit(row, |columns| {
                rows.push(columns);
                rows.len() < limit
            })?;
        }
        Ok(rows)
    }

    /// Calls `visit` with each row that the statement finds for `row`, until it returns false.
    pub fn visit<'a>(
        &self,
        row: impl ExactSizeIterator<Item = &'a Value>,
        mut visit: impl FnMut(Vec<Column>) -> bool,
    ) -> Result<(), SqlError> {
        self.bind(row)?;
        while self.step()? {
            // SAFETY: a statement that stands on a row.
            let count = unsafe { (self.connection.functions.column_count)(self.statement) };
            if !visit((0..count).map(|index| self.column(index)).collect::<Result<_, _>>()?) {
                break;
            }
        }
        // SAFETY: a live statement. It is reset so that no read transaction stays open.
        unsafe { (self.connection.functions.reset)(self.statement) };
        Ok(())
    }

    fn column(&self, index: c_int) -> Result<Column, SqlError> {
        let functions = &self.connection.functions;
        // SAFETY: a statement on a row that has this column. Text and blobs are copied before the next call.
        unsafe {
            let bytes = |data: *const u8| {
                let length = (functions.column_bytes)(self.statement, index).unsigned_abs() as usize;
                if data.is_null() && (length > 0 || (functions.errcode)(self.connection.db) == ffi::SQLITE_NOMEM) {
                    return Err(SqlError::no_memory());
                }
                if data.is_null() || length == 0 {
                    return Ok(Vec::new());
                }
                copied(std::slice::from_raw_parts(data, length))
            };
            Ok(match (functions.column_type)(self.statement, index) {
                ffi::SQLITE_INTEGER => Column::Int((functions.column_int64)(self.statement, index)),
                ffi::SQLITE_FLOAT => Column::Float((functions.column_double)(self.statement, index)),
                ffi::SQLITE_TEXT => Column::Text(bytes((functions.column_text)(self.statement, index))?),
                ffi::SQLITE_BLOB => Column::Blob(bytes((functions.column_blob)(self.statement, index).cast())?),
                _ => Column::Null,
            })
        }
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        // SAFETY: a live statement, or NULL.
        unsafe { (self.connection.functions.finalize)(self.statement) };
    }
}
