//! The functions of SQLite that `borrowed_connection` calls, taken from a library that is loaded already.
#![allow(unsafe_code)] // reads C structures of SQLite and symbols of libraries

use std::ffi::{CStr, c_char, c_double, c_int, c_void};

use rusqlite::ffi;

use super::loaded;

macro_rules! functions {
    ($($name:ident: fn($($argument:ty),*) -> $result:ty;)*) => {
        /// These functions of one library, each of them present.
        #[derive(Clone, Copy)]
        pub struct Functions {
            $(pub $name: unsafe extern "C" fn($($argument),*) -> $result,)*
        }

        impl Functions {
            /// Takes them from SQLite's table; None if one is missing.
            ///
            /// # Safety
            /// `table` is a table that SQLite handed out, of a release that has these functions.
            pub unsafe fn from_table(table: *const ffi::sqlite3_api_routines) -> Option<Self> {
                // SAFETY: such a table, by the caller's promise, and long enough.
                unsafe { Some(Self { $($name: (*table).$name?,)* }) }
            }

            /// Takes them by name from a library that was built without the table.
            ///
            /// # Safety
            /// `library` is an open handle of the library that is to be used.
            pub unsafe fn from_symbols(library: *mut c_void) -> Option<Self> {
                $(
                    // SAFETY: the symbol, if it exists, is SQLite's function of this name and type.
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

pub type Db = *mut ffi::sqlite3;
type Stmt = *mut ffi::sqlite3_stmt;
type Destructor = Option<unsafe extern "C" fn(*mut c_void)>;

functions! {
    db_mutex: fn(Db) -> *mut ffi::sqlite3_mutex;
    mutex_enter: fn(*mut ffi::sqlite3_mutex) -> ();
    mutex_try: fn(*mut ffi::sqlite3_mutex) -> c_int;
    mutex_leave: fn(*mut ffi::sqlite3_mutex) -> ();
    prepare_v2: fn(Db, *const c_char, c_int, *mut Stmt, *mut *const c_char) -> c_int;
    step: fn(Stmt) -> c_int;
    reset: fn(Stmt) -> c_int;
    finalize: fn(Stmt) -> c_int;
    stmt_readonly: fn(Stmt) -> c_int;
    bind_parameter_count: fn(Stmt) -> c_int;
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
    txn_state: fn(Db, *const c_char) -> c_int;
    limit: fn(Db, c_int, c_int) -> c_int;
    db_filename: fn(Db, *const c_char) -> *const c_char;
    db_status: fn(Db, c_int, *mut c_int, *mut c_int, c_int) -> c_int;
    uri_parameter: fn(*const c_char, *const c_char) -> *const c_char;
    file_control: fn(Db, *const c_char, c_int, *mut c_void) -> c_int;
    table_column_metadata: fn(Db, *const c_char, *const c_char, *const c_char, *mut *const c_char, *mut *const c_char, *mut c_int, *mut c_int, *mut c_int) -> c_int;
}

/// The release of the library that handed out `table`, read from a slot that every release has.
///
/// # Safety
/// `table` is a table that SQLite handed out.
pub unsafe fn version_of_table(table: *const ffi::sqlite3_api_routines) -> Option<c_int> {
    // SAFETY: such a table, by the caller's promise.
    unsafe { (*table).libversion_number.map(|version| version()) }
}

/// The release of an open library.
///
/// # Safety
/// `library` is an open handle of a library.
pub unsafe fn version_of_symbols(library: *mut c_void) -> Option<c_int> {
    // SAFETY: the symbol, if it exists, is SQLite's function of this name and type.
    unsafe {
        let symbol = loaded::symbol(library, c"sqlite3_libversion_number")?;
        Some(std::mem::transmute::<*mut c_void, unsafe extern "C" fn() -> c_int>(symbol)())
    }
}

/// A copy of a C string of SQLite's.
///
/// # Safety
/// `text` is NULL or a C string.
pub unsafe fn bytes(text: *const c_char) -> Vec<u8> {
    if text.is_null() {
        return Vec::new();
    }
    // SAFETY: a C string, by the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_bytes().to_vec()
}

/// A copy of a message of SQLite's.
///
/// # Safety
/// `message` is NULL or a C string.
pub unsafe fn message(message: *const c_char) -> String {
    // SAFETY: the caller's promise.
    String::from_utf8_lossy(&unsafe { bytes(message) }).into_owned()
}
