//! Opening a connection with the interpreter's sqlite3 and learning from SQLite itself which handle it got, and its
//! table of functions.
#![allow(unsafe_code)] // is called by SQLite, and calls it

use std::cell::{Cell, RefCell};
use std::ffi::{CString, c_char, c_int, c_void};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use pyo3::prelude::*;
use rusqlite::ffi;

use super::functions::{Db, Functions, version_of_symbols, version_of_table};
use super::loaded;
use super::refusal::refusal;

/// The oldest library whose behaviour was tried, 3.34.1.
const OLDEST: c_int = 3_034_001;

/// What SQLite told of a connection that was opened while this thread listened.
#[derive(Clone, Copy)]
struct Captured {
    db: Db,
    table: *mut ffi::sqlite3_api_routines,
}

thread_local! {
    /// Whether this thread listens. The callback is called for the connections of other threads too.
    static LISTENING: Cell<bool> = const { Cell::new(false) };
    /// There is more than one if an audit hook opens connections as well.
    static CAPTURED: RefCell<Vec<Captured>> = const { RefCell::new(Vec::new()) };
}

type EntryPoint = unsafe extern "C" fn(Db, *mut *mut c_char, *mut ffi::sqlite3_api_routines) -> c_int;
type Register = unsafe extern "C" fn(EntryPoint) -> c_int;

/// SQLite calls this on the thread that opens or extends a connection, and passes its table of functions.
unsafe extern "C" fn capture(db: Db, _error: *mut *mut c_char, table: *mut ffi::sqlite3_api_routines) -> c_int {
    if LISTENING.get() {
        CAPTURED.with(|all| {
            if let Ok(mut all) = all.try_borrow_mut() {
                all.push(Captured { db, table });
            }
        });
    }
    ffi::SQLITE_OK
}

/// The name that SQLite derives from this module's file, for a connection that loads it as an extension.
///
/// # Safety
/// SQLite calls it with a connection and its table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sqlite3_native_init(
    db: Db,
    error: *mut *mut c_char,
    table: *mut ffi::sqlite3_api_routines,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { capture(db, error, table) }
}

/// Held while a probe runs. There is one at a time, because the callback is registered for the whole process.
pub struct ProbeLock(());

static TAKEN: AtomicBool = AtomicBool::new(false);

impl ProbeLock {
    pub fn new(py: Python<'_>) -> PyResult<Self> {
        if LISTENING.get() {
            return Err(refusal("SQLite is being bound on this thread already"));
        }
        while TAKEN.swap(true, Ordering::Acquire) {
            py.detach(|| sleep(Duration::from_millis(1)));
        }
        Ok(Self(()))
    }
}

impl Drop for ProbeLock {
    fn drop(&mut self) {
        TAKEN.store(false, Ordering::Release);
    }
}

/// An open connection of sqlite3. It is closed when dropped, because one that is left open warns.
pub struct Probe<'py> {
    pub conn: Bound<'py, PyAny>,
}

impl<'py> Probe<'py> {
    fn open(module: &Bound<'py, PyAny>) -> PyResult<Self> {
        // The type itself: tracers replace `connect` and call the type in the end.
        Ok(Self { conn: module.getattr("Connection")?.call1((":memory:",))? })
    }
}

impl Drop for Probe<'_> {
    fn drop(&mut self) {
        // If it can't be closed, the garbage collector does it.
        drop(self.conn.call_method0("close"));
    }
}

/// What a probe found.
pub struct Found<'py> {
    pub probe: Probe<'py>,
    pub db: Db,
    /// NULL if the library has no table, or if it is not to be used.
    pub table: *mut ffi::sqlite3_api_routines,
    pub functions: Functions,
    /// Where the handle lies in the probe, in bytes.
    pub offset: usize,
    pub route: &'static str,
}

/// Calls `open`, which opens or extends a connection. Returns its result and what SQLite told meanwhile.
fn listen<T>(open: impl FnOnce() -> PyResult<T>) -> (PyResult<T>, Vec<Captured>) {
    CAPTURED.take();
    LISTENING.set(true);
    let opened = open();
    LISTENING.set(false);
    (opened, CAPTURED.take())
}

fn described(py: Python<'_>, error: &PyErr, what: &str) -> PyErr {
    use pyo3::exceptions::PyException;
    // Ctrl-C and the like pass through as they are.
    if error.is_instance_of::<PyException>(py) { refusal(format!("{what}: {error}")) } else { error.clone_ref(py) }
}

