//! The compact layout: what the checkpoints of a thread have in common is stored once, and a view shows SqliteSaver's
//! table.
//!
//! `tables` has the schema and its view. `write` applies changes, and `store` finds out which pieces of a checkpoint
//! are new, by comparing it with those in `cache` or with its parent; `read` and `assembly` put checkpoints together
//! again. `files` has one cache for each file, and `confirm` looks whether the file has what is in it. `generation` and
//! `pieces` are the two tables of pieces, `sweep` removes pieces that no checkpoint needs, and `convert` takes a database from one layout to the other. What needs no SQLite is in the crate
//! `fast_langgraph_compact`.
mod assembly;
pub mod cache;
mod confirm;
pub mod convert;
pub mod files;
pub mod generation;
mod pieces;
pub mod read;
mod store;
pub mod sweep;
pub mod tables;
pub mod write;
