//! The compact layout's logic that needs neither Python nor SQLite: what checkpoints have in common is stored once.
//!
//! `cuts` says where an encoded checkpoint is cut into pieces, `matching` which pieces are stored already, `numbers`
//! which numbers the new ones get, `recipe` how the bytes are named by ranges of numbers, and `assembly` puts them
//! together again. `plan` combines these for a checkpoint that is to be stored.
mod assembly;
mod cuts;
mod matching;
mod numbers;
mod piece;
mod plan;
mod recipe;

pub use assembly::{Assembled, MAX_SIZE, assemble};
pub use cuts::{Cut, LANES, cuts};
pub use matching::{Reference, Same, find};
pub use numbers::{Direction, Series, assign};
pub use piece::{NUMBER_BITS, Number, Piece};
pub use plan::{Plan, plan};
pub use recipe::{Malformed, Recipe, Step, parse};
