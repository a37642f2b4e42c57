//! What was done, for `stats()`.
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
    /// Operations that write.
    operations,
    /// Transactions that they were committed in.
    commits,
    /// Times that a commit waited until the log was on disk: each does with synchronous full. Moving the log waits
    /// once or twice more.
    fsyncs,
    largest_batch,
    /// Operations in the queue, now and at the most.
    queued,
    most_queued,
    reads,
    /// Times that the write-ahead log was moved into the database, beside the writers or between two commits; and
    /// how often the second was since its bound was reached.
    wal_checkpoints,
    wal_checkpoints_waited_for,
    /// Of the write-ahead log, after the last commit.
    wal_bytes,
    /// Of the compact layout: states that new ones were compared with, and were at hand or had to be read.
    cache_hits,
    cache_misses,
    connections_opened,
}
