//! How checkpoints lie in rows: SqliteSaver's standard layout, and the compact one.
//!
//! All of it works on any connection to SQLite, within a transaction of the caller's, and knows nothing of threads, of
//! queues, or of who opened the connection. `schema` finds and makes the tables, `change` names what can be written and
//! `write` writes it, `snapshot` and `listing` read, `threads` and `statistics` say what there is, `removal` removes
//! threads, checkpoints and what is left of them, and says how much that is; `standard` and `compact` have each layout's rows.
mod change;
mod compact;
mod created_at;
mod filter;
mod kind;
mod listing;
mod removal;
mod schema;
mod snapshot;
mod standard;
mod statistics;
mod threads;
mod write;

pub use change::{Change, Mark, NamespaceAndId, Removal, Tally};
pub use compact::cache::{CacheEntry, CacheWriter, CheckpointCache};
pub use compact::convert::remaining;
pub use compact::files::cache_of;
pub use compact::read::checkpoint as compact_checkpoint;
pub use compact::write::{Put, delete_thread, put};
pub use filter::Filter;
pub use kind::Layout;
pub use listing::{Batch, CheckpointKey, KeysQuery, batch};
pub use removal::{KnownMark, measured};
pub use schema::{Schema, TableOptions, Tables, make_compact};
pub use snapshot::{CheckpointRows, Snapshot};
pub use standard::{CHECKPOINT_COLUMN, VALUE_COLUMN};
pub use statistics::{Statistics, space, statistics};
pub use threads::{ThreadOrder, ThreadSummary, thread_summaries, threads, threads_in_order, threads_with_pieces};
pub use write::apply;