/// Probes through the symbols of the library behind the extension module; if `bare`, without its table of functions.
pub fn by_symbols<'py>(module: &Bound<'py, PyAny>, bare: bool) -> PyResult<Found<'py>> {
    let py = module.py();
    let file: String = module
        .getattr("__file__")
        .and_then(|file| file.extract())
        .map_err(|_| refusal("sqlite3 is built into the interpreter, which hides SQLite's symbols"))?;
    let path = CString::new(file).map_err(|_| refusal("the sqlite3 extension module has no file"))?;
    let library = loaded::library(&path)
        .ok_or_else(|| refusal("the sqlite3 extension module is not a library that is loaded"))?;
    let hidden = || refusal("the sqlite3 extension module hides SQLite's symbols");
    // SAFETY: an open library; where these symbols exist they are SQLite's functions of these types.
    let (register, cancel) = unsafe {
        let register = loaded::symbol(library, c"sqlite3_auto_extension").ok_or_else(hidden)?;
        let cancel = loaded::symbol(library, c"sqlite3_cancel_auto_extension").ok_or_else(hidden)?;
        (std::mem::transmute::<*mut c_void, Register>(register), std::mem::transmute::<*mut c_void, Register>(cancel))
    };
    // SAFETY: `capture` has the type that SQLite calls.
    unsafe { register(capture) };
    let (probe, captured) = listen(|| Probe::open(module));
    // SAFETY: as above.
    unsafe { cancel(capture) };
    let probe = probe.map_err(|error| described(py, &error, "a probe connection could not be opened"))?;
    let (captured, offset) = place(&probe, &captured)?;
    // SAFETY: SQLite's own table, NULL if it was built without one; else its own symbols.
    unsafe {
        let version = version_of_symbols(library).ok_or_else(hidden)?;
        check(version)?;
        let table = if bare { std::ptr::null_mut() } else { captured.table };
        let functions = if table.is_null() { None } else { Functions::from_table(table) };
        let functions = functions.or_else(|| Functions::from_symbols(library)).ok_or_else(missing)?;
        Ok(Found { probe, db: captured.db, table, functions, offset, route: "symbols" })
    }
}

/// Probes by loading this module as a SQLite extension, for libraries that hide their symbols.
pub fn by_extension<'py>(module: &Bound<'py, PyAny>, native_file: &str) -> PyResult<Found<'py>> {
    let py = module.py();
    let probe = Probe::open(module).map_err(|error| described(py, &error, "a probe connection could not be opened"))?;
    let (loaded, captured) = listen(|| {
        probe.conn.call_method1("enable_load_extension", (true,))?;
        probe.conn.call_method1("load_extension", (native_file,))
    });
    loaded.map_err(|error| described(py, &error, "the interpreter's sqlite3 loads no extensions"))?;
    let (captured, offset) = place(&probe, &captured)?;
    if captured.table.is_null() {
        return Err(refusal("SQLite has no table of functions for extensions"));
    }
    // SAFETY: SQLite's own table.
    let functions = unsafe {
        check(version_of_table(captured.table).ok_or_else(missing)?)?;
        Functions::from_table(captured.table)
    };
    let functions = functions.ok_or_else(missing)?;
    Ok(Found { probe, db: captured.db, table: captured.table, functions, offset, route: "extension" })
}

fn missing() -> PyErr {
    refusal("SQLite was built without a function that is needed")
}

fn check(version: c_int) -> PyResult<()> {
    if version < OLDEST {
        let (major, minor, patch) = (version / 1_000_000, version / 1000 % 1000, version % 1000);
        return Err(refusal(format!("SQLite {major}.{minor}.{patch} is older than 3.34.1")));
    }
    Ok(())
}

/// Finds where in the connection object `probe` its handle lies, and what SQLite told of that handle. No word beyond
/// the end of the object is read.
fn place(probe: &Probe<'_>, captured: &[Captured]) -> PyResult<(Captured, usize)> {
    if captured.is_empty() {
        return Err(refusal("SQLite did not call back for a new connection"));
    }
    let size: usize = probe.conn.get_type().getattr("__basicsize__")?.extract()?;
    let word = size_of::<usize>();
    let words = probe.conn.as_ptr().cast::<Db>();
    // SAFETY: the object is `size` bytes long, and its words are read as what they are compared with.
    let word_at = |index: usize| unsafe { words.add(index).read() };
    for heard in captured.iter().rev() {
        let mut places = (2..size / word).filter(|index| word_at(*index) == heard.db);
        if let (Some(index), None) = (places.next(), places.next()) {
            return Ok((*heard, index * word));
        }
    }
    Err(refusal("sqlite3.Connection keeps its handle where it was not expected"))
}
