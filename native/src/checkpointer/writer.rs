//! Group commit: whoever comes first writes, and with it what others have queued meanwhile.
//!
//! Nobody waits for company, and who is alone hands nothing over: the caller's own thread writes. All that
//! waits when it is done goes in the next transaction, carried out by one of those who wait; where many do, by a
//! thread of ours that goes on as long as there is something, for to wake another each time takes longer.
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::thread::{self, Thread};

use rusqlite::Connection;

use super::compact::Hot;
use super::completions::Ticket;
use super::connection::{self, Use};
use super::database::Database;
use super::gate::Inside;
use super::options::{QUEUE_BYTES, fits};
use super::reply::{Answer, Reply};
use super::schema::Schema;
use super::work::Work;
use super::{busy, lock, schema, wal};
use crate::errors::SqlError;

#[derive(Default)]
pub struct Writer {
    queue: Mutex<Queue>,
    /// The one connection that writes; opened when it is first needed.
    open: Mutex<Option<Open>>,
}

/// The connection that writes, and what is known of its database.
pub struct Open {
    pub conn: Connection,
    schema: Schema,
    hot: Hot,
    /// Transactions, since they were last counted.
    commits: u64,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Arc<Entry>>,
    bytes: usize,
    /// Whether somebody is writing, or was asked to.
    leading: bool,
    /// Who wants to hear when there is room again.
    room: Vec<Ticket>,
}

/// An operation in the queue.
struct Entry {
    work: Arc<Work>,
    waiter: Waiter,
    progress: Mutex<Progress>,
}

enum Waiter {
    Thread(Thread),
    /// Taken when it is told.
    Loop(Mutex<Option<(Ticket, Inside)>>),
}

enum Progress {
    Waiting,
    /// Its thread is to write what waits, this included.
    Lead,
    Done(Answer),
}

impl Entry {
    fn finish(&self, answer: Answer) {
        match &self.waiter {
            Waiter::Thread(thread) => {
                let mut progress = lock(&self.progress);
                if !matches!(*progress, Progress::Done(_)) {
                    *progress = Progress::Done(answer);
                    drop(progress);
                    thread.unpark();
                }
            }
            Waiter::Loop(waiter) => {
                let waiter = lock(waiter).take();
                if let Some((ticket, inside)) = waiter {
                    drop(inside);
                    ticket.post(answer);
                }
            }
        }
    }
}

/// Entries on their way to disk. None is left without an answer, whatever happens.
struct Batch(Vec<Arc<Entry>>);

impl Drop for Batch {
    fn drop(&mut self) {
        for entry in &self.0 {
            entry.finish(Err(SqlError::programming("the operation was not carried out")));
        }
    }
}

/// From so many on that wait it is no thread of theirs that writes.
const MANY: usize = 4;

/// The turn to write, passed on when it ends.
struct Turn<'a>(&'a Arc<Database>);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut queue = lock(&self.0.writer.queue);
        let Some(next) = queue.waiting.front().map(Arc::clone) else {
            queue.leading = false;
            return;
        };
        let many = queue.waiting.len() >= MANY;
        drop(queue);
        match &next.waiter {
            Waiter::Thread(thread) if !many => {
                *lock(&next.progress) = Progress::Lead;
                thread.unpark();
            }
            _ => lead_elsewhere(self.0),
        }
    }
}

/// Has a thread of ours write what waits, and what comes meanwhile.
fn lead_elsewhere(database: &Arc<Database>) {
    database.writing.push(
        database,
        |database| &database.writing,
        Box::new(|database| {
            let turn = Turn(database);
            while !database.writer.is_idle() {
                database.writer.write_batch(database);
            }
            drop(turn);
        }),
    );
}

impl Writer {
    /// Writes on the calling thread, or lets another that is writing anyway do it, and waits.
    pub fn write(&self, database: &Arc<Database>, work: &Arc<Work>) -> Answer {
        let mut queue = lock(&self.queue);
        if queue.leading {
            let waiter = Waiter::Thread(thread::current());
            let entry = queue.push(database, work, waiter);
            drop(queue);
            return self.wait(database, &entry);
        }
        queue.leading = true;
        drop(queue);
        let turn = Turn(database);
        let answer = self.with(database, |open| open.alone(work));
        drop(turn);
        database.counters.operations.add(1);
        answer?.map(Reply::Count)
    }

