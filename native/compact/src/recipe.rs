//! The recipe of a checkpoint: how its bytes are put together from bytes of its own and ranges of pieces, in turns.
//!
//! In the database a recipe is text of records of one length, because plain SQL has to read it: ten digits each for the
//! number of own bytes, and for the first and the last piece after them. A range whose first number is above its last
//! is empty.
use std::fmt::Write as _;
use std::ops::Range;

use crate::piece::{Number, Piece};

const DIGITS: usize = 10;
/// The length of a step in text.
pub(crate) const RECORD: usize = 3 * DIGITS;

/// Some own bytes of a checkpoint, and the range of pieces that follows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// How many own bytes.
    pub own: usize,
    pub first: Number,
    pub last: Number,
}

impl Step {
    /// Whether no piece follows the own bytes.
    pub fn has_no_pieces(self) -> bool {
        self.first > self.last
    }

    /// How many pieces the range names.
    pub fn pieces(self) -> usize {
        if self.has_no_pieces() { 0 } else { (self.last - self.first) as usize + 1 }
    }
}

/// What a checkpoint consists of, and its own bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    pub steps: Vec<Step>,
    pub own: Vec<u8>,
}

impl Recipe {
    /// The recipe of `bytes` with these pieces, in order.
    pub fn new(bytes: &[u8], pieces: &[Piece]) -> Self {
        let mut recipe = Self { steps: Vec::new(), own: Vec::new() };
        let mut place = 0;
        for &Piece { range: Range { start, end }, number } in pieces {
            let own = bytes.get(place..start).unwrap_or_default();
            place = end;
            match recipe.steps.last_mut() {
                Some(step) if own.is_empty() && step.last.checked_add(1) == Some(number) => step.last = number,
                _ => recipe.add(own, number, number),
            }
        }
        recipe.add(bytes.get(place..).unwrap_or_default(), 1, 0);
        recipe
    }

    fn add(&mut self, own: &[u8], first: Number, last: Number) {
        self.own.extend_from_slice(own);
        self.steps.push(Step { own: own.len(), first, last });
    }

    /// The steps as text, for the database.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(self.steps.len() * RECORD);
        for Step { own, first, last } in &self.steps {
            // Writing to a String can't fail.
            let _ = write!(text, "{own:010}{first:010}{last:010}");
        }
        text
    }
}

/// Why a checkpoint can't be put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The text is no recipe.
    Text,
    /// The steps take more own bytes than there are.
    OwnBytes,
    /// Pieces of this range are not stored.
    Pieces { first: Number, last: Number },
    /// The result has another size than was noted, or own bytes are left over.
    Size,
    /// There is no memory for the bytes.
    NoMemory,
}

/// The steps in the text of a recipe.
///
/// # Errors
/// `Malformed::Text` for any other text, `Malformed::NoMemory` for one that is too long.
pub fn parse(text: &str) -> Result<Vec<Step>, Malformed> {
    if !text.len().is_multiple_of(RECORD) || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Malformed::Text);
    }
    let number = |record: usize, field: usize| {
        let start = record * RECORD + field * DIGITS;
        text.get(start..start + DIGITS).and_then(|digits| digits.parse::<Number>().ok()).ok_or(Malformed::Text)
    };
    let records = text.len() / RECORD;
    let mut steps = Vec::new();
    steps.try_reserve_exact(records).map_err(|_| Malformed::NoMemory)?;
    for record in 0..records {
        steps.push(Step { own: number(record, 0)? as usize, first: number(record, 1)?, last: number(record, 2)? });
    }
    Ok(steps)
}
