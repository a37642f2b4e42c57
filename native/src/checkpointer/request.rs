//! What can be asked of a database, and how Python builds it.
use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::listing::Listing;
use super::maintenance::Maintenance;
use super::query::Query;
use crate::key_part::KeyPart;
use crate::layout::{Change, Filter, KeysQuery, Layout, Mark, NamespaceAndId, Removal, ThreadOrder};
use crate::values;

pub enum Request {
    /// Shared with the queue that it may wait in.
    Change(Arc<Change>),
    Query(Query),
    Maintenance(Maintenance),
}

/// What Python builds: a request that is carried out on the calling thread or on another.
#[pyclass(frozen, name = "Request", module = "fast_langgraph._native")]
pub struct PyRequest(pub Arc<Request>);

impl PyRequest {
    fn change(change: Change) -> Self {
        Self(Arc::new(Request::Change(Arc::new(change))))
    }

    /// What is removed, or in a dry run would be.
    fn removal(removal: Removal, dry_run: bool) -> Self {
        if dry_run { Self::query(Query::Removal(removal)) } else { Self::change(Change::Remove(removal)) }
    }

    fn query(query: Query) -> Self {
        Self(Arc::new(Request::Query(query)))
    }

    fn maintenance(maintenance: Maintenance) -> Self {
        Self(Arc::new(Request::Maintenance(maintenance)))
    }
}

/// Rows raise Unsupported for a value that is not exactly None, int of 64 bits, float, str without surrogates, bytes or
/// Blob.
#[pymethods]
impl PyRequest {
    /// Whether it is a change, which takes a transaction of its own.
    #[getter]
    fn writes(&self) -> bool {
        matches!(*self.0, Request::Change(_))
    }

    /// Whether it asks for the mark of a thread, which a change follows.
    #[getter]
    fn marks(&self) -> bool {
        matches!(*self.0, Request::Query(Query::Mark(_)))
    }

    #[staticmethod]
    fn put(values: &Bound<'_, PyTuple>) -> PyResult<Self> {
        Ok(Self::change(Change::Put(values::values(values)?)))
    }

    #[staticmethod]
    fn put_writes(rows: Vec<Bound<'_, PyTuple>>, replace: bool) -> PyResult<Self> {
        let rows = rows.iter().map(values::values).collect::<PyResult<_>>()?;
        Ok(Self::change(Change::PutWrites { rows, replace }))
    }

    #[staticmethod]
    #[pyo3(signature = (thread, before = None, dry_run = false))]
    fn delete_thread(thread: KeyPart, before: Option<String>, dry_run: bool) -> Self {
        Self::removal(Removal::Thread { thread, before }, dry_run)
    }

    #[staticmethod]
    #[pyo3(signature = (thread, keys, mark, dry_run = false))]
    fn delete_checkpoints(thread: KeyPart, keys: Vec<NamespaceAndId>, mark: Mark, dry_run: bool) -> Self {
        Self::removal(Removal::Checkpoints { thread, keys, mark }, dry_run)
    }

    #[staticmethod]
    fn mark(thread: KeyPart) -> Self {
        Self::query(Query::Mark(thread))
    }

    #[staticmethod]
    #[pyo3(signature = (thread, before, dry_run = false))]
    fn delete_orphans(thread: Option<KeyPart>, before: String, dry_run: bool) -> Self {
        Self::removal(Removal::Orphans { thread, before }, dry_run)
    }

    /// Removes pieces of a thread that none of its checkpoints needs.
    #[staticmethod]
    fn sweep(thread: KeyPart) -> Self {
        Self::change(Change::Sweep(thread))
    }

    #[staticmethod]
    fn copy_thread(source: String, target: String) -> Self {
        Self::change(Change::CopyThread { source, target })
    }

    /// Converts rows after rowid `start` to another layout. The answer's last number is the rowid to continue from, 0
    /// when done.
    #[staticmethod]
    fn convert(layout: &str, start: i64) -> PyResult<Self> {
        let to = Layout::parse(layout).ok_or_else(|| PyValueError::new_err("layout"))?;
        Ok(Self::change(Change::Convert { to, from: start }))
    }

