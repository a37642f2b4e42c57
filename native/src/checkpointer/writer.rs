//! Group commit: the first caller writes, and the next transaction takes all that others have queued meanwhile.
//!
//! Nobody waits for company, and a caller that is alone hands nothing over: its own thread writes. What was queued
//! until it is done goes into the next transaction, written by one of those who wait. If many wait, a thread of the
//! pool writes as long as there is something, because waking another thread for each transaction takes longer.
use std::sync::{Arc, Mutex};

use super::busy;
use super::completions::Ticket;
use super::connection::{self, Use};
use super::gate::Inside;
use super::queue::{Outcome, Queue};
use super::reply::{Answer, Reply};
use super::shared::Shared;
use super::thread_pool::ThreadPool;
use super::transaction::WriteConnection;
use super::wal::Wal;
use crate::errors::SqlError;
use crate::layout::{CacheWriter, Change};
use crate::sync::lock;

pub struct Writer {
    shared: Arc<Shared>,
    wal: Arc<Wal>,
    pub queue: Queue,
    /// One thread, which writes for event loops and when many wait.
    pool: ThreadPool,
    /// The one connection that writes; opened when it is first needed.
    connection: Mutex<Option<WriteConnection>>,
}

/// The right to write, which is passed on when it ends.
struct Leadership<'a>(&'a Arc<Writer>);

impl Drop for Leadership<'_> {
    fn drop(&mut self) {
        if self.0.queue.pass_on() {
            self.0.lead_on_pool();
        }
    }
}

impl Writer {
    pub fn new(shared: &Arc<Shared>, wal: &Arc<Wal>) -> Arc<Self> {
        Arc::new(Self {
            shared: Arc::clone(shared),
            wal: Arc::clone(wal),
            queue: Queue::new(Arc::clone(shared)),
            pool: ThreadPool::new(1),
            connection: Mutex::default(),
        })
    }

    /// Writes a change on the calling thread, or waits while the leader writes it. Calls `queued` once nothing that
    /// comes later can be written earlier.
    pub fn write(self: &Arc<Self>, change: &Arc<Change>, queued: impl FnOnce()) -> Answer {
        let waiting = self.queue.lead_or_queue(change);
        queued();
        if let Some(queued) = waiting {
            loop {
                match queued.wait() {
                    Outcome::Done(answer) => return answer,
                    Outcome::Leads => {
                        let leadership = Leadership(self);
                        self.write_batch();
                        drop(leadership);
                    }
                }
            }
        }
        let leadership = Leadership(self);
        let answer = self.with(|connection| connection.write_alone(change));
        drop(leadership);
        self.shared.counters.operations.add(1);
        answer?.map(Reply::Tally)
    }

    /// Has a change written by another thread.
    pub fn submit(self: &Arc<Self>, change: &Arc<Change>, ticket: Ticket, inside: Inside) {
        if self.queue.queue(change, ticket, inside) {
            self.lead_on_pool();
        }
    }

    /// Has the pool's thread write what waits, and what comes meanwhile.
    fn lead_on_pool(self: &Arc<Self>) {
        let writer = Arc::clone(self);
        self.pool.run(move || {
            let leadership = Leadership(&writer);
            while !writer.queue.is_empty() {
                writer.write_batch();
            }
            drop(leadership);
        });
    }

    /// Writes what waits in one transaction.
    fn write_batch(&self) {
        let batch = self.queue.take_batch();
        let changes = batch.changes();
        let results = self.with(|connection| connection.write(&changes));
        self.shared.counters.operations.add(changes.len() as u64);
        self.shared.counters.largest_batch.at_least(changes.len() as u64);
        batch.finish(results);
    }

    /// Calls `work` with the connection, opened if need be, and looks after the write-ahead log.
    pub fn with<T>(&self, work: impl FnOnce(&mut WriteConnection) -> T) -> Result<T, SqlError> {
        let Shared { options, counters, .. } = &*self.shared;
        let mut slot = lock(&self.connection);
        let connection = self.opened(&mut slot)?;
        busy::set_timeout(options.busy_timeout);
        self.shared.check_identity()?;
        let result = self.wal.keep_bounded(&connection.conn).map(|()| {
            self.wal.extend_file(&connection.conn);
            work(connection)
        });
        counters.commits.add(connection.take_commits());
        counters.thread_scans.add(connection.known_mark.take_scans());
        let lookups = connection.cache.take_lookups();
        counters.cache_hits.add(lookups.hits);
        counters.cache_misses.add(lookups.misses);
        if connection.end_transaction().is_err() && !options.is_memory() {
            // A transaction that can be neither committed nor rolled back must not take in another change, whose caller
            // would be told that it is on disk. It ends with its connection.
            *slot = None;
        }
        let result = result?;
        self.wal.committed();
        Ok(result)
    }

    fn opened<'a>(&self, slot: &'a mut Option<WriteConnection>) -> Result<&'a mut WriteConnection, SqlError> {
        match slot {
            Some(connection) => Ok(connection),
            None => {
                let conn = connection::open(&self.shared.options, Use::Write)?;
                let schema = connection::prepare(&conn, &self.shared.options)?;
                self.wal.watch(&conn)?;
                self.shared.opened(schema);
                let cache = CacheWriter::of_own_connection(self.shared.cache());
                Ok(slot.insert(WriteConnection::new(conn, schema, cache)))
            }
        }
    }

    /// Opens the connection, which makes the tables.
    pub fn open(&self) -> Result<(), SqlError> {
        self.opened(&mut lock(&self.connection)).map(|_| ())
    }

    /// Ends the pool's thread, once it has nothing more to write.
    pub fn stop(&self) {
        self.pool.stop();
    }

    /// Takes the connection out, to close it.
    pub fn take(&self) -> Option<WriteConnection> {
        lock(&self.connection).take()
    }

    /// Puts a connection in: a database in memory lives as long as its connection.
    pub fn put(&self, connection: WriteConnection) {
        *lock(&self.connection) = Some(connection);
    }
}
