//! Fetching what delta channels are rebuilt from, by stock's two statements.
use std::ffi::CStr;

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use super::borrow;
use super::operation::sql;
use super::statement::Connection;
use crate::columns::Row;
use crate::delta_channels::{Doubtful, Walk, WriteColumns, Writes};
use crate::errors::{self, SqlError, Unsupported};
use crate::host_sqlite;
use crate::values::{Value, values};

/// Channels with the ids of checkpoints.
type Chains = Vec<(String, Vec<String>)>;

fn doubtful(_: Doubtful) -> PyErr {
    Unsupported::new_err("a checkpoint or a write that is not as LangGraph writes it")
}

/// Calls `work` on the handle inside `conn`. Raises as sqlite3 does.
fn on<T: Send>(conn: &Bound<'_, PyAny>, work: impl FnOnce(&Connection) -> Result<T, SqlError> + Send) -> PyResult<T> {
    let host = host_sqlite::of(conn).ok_or_else(|| Unsupported::new_err("a connection of another kind"))?;
    let detached = borrow::detached(conn, &host, work)?;
    let found = detached.result.map_err(|error| errors::exception(conn.py(), &host, &error))?;
    detached.pending.map_or(Ok(found), Err)
}

fn walk_all(
    connection: &Connection,
    query: &CStr,
    parameters: &[Value],
    mut walk: Walk,
) -> Result<Result<Walk, Doubtful>, SqlError> {
    let mut doubtful = None;
    connection.prepare(query)?.visit(parameters.iter(), |row| {
        let visited = match row.as_slice() {
            [id, kind, checkpoint] => walk.visit(id, kind, checkpoint),
            _ => Err(Doubtful),
        };
        visited.unwrap_or_else(|found| {
            doubtful = Some(found);
            false
        })
    })?;
    Ok(doubtful.map_or(Ok(walk), Err))
}

/// What the walk from a checkpoint to its ancestors finds for each of the channels: what has to be decoded (see
/// `Walk::kept_into_python`), and pairs of each channel and the ids that its writes belong to.
///
/// `query` selects id, type and checkpoint, the target first. Raises as sqlite3 does, and Unsupported where stock's code
/// has to do it.
#[pyfunction]
pub fn fetch_delta_ancestors<'py>(
    py: Python<'py>,
    conn: &Bound<'py, PyAny>,
    query: &str,
    parameters: &Bound<'py, PyTuple>,
    channels: Vec<String>,
) -> PyResult<(Bound<'py, PyList>, Bound<'py, PyList>)> {
    let (query, parameters) = (sql(query)?, values(parameters)?);
    let Some(Value::Text(target)) = parameters.get(2) else {
        return Err(Unsupported::new_err("a checkpoint's id that is not text"));
    };
    let walk = Walk::new(target.to_string(), channels);
    let walk = on(conn, |connection| walk_all(connection, &query, &parameters, walk))?.map_err(doubtful)?;
    let chains = PyList::empty(py);
    for (channel, chain) in walk.chains() {
        chains.append((channel, PyList::new(py, chain)?).into_bound_py_any(py)?)?;
    }
    Ok((walk.kept_into_python(py)?, chains))
}

/// For each channel the tasks and the values of its writes, oldest first (see `Writes::into_python`).
///
/// `query` selects checkpoint_id, channel, task_id, idx, type, value and task_path.
#[pyfunction]
pub fn fetch_delta_writes<'py>(
    py: Python<'py>,
    conn: &Bound<'py, PyAny>,
    query: &str,
    parameters: &Bound<'py, PyTuple>,
    chains: Chains,
) -> PyResult<Bound<'py, PyList>> {
    let (query, parameters) = (sql(query)?, values(parameters)?);
    let find = |connection: &Connection| {
        let rows = connection.prepare(&query)?.rows(parameters.iter(), usize::MAX)?;
        let Some(rows) = rows.into_iter().map(write_columns).collect::<Option<Vec<_>>>() else {
            return Ok(Err(Doubtful));
        };
        let chains = chains.iter().map(|(channel, chain)| (channel.as_str(), chain.as_slice()));
        Ok(Writes::new(chains, rows.into_iter()))
    };
    on(conn, find)?.map_err(doubtful)?.into_python(py)
}

fn write_columns(row: Row) -> Option<WriteColumns> {
    let [checkpoint_id, channel, task_id, idx, kind, value, task_path] = <[_; 7]>::try_from(row).ok()?;
    Some(WriteColumns { checkpoint_id, channel, task_id, idx, kind, value, task_path: Some(task_path) })
}
