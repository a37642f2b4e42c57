//! The SQLite library that an interpreter's `sqlite3` module has loaded.
//!
//! Two copies of SQLite in one process lose data (closing one's connection drops the other's locks), so
//! none is linked: the functions that are used are taken from the library behind the module, through the
//! table that SQLite gives to each extension.
#![allow(unsafe_code)] // calls and reads C structures of SQLite and of CPython

use std::cell::Cell;
use std::ffi::{CStr, CString, c_char, c_double, c_int, c_void};
use std::ptr::null_mut;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::create_exception;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};
use rusqlite::ffi;

create_exception!(fast_langgraph._native, BindError, PyRuntimeError, "SQLite can't be reached from Rust; says why.");

/// The oldest library whose behaviour was tried, 3.34.1.
const OLDEST: c_int = 3_034_001;

macro_rules! functions {
    ($($name:ident: fn($($argument:ty),*) -> $result:ty;)*) => {
        /// The functions of one library that are used here, all of them present.
        #[derive(Clone, Copy)]
        pub struct Functions {
            $(pub $name: unsafe extern "C" fn($($argument),*) -> $result,)*
        }

        impl Functions {
            /// From the table that SQLite gave out; None where one is missing.
            ///
            /// # Safety
            /// `table` is such a table.
            unsafe fn from_table(table: *const ffi::sqlite3_api_routines) -> Option<Self> {
                // SAFETY: a table by the caller's word, as long as SQLite's oldest, which has all of these.
                unsafe { Some(Self { $($name: (*table).$name?,)* }) }
            }

            /// By name, from a library that was built without the table.
            ///
            /// # Safety
            /// `library` is an open handle of the library that is to be used.
            unsafe fn from_symbols(library: *mut c_void) -> Option<Self> {
                $(
                    // SAFETY: the symbol, where there is one, is SQLite's function of this name and type.
                    let $name = unsafe {
                        let name = concat!("sqlite3_", stringify!($name), "\0");
                        let symbol = loaded::symbol(library, CStr::from_bytes_with_nul(name.as_bytes()).ok()?)?;
                        std::mem::transmute::<*mut c_void, unsafe extern "C" fn($($argument),*) -> $result>(symbol)
                    };
                )*
                Some(Self { $($name,)* })
            }
        }
    };
}

type Db = *mut ffi::sqlite3;
type Stmt = *mut ffi::sqlite3_stmt;
type Destructor = Option<unsafe extern "C" fn(*mut c_void)>;

functions! {
    libversion_number: fn() -> c_int;
    db_mutex: fn(Db) -> *mut ffi::sqlite3_mutex;
    mutex_try: fn(*mut ffi::sqlite3_mutex) -> c_int;
    mutex_leave: fn(*mut ffi::sqlite3_mutex) -> ();
    prepare_v2: fn(Db, *const c_char, c_int, *mut Stmt, *mut *const c_char) -> c_int;
    step: fn(Stmt) -> c_int;
    reset: fn(Stmt) -> c_int;
    finalize: fn(Stmt) -> c_int;
    stmt_readonly: fn(Stmt) -> c_int;
    bind_text: fn(Stmt, c_int, *const c_char, c_int, Destructor) -> c_int;
    bind_blob64: fn(Stmt, c_int, *const c_void, ffi::sqlite3_uint64, Destructor) -> c_int;
    bind_int64: fn(Stmt, c_int, ffi::sqlite3_int64) -> c_int;
    bind_double: fn(Stmt, c_int, c_double) -> c_int;
    bind_null: fn(Stmt, c_int) -> c_int;
    column_count: fn(Stmt) -> c_int;
    column_type: fn(Stmt, c_int) -> c_int;
    column_int64: fn(Stmt, c_int) -> ffi::sqlite3_int64;
    column_double: fn(Stmt, c_int) -> c_double;
    column_text: fn(Stmt, c_int) -> *const u8;
    column_blob: fn(Stmt, c_int) -> *const c_void;
    column_bytes: fn(Stmt, c_int) -> c_int;
    errcode: fn(Db) -> c_int;
    extended_errcode: fn(Db) -> c_int;
    errmsg: fn(Db) -> *const c_char;
    get_autocommit: fn(Db) -> c_int;
}

