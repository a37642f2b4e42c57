//! Moving the write-ahead log into the database, off the way of those who write.
//!
//! While that is done a second connection holds a snapshot, so that the log can't start over under it: up to
//! SQLite 3.51.2 a checkpoint beside a writer that starts the log over can lose what was committed.
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::connection::{self, Use};
use super::database::Database;
use super::options::Synchronous;
use super::{busy, lock, log_file};
use crate::errors::SqlError;

/// Of the log's file, and of each page in it.
const HEADER: u64 = 32;
const FRAME_HEADER: u64 = 24;

/// So little of the log may be left by a background checkpoint that the next writer moves it itself: then the
/// log starts over, and writing it again is cheaper than making its file longer.
const LITTLE: u64 = 512 << 10;
/// Its file is made longer ahead of commits of this size at most: what a larger one takes is time for its bytes.
const SMALL: u64 = 64 << 10;
/// By as much as is in it, within bounds: who commits a few times only should not write many zeros.
const LEAST_STEP: u64 = 64 << 10;
const LONGEST_STEP: u64 = 1 << 20;
/// When less is left than a part of what is in it, within bounds too.
const PART: u64 = 4;
const LEAST_LEFT: u64 = 16 << 10;
/// Between two tries while another process moves the log.
const RETRY: Duration = Duration::from_millis(1);

thread_local! {
    /// Commits of this thread that wrote to the log, and its pages after the last. SQLite passes nothing on that
    /// would tell whose.
    static LOGGED: Cell<(u64, Option<u64>)> = const { Cell::new((0, None)) };
}

#[derive(Default)]
pub struct Wal {
    connections: Mutex<Option<Pair>>,
    /// Whether a thread was asked to.
    asked: AtomicBool,
    page_size: AtomicU64,
    /// Pages of the log that are in the database too, as far as we know.
    moved: AtomicU64,
    /// Bytes by which it grew with the last commit.
    grown: AtomicU64,
    /// Whether one in the background has just ended. What was committed meanwhile it has left.
    ended: AtomicBool,
    /// The length of its file, as far as we know; more where it could not be made longer.
    allocated: AtomicU64,
    /// The size from which on a writer waits: the bound, or more where somebody's snapshot keeps it.
    bound: AtomicU64,
}

struct Pair {
    checkpoint: Connection,
    snapshot: Connection,
}

impl Wal {
    /// Ends what is going on and closes the connections.
    pub fn close(&self) {
        drop(lock(&self.connections).take());
    }

    fn bytes(&self, pages: u64) -> u64 {
        HEADER + pages * (self.page_size.load(Ordering::Relaxed) + FRAME_HEADER)
    }
}

/// Hears of each commit of `conn` how long the log is.
pub fn watch(conn: &Connection, database: &Database) -> Result<(), SqlError> {
    let page_size: u64 = conn.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let wal = &database.wal;
    wal.page_size.store(page_size, Ordering::Relaxed);
    wal.bound.store(database.options.max_wal_bytes, Ordering::Relaxed);
    // Its log may be another one than that of a connection before it.
    database.counters.wal_bytes.set(0);
    for known in [&wal.moved, &wal.grown, &wal.allocated] {
        known.store(0, Ordering::Relaxed);
    }
    conn.wal_hook(Some(|_, pages| {
        LOGGED.set((LOGGED.get().0 + 1, u64::try_from(pages).ok()));
        Ok(())
    }));
    Ok(())
}

/// After a commit: has the log moved in the background when it has grown enough.
pub fn committed(database: &Arc<Database>) {
    let wal = &database.wal;
    let (commits, Some(pages)) = LOGGED.take() else { return };
    let synchronous = database.options.synchronous;
    database.counters.fsyncs.add(if synchronous == Synchronous::Full { commits } else { 0 });
    let (bytes, before) = (wal.bytes(pages), database.counters.wal_bytes.get());
    database.counters.wal_bytes.set(bytes);
    wal.grown.store(bytes.saturating_sub(before), Ordering::Relaxed);
    if bytes < before || pages < wal.moved.load(Ordering::Relaxed) {
        // It has started over, and somebody may have made its file shorter.
        wal.moved.store(0, Ordering::Relaxed);
        wal.allocated.store(0, Ordering::Relaxed);
        // With a header of its own, which is on disk before the first page.
        database.counters.fsyncs.add(u64::from(synchronous != Synchronous::Off));
        wal.bound.store(database.options.max_wal_bytes, Ordering::Relaxed);
    }
    let new = wal.bytes(pages - wal.moved.load(Ordering::Relaxed).min(pages));
    if new < database.options.checkpoint_from() || wal.asked.swap(true, Ordering::AcqRel) {
        return;
    }
    database.checkpointing.push(
        database,
        |database| &database.checkpointing,
        Box::new(|database| {
            // An error is met again, and told, by whoever reads or writes next.
            drop(checkpoint(database));
            database.wal.ended.store(true, Ordering::Release);
            database.wal.asked.store(false, Ordering::Release);
        }),
    );
}

