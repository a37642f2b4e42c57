//! What Python holds of a database.
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::Builder;
use std::time::Duration;

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::completions::Completions;
use super::dispatch;
use super::forks::{self, Slot};
use super::options::{Options, Synchronous};
use super::reply::Reply;
use super::request::PyRequest;
use crate::encodings::Encoding;
use crate::errors;
use crate::host_sqlite::{self, Host};
use crate::layout::{Layout, TableOptions};

/// Connections to one database, shared by checkpointers that are copies of one another.
#[pyclass(frozen, weakref, module = "fast_langgraph._native")]
pub struct Engine {
    slot: Arc<Slot>,
    host: Arc<Host>,
}

impl Drop for Engine {
    fn drop(&mut self) {
        // The last checkpointer went, and nobody has closed it.
        Arc::clone(&self.slot).abandon();
    }
}

#[pymethods]
impl Engine {
    /// `connection_type` is the Connection of the sqlite3 module whose library is to be used; `path` is None for a
    /// database in memory. The file is made and checked; nothing stays open.
    ///
    /// Raises RuntimeError if Rust can't open connections of that library.
    #[new]
    #[pyo3(signature = (connection_type, path, *, synchronous, busy_timeout, max_wal_bytes, readers, read_only, created_at, layout))]
    #[allow(clippy::too_many_arguments)] // the options of a database, each by its name
    fn new(
        py: Python<'_>,
        connection_type: &Bound<'_, PyType>,
        path: Option<PathBuf>,
        synchronous: &str,
        busy_timeout: f64,
        max_wal_bytes: u64,
        readers: usize,
        read_only: bool,
        created_at: bool,
        layout: &str,
    ) -> PyResult<Self> {
        let host = host_sqlite::of_type(connection_type)
            .ok_or_else(|| PyRuntimeError::new_err("the library of this sqlite3 has not been bound"))?;
        if !host.no_connections.is_empty() {
            return Err(PyRuntimeError::new_err(host.no_connections.clone()));
        }
        let wrong = |what: &str| PyValueError::new_err(what.to_owned());
        let options = Options {
            path,
            synchronous: Synchronous::parse(synchronous).ok_or_else(|| wrong("synchronous"))?,
            busy_timeout: Duration::try_from_secs_f64(busy_timeout).map_err(|_| wrong("busy_timeout"))?,
            max_wal_bytes,
            readers: readers.max(1),
            read_only,
            tables: TableOptions { created_at, layout: Layout::parse(layout).ok_or_else(|| wrong("layout"))? },
        };
        let slot = Slot::new(options);
        if !forks::is_under_way_here() {
            let database = slot.database();
            let made = py.detach(|| database.make_and_check_file());
            made.map_err(|error| errors::exception(py, &host, &error))?;
        }
        Ok(Self { slot, host })
    }

    /// Carries out a request on this thread. Raises as sqlite3 does. `encoding` is that of the pending writes in the
    /// request, and ends when they are queued.
    #[pyo3(signature = (request, encoding = None))]
    fn run<'py>(
        &self,
        py: Python<'py>,
        request: &PyRequest,
        encoding: Option<&Encoding>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let database = self.slot.database();
        let queued = || encoding.into_iter().for_each(Encoding::end);
        let answer = py.detach(|| dispatch::run(&database, &request.0, queued));
        answer.map_err(|error| errors::exception(py, &self.host, &error))?.into_python(py)
    }

    /// Has another thread carry out a request. The result is collected from `completions` by its `number`.
    fn start(&self, py: Python<'_>, request: &PyRequest, completions: &Completions, number: u64) {
        let database = self.slot.database();
        let ticket = completions.ticket(number, &self.host);
        let request = Arc::clone(&request.0);
        py.detach(|| dispatch::start(&database, request, ticket));
    }

    /// Whether so much waits to be written that callers should wait before they encode more.
    #[getter]
    fn is_crowded(&self) -> bool {
        self.slot.database().writer.queue.is_full()
    }

    /// Completes when it is not crowded any more.
    fn tell_of_room(&self, completions: &Completions, number: u64) {
        self.slot.database().writer.queue.tell_of_room(completions.ticket(number, &self.host));
    }

    #[getter]
    fn is_closed(&self) -> bool {
        self.slot.database().is_closed()
    }

    /// Closes the connections, after everything that was begun is done. Later calls raise that it is closed. False if
    /// something takes so long that they are closed only when it has ended.
    fn close(&self, py: Python<'_>) -> bool {
        let database = self.slot.database();
        py.detach(|| forks::close(&self.slot, &database))
    }

    /// The same on another thread. Completes with 1, or with 0 if it is not closed yet.
    fn start_close(&self, completions: &Completions, number: u64) -> PyResult<()> {
        let (slot, database) = (Arc::clone(&self.slot), self.slot.database());
        let ticket = completions.ticket(number, &self.host);
        let closing = move || ticket.post(Ok(Reply::Count(u64::from(forks::close(&slot, &database)))));
        Builder::new().name("fast_langgraph".to_owned()).spawn(closing)?;
        Ok(())
    }
}

#[pyfunction]
fn before_fork(py: Python<'_>) {
    for database in forks::begin() {
        py.detach(|| forks::freeze(&database));
    }
}

#[pyfunction]
fn after_fork_in_parent() {
    forks::end_in_parent();
}

#[pyfunction]
fn after_fork_in_child() {
    forks::end_in_child();
}

/// At the interpreter's exit.
#[pyfunction]
fn close_all(py: Python<'_>) {
    for database in forks::all() {
        py.detach(|| forks::close_at_exit(&database));
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(before_fork, module)?)?;
    module.add_function(wrap_pyfunction!(after_fork_in_parent, module)?)?;
    module.add_function(wrap_pyfunction!(after_fork_in_child, module)?)?;
    module.add_function(wrap_pyfunction!(close_all, module)?)?;
    Ok(())
}