    /// Has it written by another thread.
    pub fn submit(&self, database: &Arc<Database>, work: &Arc<Work>, ticket: Ticket, inside: Inside) {
        let mut queue = lock(&self.queue);
        queue.push(database, work, Waiter::Loop(Mutex::new(Some((ticket, inside)))));
        let lead = !std::mem::replace(&mut queue.leading, true);
        drop(queue);
        if lead {
            lead_elsewhere(database);
        }
    }

    fn is_idle(&self) -> bool {
        lock(&self.queue).waiting.is_empty()
    }

    /// Whether so much waits to be written that those who can wait should.
    pub fn is_crowded(&self) -> bool {
        lock(&self.queue).bytes > QUEUE_BYTES
    }

    /// Tells when there is room again.
    pub fn tell_of_room(&self, ticket: Ticket) {
        let mut queue = lock(&self.queue);
        if queue.bytes > QUEUE_BYTES {
            queue.room.push(ticket);
        } else {
            drop(queue);
            ticket.post(Ok(Reply::Done));
        }
    }

    fn wait(&self, database: &Arc<Database>, entry: &Entry) -> Answer {
        loop {
            // A statement of its own, so that nobody parks with the lock.
            let progress = std::mem::replace(&mut *lock(&entry.progress), Progress::Waiting);
            match progress {
                Progress::Done(answer) => return answer,
                Progress::Lead => {
                    let turn = Turn(database);
                    self.write_batch(database);
                    drop(turn);
                }
                Progress::Waiting => thread::park(),
            }
        }
    }

    /// Writes what waits, in one transaction.
    fn write_batch(&self, database: &Arc<Database>) {
        let batch = Batch(lock(&self.queue).take(database));
        let works: Vec<&Work> = batch.0.iter().map(|entry| &*entry.work).collect();
        let written = self.with(database, |open| open.write(&works));
        database.counters.operations.add(works.len() as u64);
        database.counters.largest_batch.at_least(works.len() as u64);
        match written {
            Ok(outcomes) => {
                for (entry, outcome) in batch.0.iter().zip(outcomes) {
                    entry.finish(outcome.map(Reply::Count));
                }
            }
            Err(error) => batch.0.iter().for_each(|entry| entry.finish(Err(error.clone()))),
        }
    }

    /// Calls `work` with the connection, opened if need be, and looks after the write-ahead log.
    pub fn with<T>(&self, database: &Arc<Database>, work: impl FnOnce(&mut Open) -> T) -> Result<T, SqlError> {
        let mut held = lock(&self.open);
        let open = self.opened(database, &mut held)?;
        busy::limit(database.options.busy_timeout);
        database.check_identity()?;
        let result = wal::keep_bounded(database, &open.conn).map(|()| {
            wal::allocate(database, &open.conn);
            work(open)
        });
        database.counters.commits.add(std::mem::take(&mut open.commits));
        let (hits, misses) = open.hot.looked_up();
        database.counters.cache_hits.add(hits);
        database.counters.cache_misses.add(misses);
        let conn = &open.conn;
        if !conn.is_autocommit() && run(conn, "ROLLBACK").is_err() && !database.options.is_memory() {
            // A transaction that can be neither committed nor rolled back must not have a put in it that is told
            // to be on disk: it ends with its connection.
            *held = None;
        }
        let result = result?;
        wal::committed(database);
        Ok(result)
    }

    fn opened<'a>(&self, database: &Database, open: &'a mut Option<Open>) -> Result<&'a mut Open, SqlError> {
        match open {
            Some(open) => Ok(open),
            None => {
                let conn = connection::open(&database.options, Use::Write)?;
                let schema = schema::prepare(&conn, &database.options)
                    .map_err(|error| connection::explained(&database.options, error))?;
                wal::watch(&conn, database)?;
                database.opened(schema);
                Ok(open.insert(Open { conn, schema, hot: Hot::new(Arc::clone(&database.states)), commits: 0 }))
            }
        }
    }

    /// Opens the connection, and with it makes the tables.
    pub fn open(&self, database: &Database) -> Result<(), SqlError> {
        self.opened(database, &mut lock(&self.open)).map(|_| ())
    }

    /// The connection, for whoever closes it.
    pub fn take(&self) -> Option<Open> {
        lock(&self.open).take()
    }

    /// Of a database in memory, which lives as long as its connection.
    pub fn keep(&self, open: Open) {
        *lock(&self.open) = Some(open);
    }
}

