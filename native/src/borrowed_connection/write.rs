//! Carrying out operations, one by itself just as stock would, several in one transaction.
use std::ffi::CStr;

use pyo3::prelude::*;
use rusqlite::ffi;

use super::operation::Operation;
use super::statement::Connection;
use super::{borrow, eligible};
use crate::errors::{self, SqlError, Unsupported};
use crate::host_sqlite;

/// How a connection and its saver go about transactions.
#[derive(Clone, Copy)]
struct Manner {
    /// The statement that opens one before what is written, None where each statement commits by itself.
    begin: Option<&'static CStr>,
    /// Whether an operation that failed is committed, as far as it came.
    commit_failed: bool,
}

/// What became of one operation.
#[derive(Default)]
struct Outcome {
    error: Option<SqlError>,
    /// The commit failed on top of it, or by itself.
    commit_error: Option<SqlError>,
}

/// Runs the statements of one operation up to the first that fails. What was done before stays done.
fn perform(connection: &Connection, operation: &Operation, manner: Manner) -> Result<(), SqlError> {
    for statement in &operation.statements {
        let prepared = connection.prepare(&statement.sql)?;
        if prepared.writes_nothing() {
            return Err(SqlError::WRITES_NOTHING);
        }
        if let Some(begin) = manner.begin {
            connection.run_where(true, begin)?;
        }
        for row in &statement.rows {
            prepared.run(row)?;
        }
    }
    Ok(())
}

/// Commits whatever is open.
fn commit(connection: &Connection) -> Result<(), SqlError> {
    connection.run_where(false, c"COMMIT")
}

/// Just what stock does, statement for statement.
fn alone(connection: &Connection, operation: &Operation, manner: Manner) -> Outcome {
    let error = perform(connection, operation, manner).err();
    let commits = error.is_none() || manner.commit_failed;
    Outcome { commit_error: if commits { commit(connection).err() } else { None }, error }
}

fn each_alone(connection: &Connection, operations: &[&Operation], manner: Manner) -> Vec<Outcome> {
    operations.iter().map(|operation| alone(connection, operation, manner)).collect()
}

/// All operations, as few transactions as stock's promises allow.
fn carry_out(connection: &Connection, operations: &[&Operation], manner: Manner) -> Vec<Outcome> {
    if manner.begin.is_none() {
        return each_alone(connection, operations, manner);
    }
    // What the app has left open is committed by the first operation, and must not be lost with a later one.
    let (first, rest) = operations.split_at(usize::from(!connection.autocommit()).min(operations.len()));
    let mut outcomes = each_alone(connection, first, manner);
    outcomes.extend(if rest.len() < 2 {
        each_alone(connection, rest, manner)
    } else {
        together(connection, rest, manner)
    });
    outcomes
}

/// One transaction for all. An operation that fails is its caller's alone, with no savepoint to go back to:
/// stock too keeps what an operation did before it failed. Where the transaction goes as a whole (a full
/// disk, an interrupt), what was done in it is done again, each operation by itself.
fn together(connection: &Connection, operations: &[&Operation], manner: Manner) -> Vec<Outcome> {
    let mut errors: Vec<Option<SqlError>> = Vec::with_capacity(operations.len());
    let mut begun = false;
    for operation in operations {
        // Without an error it is another thread, with a ROLLBACK perhaps, that has ended it.
        if begun && connection.autocommit() {
            return again(connection, operations, errors, manner);
        }
        let error = perform(connection, operation, manner).err();
        let open = !connection.autocommit();
        let gone = begun && !open;
        begun |= open;
        errors.push(error);
        if gone {
            return again(connection, operations, errors, manner);
        }
    }
    let committed =
        if errors.iter().any(Option::is_none) || manner.commit_failed { commit(connection) } else { Ok(()) };
    if committed.is_err() && connection.autocommit() {
        return again(connection, operations, errors, manner);
    }
    // After a commit that failed the transaction may be open still, as after one of stock's.
    let commit_error = committed.err();
    errors.into_iter().map(|error| Outcome { error, commit_error: commit_error.clone() }).collect()
}

/// After a transaction that is gone, with what it did: each operation by itself, but for one that somebody
/// has interrupted.
fn again(
    connection: &Connection,
    operations: &[&Operation],
    errors: Vec<Option<SqlError>>,
    manner: Manner,
) -> Vec<Outcome> {
    let mut errors = errors.into_iter();
    operations
        .iter()
        .map(|operation| match errors.next().flatten() {
            Some(error) if error.code == ffi::SQLITE_INTERRUPT => Outcome { error: Some(error), commit_error: None },
            _ => alone(connection, operation, manner),
        })
        .collect()
}

/// Carries out the operations on `conn`, in one transaction that is committed, and returns for each the
/// exception that stock would raise for it, or None once it is on disk. With `commit_failed` unset an
/// operation that fails is not committed as far as it came, as with AsyncSqliteSaver.
///
/// Raises, with nothing begun, what sqlite3 raises for a connection that is closed or of another thread,
/// and Unsupported for one that only sqlite3 can use.
#[pyfunction]
#[pyo3(signature = (conn, operations, commit_failed = true))]
pub fn execute<'py>(
    py: Python<'py>,
    conn: &Bound<'py, PyAny>,
    operations: Vec<Bound<'py, Operation>>,
    commit_failed: bool,
) -> PyResult<Vec<Option<Bound<'py, PyAny>>>> {
    let operations: Vec<&Operation> = operations.iter().map(Bound::get).collect();
    let host = host_sqlite::of(conn).ok_or_else(|| Unsupported::new_err("a connection of another kind"))?;
    // Asked here, on the connection's own thread: whoever asked `eligible` may have been on another.
    let begin = match eligible::begin_statement(conn, &host) {
        Ok(begin) => begin,
        Err(reason) => {
            // A closed connection does not answer: then sqlite3 says so itself.
            conn.call_method0(intern!(py, "cursor"))?;
            return Err(Unsupported::new_err(reason));
        }
    };
    let manner = Manner { begin, commit_failed };
    let done = borrow::detached(conn, &host, |connection| carry_out(connection, &operations, manner))?;
    let exception = |error: SqlError| errors::exception(py, &host, &error);
    let exceptions = done.result.into_iter().map(|outcome| {
        let error = outcome.error.map(exception);
        let error = error.or_else(|| done.left.as_ref().map(|left| left.clone_ref(py)));
        errors::with_commit_error(py, error, outcome.commit_error.map(exception))
            .map(|error| error.into_value(py).into_bound(py).into_any())
    });
    Ok(exceptions.collect())
}
