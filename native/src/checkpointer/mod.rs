//! The engine of `RustSQLiteCheckpointer`: connections of our own to one database.
//!
//! `engine` is what Python holds. A `request` is a change, a `query` or `maintenance`; `dispatch` has it carried out
//! and `reply` is what comes back, for event loops through `completions`. `database` ties the parts together: `writer`
//! commits the changes that `queue` collects, in a `transaction`; `reader_pool` lends connections to read with; `wal`
//! moves the write-ahead log into the database, and has room made in its file; `thread_pool` has threads for callers
//! that can't wait; `gate` keeps callers out while the process forks and after the database was closed; `forks` does
//! what a fork needs; `construction` is what is done with the file before anything is asked of it. How checkpoints lie in
//! rows is not known here but in `layout`.
//!
//! No thread of ours ever needs the GIL, so whoever holds the GIL may wait for any of them.
use pyo3::prelude::*;

mod backup;
mod busy;
mod completions;
mod connection;
mod construction;
mod counters;
mod database;
mod dispatch;
mod engine;
mod file;
mod forks;
mod gate;
mod listing;
mod maintenance;
mod options;
mod query;
mod queue;
mod reader_pool;
mod reply;
mod request;
mod shared;
mod thread_pool;
mod transaction;
mod wal;
mod writer;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<engine::Engine>()?;
    module.add_class::<request::PyRequest>()?;
    module.add_class::<completions::Completions>()?;
    module.add_class::<listing::Listing>()?;
    engine::register(module)
}
