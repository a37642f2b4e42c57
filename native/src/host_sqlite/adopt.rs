//! Giving rusqlite the library that the checkpointer opens its connections with.
#![allow(unsafe_code)] // reads C structures of SQLite

use std::sync::Mutex;

use rusqlite::ffi;

use crate::sync::lock;

/// The address of the table that rusqlite was given. rusqlite keeps one table for the whole process.
static ADOPTED: Mutex<Option<usize>> = Mutex::new(None);

/// Whether the table has every function that rusqlite calls here: calling a missing one would panic.
///
/// # Safety
/// `table` is a table that SQLite handed out, of release 3.34.1 or later.
unsafe fn is_complete(table: *const ffi::sqlite3_api_routines) -> bool {
    macro_rules! has {
        ($($name:ident)*) => {
            // SAFETY: such a table, by the caller's promise, and long enough.
            unsafe { $((*table).$name.is_some())&&* }
        };
    }
    has!(
        open_v2 close extended_result_codes busy_timeout busy_handler xthreadsafe mutex_alloc mutex_free
        prepare_v2 prepare_v3 step reset finalize clear_bindings sql stmt_readonly stmt_busy
        bind_parameter_count bind_parameter_index bind_parameter_name bind_null bind_int64 bind_double
        bind_text64 bind_blob64 bind_zeroblob bind_pointer column_count column_name column_type column_int64 column_double column_text
        column_blob column_bytes changes errcode extended_errcode errmsg errstr get_autocommit interruptx
        db_readonly db_handle wal_hook libversion_number free malloc next_stmt
        backup_init backup_step backup_finish backup_remaining backup_pagecount
        commit_hook rollback_hook update_hook progress_handler set_authorizer db_config
    )
}

/// Makes rusqlite use the library of `table`, or says why it can't.
///
/// # Safety
/// `table` is NULL, or a table that SQLite handed out, of release 3.34.1 or later.
pub unsafe fn adopt(table: *mut ffi::sqlite3_api_routines) -> Result<(), String> {
    if table.is_null() {
        return Err("SQLite was built without its table of functions".to_owned());
    }
    let mut adopted = lock(&ADOPTED);
    match *adopted {
        Some(address) if address == table.addr() => return Ok(()),
        Some(_) => return Err("this process opens connections with another SQLite library already".to_owned()),
        None => {}
    }
    // SAFETY: the caller's promise.
    unsafe {
        if !is_complete(table) {
            return Err("SQLite was built without a function that is needed".to_owned());
        }
        ffi::rusqlite_extension_init2(table).map_err(|error| error.to_string())?;
    }
    *adopted = Some(table.addr());
    Ok(())
}
