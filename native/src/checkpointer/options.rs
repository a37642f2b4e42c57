//! How a database is opened.
use std::path::PathBuf;
use std::time::Duration;

use super::layout::Layout;
use super::work::Work;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Synchronous {
    Full,
    Normal,
    Off,
}

impl Synchronous {
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "full" => Some(Self::Full),
            "normal" => Some(Self::Normal),
            "off" => Some(Self::Off),
            _ => None,
        }
    }

    pub fn pragma(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Normal => "NORMAL",
            Self::Off => "OFF",
        }
    }
}

#[derive(Clone)]
pub struct Options {
    /// Absolute, or None for a database in memory.
    pub path: Option<PathBuf>,
    pub synchronous: Synchronous,
    pub busy_timeout: Duration,
    /// The size that the write-ahead log is kept below, in bytes, as long as nobody holds a snapshot.
    pub max_wal_bytes: u64,
    /// At most so many connections to read with.
    pub readers: usize,
    pub read_only: bool,
    pub created_at: bool,
    /// Of a new file; another keeps the one that it has.
    pub layout: Layout,
}

impl Options {
    /// From how many bytes of log on it is moved into the database in the background: SQLite's own default,
    /// 1,000 pages of 4 KB, or less where the bound is low.
    pub fn checkpoint_from(&self) -> u64 {
        (4 << 20).min(self.max_wal_bytes / 2)
    }

    pub fn is_memory(&self) -> bool {
        self.path.is_none()
    }
}

/// Bytes of values that may wait to be written before those who bring more have to wait too.
pub const QUEUE_BYTES: usize = 64 << 20;

/// Bytes and operations that are committed together at most.
pub const BATCH_BYTES: usize = 32 << 20;
pub const BATCH_LENGTH: usize = 1024;

/// Whether a batch that holds so much takes `work` as well.
pub fn fits(length: usize, bytes: usize, work: &Work) -> bool {
    length == 0 || (length < BATCH_LENGTH && bytes + work.bytes() <= BATCH_BYTES)
}
