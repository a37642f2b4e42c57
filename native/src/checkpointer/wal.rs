//! Moving the write-ahead log into the database, out of the way of those who write.
//!
//! During such a checkpoint a second connection holds a snapshot, so that the log can't start over: up to SQLite 3.51.2
//! a checkpoint beside a writer that starts the log over can lose what was committed.
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::busy;
use super::connection::{self, Use};
use super::options::Synchronous;
use super::shared::Shared;
use super::thread_pool::ThreadPool;
use crate::errors::SqlError;
use crate::sync::lock;
use crate::wal_file::{self, FRAME_HEADER, HEADER, SMALL_COMMIT, WalFile};

/// If a background checkpoint leaves at most so much of the log, the next writer moves the rest itself: then the log
/// starts over, and overwriting its file is cheaper than extending it.
const SMALL_REST: u64 = 512 << 10;
/// Between two tries while another process moves the log.
const RETRY: Duration = Duration::from_millis(1);

thread_local! {
    /// How many commits of this thread wrote to the log, and how many pages the log had after the last. SQLite does not
    /// tell the hook whose commit it is.
    static LOGGED: Cell<(u64, Option<u64>)> = const { Cell::new((0, None)) };
}

pub struct Wal {
    shared: Arc<Shared>,
    /// One thread, for checkpoints in the background.
    pool: ThreadPool,
    connections: Mutex<Option<Connections>>,
    /// Whether a checkpoint in the background was asked for and has not ended.
    is_requested: AtomicBool,
    /// Whether one has just ended. It has left what was committed meanwhile.
    has_ended: AtomicBool,
    page_size: AtomicU64,
    /// How many pages of the log are in the database too, as far as is known.
    moved: AtomicU64,
    /// How many bytes the last commit added.
    grown: AtomicU64,
    /// The length of the log's file, as far as is known; `u64::MAX` if it can't be extended.
    file_length: AtomicU64,
    /// The size from which writers wait: `max_wal_bytes`, or more if a snapshot of somebody keeps the log longer.
    bound: AtomicU64,
}

/// How much of the log is in the database now.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    All,
    /// As far as snapshots allow.
    Some,
    /// Another process is moving it.
    ByAnother,
}

struct Connections {
    checkpoint: Connection,
    snapshot: Connection,
}

impl Wal {
    pub fn new(shared: &Arc<Shared>) -> Arc<Self> {
        Arc::new(Self {
            shared: Arc::clone(shared),
            pool: ThreadPool::new(1),
            connections: Mutex::default(),
            is_requested: AtomicBool::default(),
            has_ended: AtomicBool::default(),
            page_size: AtomicU64::default(),
            moved: AtomicU64::default(),
            grown: AtomicU64::default(),
            file_length: AtomicU64::default(),
            bound: AtomicU64::default(),
        })
    }

    /// Ends the background thread, once it has nothing more to do.
    pub fn stop(&self) {
        self.pool.stop();
    }

    /// Closes the connections, once no checkpoint uses them.
    pub fn close(&self) {
        drop(lock(&self.connections).take());
    }

    /// The size of a log of so many pages.
    fn bytes(&self, pages: u64) -> u64 {
        HEADER + pages * (self.page_size.load(Ordering::Relaxed) + FRAME_HEADER)
    }

    /// Registers `conn` as the connection that writes: each commit tells how long the log is.
    pub fn watch(&self, conn: &Connection) -> Result<(), SqlError> {
        let page_size: u64 = conn.pragma_query_value(None, "page_size", |row| row.get(0))?;
        self.page_size.store(page_size, Ordering::Relaxed);
        self.bound.store(self.shared.options.max_wal_bytes, Ordering::Relaxed);
        // The log may be another one than that of an earlier connection.
        self.shared.counters.wal_bytes.set(0);
        for known in [&self.moved, &self.grown, &self.file_length] {
            known.store(0, Ordering::Relaxed);
        }
        conn.wal_hook(Some(|_, pages| {
            LOGGED.set((LOGGED.get().0 + 1, u64::try_from(pages).ok()));
            Ok(())
        }));
        Ok(())
    }

    /// After commits of this thread: moves the log in the background if it has grown enough.
    pub fn committed(self: &Arc<Self>) {
        let Shared { options, counters, .. } = &*self.shared;
        let (commits, Some(pages)) = LOGGED.take() else { return };
        counters.fsyncs.add(if options.synchronous == Synchronous::Full { commits } else { 0 });
        let (bytes, before) = (self.bytes(pages), counters.wal_bytes.get());
        counters.wal_bytes.set(bytes);
        self.grown.store(bytes.saturating_sub(before), Ordering::Relaxed);
        if bytes < before || pages < self.moved.load(Ordering::Relaxed) {
            // The log has started over, and its file may have been truncated.
            self.moved.store(0, Ordering::Relaxed);
            self.file_length.store(0, Ordering::Relaxed);
            // It then has a new header, which is synced before the first page.
            counters.fsyncs.add(u64::from(options.synchronous != Synchronous::Off));
            self.bound.store(options.max_wal_bytes, Ordering::Relaxed);
        }
        let new = self.bytes(pages - self.moved.load(Ordering::Relaxed).min(pages));
        if new < options.checkpoint_bytes() || self.is_requested.swap(true, Ordering::AcqRel) {
            return;
        }
        let wal = Arc::clone(self);
        self.pool.run(move || {
            // Whoever reads or writes next meets the same error, and reports it.
            drop(wal.checkpoint());
            wal.has_ended.store(true, Ordering::Release);
            wal.is_requested.store(false, Ordering::Release);
        });
    }

