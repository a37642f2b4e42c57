//! Fetching the rows of a checkpoint. Reading neither begins nor commits, and leaves no read transaction open.
use std::ffi::CStr;

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::borrow;
use super::compact::Compact;
use super::file_states::FileStates;
use super::operation::sql;
use super::statement::Connection;
use crate::columns::{Column, Row, Rows, tuples};
use crate::errors::{self, SqlError, Unsupported};
use crate::host_sqlite;
use crate::values::{Value, values};

/// Which columns of the rows of checkpoints and of writes hold the serializer's output.
const CHECKPOINT_COLUMN: usize = 4;
const VALUE_COLUMN: usize = 3;

/// The row of a checkpoint, and the rows of its writes.
type CheckpointRows<'py> = (Bound<'py, PyTuple>, Vec<Bound<'py, PyTuple>>);

/// A column as a parameter for the next query. Stock passes keys on as text.
fn key(column: Option<&Column>) -> Option<Value> {
    match column {
        Some(Column::Text(bytes)) => String::from_utf8(bytes.clone()).ok().map(|text| Value::Text(text.into())),
        _ => None,
    }
}

/// The row that `query` finds for `parameters` (thread, namespace and perhaps more), and the rows that
/// `writes` finds for its thread, the namespace and its checkpoint.
fn checkpoint_and_writes(
    connection: &Connection,
    compact: &mut Compact<'_>,
    query: &CStr,
    parameters: &[Value],
    writes: &CStr,
) -> Result<Option<(Row, Rows)>, SqlError> {
    let found = match compact.checkpoint(parameters) {
        Some(found) => found,
        None => connection.prepare(query)?.rows(parameters.iter(), 1)?.pop(),
    };
    let Some(found) = found else { return Ok(None) };
    // As stock: if the caller names a checkpoint, its writes are selected by that name, else by the one in the row.
    let rows = if parameters.len() > 2 {
        connection.prepare(writes)?.rows(parameters.iter(), usize::MAX)?
    } else if let (Some(thread), Some(namespace), Some(checkpoint)) =
        (key(found.first()), parameters.get(1), key(found.get(1)))
    {
        connection.prepare(writes)?.rows([&thread, namespace, &checkpoint].into_iter(), usize::MAX)?
    } else {
        Vec::new()
    };
    Ok(Some((found, rows)))
}

/// The row of a checkpoint and the rows of its writes, or None if there is no such checkpoint.
///
/// `query` selects thread_id, checkpoint_id and more by `parameters`, of which the first two are a thread and a
/// namespace; `writes` selects by thread, namespace and checkpoint. The serializer's output, the fifth column of the
/// former and the fourth of the latter, comes as `Blob`. Raises as sqlite3 does, and Unsupported if a row holds a value
/// that is not read here as sqlite3 reads it. `states` has what is in memory of a file in the compact layout.
#[pyfunction]
#[pyo3(signature = (conn, query, parameters, writes, states = None))]
pub fn fetch_checkpoint<'py>(
    py: Python<'py>,
    conn: &Bound<'py, PyAny>,
    query: &str,
    parameters: &Bound<'py, PyTuple>,
    writes: &str,
    states: Option<&FileStates>,
) -> PyResult<Option<CheckpointRows<'py>>> {
    let (query, writes, parameters) = (sql(query)?, sql(writes)?, values(parameters)?);
    if parameters.get(2).is_some_and(|checkpoint| !matches!(checkpoint, Value::Text(_))) {
        return Err(Unsupported::new_err("a checkpoint's id that is not text"));
    }
    let host = host_sqlite::of(conn).ok_or_else(|| Unsupported::new_err("a connection of another kind"))?;
    let thread = parameters.first().and_then(|value| if let Value::Text(text) = value { Some(&**text) } else { None });
    let states = states.filter(|_| host.no_connections.is_empty());
    let before = states.map(|states| states.before(thread.into_iter()));
    let detached = borrow::detached(conn, &host, |connection| {
        let mut compact = Compact::new(connection, before);
        let found = checkpoint_and_writes(connection, &mut compact, &query, &parameters, &writes);
        (found, compact.end())
    })?;
    let (found, learned) = detached.result;
    if let Some(states) = states {
        states.after(learned);
    }
    let found = found.map_err(|error| errors::exception(py, &host, &error))?;
    // No statement failed, but Python code that SQLite called did: sqlite3 raises its exception now.
    if let Some(pending) = detached.pending {
        return Err(pending);
    }
    let Some((row, writes)) = found else { return Ok(None) };
    if !matches!((row.first(), row.get(1)), (Some(Column::Text(_)), Some(Column::Text(_)))) {
        return Err(Unsupported::new_err("a key that is not text"));
    }
    let row = tuples(py, vec![row], CHECKPOINT_COLUMN)?.pop().ok_or_else(|| Unsupported::new_err("no row"))?;
    Ok(Some((row, tuples(py, writes, VALUE_COLUMN)?)))
}
