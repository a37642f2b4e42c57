//! One call on a file in the compact layout: checkpoints are put in pieces, and read without the view.
//!
//! Whatever can't be done in pieces is done by stock's own statement, through the view.
use std::cell::Cell;
use std::ffi::CStr;
use std::sync::Arc;

use rusqlite::ffi;

use super::file_states::{Before, Counts, Learned, Place};
use super::operation::Change;
use super::statement::Connection;
use crate::columns::Row;
use crate::errors::SqlError;
use crate::file_identity::FileIdentity;
use crate::key_part::KeyPart;
use crate::layout::{self, CacheWriter, CheckpointCache, Layout, Put, Schema};
use crate::values::{Value, Values};

/// What an authorizer is asked: whether it allows what stock's statement does. The columns don't exist.
const PUT: &CStr = c"INSERT INTO checkpoints (\"\") VALUES (1)";
const DELETE: &CStr = c"DELETE FROM checkpoints WHERE \"\".\"\"";

/// Takes the right to write, waiting for it as long as stock's statement would. It changes nothing.
const LOCK: &str = "UPDATE fl_threads SET epoch = epoch WHERE 0";

/// Where the row of the layout has the namespace, which stock's statement does not select.
const NAMESPACE: usize = 1;

/// Errors that stock's statement would meet as well. After any other one it is tried.
const OF_SQLITE: [i32; 12] = [
    ffi::SQLITE_PERM,
    ffi::SQLITE_ABORT,
    ffi::SQLITE_BUSY,
    ffi::SQLITE_NOMEM,
    ffi::SQLITE_READONLY,
    ffi::SQLITE_INTERRUPT,
    ffi::SQLITE_IOERR,
    ffi::SQLITE_FULL,
    ffi::SQLITE_CANTOPEN,
    ffi::SQLITE_PROTOCOL,
    ffi::SQLITE_MISUSE,
    ffi::SQLITE_NOTADB,
];

/// The compact layout on a handle, for the length of a call.
pub struct Compact<'a> {
    connection: &'a Connection,
    /// None where rusqlite can't use the connection.
    before: Option<Before>,
    open: Option<Open>,
    /// Of the open transaction.
    counts: Counts,
    learned: Learned,
}

/// A file that is in the compact layout.
struct Open {
    conn: rusqlite::Connection,
    cache: Arc<CheckpointCache>,
    writer: CacheWriter,
    schema: Schema,
}

impl<'a> Compact<'a> {
    pub fn new(connection: &'a Connection, before: Option<Before>) -> Self {
        Self { connection, before, open: None, counts: Counts::default(), learned: Learned::default() }
    }

    /// What was learned of the file; the connection is not used any more.
    pub fn end(self) -> Learned {
        self.learned
    }

    /// The file, which looks compact; None if this connection can't be used.
    fn open(&mut self) -> Result<Option<&mut Open>, SqlError> {
        if self.open.is_none() {
            let Some(Before { place, schema, cache }) = self.before.take() else { return Ok(None) };
            let name = self.connection.file_name();
            self.learned.place = name.as_deref().and_then(|name| {
                if name.as_os_str().is_empty() { Some(Place::Memory) } else { FileIdentity::of(name).map(Place::File) }
            });
            self.learned.name = name.unwrap_or_default();
            // What is in memory of another file is of no use.
            let is_same = place.is_some() && place == self.learned.place;
            let (schema, cache) = if is_same { (schema, cache) } else { Default::default() };
            let (conn, cache) = (self.connection.for_rusqlite()?, Arc::new(cache));
            let writer = CacheWriter::of_any_connection(Arc::clone(&cache));
            self.open = Some(Open { conn, cache, writer, schema });
        }
        Ok(self.open.as_mut())
    }

    /// Whether a change may be carried out here: in a file that is in the compact layout, as far as SQLite knows, and
    /// if neither an authorizer nor a limit of the app's is against it.
    pub fn may_apply(&self, change: Change, row: &Values) -> bool {
        let asked = match change {
            Change::Put => PUT,
            Change::DeleteThread => DELETE,
        };
        (self.before.is_some() || self.open.is_some())
            && self.connection.looks_compact()
            && row.iter().map(Value::len).sum::<usize>() < self.connection.length_limit()
            && self.connection.may_change(asked)
    }

    /// Carries out a change, in pieces if it can be cut, in the transaction that is open or else in one of its own. False
    /// if stock's statement has to do it.
    ///
    /// Stock's statement is done as a whole whatever other threads do with the connection. So is this, which has several:
    /// a ROLLBACK of another thread's would take the pieces away and leave the row.
    pub fn apply(&mut self, change: Change, row: &Values) -> Result<bool, SqlError> {
        let connection = self.connection;
        connection.exclusively(|| {
            let by_itself = connection.autocommit();
            match change {
                Change::Put => self.put(row, by_itself),
                Change::DeleteThread => self.delete_thread(row, by_itself),
            }
        })
    }

