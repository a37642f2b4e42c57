//! One database and all that is open of it.
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use rusqlite::Connection;

use super::compact::States;
use super::completions::Ticket;
use super::connection::{File, identity, moved};
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

/// All that there are, those included that nobody holds any more and whose connections are not closed yet.
/// Locked with the GIL held, so that it is free when the process forks.
static DATABASES: Mutex<Vec<Weak<Database>>> = Mutex::new(Vec::new());
/// Threads that are about to fork. Changed with the GIL held.
static FORKING: AtomicUsize = AtomicUsize::new(0);

/// Files that a parent had open when it forked. SQLite takes the parent's locks to be ours, and would take too
/// few for any connection that we open. Locked with the GIL held.
static INHERITED: Mutex<Vec<File>> = Mutex::new(Vec::new());

pub fn all() -> Vec<Arc<Database>> {
    lock(&DATABASES).iter().filter_map(Weak::upgrade).collect()
}

/// All, to be frozen for a fork; who is made from now on is so already.
pub fn all_frozen() -> Vec<Arc<Database>> {
    FORKING.fetch_add(1, Ordering::Relaxed);
    all()
}

/// After a fork, in the parent. Another thread may be about to fork too: then the last of them thaws.
pub fn thaw_all() {
    if FORKING.fetch_sub(1, Ordering::Relaxed) == 1 {
        all().iter().for_each(|database| database.thaw());
    }
}

/// In the child of a fork, where no other thread is.
pub fn inherit() {
    FORKING.store(0, Ordering::Relaxed);
    for database in all().into_iter().filter(|database| !database.drained.load(Ordering::Relaxed)) {
        lock(&INHERITED).extend(database.options.path.as_deref().and_then(identity));
        // Closing what it has open would act on the parent's locks.
        std::mem::forget(database);
    }
}

pub struct Database {
    pub options: Options,
    pub writer: Writer,
    pub wal: Wal,
    pub counters: Counters,
    /// Of the compact layout.
    pub states: Arc<States>,
    /// Threads that write for event loops, that read for them, and that move the write-ahead log.
    pub writing: Jobs,
    pub reading: Jobs,
    pub checkpointing: Jobs,
    readers: Readers,
    gate: Arc<Gate>,
    /// Known once something is open.
    schema: Mutex<Option<Schema>>,
    file: Mutex<Option<File>>,
    /// Held while connections are closed: who forks must not do so meanwhile.
    shutting: Mutex<()>,
    /// Whether nothing was open when the process last forked.
    drained: AtomicBool,
    /// The process that it was made in: a child inherits connections that it must not use, nor others on the file.
    process: u32,
    is_inherited: bool,
}

impl Database {
    /// Nothing is opened yet: a process that forks first has nothing to close.
    pub fn new(options: Options) -> Arc<Self> {
        let is_forking = FORKING.load(Ordering::Relaxed) > 0;
        let made = Arc::new(Self {
            writer: Writer::default(),
            wal: Wal::default(),
            counters: Counters::default(),
            states: Arc::default(),
            writing: Jobs::new(1),
            reading: Jobs::new(options.readers),
            checkpointing: Jobs::new(1),
            readers: Readers::default(),
            gate: Gate::new(is_forking),
            schema: Mutex::new(None),
            file: Mutex::new(None),
            shutting: Mutex::new(()),
            drained: AtomicBool::new(is_forking),
            process: std::process::id(),
            is_inherited: options
                .path
                .as_deref()
                .and_then(identity)
                .is_some_and(|file| lock(&INHERITED).contains(&file)),
            options,
        });
        let mut databases = lock(&DATABASES);
        databases.retain(|database| database.strong_count() > 0);
        databases.push(Arc::downgrade(&made));
        drop(databases);
        made
    }

    pub fn is_foreign(&self) -> bool {
        self.process != std::process::id()
    }

    /// Waits while the process forks, so the GIL must not be held.
    pub fn enter(&self) -> Result<Inside, SqlError> {
        if self.is_foreign() || self.is_inherited {
            return Err(SqlError::programming(
                "this process was forked while the database was being read or written, and has inherited SQLite's \
                 locks on it; open it in a process that is started anew",
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
                self.read_with_schema(|conn, schema| read.answer(conn, schema, &self.states))
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
    fn shut(&self, for_good: bool) {
        let _one_at_a_time = lock(&self.shutting);
        for jobs in [&self.writing, &self.reading, &self.checkpointing] {
            jobs.stop();
        }
        self.readers.close();
        self.wal.close();
        if for_good || !self.options.is_memory() {
            drop(self.writer.take());
            *lock(&self.schema) = None;
            *lock(&self.file) = None;
        }
    }

    /// Closes for good, after all that was begun is done; false where `timeout` was over before.
    pub fn close(&self, timeout: Duration) -> bool {
        let closed = self.is_foreign() || self.gate.close(timeout);
        if closed && !self.is_foreign() {
            self.shut(true);
        }
        closed
    }

    /// Closes what `close` could not, however long it takes.
    pub fn close_at_last(&self) {
        self.gate.wait();
        self.shut(true);
    }

    /// Before a fork: everything closed and nobody let in until `thaw`, if that can be done in time.
    pub fn freeze(&self, timeout: Duration) {
        if self.is_foreign() {
            return;
        }
        let empty = self.gate.freeze(timeout);
        if empty {
            self.shut(false);
        }
        self.drained.store(empty, Ordering::Relaxed);
    }

    fn thaw(&self) {
        if !self.is_foreign() {
            self.gate.thaw();
        }
    }

    /// In the child of a fork: the database as it was before anything was opened, with what lives in memory;
    /// None where something was open.
    pub fn reborn(&self) -> Option<Arc<Self>> {
        if !self.drained.load(Ordering::Relaxed) {
            return None;
        }
        let child = Self::new(self.options.clone());
        if self.is_closed() {
            child.gate.close(Duration::ZERO);
        } else if self.options.is_memory()
            && let Some(open) = self.writer.take()
        {
            child.writer.keep(open);
            *lock(&child.schema) = *lock(&self.schema);
        }
        Some(child)
    }
}