    /// How much there is to convert to another layout.
    #[staticmethod]
    fn conversion(layout: &str) -> PyResult<Self> {
        let to = Layout::parse(layout).ok_or_else(|| PyValueError::new_err("layout"))?;
        Ok(Self::query(Query::Conversion(to)))
    }

    #[staticmethod]
    fn checkpoint(thread: KeyPart, namespace: KeyPart, id: Option<KeyPart>) -> Self {
        Self::query(Query::Checkpoint { thread, namespace, id })
    }

    #[staticmethod]
    #[pyo3(signature = (*, thread = None, namespace = None, id = None, before = None, limit = None, filter = None, run_ids = None))]
    fn keys(
        thread: Option<KeyPart>,
        namespace: Option<KeyPart>,
        id: Option<KeyPart>,
        before: Option<KeyPart>,
        limit: Option<usize>,
        filter: Option<&str>,
        run_ids: Option<Vec<String>>,
    ) -> PyResult<Self> {
        let filter = filter.map(Filter::parse).transpose().map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Self::query(Query::Keys(KeysQuery { thread, namespace, id, before, limit, filter, run_ids })))
    }

    #[staticmethod]
    fn batch(listing: &Listing, start: usize) -> Self {
        Self::query(Query::Batch { keys: Arc::clone(&listing.0), from: start })
    }

    #[staticmethod]
    fn descriptions(thread: KeyPart, keys: Vec<NamespaceAndId>) -> Self {
        Self::query(Query::Descriptions { thread, keys })
    }

    #[staticmethod]
    fn ancestors(thread: KeyPart, namespace: KeyPart, id: KeyPart) -> Self {
        Self::query(Query::Ancestors { thread, namespace, id })
    }

    #[staticmethod]
    fn channel_writes(thread: KeyPart, namespace: KeyPart, ids: Vec<KeyPart>, channels: Vec<String>) -> Self {
        Self::query(Query::ChannelWrites { thread, namespace, ids, channels })
    }

    #[staticmethod]
    fn delta_history(thread: KeyPart, namespace: KeyPart, id: KeyPart, channels: Vec<String>, by_path: bool) -> Self {
        Self::query(Query::DeltaHistory { thread, namespace, id, channels, by_path })
    }

    #[staticmethod]
    fn setup() -> Self {
        Self::maintenance(Maintenance::Setup)
    }

    /// Without an `order` ("thread_id", "last" or "size") those without checkpoints as well.
    #[staticmethod]
    #[pyo3(signature = (order = None))]
    fn threads(order: Option<&str>) -> PyResult<Self> {
        let order = order.map(|name| ThreadOrder::parse(name).ok_or_else(|| PyValueError::new_err("order")));
        Ok(Self::maintenance(Maintenance::Threads(order.transpose()?)))
    }

    #[staticmethod]
    #[pyo3(signature = (threads, filter = None))]
    fn thread_summaries(threads: Vec<KeyPart>, filter: Option<&str>) -> PyResult<Self> {
        let filter = filter.map(Filter::parse).transpose().map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Self::maintenance(Maintenance::ThreadSummaries { threads, filter }))
    }

    /// With the names of so many of the `largest` threads.
    #[staticmethod]
    fn stats(largest: usize) -> Self {
        Self::maintenance(Maintenance::Stats { largest })
    }

    /// The bytes of the database, and those of its free pages.
    #[staticmethod]
    fn space() -> Self {
        Self::maintenance(Maintenance::Space)
    }

    /// Of those that have pieces.
    #[staticmethod]
    fn threads_with_pieces() -> Self {
        Self::maintenance(Maintenance::ThreadsWithPieces)
    }

    /// The answer is how many bytes the file shrinks by, or in a `dry_run` at least would.
    #[staticmethod]
    #[pyo3(signature = (dry_run = false))]
    fn vacuum(dry_run: bool) -> Self {
        Self::maintenance(Maintenance::Vacuum { dry_run })
    }

    #[staticmethod]
    fn backup(path: PathBuf) -> Self {
        Self::maintenance(Maintenance::Backup(path))
    }
}