/// Before a commit: where the log has reached its bound, has it moved first, so that it starts over; and the rest
/// of it where that is little.
pub fn keep_bounded(database: &Database, conn: &Connection) -> Result<(), SqlError> {
    let wal = &database.wal;
    let bytes = database.counters.wal_bytes.get();
    if bytes > wal.bound.load(Ordering::Relaxed) {
        database.counters.wal_checkpoints_waited_for.add(1);
        let moved = patiently(database, || {
            // With another process committing on, there would always be more to move.
            let alone = Transaction::new_unchecked(conn, TransactionBehavior::Immediate)?;
            let moved = checkpoint(database);
            alone.commit()?;
            Ok(moved.unwrap_or(Moved::Some))
        })?;
        if moved != Moved::All {
            // Somebody's snapshot keeps it. It is tried again when the log has grown by a quarter.
            wal.bound.store(bytes + bytes / 4, Ordering::Relaxed);
        }
    } else if wal.ended.swap(false, Ordering::AcqRel) {
        let left = bytes.saturating_sub(wal.bytes(wal.moved.load(Ordering::Relaxed)));
        if 0 < left && left <= LITTLE {
            // What a snapshot keeps, the next in the background has.
            drop(checkpoint(database));
        }
    }
    Ok(())
}

/// Before a commit: has the log's file made longer before it is full, up to where the log is moved and starts over.
/// No error is told, and no lock waited for: the commit may do without.
pub fn allocate(database: &Database, conn: &Connection) {
    let (wal, options) = (&database.wal, &database.options);
    let (used, allocated) = (database.counters.wal_bytes.get(), wal.allocated.load(Ordering::Relaxed));
    let length = (used + used.clamp(LEAST_STEP, LONGEST_STEP)).min(options.checkpoint_from());
    let is_nearly_full = used + (used / PART).clamp(LEAST_LEFT, SMALL) > allocated && length > allocated;
    // Before a first commit it isn't known how much is in it, nor whether it is a log.
    if used == 0
        || !is_nearly_full
        || options.synchronous != Synchronous::Full
        || wal.grown.load(Ordering::Relaxed) > SMALL
    {
        return;
    }
    busy::limit(Duration::ZERO);
    if let Ok(alone) = Transaction::new_unchecked(conn, TransactionBehavior::Immediate) {
        let length = log_file::extend(conn, length).unwrap_or(u64::MAX);
        wal.allocated.store(length, Ordering::Relaxed);
        drop(alone.commit());
    }
    busy::limit(options.busy_timeout);
}

/// Tries again while another process moves the log, with no lock held in between: it may wait for ours.
pub fn patiently(database: &Database, mut tried: impl FnMut() -> Result<Moved, SqlError>) -> Result<Moved, SqlError> {
    let until = Instant::now() + database.options.busy_timeout;
    loop {
        let moved = tried()?;
        if moved != Moved::ByAnother || Instant::now() >= until {
            return Ok(moved);
        }
        sleep(RETRY);
    }
}

/// How much of the log is in the database now.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    All,
    /// As far as snapshots let it.
    Some,
    /// Another process is at it.
    ByAnother,
}

/// Moves the log.
pub fn checkpoint(database: &Database) -> Result<Moved, SqlError> {
    let options = &database.options;
    if options.is_memory() || options.read_only {
        return Ok(Moved::All);
    }
    let mut connections = lock(&database.wal.connections);
    let pair = match &mut *connections {
        Some(pair) => pair,
        None => connections.insert(Pair {
            checkpoint: connection::open(options, Use::Checkpoint)?,
            snapshot: connection::open(options, Use::Read)?,
        }),
    };
    busy::limit(options.busy_timeout);
    let moved = pair.passive(&database.wal.moved)?;
    database.counters.wal_checkpoints.add(u64::from(moved != Moved::ByAnother));
    Ok(moved)
}

impl Pair {
    /// Notes how many pages of the log are in the database, before it can start over.
    fn passive(&self, noted: &AtomicU64) -> Result<Moved, SqlError> {
        let snapshot = self.snapshot.unchecked_transaction()?;
        // The transaction has its snapshot from the first that it reads.
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
