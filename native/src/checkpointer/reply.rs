//! The answer to a request, owned by Rust until the caller has the GIL again.
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};

use super::listing::Listing;
use crate::columns::{Row, Rows, tuple, tuples};
use crate::delta_channels::{Walk, Writes};
use crate::errors::SqlError;
use crate::key_part::KeyPart;
use crate::layout::{Batch, CHECKPOINT_COLUMN, CheckpointRows, Mark, Statistics, Tally, ThreadSummary, VALUE_COLUMN};

pub enum Reply {
    Done,
    Count(u64),
    Tally(Tally),
    /// Of the database, and of its free pages.
    Space(u64, u64),
    /// Threads, checkpoints, and their bytes.
    Conversion((u64, u64, u64)),
    Checkpoint(Option<CheckpointRows>),
    Keys(Listing),
    Mark(Mark),
    Batch(Batch),
    Descriptions(Vec<Option<Row>>),
    Ancestors(Rows),
    ChannelWrites(Vec<Rows>),
    /// None where it has to be found out step by step.
    DeltaHistory(Option<(Walk, Writes)>),
    Threads(Vec<KeyPart>),
    ThreadSummaries(Vec<ThreadSummary>),
    Statistics(Box<Statistics>),
}

pub type Answer = Result<Reply, SqlError>;

/// No column holds the output of the serializer.
const NO_COLUMN: usize = usize::MAX;

impl Reply {
    pub fn into_python(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        let with_writes = |(row, writes)| Ok((tuple(py, row, CHECKPOINT_COLUMN)?, tuples(py, writes, VALUE_COLUMN)?));
        match self {
            Self::Done | Self::Checkpoint(None) | Self::DeltaHistory(None) => Ok(py.None().into_bound(py)),
            Self::Count(count) => count.into_bound_py_any(py),
            Self::Tally(tally) if tally == Tally::default() => Ok(py.None().into_bound(py)),
            Self::Tally(tally) => (tally.checkpoints, tally.writes, tally.bytes, tally.next).into_bound_py_any(py),
            Self::Space(database, free) => (database, free).into_bound_py_any(py),
            Self::Conversion(found) => found.into_bound_py_any(py),
            Self::Checkpoint(Some(found)) => with_writes(found)?.into_bound_py_any(py),
            Self::Keys(listing) => listing.into_bound_py_any(py),
            Self::Mark(mark) => mark.into_bound_py_any(py),
            Self::Batch(batch) => {
                let rows = batch.rows.into_iter().map(with_writes).collect::<PyResult<Vec<_>>>()?;
                (rows, batch.next).into_bound_py_any(py)
            }
            Self::Descriptions(found) => {
                let rows = found.into_iter().map(|row| row.map(|row| tuple(py, row, NO_COLUMN)).transpose());
                rows.collect::<PyResult<Vec<_>>>()?.into_bound_py_any(py)
            }
            Self::Ancestors(rows) => tuples(py, rows, CHECKPOINT_COLUMN)?.into_bound_py_any(py),
            Self::ChannelWrites(found) => {
                let lists =
                    found.into_iter().map(|rows| tuples(py, rows, VALUE_COLUMN)).collect::<PyResult<Vec<_>>>()?;
                lists.into_bound_py_any(py)
            }
            Self::DeltaHistory(Some((walk, writes))) => {
                let channels: Vec<String> = walk.chains().map(|(channel, _)| channel.to_owned()).collect();
                (walk.kept_into_python(py)?, channels, writes.into_python(py)?).into_bound_py_any(py)
            }
            Self::Threads(threads) => threads.into_bound_py_any(py),
            Self::ThreadSummaries(found) => {
                let rows = found.into_iter().map(|one| {
                    let metadata = one.metadata.map(|bytes| PyBytes::new(py, &bytes));
                    (
                        one.thread,
                        PyTuple::new(py, one.namespaces)?,
                        one.checkpoints,
                        one.first,
                        one.last,
                        metadata,
                        one.bytes,
                    )
                        .into_bound_py_any(py)
                });
                rows.collect::<PyResult<Vec<_>>>()?.into_bound_py_any(py)
            }
            Self::Statistics(statistics) => {
                let dict = PyDict::new(py);
                for (name, value) in statistics.numbers {
                    dict.set_item(name, value)?;
                }
                dict.set_item("layout", statistics.layout)?;
                dict.set_item("last_checkpoint_id", statistics.last_checkpoint_id)?;
                dict.set_item("largest_threads", PyList::new(py, statistics.largest_threads)?)?;
                Ok(dict.into_any())
            }
        }
    }
}