    /// Before a commit: if the log has reached its bound, moves it first, so that it starts over; and moves a small
    /// rest that a background checkpoint has left.
    pub fn keep_bounded(&self, conn: &Connection) -> Result<(), SqlError> {
        let counters = &self.shared.counters;
        let bytes = counters.wal_bytes.get();
        if bytes > self.bound.load(Ordering::Relaxed) {
            counters.wal_checkpoints_waited_for.add(1);
            let moved = self.patiently(|| {
                // If another process went on committing, there would always be more to move.
                let alone = Transaction::new_unchecked(conn, TransactionBehavior::Immediate)?;
                let moved = self.checkpoint();
                alone.commit()?;
                Ok(moved.unwrap_or(Moved::Some))
            })?;
            if moved != Moved::All {
                // A snapshot keeps it. It is tried again when the log has grown by a quarter.
                self.bound.store(bytes + bytes / 4, Ordering::Relaxed);
            }
        } else if self.has_ended.swap(false, Ordering::AcqRel) {
            let rest = bytes.saturating_sub(self.bytes(self.moved.load(Ordering::Relaxed)));
            if 0 < rest && rest <= SMALL_REST {
                // If a snapshot keeps some of it, the next background checkpoint moves that.
                drop(self.checkpoint());
            }
        }
        Ok(())
    }

    /// Before a commit: extends the log's file before it is full, up to the size from which the log is moved and starts
    /// over. Errors are ignored and no lock is waited for, because the commit does not need it.
    pub fn extend_file(&self, conn: &Connection) {
        let options = &self.shared.options;
        let (used, file_length) = (self.shared.counters.wal_bytes.get(), self.file_length.load(Ordering::Relaxed));
        let length = wal_file::extended(used).min(options.checkpoint_bytes());
        let is_nearly_full = used + wal_file::room(used) > file_length;
        // Before the first commit it is not known how much is in the log, nor whether there is one.
        if used == 0
            || !is_nearly_full
            || length <= file_length
            || options.synchronous != Synchronous::Full
            || self.grown.load(Ordering::Relaxed) > SMALL_COMMIT
        {
            return;
        }
        busy::set_timeout(Duration::ZERO);
        if let Ok(alone) = Transaction::new_unchecked(conn, TransactionBehavior::Immediate) {
            let length = WalFile::of(conn).and_then(|file| file.extend(length)).unwrap_or(u64::MAX);
            self.file_length.store(length, Ordering::Relaxed);
            drop(alone.commit());
        }
        busy::set_timeout(options.busy_timeout);
    }

    /// Makes a log that is in the database start over, so that its file gets short. Nothing happens if a snapshot of
    /// somebody keeps it: then its file is cut when it starts over by itself.
    pub fn start_over(&self, conn: &Connection) -> Result<(), SqlError> {
        let options = &self.shared.options;
        if options.is_memory() {
            return Ok(());
        }
        connection::limit_wal_file(conn, 0)?;
        // The smallest commit that writes to the log: it changes nothing. A truncating checkpoint would do without, but
        // beside a writer of another process it turns into one that our snapshot does not guard.
        let version: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let written = conn.pragma_update(None, "user_version", version);
        connection::limit_wal_file(conn, options.max_wal_bytes)?;
        Ok(written?)
    }

    /// Tries again while another process moves the log, until the busy timeout. No lock may be held between two tries,
    /// because the other process may wait for it.
    pub fn patiently(&self, mut checkpoint: impl FnMut() -> Result<Moved, SqlError>) -> Result<Moved, SqlError> {
        let until = Instant::now() + self.shared.options.busy_timeout;
        loop {
            let moved = checkpoint()?;
            if moved != Moved::ByAnother || Instant::now() >= until {
                return Ok(moved);
            }
            sleep(RETRY);
        }
    }

    /// Moves the log into the database.
    pub fn checkpoint(&self) -> Result<Moved, SqlError> {
        let options = &self.shared.options;
        if options.is_memory() || options.read_only {
            return Ok(Moved::All);
        }
        let mut slot = lock(&self.connections);
        let connections = match &mut *slot {
            Some(connections) => connections,
            None => slot.insert(Connections {
                checkpoint: connection::open(options, Use::Checkpoint)?,
                snapshot: connection::open(options, Use::Read)?,
            }),
        };
        busy::set_timeout(options.busy_timeout);
        let moved = connections.checkpoint(&self.moved);
        // After an error a connection may have its transaction still, or may have been opened to read only.
        if moved.is_err() || !connections.snapshot.is_autocommit() {
            *slot = None;
        }
        let moved = moved?;
        self.shared.counters.wal_checkpoints.add(u64::from(moved != Moved::ByAnother));
        Ok(moved)
    }

    /// The length of the log's file.
    pub fn file_bytes(&self) -> u64 {
        let Some(path) = &self.shared.options.path else { return 0 };
        let mut name = path.as_os_str().to_owned();
        name.push("-wal");
        // By its name: opening and closing the file would drop the locks that SQLite holds on it.
        std::fs::metadata(name).map_or(0, |file| file.len())
    }
}

impl Connections {
    /// Notes how many pages of the log are in the database, before it can start over.
    fn checkpoint(&self, noted: &AtomicU64) -> Result<Moved, SqlError> {
        let snapshot = self.snapshot.unchecked_transaction()?;
        // A transaction gets its snapshot when it first reads.
        snapshot.prepare_cached("SELECT count(*) FROM sqlite_master")?.query_row([], |row| row.get::<_, i64>(0))?;
        let mut passive = self.checkpoint.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?;
        let (busy, log, moved): (bool, i64, i64) =
            passive.query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        if busy {
            return Ok(Moved::ByAnother);
        }
        noted.store(u64::try_from(moved).unwrap_or(0), Ordering::Relaxed);
        Ok(if moved == log { Moved::All } else { Moved::Some })
    }
}