/// A library, and where the connections of its module keep their handle.
pub struct Host {
    pub functions: Functions,
    /// The module's own Connection: a subclass or a proxy is none of ours.
    pub connection_type: Py<PyType>,
    /// The extension module, for its exceptions.
    pub module: Py<PyAny>,
    pub adapters: Option<Py<PyDict>>,
    pub converters: Option<Py<PyDict>>,
    /// The protocol of the module's adapters.
    pub prepare_protocol: Option<Py<PyAny>>,
    /// Of the `sqlite3*`, in bytes from the start of a connection.
    offset: usize,
    route: &'static str,
}

/// One for each module that was bound: they may stand on different libraries.
static HOSTS: Mutex<Vec<Arc<Host>>> = Mutex::new(Vec::new());

/// The host of just this type of connection.
pub fn of(conn: &Bound<'_, PyAny>) -> Option<Arc<Host>> {
    let hosts = HOSTS.lock().unwrap_or_else(PoisonError::into_inner);
    hosts.iter().find(|host| conn.get_type().is(&host.connection_type)).cloned()
}

impl Host {
    /// The handle of `conn`, which may be NULL: then it is closed.
    pub fn handle(&self, conn: &Bound<'_, PyAny>) -> Option<Db> {
        if !conn.get_type().is(&self.connection_type) {
            return None;
        }
        // SAFETY: an object of just the type in which the handle was found at this offset.
        Some(unsafe { conn.as_ptr().byte_add(self.offset).cast::<Db>().read() })
    }
}

/// What SQLite told of a connection that was opened while we listened.
#[derive(Clone, Copy)]
struct Captured {
    db: Db,
    table: *mut ffi::sqlite3_api_routines,
}

thread_local! {
    /// Whether this thread listens: the callback is the process's, and others may be opening theirs.
    static LISTENING: Cell<bool> = const { Cell::new(false) };
    static CAPTURED: Cell<Option<Captured>> = const { Cell::new(None) };
}

/// SQLite calls this, on the thread that opens or extends a connection, and hands over its table.
unsafe extern "C" fn capture(db: Db, _error: *mut *mut c_char, table: *mut ffi::sqlite3_api_routines) -> c_int {
    if LISTENING.get() {
        CAPTURED.set(Some(Captured { db, table }));
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
    // SAFETY: by the caller's word.
    unsafe { capture(db, error, table) }
}

fn refusal(reason: impl Into<String>) -> PyErr {
    BindError::new_err(reason.into())
}

/// Listens while `open` opens or extends a connection; gives back the connection and what was heard.
fn listen<'py>(open: impl FnOnce() -> PyResult<Bound<'py, PyAny>>) -> (PyResult<Bound<'py, PyAny>>, Option<Captured>) {
    CAPTURED.set(None);
    LISTENING.set(true);
    let opened = open();
    LISTENING.set(false);
    (opened, CAPTURED.take())
}

struct Found<'py> {
    probe: Bound<'py, PyAny>,
    db: Db,
    functions: Functions,
    route: &'static str,
}

/// What the process has loaded already.
mod loaded {
    use std::ffi::{CStr, c_void};

    /// # Safety
    /// None; the handle is for `symbol`.
    #[cfg(unix)]
    pub unsafe fn library(path: &CStr) -> Option<*mut c_void> {
        // SAFETY: RTLD_NOLOAD opens nothing that is not loaded.
        let library = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_NOLOAD) };
        (!library.is_null()).then_some(library)
    }

    /// # Safety
    /// `library` is a handle from `library`.
    #[cfg(unix)]
    pub unsafe fn symbol(library: *mut c_void, name: &CStr) -> Option<*mut c_void> {
        // SAFETY: an open handle by the caller's word.
        let symbol = unsafe { libc::dlsym(library, name.as_ptr()) };
        (!symbol.is_null()).then_some(symbol)
    }

    #[cfg(not(unix))]
    pub unsafe fn library(_path: &CStr) -> Option<*mut c_void> {
        None
    }

    #[cfg(not(unix))]
    pub unsafe fn symbol(_library: *mut c_void, _name: &CStr) -> Option<*mut c_void> {
        None
    }
}

