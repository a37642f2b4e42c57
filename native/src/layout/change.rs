//! What can be written: each change is one call of a checkpointer, applied as a whole or not at all.
use std::ops::AddAssign;

use super::kind::Layout;
use crate::key_part::KeyPart;
use crate::values::{Value, Values};

/// The namespace and the id of a checkpoint within its thread.
pub type NamespaceAndId = (KeyPart, KeyPart);

/// Tells whether a checkpoint of a thread was put or removed: how many there are, and the last by rowid and by id.
pub type Mark = (u64, Option<i64>, KeyPart);

pub enum Change {
    /// thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata
    Put(Values),
    /// Each row: thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value. A row that
    /// exists already is replaced or kept.
    PutWrites {
        rows: Vec<Values>,
        replace: bool,
    },
    Remove(Removal),
    /// Copies a thread to a name that is not in use.
    CopyThread {
        source: String,
        target: String,
    },
    /// Removes pieces of a thread that no checkpoint needs.
    Sweep(KeyPart),
    /// Converts rows after rowid `from` to another layout, as many as suit one transaction.
    Convert {
        to: Layout,
        from: i64,
    },
}

pub enum Removal {
    /// All rows of a thread. With `before`, only if the id of its latest checkpoint is a UUIDv6 below it.
    Thread { thread: KeyPart, before: Option<String> },
    /// Checkpoints of a thread with their pending writes, or none if the thread's mark has changed.
    Checkpoints { thread: KeyPart, keys: Vec<NamespaceAndId>, mark: Mark },
    /// Pending writes that belong to no checkpoint, of a thread or of all: those whose ids are below `before`, and below
    /// the latest checkpoint of their namespace, or whose thread has no checkpoint.
    Orphans { thread: Option<KeyPart>, before: String },
}

/// How much a change has removed or converted.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub checkpoints: u64,
    pub writes: u64,
    /// Of checkpoints with their metadata and of pending writes, as the standard layout stores them.
    pub bytes: u64,
    /// The rowid that a conversion continues from, 0 when all is done.
    pub next: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.checkpoints += other.checkpoints;
        self.writes += other.writes;
        self.bytes += other.bytes;
    }
}

impl Change {
    /// How many bytes of memory it holds while it waits.
    pub fn bytes(&self) -> usize {
        let bytes = |row: &Values| row.iter().map(Value::len).sum::<usize>();
        match self {
            Self::Put(row) => bytes(row),
            Self::PutWrites { rows, .. } => rows.iter().map(bytes).sum(),
            _ => 0,
        }
    }

    /// Whether it is a single statement, which SQLite applies as a whole or not at all without a transaction around it.
    pub fn is_one_statement(&self, layout: Layout) -> bool {
        match self {
            Self::Put(_) => !layout.is_compact(),
            Self::PutWrites { rows, .. } => rows.len() == 1,
            _ => false,
        }
    }
}
