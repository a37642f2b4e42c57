//! What is to be written: one call of a checkpointer, as a whole or not at all.
use super::layout::Layout;
use crate::values::Value;

/// The columns of a row, in the order of its table.
pub type Row = Vec<Value>;

/// A checkpoint's namespace and id, within its thread.
pub type Key = (String, String);

/// What a put or a removal of a thread's checkpoint changes: how many it has, and the last by rowid and by id.
pub type Mark = (u64, Option<i64>, Option<String>);

pub enum Work {
    /// thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata
    Put(Row),
    /// Each thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value; a row that
    /// is there already is replaced or kept.
    PutWrites { rows: Vec<Row>, replace: bool },
    /// All that there is of a thread; with `before` only where its latest checkpoint has an id of UUIDv6 below.
    DeleteThread { thread: String, before: Option<String> },
    /// Checkpoints of a thread, with their pending writes; none where the thread's mark is another one.
    DeleteCheckpoints { thread: String, keys: Vec<Key>, mark: Mark },
    /// Pending writes of a thread that belong to no checkpoint, of ids below `before` and below their
    /// namespace's latest checkpoint.
    DeleteOrphans { thread: String, before: String },
    /// A thread under another name, which must be free.
    CopyThread { source: String, target: String },
    /// Pieces of a thread that no checkpoint needs.
    Sweep(String),
    /// Rows after `from` are taken to another layout. Of as many as one transaction does; what comes back is where
    /// to go on, 0 for nowhere.
    Convert { to: Layout, from: i64 },
}

impl Work {
    /// How much memory waits with it.
    pub fn bytes(&self) -> usize {
        let row = |row: &Row| row.iter().map(Value::len).sum::<usize>();
        match self {
            Self::Put(values) => row(values),
            Self::PutWrites { rows, .. } => rows.iter().map(row).sum(),
            _ => 0,
        }
    }
}
