//! The engine of `RustSQLiteCheckpointer`: connections of our own to one database.
//!
//! `engine` is what Python holds; `request` names what can be asked of it and `reply` what comes back.
//! `database` ties the parts together: `writer` queues and commits what is written, `readers` lends out
//! connections to read with, `wal` moves the write-ahead log into the database and has `log_file` make room in
//! its file, `jobs` has the threads for those who can't wait (`completions` is how they hear of it), `gate`
//! stands before all of them when the process forks or the database is closed. How checkpoints lie in rows is
//! known to `layout` and what it chooses from, `standard` and `compact`, and to `schema`, alone.
//!
//! No thread of ours ever needs the GIL, so that none can be waited for in vain.
use pyo3::prelude::*;

mod busy;
mod compact;
mod completions;
mod connection;
mod counters;
mod database;
mod engine;
mod filter;
mod gate;
mod jobs;
mod layout;
mod listing;
mod log_file;
mod maintenance;
mod options;
mod readers;
mod reply;
mod request;
mod schema;
mod standard;
mod wal;
mod work;
mod writer;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<engine::Engine>()?;
    module.add_class::<request::Request>()?;
    module.add_class::<completions::Completions>()?;
    module.add_class::<listing::Listing>()?;
    engine::register(module)
}

/// The guard of a lock whose data is whole between any two statements of ours, whoever panicked with it.
fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