impl Queue {
    fn push(&mut self, database: &Database, work: &Arc<Work>, waiter: Waiter) -> Arc<Entry> {
        let entry = Arc::new(Entry { work: Arc::clone(work), waiter, progress: Mutex::new(Progress::Waiting) });
        self.bytes += work.bytes();
        self.waiting.push_back(Arc::clone(&entry));
        database.counters.queued.set(self.waiting.len() as u64);
        database.counters.most_queued.at_least(self.waiting.len() as u64);
        entry
    }

    /// As much as goes in one transaction.
    fn take(&mut self, database: &Database) -> Vec<Arc<Entry>> {
        let mut batch: Vec<Arc<Entry>> = Vec::with_capacity(self.waiting.len());
        let mut bytes = 0;
        while let Some(next) = self.waiting.front()
            && fits(batch.len(), bytes, &next.work)
        {
            bytes += next.work.bytes();
            batch.extend(self.waiting.pop_front());
        }
        self.bytes -= bytes;
        database.counters.queued.set(self.waiting.len() as u64);
        if self.bytes <= QUEUE_BYTES {
            self.room.drain(..).for_each(|ticket| ticket.post(Ok(Reply::Done)));
        }
        batch
    }
}

fn run(conn: &Connection, sql: &str) -> Result<(), SqlError> {
    conn.prepare_cached(sql)?.execute([])?;
    Ok(())
}

impl Open {
    /// Each in a transaction, together or alone.
    fn write(&mut self, works: &[&Work]) -> Vec<Result<u64, SqlError>> {
        if works.len() > 1
            && let Some(results) = self.together(works)
        {
            return results;
        }
        works.iter().map(|work| self.alone(work)).collect()
    }

    /// In a transaction of its own.
    fn alone(&mut self, work: &Work) -> Result<u64, SqlError> {
        // Its statement is right for the table and for a view in its place.
        if self.schema.layout.is_one_statement(work) {
            let result = self.schema.layout.apply(&self.conn, &mut self.hot, work);
            self.commits += u64::from(result.is_ok());
            return result;
        }
        run(&self.conn, "BEGIN IMMEDIATE")?;
        let result = self.apply(work).and_then(|count| run(&self.conn, "COMMIT").map(|()| count));
        if result.is_ok() {
            self.settle();
        } else {
            self.hot.forget(0);
            if !self.conn.is_autocommit() {
                run(&self.conn, "ROLLBACK")?;
            }
        }
        result
    }

    /// After a commit.
    fn settle(&mut self) {
        self.commits += 1;
        self.hot.settle(self.schema);
    }

    /// Within a transaction.
    fn apply(&mut self, work: &Work) -> Result<u64, SqlError> {
        let schema = self.schema.now(&self.conn)?;
        if schema != self.schema {
            // Another database may have been copied into the file, a backup of it say.
            self.hot.clear();
            self.schema = schema;
        }
        self.schema.layout.apply(&self.conn, &mut self.hot, work)
    }

    /// An operation that fails undoes itself and no other. None where the transaction is gone with all that was
    /// done in it (a full disk, say): then nobody is told that it was done.
    fn together(&mut self, works: &[&Work]) -> Option<Vec<Result<u64, SqlError>>> {
        if let Err(error) = run(&self.conn, "BEGIN IMMEDIATE") {
            return Some(works.iter().map(|_| Err(error.clone())).collect());
        }
        let mut results = Vec::with_capacity(works.len());
        for work in works {
            results.push(self.member(work));
            if self.conn.is_autocommit() {
                self.hot.forget(0);
                return None;
            }
        }
        if run(&self.conn, "COMMIT").is_ok() {
            self.settle();
            return Some(results);
        }
        self.hot.forget(0);
        if !self.conn.is_autocommit() {
            // What can't be rolled back either is told by the operations, each by itself.
            drop(run(&self.conn, "ROLLBACK"));
        }
        None
    }

    fn member(&mut self, work: &Work) -> Result<u64, SqlError> {
        if self.schema.layout.is_one_statement(work) {
            return self.apply(work);
        }
        run(&self.conn, "SAVEPOINT member")?;
        let mark = self.hot.mark();
        let result = self.apply(work);
        if result.is_err() {
            self.hot.forget(mark);
        }
        if result.is_err() && !self.conn.is_autocommit() {
            run(&self.conn, "ROLLBACK TO member")?;
        }
        if !self.conn.is_autocommit() {
            run(&self.conn, "RELEASE member")?;
        }
        result
    }
}