/// By the symbols of the library behind the extension module.
fn by_symbols<'py>(module: &Bound<'py, PyAny>, use_table: bool) -> PyResult<Found<'py>> {
    let file: String = module
        .getattr("__file__")
        .and_then(|file| file.extract())
        .map_err(|_| refusal("sqlite3 is built into the interpreter, which hides SQLite's symbols"))?;
    let path = CString::new(file)?;
    type Entry = unsafe extern "C" fn(Db, *mut *mut c_char, *mut ffi::sqlite3_api_routines) -> c_int;
    type Register = unsafe extern "C" fn(Entry) -> c_int;
    // SAFETY: opens what is loaded already; the symbols, where there are some, are SQLite's of these types.
    let (library, register, cancel) = unsafe {
        let library = loaded::library(&path)
            .ok_or_else(|| refusal("the sqlite3 extension module can't be looked into on this platform"))?;
        let hidden = || refusal("the sqlite3 extension module hides SQLite's symbols");
        let register = loaded::symbol(library, c"sqlite3_auto_extension").ok_or_else(hidden)?;
        let cancel = loaded::symbol(library, c"sqlite3_cancel_auto_extension").ok_or_else(hidden)?;
        (
            library,
            std::mem::transmute::<*mut c_void, Register>(register),
            std::mem::transmute::<*mut c_void, Register>(cancel),
        )
    };
    // SAFETY: `capture` is of the type that SQLite calls.
    unsafe { register(capture) };
    // Tracers replace `connect`; the type itself is what they call.
    let (probe, captured) = listen(|| module.getattr("Connection")?.call1((":memory:",)));
    // SAFETY: as above.
    unsafe { cancel(capture) };
    let probe = probe.map_err(|error| refusal(format!("a probe connection could not be opened: {error}")))?;
    let captured = captured.ok_or_else(|| refusal("SQLite did not call back for a new connection"))?;
    // SAFETY: SQLite's own table, or NULL where it was built without; else its own symbols.
    let functions = unsafe {
        let table = if use_table && !captured.table.is_null() { Functions::from_table(captured.table) } else { None };
        table.or_else(|| Functions::from_symbols(library))
    };
    let functions = functions.ok_or_else(|| refusal("SQLite was built without a function that is needed"))?;
    Ok(Found { probe, db: captured.db, functions, route: "symbols" })
}

/// By loading this very module as an extension, where symbols are hidden.
fn by_extension<'py>(module: &Bound<'py, PyAny>, native_file: &str) -> PyResult<Found<'py>> {
    let probe = module
        .getattr("Connection")?
        .call1((":memory:",))
        .map_err(|error| refusal(format!("a probe connection could not be opened: {error}")))?;
    let (loaded, captured) = listen(|| {
        probe.call_method1("enable_load_extension", (true,))?;
        probe.call_method1("load_extension", (native_file,))
    });
    loaded.map_err(|error| refusal(format!("the interpreter's sqlite3 loads no extensions: {error}")))?;
    let captured = captured.ok_or_else(|| refusal("SQLite did not call the extension"))?;
    if captured.table.is_null() {
        return Err(refusal("SQLite has no table of functions for extensions"));
    }
    // SAFETY: SQLite's own table.
    let functions = unsafe { Functions::from_table(captured.table) };
    let functions = functions.ok_or_else(|| refusal("SQLite was built without a function that is needed"))?;
    Ok(Found { probe, db: captured.db, functions, route: "extension" })
}

/// Where `probe` keeps its handle, looked for no further than it is long.
fn offset_of(probe: &Bound<'_, PyAny>, db: Db) -> PyResult<usize> {
    let size: usize = probe.get_type().getattr("__basicsize__")?.extract()?;
    let word = size_of::<usize>();
    let words = probe.as_ptr().cast::<Db>();
    // SAFETY: the object is `size` bytes long, and its words are read as what they are compared with.
    let mut places = (2..size / word).filter(|index| unsafe { words.add(*index).read() } == db);
    match (places.next(), places.next()) {
        (Some(index), None) => Ok(index * word),
        _ => Err(refusal("sqlite3.Connection keeps its handle where it was not expected")),
    }
}

