//! What one call of a patched saver writes: statements with their rows of values.
use std::ffi::CString;

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::errors::Unsupported;
use crate::values::{Values, values};

/// A statement as C takes it; one with a NUL in it is left to sqlite3, which refuses it.
pub fn sql(text: &str) -> PyResult<CString> {
    CString::new(text).map_err(|_| Unsupported::new_err("a statement with a NUL"))
}

/// How the statements begin that sqlite3 opens a transaction for.
const WRITING: [&str; 4] = ["INSERT", "UPDATE", "DELETE", "REPLACE"];

fn writing(text: &str) -> PyResult<CString> {
    let begins = |word: &&str| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    if WRITING.iter().any(begins) { sql(text) } else { Err(Unsupported::new_err("a statement that does not write")) }
}

/// A statement, executed once for each row of values.
pub struct Statement {
    pub sql: CString,
    pub rows: Vec<Values>,
}

/// What the first statement does, if `compact` can do it in a file in the compact layout.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Its row is that of a checkpoint: thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint,
    /// metadata.
    Put,
    /// Its row is a thread_id, whose checkpoints are deleted.
    DeleteThread,
}

/// What one call of a saver writes: statements that are executed in order and committed together.
#[pyclass(frozen, module = "fast_langgraph._native")]
pub struct Operation {
    pub statements: Vec<Statement>,
    pub change: Option<Change>,
}

impl Operation {
    /// The row of the first statement, if it puts or deletes checkpoints.
    pub fn changed_row(&self) -> Option<&Values> {
        self.change.and_then(|_| self.statements.first()?.rows.first())
    }
}

#[pymethods]
impl Operation {
    /// `statements` holds pairs of a statement and a list of its rows. `change` says what the first one does, if it is
    /// "put" or "delete_thread".
    ///
    /// Raises Unsupported for a statement other than INSERT, UPDATE, DELETE or REPLACE, and for a parameter
    /// that is not exactly None, int of 64 bits, float, str without surrogates, bytes or Blob.
    #[new]
    #[pyo3(signature = (statements, change = None))]
    fn new(statements: Vec<(String, Vec<Bound<'_, PyTuple>>)>, change: Option<&str>) -> PyResult<Self> {
        let change = match change {
            Some("put") => Some(Change::Put),
            Some("delete_thread") => Some(Change::DeleteThread),
            _ => None,
        };
        let statements = statements
            .iter()
            .map(|(text, rows)| {
                let rows = rows.iter().map(values).collect::<PyResult<_>>()?;
                Ok(Statement { sql: writing(text)?, rows })
            })
            .collect::<PyResult<_>>()?;
        Ok(Self { statements, change })
    }
}
