//! What must hold for any input, one target a file. A target panics if it does not hold.
//!
//! `src/bin/` hands the targets to libFuzzer, and `tests/corpus.rs` replays the inputs that are kept.
pub mod cuts;
pub mod reader;
pub mod recipe;
pub mod storing;
mod table;
