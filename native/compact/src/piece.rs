//! A piece of a checkpoint: a range of its bytes that is stored under a number.
use std::ops::Range;

/// The number of a piece within its thread, from 1.
pub type Number = u32;

/// How many bits of a piece's id its number takes.
pub const NUMBER_BITS: u32 = Number::BITS;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where it lies in the checkpoint's bytes.
    pub range: Range<usize>,
    pub number: Number,
}