/// Finds the SQLite library behind `module`, an extension module such as `_sqlite3`, and how its
/// connections keep their handle. Says by which route: "symbols" or "extension".
///
/// `native_file` is the file of this module. `routes` are those to try, in this order: "symbols", then
/// "bare symbols" (as where SQLite has no table), "extension". Raises BindError with the reasons where none
/// leads there.
#[pyfunction]
#[pyo3(signature = (module, native_file, routes = vec!["symbols".to_owned(), "extension".to_owned()]))]
fn bind(module: &Bound<'_, PyAny>, native_file: &str, routes: Vec<String>) -> PyResult<(String, String)> {
    let mut reasons = Vec::new();
    for route in &routes {
        let found = match route.as_str() {
            "symbols" => by_symbols(module, true),
            "bare symbols" => by_symbols(module, false),
            "extension" => by_extension(module, native_file),
            _ => Err(refusal(format!("no such route: {route}"))),
        };
        match found.and_then(|found| accept(module, &found)) {
            Ok(bound) => return Ok(bound),
            Err(error) => reasons.push(error.value(module.py()).to_string()),
        }
    }
    Err(refusal(if reasons.is_empty() { "switched off".to_owned() } else { reasons.join("; ") }))
}

fn accept(module: &Bound<'_, PyAny>, found: &Found<'_>) -> PyResult<(String, String)> {
    // SAFETY: the library's own function.
    let version = unsafe { (found.functions.libversion_number)() };
    if version < OLDEST {
        return Err(refusal(format!("SQLite {version} is older than 3.34.1")));
    }
    // SAFETY: a live connection of the library's.
    let mutex = unsafe { (found.functions.db_mutex)(found.db) };
    // Without a mutex of its own a connection is for one thread at a time.
    if mutex.is_null() {
        return Err(refusal("SQLite was built for one thread at a time"));
    }
    let offset = offset_of(&found.probe, found.db)?;
    let dict = |name: &str| -> PyResult<Option<Py<PyDict>>> {
        Ok(module.getattr_opt(name)?.and_then(|dict| dict.cast_into::<PyDict>().ok()).map(Bound::unbind))
    };
    let host = Arc::new(Host {
        functions: found.functions,
        connection_type: module.getattr("Connection")?.cast_into::<PyType>()?.unbind(),
        adapters: dict("adapters")?,
        converters: dict("converters")?,
        prepare_protocol: module.getattr_opt("PrepareProtocol")?.map(Bound::unbind),
        module: module.clone().unbind(),
        offset,
        route: found.route,
    });
    if host.handle(&found.probe) != Some(found.db) {
        return Err(refusal("sqlite3.Connection is not of the type that it makes"));
    }
    found.probe.call_method0("close")?;
    if host.handle(&found.probe) != Some(null_mut()) {
        return Err(refusal("sqlite3.Connection does not clear its handle when it is closed"));
    }
    let route = host.route.to_owned();
    let mut hosts = HOSTS.lock().unwrap_or_else(PoisonError::into_inner);
    let old = hosts.iter().position(|known| known.connection_type.is(&host.connection_type));
    let old = old.map(|index| hosts.swap_remove(index));
    hosts.push(host);
    drop(hosts);
    drop(old);
    Ok((route, module.getattr("sqlite_version")?.extract()?))
}

/// A message of SQLite's, copied.
///
/// # Safety
/// `message` is NULL or a C string.
pub unsafe fn message(message: *const c_char) -> String {
    if message.is_null() {
        return String::new();
    }
    // SAFETY: a C string by the caller's word.
    unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned()
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("BindError", module.py().get_type::<BindError>())?;
    module.add_function(wrap_pyfunction!(bind, module)?)?;
    Ok(())
}
