//! Counters of what was done with a database, for `stats()`.
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        #[derive(Default)]
        pub struct Counters {
            $($(#[$doc])* pub $name: Counter,)*
        }

        impl Counters {
            pub fn all(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name.get()),)*]
            }
        }
    };
}

#[derive(Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub fn at_least(&self, value: u64) {
        self.0.fetch_max(value, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

counters! {
    /// Changes that were written.
    operations,
    /// Transactions that committed them.
    commits,
    /// How often a commit waited until the log was on disk: always with synchronous full. Moving the log into the
    /// database waits once or twice more.
    fsyncs,
    largest_batch,
    /// Changes in the queue, now and at most.
    queued,
    most_queued,
    reads,
    /// How often the write-ahead log was moved into the database; and how often a writer did it before its commit,
    /// because the log had reached its bound.
    wal_checkpoints,
    wal_checkpoints_waited_for,
    /// The size of the write-ahead log after the last commit.
    wal_bytes,
    /// Compact layout: checkpoints that a new one was compared with were in memory, or had to be read.
    cache_hits,
    cache_misses,
    /// How often all keys of a thread were looked at, to see whether it has changed since it was pruned last.
    thread_scans,
    connections_opened,
}
