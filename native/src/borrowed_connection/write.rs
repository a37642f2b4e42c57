//! Executing operations: one by itself exactly as stock does, several in one transaction.
//!
//! `compact` does what it can in a file in the compact layout, within the same transactions.
use std::ffi::CStr;

use pyo3::prelude::*;
use rusqlite::ffi;

use super::compact::Compact;
use super::file_states::{FileStates, threads};
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

/// A connection, how it uses transactions, and what knows the compact layout.
struct Target<'a> {
    connection: &'a Connection,
    mode: TransactionMode,
    compact: Compact<'a>,
}

impl Target<'_> {
    /// Runs the statements of one operation up to the first that fails. What the earlier ones did stays.
    fn run(&mut self, operation: &Operation) -> Result<(), SqlError> {
        let mut statements = operation.statements.as_slice();
        if let Some(change) = operation.change
            && let [first, rest @ ..] = statements
            && let [row] = first.rows.as_slice()
            && self.compact.may_apply(change, row)
        {
            let began = self.begin()?;
            if self.compact.apply(change, row)? {
                statements = rest;
            } else if began {
                // Stock prepares its statement first, and that may fail.
                self.connection.run_if_autocommit(false, c"ROLLBACK")?;
            }
        }
        for statement in statements {
            let prepared = self.connection.prepare(&statement.sql)?;
            if prepared.writes_nothing() {
                return Err(SqlError::WRITES_NOTHING);
            }
            self.begin()?;
            for row in &statement.rows {
                prepared.run(row)?;
            }
        }
        Ok(())
    }

    /// Begins a transaction as sqlite3 does before a statement that writes. False if one is open, or none is to be.
    fn begin(&self) -> Result<bool, SqlError> {
        match self.mode.begin {
            Some(begin) => self.connection.run_if_autocommit(true, begin),
            None => Ok(false),
        }
    }

    /// Commits the transaction that is open, if any.
    fn commit(&mut self) -> Result<(), SqlError> {
        self.connection.make_room_in_log();
        let committed = self.connection.run_if_autocommit(false, c"COMMIT").map(|_| ());
        if committed.is_ok() {
            self.compact.committed();
        } else if self.connection.autocommit() {
            self.compact.lost();
        }
        committed
    }

    /// Executes one operation as stock does, statement for statement.
    fn execute_alone(&mut self, operation: &Operation) -> Outcome {
        let error = self.run(operation).err();
        if self.connection.autocommit() && self.mode.begin.is_some() {
            // An error has ended the transaction.
            self.compact.lost();
        }
        let commits = error.is_none() || self.mode.commit_failed;
        Outcome { commit_error: if commits { self.commit().err() } else { None }, error }
    }

    fn execute_each_alone(&mut self, operations: &[&Operation]) -> Vec<Outcome> {
        operations.iter().map(|operation| self.execute_alone(operation)).collect()
    }

    /// Executes all operations in as few transactions as stock's promises allow.
    fn execute_all(&mut self, operations: &[&Operation]) -> Vec<Outcome> {
        if self.mode.begin.is_none() {
            return self.execute_each_alone(operations);
        }
        // A transaction that the app has left open is committed by the first operation, and must not be lost with a
        // later one.
        let (first, rest) = operations.split_at(usize::from(!self.connection.autocommit()).min(operations.len()));
        let mut outcomes = self.execute_each_alone(first);
        outcomes.extend(if rest.len() < 2 { self.execute_each_alone(rest) } else { self.execute_together(rest) });
        outcomes
    }

    /// Executes all operations in one transaction. The error of one concerns its caller alone, and needs no savepoint:
    /// stock keeps what an operation did before it failed. If the transaction is lost as a whole (a full disk, an
    /// interrupt), all operations are executed again, each by itself.
    fn execute_together(&mut self, operations: &[&Operation]) -> Vec<Outcome> {
        let mut errors: Vec<Option<SqlError>> = Vec::with_capacity(operations.len());
        let mut begun = false;
        for operation in operations {
            // Without an error, another thread has ended the transaction, with a ROLLBACK perhaps.
            if begun && self.connection.autocommit() {
                return self.execute_again(operations, errors);
            }
            let error = self.run(operation).err();
            let open = !self.connection.autocommit();
            let is_lost = begun && !open;
            begun |= open;
            errors.push(error);
            if is_lost {
                return self.execute_again(operations, errors);
            }
        }
        let commits = errors.iter().any(Option::is_none) || self.mode.commit_failed;
        let committed = if commits { self.commit() } else { Ok(()) };
        if committed.is_err() && self.connection.autocommit() {
            return self.execute_again(operations, errors);
        }
        // After a commit that failed the transaction may still be open, as in stock.
        let commit_error = committed.err();
        errors.into_iter().map(|error| Outcome { error, commit_error: commit_error.clone() }).collect()
    }

    /// After a transaction was lost with all that it did: executes each operation by itself, except one that was
    /// interrupted.
    fn execute_again(&mut self, operations: &[&Operation], errors: Vec<Option<SqlError>>) -> Vec<Outcome> {
        self.compact.lost();
        let mut errors = errors.into_iter();
        operations
            .iter()
            .map(|operation| match errors.next().flatten() {
                Some(error) if error.code == ffi::SQLITE_INTERRUPT => {
                    Outcome { error: Some(error), commit_error: None }
                }
                _ => self.execute_alone(operation),
            })
            .collect()
    }
}

/// Executes the operations on `conn` in one transaction and commits it. Returns, for each operation, None once it is on
/// disk, or the exception that stock would raise for it. Without `commit_failed`, an operation that fails is not
/// committed as far as it came, as in AsyncSqliteSaver. `states` has what is in memory of a file in the compact layout.
///
/// Raises what sqlite3 raises for a connection that is closed or belongs to another thread, and Unsupported for one
/// that only sqlite3 can use; then nothing was begun.
#[pyfunction]
#[pyo3(signature = (conn, operations, commit_failed = true, states = None))]
pub fn execute<'py>(
    py: Python<'py>,
    conn: &Bound<'py, PyAny>,
    operations: Vec<Bound<'py, Operation>>,
    commit_failed: bool,
    states: Option<&FileStates>,
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
    let states = states.filter(|_| host.no_connections.is_empty());
    let before = states.map(|states| states.before(threads(&operations)));
    let detached = borrow::detached(conn, &host, |connection| {
        let mut target = Target { connection, mode, compact: Compact::new(connection, before) };
        let outcomes = target.execute_all(&operations);
        (outcomes, target.compact.end())
    })?;
    let (outcomes, learned) = detached.result;
    if let Some(states) = states {
        states.after(learned);
    }
    let exception = |error: SqlError| errors::exception(py, &host, &error);
    let exceptions = outcomes.into_iter().map(|outcome| {
        let error = outcome.error.map(exception);
        let error = error.or_else(|| detached.pending.as_ref().map(|pending| pending.clone_ref(py)));
        errors::with_commit_error(py, error, outcome.commit_error.map(exception))
            .map(|error| error.into_value(py).into_bound(py).into_any())
    });
    Ok(exceptions.collect())
}
