//! Which pieces of a new state are stored already.
//!
//! A state is compared, byte by byte, with one or two that are at hand: the one that it came from, and another of
//! the thread. Most of it is the same in the same order, and comparing takes less time than hashing would. What
//! does not match in order is looked for by a fingerprint of a few bytes, which says no more than where to
//! compare: a piece is never taken for another of other bytes.
//!
//! A piece may be of several cuts in a row (`merging`), and is then found as a whole or not at all.
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use fast_langgraph_msgpack::cuts::{Cut, cuts};

use super::recipe::Number;
use crate::buffer::Buffer;

/// A state whose pieces are stored.
#[derive(Clone)]
pub struct State {
    pub bytes: Arc<Buffer>,
    pub pieces: Vec<Piece>,
}

#[derive(Clone)]
pub struct Piece {
    pub place: Range<usize>,
    pub number: Number,
}

/// Pieces of one fingerprint that are compared before the next is taken as new.
const CANDIDATES: usize = 8;

impl State {
    fn piece(&self, index: usize) -> Option<(&[u8], Number)> {
        let piece = self.pieces.get(index)?;
        Some((self.bytes.get(piece.place.clone())?, piece.number))
    }
}

/// Length and a few bytes, of all that a piece is.
fn fingerprint(bytes: &[u8]) -> u64 {
    let word = |start: usize| {
        let mut word = [0; 8];
        let found = bytes.get(start..).unwrap_or_default();
        let length = found.len().min(8);
        word.iter_mut().zip(found).take(length).for_each(|(to, from)| *to = *from);
        u64::from_le_bytes(word)
    };
    let places = [0, bytes.len() / 4, bytes.len() / 2, bytes.len() * 3 / 4, bytes.len().saturating_sub(8)];
    places.into_iter().fold(bytes.len() as u64, |hash, place| {
        (hash.rotate_left(23) ^ word(place)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    })
}

/// Of a lane's two series of numbers, the one of pieces that are not merged. It comes last: what is put after them
/// then often has no neighbour that it would have to share a page with.
pub const SINGLE: u8 = 1;

/// What a state consists of besides bytes of its own: stored already, or to be stored.
pub struct Part {
    pub place: Range<usize>,
    /// What its number is taken from: two a lane.
    pub series: u8,
    /// None where it has to be stored.
    pub number: Option<Number>,
}

type Index = HashMap<u64, Vec<(usize, usize)>>;

/// By the fingerprint of what a piece begins with, as it is cut.
fn index(states: &[&State]) -> Index {
    let mut found = Index::new();
    for (which, state) in states.iter().enumerate() {
        let mut cuts = cuts(&state.bytes).into_iter().peekable();
        for (index, piece) in state.pieces.iter().enumerate() {
            while cuts.next_if(|cut| cut.range.start < piece.place.start).is_some() {}
            let first = cuts.peek().filter(|cut| cut.range.start == piece.place.start).map(|cut| cut.range.clone());
            if let Some(bytes) = state.bytes.get(first.unwrap_or_else(|| piece.place.clone())) {
                let same = found.entry(fingerprint(bytes)).or_default();
                if same.len() < CANDIDATES {
                    same.push((which, index));
                }
            }
        }
    }
    found
}

/// How many of the cuts, from the first on, are just these bytes together.
fn covered(bytes: &[u8], cuts: &[Cut], piece: &[u8]) -> Option<usize> {
    let start = cuts.first()?.range.start;
    let end = start + piece.len();
    if bytes.get(start..end)? != piece {
        return None;
    }
    let covered = 1 + cuts.iter().take_while(|cut| cut.range.end < end).count();
    (cuts.get(covered - 1)?.range.end == end).then_some(covered)
}

/// The states that a new one is compared with, and how far in the first of them that went.
struct Comparison<'a> {
    bytes: &'a [u8],
    states: &'a [&'a State],
    index: Option<Index>,
    /// The next piece of the first state, if all goes in order.
    next: usize,
    /// Whether some of its pieces were passed over.
    passed_over: bool,
}

impl Comparison<'_> {
    /// A piece that the next cuts are, by its number, and how many they are.
    fn find(&mut self, cuts: &[Cut]) -> Option<(usize, Number)> {
        let in_order = self.states.first().and_then(|state| state.piece(self.next));
        if let Some((piece, number)) = in_order
            && let Some(count) = covered(self.bytes, cuts, piece)
        {
            self.next += 1;
            return Some((count, number));
        }
        // At the end of the only state there is nothing more that could match.
        if in_order.is_none() && !self.passed_over && self.states.len() < 2 {
            return None;
        }
        let index = self.index.get_or_insert_with(|| index(self.states));
        let key = fingerprint(self.bytes.get(cuts.first()?.range.clone())?);
        let (which, place, count, number) = index.get(&key)?.iter().find_map(|&(which, place)| {
            let (piece, number) = self.states.get(which)?.piece(place)?;
            Some((which, place, covered(self.bytes, cuts, piece)?, number))
        })?;
        if which == 0 {
            self.passed_over |= place != self.next;
            self.next = place + 1;
        }
        Some((count, number))
    }
}

/// The parts of `bytes`, with their numbers where one of the states has them. The first state is the likeliest.
pub fn parts(bytes: &[u8], cuts: &[Cut], states: &[&State]) -> Vec<Part> {
    let mut comparison = Comparison { bytes, states, index: None, next: 0, passed_over: false };
    let mut parts = Vec::with_capacity(cuts.len());
    let mut left = cuts;
    while let Some(cut) = left.first() {
        let found = comparison.find(left);
        let (taken, rest) = left.split_at(found.map_or(1, |(count, _)| count));
        let end = taken.last().unwrap_or(cut).range.end;
        let number = found.map(|(_, number)| number);
        parts.push(Part { place: cut.range.start..end, series: cut.lane << 1 | SINGLE, number });
        left = rest;
    }
    parts
}