    fn put(&mut self, row: &Values, by_itself: bool) -> Result<bool, SqlError> {
        let Some(open) = self.open()? else { return Ok(false) };
        let savepoint = open.writer.savepoint();
        let put = if by_itself { open.alone(|open| open.put(row)) } else { open.put(row) };
        if put.is_err() {
            open.writer.roll_back_to(savepoint);
        }
        self.learned.schema = open.schema;
        match put {
            Ok(Some(Put::InPieces)) => self.counts.in_pieces += 1,
            Ok(Some(Put::Whole)) => self.counts.add_whole("nothing in it is worth being a piece"),
            Ok(Some(Put::NotText)) => self.counts.add_whole("a key that is not text"),
            Ok(None) => self.counts.add_whole("the file is being converted"),
            Err(error) => return self.through_the_view(error),
        }
        if by_itself {
            self.committed();
        }
        Ok(matches!(put, Ok(Some(Put::InPieces | Put::Whole))))
    }

    fn delete_thread(&mut self, row: &Values, by_itself: bool) -> Result<bool, SqlError> {
        let [Value::Text(thread)] = row.as_slice() else { return Ok(false) };
        let thread = KeyPart::from(&**thread);
        let Some(open) = self.open()? else { return Ok(false) };
        let deleted = if by_itself { open.alone(|open| open.delete(&thread)) } else { open.delete(&thread) };
        self.learned.schema = open.schema;
        match deleted {
            Ok(deleted) => Ok(deleted),
            Err(error) => self.through_the_view(error),
        }
    }

    fn through_the_view(&mut self, error: SqlError) -> Result<bool, SqlError> {
        if OF_SQLITE.contains(&error.code) {
            return Err(self.connection.with_extended_code(error));
        }
        self.counts.add_whole("pieces can't be stored in this file, or not with this connection");
        Ok(false)
    }

    /// The row that stock's query finds for these parameters (thread, namespace and perhaps an id). None if it has to be
    /// read through the view. No other thread writes between the row and its pieces.
    pub fn checkpoint(&mut self, parameters: &[Value]) -> Option<Option<Row>> {
        let connection = self.connection;
        connection.exclusively(|| if connection.looks_compact() { self.row(parameters) } else { None })
    }

    fn row(&mut self, parameters: &[Value]) -> Option<Option<Row>> {
        let keys: Vec<KeyPart> = parameters
            .iter()
            .map(|value| if let Value::Text(text) = value { Some(KeyPart::from(&**text)) } else { None })
            .collect::<Option<_>>()?;
        let (thread, namespace) = (keys.first()?, keys.get(1)?);
        let open = self.open().ok()??;
        let schema = Cell::new(open.schema);
        let now = || {
            let now = schema.get().now(&open.conn)?;
            schema.set(now);
            Ok(now)
        };
        let found = layout::compact_checkpoint(&open.conn, (&open.cache, now), thread, namespace, keys.get(2));
        open.schema = schema.get();
        self.learned.schema = schema.get();
        let found = found.ok()?;
        self.learned.counts.read += 1;
        Some(found.map(|mut row| {
            row.remove(NAMESPACE);
            row
        }))
    }

    /// The open transaction was committed.
    pub fn committed(&mut self) {
        self.learned.counts.add(std::mem::take(&mut self.counts));
        if let Some(open) = &mut self.open {
            self.learned.committed.extend(open.writer.take_pending());
        }
    }

    /// The open transaction is gone.
    pub fn lost(&mut self) {
        self.counts = Counts::default();
        if let Some(open) = &mut self.open {
            open.writer.roll_back();
        }
    }
}

impl Open {
    fn run(&self, sql: &str) -> Result<(), SqlError> {
        self.conn.prepare_cached(sql)?.execute([])?;
        Ok(())
    }

    /// Calls `work` in a transaction.
    fn alone<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, SqlError>) -> Result<T, SqlError> {
        self.run("BEGIN IMMEDIATE")?;
        let result = work(self).and_then(|result| self.run("COMMIT").map(|()| result));
        if result.is_err() && !self.conn.is_autocommit() {
            self.run("ROLLBACK")?;
        }
        result
    }

    /// Whether pieces may be stored, for the rest of the transaction: no other process changes the schema meanwhile.
    fn may_write(&mut self) -> Result<bool, SqlError> {
        self.run(LOCK)?;
        self.schema = self.schema.now(&self.conn)?;
        self.cache.keep_if(self.schema);
        Ok(self.schema.layout == Layout::Compact)
    }

    /// None if the layout does not take pieces now.
    fn put(&mut self, row: &Values) -> Result<Option<Put>, SqlError> {
        if !self.may_write()? {
            return Ok(None);
        }
        layout::put(&self.conn, &mut self.writer, row).map(Some)
    }

    fn delete(&mut self, thread: &KeyPart) -> Result<bool, SqlError> {
        if !self.may_write()? {
            return Ok(false);
        }
        layout::delete_thread(&self.conn, thread)?;
        Ok(true)
    }
}
