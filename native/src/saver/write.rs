//! Carrying out operations, one by itself just as stock would, several in one transaction.
use std::ffi::{CStr, CString};

use pyo3::prelude::*;

use super::borrow::Borrowed;
use super::eligible::begin_statement;
use super::statement::Connection;
use crate::errors::{self, SqlError};
use crate::operation::{Operation, Unsupported};

/// What became of one operation.
#[derive(Default)]
struct Outcome {
    error: Option<SqlError>,
    /// The commit failed on top of it, or by itself.
    commit_error: Option<SqlError>,
}

/// Runs the statements of one operation up to the first that fails. What was done before stays done, as
/// with stock, whose cursor commits on every way out.
fn perform(connection: &Connection, operation: &Operation, begin: Option<&CStr>) -> Result<(), SqlError> {
    for statement in &operation.statements {
        let prepared = connection.prepare(&statement.sql)?;
        if prepared.writes_nothing() {
            return Err(SqlError::WRITES_NOTHING);
        }
        if let Some(begin) = begin
            && connection.autocommit()
        {
            connection.run(begin)?;
        }
        for row in &statement.rows {
            prepared.run(row)?;
        }
    }
    Ok(())
}

/// Commits whatever is open.
fn commit(connection: &Connection) -> Result<(), SqlError> {
    if connection.autocommit() { Ok(()) } else { connection.run(c"COMMIT") }
}

fn alone(connection: &Connection, operation: &Operation, begin: Option<&CStr>) -> Outcome {
    let error = perform(connection, operation, begin).err();
    Outcome { error, commit_error: commit(connection).err() }
}

/// One transaction for all. An operation that fails is its caller's alone: there is no savepoint to go back
/// to, for stock too keeps what an operation did before it failed. Where a failure takes the transaction
/// with it (a full disk, an interrupt), what the others had done is gone, and each is done again by itself.
fn together(connection: &Connection, operations: &[&Operation], begin: Option<&CStr>) -> Vec<Outcome> {
    // Without a BEGIN each statement commits by itself.
    if begin.is_none() && connection.autocommit() {
        return operations.iter().map(|operation| alone(connection, operation, begin)).collect();
    }
    let mut outcomes: Vec<Outcome> = Vec::with_capacity(operations.len());
    for operation in operations {
        let error = perform(connection, operation, begin).err();
        let gone = error.is_some() && connection.autocommit();
        outcomes.push(Outcome { error, commit_error: None });
        if gone {
            return one_by_one(connection, operations, outcomes, begin);
        }
    }
    if let Err(error) = commit(connection) {
        if connection.autocommit() {
            return one_by_one(connection, operations, outcomes, begin);
        }
        // The transaction is still open, as after a commit of stock's that failed.
        for outcome in &mut outcomes {
            outcome.commit_error = Some(error.clone());
        }
    }
    outcomes
}

/// Each operation in a transaction of its own, but for those that have failed by themselves already.
fn one_by_one(
    connection: &Connection,
    operations: &[&Operation],
    outcomes: Vec<Outcome>,
    begin: Option<&CStr>,
) -> Vec<Outcome> {
    let mut known = outcomes.into_iter();
    operations
        .iter()
        .map(|operation| match known.next() {
            Some(outcome) if outcome.error.is_some() => outcome,
            _ => alone(connection, operation, begin),
        })
        .collect()
}

/// Carries out the operations on `conn`, in one transaction that is committed, and returns for each the
/// exception that stock would raise for it, or None once it is on disk.
///
/// Raises, with nothing begun, what sqlite3 raises for a connection that is closed or of another thread,
/// and Unsupported for one that only sqlite3 can use.
#[pyfunction]
pub fn execute<'py>(
    py: Python<'py>,
    conn: &Bound<'py, PyAny>,
    operations: Vec<Bound<'py, Operation>>,
) -> PyResult<Vec<Option<Bound<'py, PyAny>>>> {
    let begin: Option<CString> =
        begin_statement(conn).map_err(|()| Unsupported::new_err("an isolation level of another kind"))?;
    let operations: Vec<&Operation> = operations.iter().map(Bound::get).collect();
    let (host, outcomes) = Borrowed::new(conn)?.detached(py, |connection| match operations.as_slice() {
        [operation] => vec![alone(connection, operation, begin.as_deref())],
        operations => together(connection, operations, begin.as_deref()),
    });
    Ok(outcomes
        .iter()
        .map(|outcome| {
            let error = outcome.error.as_ref().map(|error| errors::exception(py, &host, error));
            let commit_error = outcome.commit_error.as_ref().map(|error| errors::exception(py, &host, error));
            match (error, commit_error) {
                (error, Some(commit_error)) => {
                    let value = commit_error.into_value(py).into_bound(py).into_any();
                    if let Some(error) = error {
                        // As Python does where `finally` raises while another error is on its way.
                        drop(value.setattr("__context__", error.into_value(py)));
                    }
                    Some(value)
                }
                (Some(error), None) => Some(error.into_value(py).into_bound(py).into_any()),
                (None, None) => None,
            }
        })
        .collect())
}
