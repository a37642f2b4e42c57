//! What can be asked of a database.
use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use rusqlite::Connection;

use super::compact::States;
use super::filter::Filter;
use super::layout::Layout;
use super::listing::{self, Listing, Query};
use super::maintenance::Task;
use super::reply::{Answer, Reply};
use super::schema::Schema;
use super::standard;
use super::work::{Key, Mark, Work};
use crate::columns::Column;
use crate::values::values as row;

pub enum Ask {
    Write(Arc<Work>),
    Read(Read),
    Maintain(Task),
}

pub enum Read {
    /// A checkpoint with its pending writes, by id or the latest.
    Checkpoint {
        thread: String,
        namespace: String,
        id: Option<String>,
    },
    Keys(Query),
    Batch {
        listing: Listing,
        from: usize,
    },
    /// Parent and metadata of checkpoints.
    Descriptions {
        thread: String,
        keys: Vec<Key>,
    },
    /// A checkpoint, its parent, and so on, without their writes; as many as make a batch.
    Ancestors {
        thread: String,
        namespace: String,
        id: String,
    },
    /// What changes when a checkpoint of this thread is put.
    Mark(String),
    /// The pending writes of some channels, checkpoint by checkpoint.
    ChannelWrites {
        thread: String,
        namespace: String,
        ids: Vec<String>,
        channels: Vec<String>,
    },
}

/// Ancestors of a batch at most, and about how many bytes.
const ANCESTORS: usize = 64;
const ANCESTORS_BYTES: usize = 2 << 20;

impl Read {
    /// Within a transaction, of a database with this schema, and states of it that are in memory.
    pub fn answer(&self, conn: &Connection, schema: Schema, states: &States) -> Answer {
        if schema.is_empty {
            return Ok(self.nothing());
        }
        let (layout, has_task_path) = (schema.layout, schema.has_task_path);
        match self {
            Self::Checkpoint { thread, namespace, id } => {
                let Some(row) = schema.checkpoint(conn, states, thread, namespace, id.as_deref())? else {
                    return Ok(Reply::Checkpoint(None));
                };
                let writes = match row.get(2) {
                    Some(Column::Text(id)) => {
                        let id = String::from_utf8_lossy(id);
                        standard::pending_writes(conn, has_task_path, (thread, namespace, &id), None)?
                    }
                    _ => Vec::new(),
                };
                Ok(Reply::Checkpoint(Some((row, writes))))
            }
            Self::Keys(query) => query.keys(conn, layout.table()).map(Reply::Keys),
            Self::Batch { listing, from } => listing::batch(conn, schema, states, listing, *from).map(Reply::Batch),
            Self::Mark(thread) => standard::mark(conn, layout.table(), thread).map(Reply::Mark),
            Self::Descriptions { thread, keys } => {
                let found = keys.iter().map(|(namespace, id)| standard::description(conn, thread, namespace, id));
                Ok(Reply::Descriptions(found.collect::<Result<_, _>>()?))
            }
            Self::Ancestors { thread, namespace, id } => {
                let (mut rows, mut bytes, mut next) = (Vec::new(), 0, Some(id.clone()));
                while rows.len() < ANCESTORS
                    && bytes < ANCESTORS_BYTES
                    && let Some(id) = next
                    && let Some(row) = schema.checkpoint(conn, states, thread, namespace, Some(&id))?
                {
                    next = match row.get(3) {
                        Some(Column::Text(parent)) => Some(String::from_utf8_lossy(parent).into_owned()),
                        _ => None,
                    };
                    bytes += row.iter().map(Column::len).sum::<usize>();
                    rows.push(row);
                }
                Ok(Reply::Ancestors(rows))
            }
            Self::ChannelWrites { thread, namespace, ids, channels } => {
                let mut found = Vec::with_capacity(ids.len());
                for id in ids {
                    let mut rows = Vec::new();
                    for channel in channels {
                        let key = (thread.as_str(), namespace.as_str(), id.as_str());
                        rows.extend(standard::pending_writes(conn, has_task_path, key, Some(channel))?);
                    }
                    found.push(rows);
                }
                Ok(Reply::ChannelWrites(found))
            }
        }
    }

    /// What there is in a file without tables.
    fn nothing(&self) -> Reply {
        match self {
            Self::Checkpoint { .. } => Reply::Checkpoint(None),
            Self::Keys(_) => Reply::Keys(Listing(Arc::default())),
            Self::Mark(_) => Reply::Mark((0, None, None)),
            Self::Batch { from, .. } => Reply::Batch(listing::Batch { rows: Vec::new(), next: *from }),
            Self::Descriptions { keys, .. } => Reply::Descriptions(keys.iter().map(|_| None).collect()),
            Self::Ancestors { .. } => Reply::Ancestors(Vec::new()),
            Self::ChannelWrites { ids, .. } => Reply::ChannelWrites(ids.iter().map(|_| Vec::new()).collect()),
        }
    }
}

