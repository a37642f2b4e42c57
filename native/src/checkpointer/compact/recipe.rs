//! How a checkpoint's bytes are put together again: bytes of its own and ranges of pieces, in turns.
//!
//! In the database it is text of records that are all as long, because plain SQL has to read it: ten digits each
//! of how many bytes of its own come next, and of the first and the last piece after them. A range whose first is
//! above its last is empty.
use std::fmt::Write as _;
use std::ops::Range;

use super::matching::Piece;
use super::numbers::Number;

const DIGITS: usize = 10;
pub const RECORD: usize = 3 * DIGITS;

#[derive(Clone, Copy)]
pub struct Part {
    /// Bytes of the checkpoint's own before the pieces.
    pub own: usize,
    pub first: Number,
    pub last: Number,
}

impl Part {
    fn pieces(self) -> usize {
        if self.first > self.last { 0 } else { (self.last - self.first) as usize + 1 }
    }
}

/// What a checkpoint consists of, and the bytes of its own.
pub struct Recipe {
    pub parts: Vec<Part>,
    pub own: Vec<u8>,
}

impl Recipe {
    /// Of `bytes` with these pieces, in order.
    pub fn new(bytes: &[u8], pieces: &[Piece]) -> Self {
        let mut recipe = Self { parts: Vec::new(), own: Vec::new() };
        let mut place = 0;
        for &Piece { place: Range { start, end }, number } in pieces {
            let own = bytes.get(place..start).unwrap_or_default();
            place = end;
            match recipe.parts.last_mut() {
                Some(part) if own.is_empty() && part.last.checked_add(1) == Some(number) => part.last = number,
                _ => recipe.add(own, number, number),
            }
        }
        recipe.add(bytes.get(place..).unwrap_or_default(), 1, 0);
        recipe
    }

    fn add(&mut self, own: &[u8], first: Number, last: Number) {
        self.own.extend_from_slice(own);
        self.parts.push(Part { own: own.len(), first, last });
    }

    pub fn text(&self) -> String {
        let mut text = String::with_capacity(self.parts.len() * RECORD);
        for Part { own, first, last } in &self.parts {
            // A String takes what is written to it.
            let _ = write!(text, "{own:010}{first:010}{last:010}");
        }
        text
    }
}

/// The parts in such a text; None for any other.
pub fn parts(text: &str) -> Option<Vec<Part>> {
    if !text.len().is_multiple_of(RECORD) || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |record: usize, field: usize| {
        let start = record * RECORD + field * DIGITS;
        text.get(start..start + DIGITS)?.parse::<Number>().ok()
    };
    (0..text.len() / RECORD)
        .map(|record| {
            Some(Part { own: number(record, 0)? as usize, first: number(record, 1)?, last: number(record, 2)? })
        })
        .collect()
}

/// How many pieces the parts name.
pub fn pieces(parts: &[Part]) -> usize {
    parts.iter().map(|part| part.pieces()).sum()
}
