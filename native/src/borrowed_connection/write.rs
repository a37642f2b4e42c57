//! Executing operations: one by itself exactly as stock does, several in one transaction.
use std::ffi::CStr;

use pyo3::prelude::*;
use rusqlite::ffi;

use super::operation::Operation;
use super::statement::Connection;
use super::{borrow, eligible};
use crate::errors::{self, SqlError, Unsupported};
use crate::host_sqlite;

/// How a connection and its saver use transactions.
#[derive(Clone, Copy)]
struct TransactionMode {
    /// The statement that opens a transaction before a write, None if each statement commits by itself.
    begin: Option<&'static CStr>,
    /// Whether an operation that failed is committed as far as it came.
    commit_failed: bool,
}

/// The outcome of one operation.
#[derive(Default)]
struct Outcome {
    error: Option<SqlError>,
    /// The commit failed, with or without such an error before it.
    commit_error: Option<SqlError>,
}

/// Runs the statements of one operation up to the first that fails. What the earlier ones did stays.
fn run(connection: &Connection, operation: &Operation, mode: TransactionMode) -> Result<(), SqlError> {
    for statement in &operation.statements {
        let prepared = connection.prepare(&statement.sql)?;
        if prepared.writes_nothing() {
            return Err(SqlError::WRITES_NOTHING);
        }
        if let Some(begin) = mode.begin {
            connection.run_if_autocommit(true, begin)?;
        }
        for row in &statement.rows {
            prepared.run(row)?;
        }
    }
    Ok(())
}

/// Commits the transaction that is open, if any.
fn commit(connection: &Connection) -> Result<(), SqlError> {
    connection.run_if_autocommit(false, c"COMMIT")
}

/// Executes one operation as stock does, statement for statement.
fn execute_alone(connection: &Connection, operation: &Operation, mode: TransactionMode) -> Outcome {
    let error = run(connection, operation, mode).err();
    let commits = error.is_none() || mode.commit_failed;
    Outcome { commit_error: if commits { commit(connection).err() } else { None }, error }
}

fn execute_each_alone(connection: &Connection, operations: &[&Operation], mode: TransactionMode) -> Vec<Outcome> {
    operations.iter().map(|operation| execute_alone(connection, operation, mode)).collect()
}

/// Executes all operations in as few transactions as stock's promises allow.
fn execute_all(connection: &Connection, operations: &[&Operation], mode: TransactionMode) -> Vec<Outcome> {
    if mode.begin.is_none() {
        return execute_each_alone(connection, operations, mode);
    }
    // A transaction that the app has left open is committed by the first operation, and must not be lost with a later
    // one.
    let (first, rest) = operations.split_at(usize::from(!connection.autocommit()).min(operations.len()));
    let mut outcomes = execute_each_alone(connection, first, mode);
    outcomes.extend(if rest.len() < 2 {
        execute_each_alone(connection, rest, mode)
    } else {
        execute_together(connection, rest, mode)
    });
    outcomes
}

/// Executes all operations in one transaction. The error of one concerns its caller alone, and needs no savepoint:
/// stock keeps what an operation did before it failed. If the transaction is lost as a whole (a full disk, an
/// interrupt), all operations are executed again, each by itself.
fn execute_together(connection: &Connection, operations: &[&Operation], mode: TransactionMode) -> Vec<Outcome> {
    let mut errors: Vec<Option<SqlError>> = Vec::with_capacity(operations.len());
    let mut begun = false;
    for operation in operations {
        // Without an error, another thread has ended the transaction, with a ROLLBACK perhaps.
        if begun && connection.autocommit() {
            return execute_again(connection, operations, errors, mode);
        }
        let error = run(connection, operation, mode).err();
        let open = !connection.autocommit();
        let is_lost = begun && !open;
        begun |= open;
        errors.push(error);
        if is_lost {
            return execute_again(connection, operations, errors, mode);
        }
    }
    let committed = if errors.iter().any(Option::is_none) || mode.commit_failed { commit(connection) } else { Ok(()) };
    if committed.is_err() && connection.autocommit() {
        return execute_again(connection, operations, errors, mode);
    }
    // After a commit that failed the transaction may still be open, as in stock.
    let commit_error = committed.err();
    errors.into_iter().map(|error| Outcome { error, commit_error: commit_error.clone() }).collect()
}

/// After a transaction was lost with all that it did: executes each operation by itself, except one that was
/// interrupted.
fn execute_again(
    connection: &Connection,
    operations: &[&Operation],
    errors: Vec<Option<SqlError>>,
    mode: TransactionMode,
) -> Vec<Outcome> {
    let mut errors = errors.into_iter();
    operations
        .iter()
        .map(|operation| match errors.next().flatten() {
            Some(error) if error.code == ffi::SQLITE_INTERRUPT => Outcome { error: Some(error), commit_error: None },
            _ => execute_alone(connection, operation, mode),
        })
        .collect()
}

/// Executes the operations on `conn` in one transaction and commits it. Returns, for each operation, None once it is on
/// disk, or the exception that stock would raise for it. Without `commit_failed`, an operation that fails is not
/// committed as far as it came, as in AsyncSqliteSaver.
///
/// Raises what sqlite3 raises for a connection that is closed or belongs to another thread, and Unsupported for one
/// that only sqlite3 can use; then nothing was begun.
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
    // Asked here, on the connection's own thread: `eligible` may have been called on another.
    let begin = match eligible::begin_statement(conn, &host) {
        Ok(begin) => begin,
        Err(reason) => {
            // A closed connection raises here, in sqlite3's words.
            conn.call_method0(intern!(py, "cursor"))?;
            return Err(Unsupported::new_err(reason));
        }
    };
    let mode = TransactionMode { begin, commit_failed };
    let detached = borrow::detached(conn, &host, |connection| execute_all(connection, &operations, mode))?;
    let exception = |error: SqlError| errors::exception(py, &host, &error);
    let exceptions = detached.result.into_iter().map(|outcome| {
        let error = outcome.error.map(exception);
        let error = error.or_else(|| detached.pending.as_ref().map(|pending| pending.clone_ref(py)));
        errors::with_commit_error(py, error, outcome.commit_error.map(exception))
            .map(|error| error.into_value(py).into_bound(py).into_any())
    });
    Ok(exceptions.collect())
}
