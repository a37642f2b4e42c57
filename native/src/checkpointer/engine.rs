//! What Python holds of a database.
use std::path::PathBuf;
use std::sync::{Arc, Mutex, Weak};
use std::thread::Builder;
use std::time::Duration;

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::completions::Completions;
use super::database::{self, Database};
use super::layout::Layout;
use super::lock;
use super::options::{Options, Synchronous};
use super::reply::Reply;
use super::request::Request;
use crate::errors;
use crate::host_sqlite::{self, Host};

/// How much longer than for a lock is waited for what is going on to end.
const PATIENCE: Duration = Duration::from_secs(5);
/// Closing the last connection may have to move all of the write-ahead log, for which nobody waits at exit.
const EXIT: Duration = Duration::from_secs(10);

/// Where the database of an engine is, which is another one in the child of a fork. Locked with the GIL held,
/// and only to look: so no other thread can have it locked when the process forks.
struct Slot {
    database: Mutex<Arc<Database>>,
    host: Arc<Host>,
}

static SLOTS: Mutex<Vec<Weak<Slot>>> = Mutex::new(Vec::new());

fn slots() -> Vec<Arc<Slot>> {
    lock(&SLOTS).iter().filter_map(Weak::upgrade).collect()
}

impl Slot {
    fn database(&self) -> Arc<Database> {
        Arc::clone(&lock(&self.database))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let database = self.database();
        if database.is_foreign() || database.is_closed() {
            return;
        }
        // The last checkpointer went with nobody closing it. The garbage collector must not wait for a disk.
        let closing = move || close(&database);
        drop(Builder::new().name("fast_langgraph".to_owned()).spawn(closing));
    }
}

/// Whether it is closed; else it will be once what is going on has ended.
fn close(database: &Arc<Database>) -> bool {
    let closed = database.close(database.options.busy_timeout + PATIENCE);
    if !closed {
        let database = Arc::clone(database);
        let closing = move || database.close_at_last();
        drop(Builder::new().name("fast_langgraph".to_owned()).spawn(closing));
    }
    closed
}

/// Connections to one database, shared by the checkpointers that are copies of one another.
#[pyclass(frozen, module = "fast_langgraph._native")]
pub struct Engine(Arc<Slot>);

#[pymethods]
impl Engine {
    /// `connection_type` is the Connection of the sqlite3 module whose library is to be used; `path` is None
    /// for a database in memory. Opens nothing yet.
    ///
    /// Raises RuntimeError where Rust can't open connections of that library.
    #[new]
    #[pyo3(signature = (connection_type, path, *, synchronous, busy_timeout, max_wal_bytes, readers, read_only, created_at, layout))]
    #[allow(clippy::too_many_arguments)] // the options of a database, each by its name
    fn new(
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
            created_at,
            layout: Layout::parse(layout).ok_or_else(|| wrong("layout"))?,
        };
        let slot = Arc::new(Slot { database: Mutex::new(Database::new(options)), host });
        let mut slots = lock(&SLOTS);
        slots.retain(|slot| slot.strong_count() > 0);
        slots.push(Arc::downgrade(&slot));
        drop(slots);
        Ok(Self(slot))
    }

    /// Does what is asked, on this thread. Raises as sqlite3 does.
    fn run<'py>(&self, py: Python<'py>, request: &Request) -> PyResult<Bound<'py, PyAny>> {
        let database = self.0.database();
        let answer = py.detach(|| database.answer(&request.0));
        answer.map_err(|error| errors::exception(py, &self.0.host, &error))?.into_python(py)
    }

    /// Has another thread do it; what comes of it is to be collected by `number`.
    fn start(&self, py: Python<'_>, request: &Request, completions: &Completions, number: u64) {
        let database = self.0.database();
        let ticket = completions.ticket(number, &self.0.host);
        let ask = Arc::clone(&request.0);
        py.detach(|| database.start(ask, ticket));
    }

    /// Whether so much waits to be written that more of it should wait to be encoded.
    #[getter]
    fn is_crowded(&self) -> bool {
        self.0.database().writer.is_crowded()
    }

    /// Completes when it is not crowded any more.
    fn tell_of_room(&self, completions: &Completions, number: u64) {
        self.0.database().writer.tell_of_room(completions.ticket(number, &self.0.host));
    }

    #[getter]
    fn is_closed(&self) -> bool {
        self.0.database().is_closed()
    }

    /// Closes the connections, after what was begun is done. Whoever comes later hears that it is closed. False
    /// where something takes so long that they are closed only when it has ended.
    fn close(&self, py: Python<'_>) -> bool {
        let database = self.0.database();
        py.detach(|| close(&database))
    }

    /// The same on another thread; completes with 1, or 0 where it is not closed yet.
    fn start_close(&self, completions: &Completions, number: u64) -> PyResult<()> {
        let database = self.0.database();
        let ticket = completions.ticket(number, &self.0.host);
        let closing = move || {
            let closed = close(&database);
            ticket.post(Ok(Reply::Count(u64::from(closed))));
        };
        Builder::new().name("fast_langgraph".to_owned()).spawn(closing)?;
        Ok(())
    }
}

/// Before a fork: closes all connections. SQLite's locks and shared memory must not be inherited.
#[pyfunction]
fn before_fork(py: Python<'_>) {
    for database in database::all_frozen() {
        py.detach(|| database.freeze(database.options.busy_timeout + PATIENCE));
    }
}

#[pyfunction]
fn after_fork_in_parent() {
    database::thaw_all();
}

/// In the child: a database with nothing open, and no thread of the parent's in any lock. One that could not
/// be closed in time stays as it is, and says so to whoever uses it.
#[pyfunction]
fn after_fork_in_child() {
    database::inherit();
    for slot in slots() {
        let mut database = lock(&slot.database);
        if let Some(reborn) = database.reborn() {
            // Locks in it may be held by threads that are not here.
            std::mem::forget(std::mem::replace(&mut *database, reborn));
        }
    }
}

/// At the interpreter's exit.
#[pyfunction]
fn close_all(py: Python<'_>) {
    for database in database::all() {
        py.detach(|| database.close(EXIT));
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(before_fork, module)?)?;
    module.add_function(wrap_pyfunction!(after_fork_in_parent, module)?)?;
    module.add_function(wrap_pyfunction!(after_fork_in_child, module)?)?;
    module.add_function(wrap_pyfunction!(close_all, module)?)?;
    Ok(())
}