/// Something to ask of an engine: made once, carried out on the calling thread or on another.
#[pyclass(frozen, module = "fast_langgraph._native")]
pub struct Request(pub Arc<Ask>);

impl Request {
    fn write(work: Work) -> Self {
        Self(Arc::new(Ask::Write(Arc::new(work))))
    }

    fn read(read: Read) -> Self {
        Self(Arc::new(Ask::Read(read)))
    }

    fn maintain(task: Task) -> Self {
        Self(Arc::new(Ask::Maintain(task)))
    }
}

/// Raise Unsupported for a value in a row that is not exactly None, int of 64 bits, float, str without
/// surrogates, bytes or Blob.
#[pymethods]
impl Request {
    #[staticmethod]
    fn put(values: &Bound<'_, PyTuple>) -> PyResult<Self> {
        Ok(Self::write(Work::Put(row(values)?)))
    }

    #[staticmethod]
    fn put_writes(rows: Vec<Bound<'_, PyTuple>>, replace: bool) -> PyResult<Self> {
        let rows = rows.iter().map(row).collect::<PyResult<_>>()?;
        Ok(Self::write(Work::PutWrites { rows, replace }))
    }

    #[staticmethod]
    #[pyo3(signature = (thread, before = None))]
    fn delete_thread(thread: String, before: Option<String>) -> Self {
        Self::write(Work::DeleteThread { thread, before })
    }

    #[staticmethod]
    fn delete_checkpoints(thread: String, keys: Vec<Key>, mark: Mark) -> Self {
        Self::write(Work::DeleteCheckpoints { thread, keys, mark })
    }

    #[staticmethod]
    fn mark(thread: String) -> Self {
        Self::read(Read::Mark(thread))
    }

    #[staticmethod]
    fn delete_orphans(thread: String, before: String) -> Self {
        Self::write(Work::DeleteOrphans { thread, before })
    }

    #[staticmethod]
    fn copy_thread(source: String, target: String) -> Self {
        Self::write(Work::CopyThread { source, target })
    }

    /// Takes rows after `start` to the layout of this name; completes with where to go on, 0 for nowhere.
    #[staticmethod]
    fn convert(layout: &str, start: i64) -> PyResult<Self> {
        let to = Layout::parse(layout).ok_or_else(|| PyValueError::new_err("layout"))?;
        Ok(Self::write(Work::Convert { to, from: start }))
    }

    #[staticmethod]
    fn checkpoint(thread: String, namespace: String, id: Option<String>) -> Self {
        Self::read(Read::Checkpoint { thread, namespace, id })
    }

    #[staticmethod]
    #[pyo3(signature = (*, thread = None, namespace = None, id = None, before = None, limit = None, filter = None, run_ids = None))]
    fn keys(
        thread: Option<String>,
        namespace: Option<String>,
        id: Option<String>,
        before: Option<String>,
        limit: Option<usize>,
        filter: Option<&str>,
        run_ids: Option<Vec<String>>,
    ) -> PyResult<Self> {
        let filter = filter.map(Filter::parse).transpose().map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Self::read(Read::Keys(Query { thread, namespace, id, before, limit, filter, run_ids })))
    }

    #[staticmethod]
    fn batch(listing: &Listing, start: usize) -> Self {
        Self::read(Read::Batch { listing: listing.clone(), from: start })
    }

    #[staticmethod]
    fn descriptions(thread: String, keys: Vec<Key>) -> Self {
        Self::read(Read::Descriptions { thread, keys })
    }

    #[staticmethod]
    fn ancestors(thread: String, namespace: String, id: String) -> Self {
        Self::read(Read::Ancestors { thread, namespace, id })
    }

    #[staticmethod]
    fn channel_writes(thread: String, namespace: String, ids: Vec<String>, channels: Vec<String>) -> Self {
        Self::read(Read::ChannelWrites { thread, namespace, ids, channels })
    }

    #[staticmethod]
    fn setup() -> Self {
        Self::maintain(Task::Setup)
    }

    #[staticmethod]
    fn threads() -> Self {
        Self::maintain(Task::Threads)
    }

    /// With the `largest` so many threads by name.
    #[staticmethod]
    fn stats(largest: usize) -> Self {
        Self::maintain(Task::Stats { largest })
    }

    #[staticmethod]
    fn vacuum() -> Self {
        Self::maintain(Task::Vacuum)
    }

    #[staticmethod]
    fn backup(path: PathBuf) -> Self {
        Self::maintain(Task::Backup(path))
    }
}
