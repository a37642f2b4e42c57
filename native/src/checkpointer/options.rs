//! How a database is opened.
use std::path::PathBuf;
use std::time::Duration;

use crate::layout::TableOptions;

/// SQLite's own default: 1,000 pages of 4 KB.
const CHECKPOINT_BYTES: u64 = 4 << 20;

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
    /// An absolute path, or None for a database in memory.
    pub path: Option<PathBuf>,
    pub synchronous: Synchronous,
    pub busy_timeout: Duration,
    /// The write-ahead log is kept below this size, in bytes, unless a snapshot of somebody keeps it longer.
    pub max_wal_bytes: u64,
    /// At most so many connections to read with.
    pub readers: usize,
    pub read_only: bool,
    pub tables: TableOptions,
}

impl Options {
    /// The size of the log from which it is moved into the database in the background, in bytes.
    pub fn checkpoint_bytes(&self) -> u64 {
        CHECKPOINT_BYTES.min(self.max_wal_bytes / 2)
    }

    pub fn is_memory(&self) -> bool {
        self.path.is_none()
    }
}
