//! One database and all that is open of it.
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::Connection;

use super::completions::Ticket;
use super::connection::{identity, moved};
use super::counters::Counters;
use super::gate::{Gate, Inside};
use super::jobs::Jobs;
use super::options::Options;
use super::readers::{Readers, at_one_moment};
use super::reply::Answer;
use super::request::Ask;
use super::schema::{self, Schema};
use super::wal::Wal;
use super::writer::Writer;
use super::{lock, maintenance};
use crate::errors::SqlError;

pub struct Database {
    pub options: Options,
    pub writer: Writer,
    pub wal: Wal,
    pub counters: Counters,
    /// Threads that write for event loops, that read for them, and that move the write-ahead log.
    pub writing: Jobs,
    pub reading: Jobs,
    pub checkpointing: Jobs,
    readers: Readers,
    gate: Arc<Gate>,
    /// Known once something is open.
    schema: Mutex<Option<Schema>>,
    file: Mutex<Option<(u64, u64)>>,
    /// The process that it was made in: a child inherits connections that it must not use.
    process: u32,
}

impl Database {
    /// Nothing is opened yet: a process that forks first has nothing to close.
    pub fn new(options: Options) -> Arc<Self> {
        Arc::new(Self {
            writer: Writer::default(),
            wal: Wal::default(),
            counters: Counters::default(),
            writing: Jobs::new(1),
            reading: Jobs::new(options.readers),
            checkpointing: Jobs::new(1),
            readers: Readers::default(),
            gate: Gate::new(),
            schema: Mutex::new(None),
            file: Mutex::new(None),
            process: std::process::id(),
            options,
        })
    }

    /// Waits while the process forks, so the GIL must not be held.
    pub fn enter(&self) -> Result<Inside, SqlError> {
        if self.process != std::process::id() {
            return Err(SqlError::programming(
                "this process was forked while the checkpointer was at work; make a new one in the child",
            ));
        }
        self.gate.enter()
    }

    pub fn is_closed(&self) -> bool {
        self.gate.is_closed()
    }

    /// Does what is asked, on the calling thread. Without the GIL.
    pub fn answer(self: &Arc<Self>, ask: &Ask) -> Answer {
        let _inside = self.enter()?;
        self.do_it(ask)
    }

    fn do_it(self: &Arc<Self>, ask: &Ask) -> Answer {
        match ask {
            Ask::Write(work) => self.writer.write(self, work),
            Ask::Read(read) => {
                self.counters.reads.add(1);
                self.read_with_schema(|conn, schema| read.answer(conn, schema))
            }
            Ask::Maintain(task) => maintenance::answer(self, task),
        }
    }

    /// Has another thread do what is asked, and tell. Without the GIL.
    pub fn start(self: &Arc<Self>, ask: Arc<Ask>, ticket: Ticket) {
        let inside = match self.enter() {
            Ok(inside) => inside,
            Err(error) => return ticket.post(Err(error)),
        };
        match &*ask {
            Ask::Write(work) => self.writer.submit(self, work, ticket, inside),
            Ask::Read(_) | Ask::Maintain(_) => self.reading.push(
                self,
                |database| &database.reading,
                Box::new(move |database| {
                    let answer = database.do_it(&ask);
                    drop(inside);
                    ticket.post(answer);
                }),
            ),
        }
    }

    /// Calls `work` with a connection to read with.
    pub fn read<T>(self: &Arc<Self>, work: impl FnOnce(&Connection) -> Result<T, SqlError>) -> Result<T, SqlError> {
        if self.options.is_memory() {
            return self.writer.with(self, |open| work(&open.conn))?;
        }
        self.check_identity()?;
        self.readers.with(self, work)
    }

    /// Calls `work` with a connection in a transaction, and with the schema that the database has in it.
    pub fn read_with_schema<T>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection, Schema) -> Result<T, SqlError>,
    ) -> Result<T, SqlError> {
        let known = self.schema()?;
        self.read(|conn| {
            at_one_moment(conn, |conn| {
                let schema = known.now(conn)?;
                if schema != known {
                    *lock(&self.schema) = Some(schema);
                }
                work(conn, schema)
            })
        })
    }

    /// The schema, with whatever has to be opened or made to know it.
    pub fn schema(self: &Arc<Self>) -> Result<Schema, SqlError> {
        if let Some(schema) = *lock(&self.schema) {
            return Ok(schema);
        }
        if self.options.read_only {
            let schema = self.readers.with(self, |conn| schema::prepare(conn, &self.options));
            self.opened(schema.map_err(|error| super::connection::explained(&self.options, error))?);
        } else {
            self.writer.open(self)?;
        }
        let schema = *lock(&self.schema);
        schema.ok_or_else(SqlError::closed)
    }

    /// Notes what was opened.
    pub fn opened(&self, schema: Schema) {
        self.counters.connections_opened.add(1);
        *lock(&self.file) = self.options.path.as_deref().and_then(identity);
        *lock(&self.schema) = Some(schema);
    }

    /// Fails where the file has gone or another has taken its name since it was opened.
    pub fn check_identity(&self) -> Result<(), SqlError> {
        let Some(path) = &self.options.path else { return Ok(()) };
        let opened = *lock(&self.file);
        if opened.is_none() || opened == identity(path) { Ok(()) } else { Err(moved(&self.options)) }
    }

    /// Closes all connections, once nobody is inside. The last one of a file moves the write-ahead log.
    fn shut(&self) {
        for jobs in [&self.writing, &self.reading, &self.checkpointing] {
            jobs.stop();
        }
        self.readers.close();
        self.wal.close();
        if !self.options.is_memory() {
            drop(self.writer.take());
            *lock(&self.schema) = None;
            *lock(&self.file) = None;
        }
    }

    /// Closes for good, after all that was begun is done or `timeout` is over; false where it was over.
    pub fn close(&self, timeout: Duration) -> bool {
        if self.process != std::process::id() || !self.gate.close(timeout) {
            return false;
        }
        self.shut();
        drop(self.writer.take());
        true
    }

    /// Before a fork: everything closed and nobody let in until `thaw`; false where it could not be done in time.
    pub fn freeze(&self, timeout: Duration) -> bool {
        if self.process != std::process::id() {
            return true;
        }
        let empty = self.gate.freeze(timeout);
        if empty {
            self.shut();
        }
        empty
    }

    pub fn thaw(&self) {
        self.gate.thaw();
    }

    /// In the child of a fork: the database as it was before anything was opened, with what lives in memory.
    pub fn reborn(&self) -> Arc<Self> {
        let child = Self::new(self.options.clone());
        if self.is_closed() {
            child.gate.close(Duration::ZERO);
        } else if self.options.is_memory()
            && let Some(open) = self.writer.take()
        {
            child.writer.keep(open);
            *lock(&child.schema) = *lock(&self.schema);
        }
        child
    }
}
