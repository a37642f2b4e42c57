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
    /// Transactions that they were committed in; each waits for the disk once, with synchronous full.
    commits,
    largest_batch,
    /// Operations in the queue, now and at the most.
    queued,
    most_queued,
    reads,
    /// Times that the write-ahead log was moved into the database, by a thread in the background or, with the
    /// bound reached, by a writer that waited for it.
    wal_checkpoints,
    wal_checkpoints_waited_for,
    /// Of the write-ahead log, after the last commit.
    wal_bytes,
    connections_opened,
}
