//! One database, and everything of it that is open.
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::Connection;

use super::connection;
use super::construction;
use super::gate::{Gate, Inside};
use super::options::Options;
use super::reader_pool::{ReaderPool, in_transaction};
use super::shared::Shared;
use super::thread_pool::ThreadPool;
use super::wal::Wal;
use super::writer::Writer;
use crate::errors::SqlError;
use crate::layout::{Schema, Snapshot};
use crate::sync::lock;

pub struct Database {
    pub shared: Arc<Shared>,
    pub writer: Arc<Writer>,
    pub wal: Arc<Wal>,
    /// Threads that read for event loops.
    pub reading: ThreadPool,
    readers: ReaderPool,
    gate: Arc<Gate>,
    /// Held while connections are closed: the process must not fork meanwhile.
    closing: Mutex<()>,
    /// Whether nothing was open when the process last forked.
    was_drained: AtomicBool,
    /// The process that it was made in. A child of a fork must use neither the connections that it inherits nor new
    /// ones on the same file.
    process: u32,
    is_inherited: bool,
}

impl Database {
    /// Opens nothing yet: a process that forks first has nothing to close. `is_forking` says that the process is about
    /// to fork, `is_inherited` that a parent had the file open when it forked.
    pub fn new(options: Options, is_forking: bool, is_inherited: bool) -> Arc<Self> {
        let readers = options.readers;
        let shared = Shared::new(options);
        let wal = Wal::new(&shared);
        Arc::new(Self {
            writer: Writer::new(&shared, &wal),
            wal,
            reading: ThreadPool::new(readers),
            readers: ReaderPool::new(Arc::clone(&shared)),
            gate: Gate::new(is_forking),
            closing: Mutex::new(()),
            was_drained: AtomicBool::new(is_forking),
            process: std::process::id(),
            is_inherited,
            shared,
        })
    }

    /// Whether it was made in the parent of this process.
    pub fn is_foreign(&self) -> bool {
        self.process != std::process::id()
    }

    /// Lets the caller in. Waits while the process forks, so the GIL must not be held.
    pub fn enter(&self) -> Result<Inside, SqlError> {
        if self.is_foreign() || self.is_inherited {
            return Err(SqlError::programming(
                "this process was forked while an operation on the database outlasted busy_timeout + 5 s, so it has \
                 inherited SQLite's locks; open the database in a newly started process",
            ));
        }
        self.gate.enter().map_err(|error| match &self.shared.options.path {
            Some(path) => error.with_message(|message| format!("{message} It was {}", path.display())),
            None => error,
        })
    }

    pub fn is_closed(&self) -> bool {
        self.gate.is_closed()
    }

    /// Makes the file if it is missing and refuses one that is no checkpointer's. Nothing stays open.
    pub fn make_and_check_file(&self) -> Result<(), SqlError> {
        let _inside = self.enter()?;
        construction::make_and_check(&self.shared.options)
    }

    /// Calls `work` with a connection to read with.
    pub fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, SqlError>) -> Result<T, SqlError> {
        if self.shared.options.is_memory() {
            return self.writer.with(|connection| work(&connection.conn))?;
        }
        self.shared.check_identity()?;
        self.readers.with(work)
    }

    /// Calls `work` with a snapshot of the database.
    pub fn read_snapshot<T>(&self, work: impl FnOnce(&Snapshot<'_>) -> Result<T, SqlError>) -> Result<T, SqlError> {
        let known = self.schema()?;
        self.read(|conn| {
            in_transaction(conn, |conn| {
                let schema = known.now(conn)?;
                if schema != known {
                    self.shared.set_schema(schema);
                }
                work(&Snapshot { conn, schema, cache: &self.shared.cache() })
            })
        })
    }

    /// The schema. Opens what is needed to know it, and makes the tables if need be.
    pub fn schema(&self) -> Result<Schema, SqlError> {
        if let Some(schema) = self.shared.schema() {
            return Ok(schema);
        }
        if self.shared.options.read_only {
            let schema = self.readers.with(|conn| connection::prepare(conn, &self.shared.options));
            self.shared.opened(schema?);
        } else {
            self.writer.open()?;
        }
        self.shared.schema().ok_or_else(SqlError::closed)
    }

    /// Closes all connections, once nobody is inside. The last connection to a file moves the write-ahead log.
    fn close_connections(&self, for_good: bool) {
        let _one_at_a_time = lock(&self.closing);
        self.writer.stop();
        self.reading.stop();
        self.wal.stop();
        self.readers.close();
        self.wal.close();
        if for_good || !self.shared.options.is_memory() {
            drop(self.writer.take());
            self.shared.closed();
        }
    }

    /// Closes for good, after everything that was begun is done; false if that takes longer than `timeout`.
    pub fn close(&self, timeout: Duration) -> bool {
        let is_closed = self.is_foreign() || self.gate.close(timeout);
        if is_closed && !self.is_foreign() {
            self.close_connections(true);
        }
        is_closed
    }

    /// Closes what `close` could not, however long it takes.
    pub fn close_at_last(&self) {
        self.gate.wait();
        self.close_connections(true);
    }

    /// Before a fork: closes everything, if that can be done within `timeout`, and lets nobody in until `thaw`.
    pub fn freeze(&self, timeout: Duration) {
        if self.is_foreign() {
            return;
        }
        let is_empty = self.gate.freeze(timeout);
        if is_empty {
            self.close_connections(false);
        }
        self.was_drained.store(is_empty, Ordering::Relaxed);
    }

    /// After a fork, in the parent.
    pub fn thaw(&self) {
        if !self.is_foreign() {
            self.gate.thaw();
        }
    }

    /// Whether nothing was open when the process last forked.
    pub fn was_drained(&self) -> bool {
        self.was_drained.load(Ordering::Relaxed)
    }

    /// In the child of a fork, of a database that was drained: the database as it was before anything was opened, with
    /// what lives in memory.
    pub fn reborn(&self, is_inherited: bool) -> Arc<Self> {
        let child = Self::new(self.shared.options.clone(), false, is_inherited);
        if self.is_closed() {
            child.gate.close(Duration::ZERO);
        } else if self.shared.options.is_memory()
            && let Some(connection) = self.writer.take()
        {
            child.writer.put(connection);
            if let Some(schema) = self.shared.schema() {
                child.shared.note(schema);
            }
        }
        child
    }
}
