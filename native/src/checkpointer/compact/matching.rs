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

use super::numbers::{Kind, Number};
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

/// Of pieces that begin alike, how many are compared after the one that should be next, and before it.
const CANDIDATES: usize = 4;

impl State {
    fn piece(&self, index: usize) -> Option<(&[u8], Number)> {
        let piece = self.pieces.get(index)?;
        Some((self.bytes.get(piece.place.clone())?, piece.number))
    }

    /// The number of a merged piece of these bytes.
    pub fn merged(&self, bytes: &[u8]) -> Option<Number> {
        let is_it = |piece: &&Piece| {
            Kind::of(piece.number) == Kind::Merged && self.bytes.get(piece.place.clone()) == Some(bytes)
        };
        self.pieces.iter().find(is_it).map(|piece| piece.number)
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

/// What a state consists of besides bytes of its own: stored already, or to be stored.
pub struct Part {
    pub place: Range<usize>,
    pub lane: u8,
    /// None where it has to be stored.
    pub number: Option<Number>,
    pub kind: Kind,
}

/// Of each state, by the fingerprint of what a piece begins with as it is cut: where among its pieces they are.
type Index = HashMap<(usize, u64), Vec<usize>>;

fn index(states: &[&State]) -> Index {
    let mut found = Index::new();
    for (which, state) in states.iter().enumerate() {
        let mut cuts = cuts(&state.bytes).into_iter().peekable();
        for (index, piece) in state.pieces.iter().enumerate() {
            while cuts.next_if(|cut| cut.range.start < piece.place.start).is_some() {}
            let first = cuts.peek().filter(|cut| cut.range.start == piece.place.start).map(|cut| cut.range.clone());
            if let Some(bytes) = state.bytes.get(first.unwrap_or_else(|| piece.place.clone())) {
                found.entry((which, fingerprint(bytes))).or_default().push(index);
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

/// The states that a new one is compared with, and how far that went.
struct Comparison<'a> {
    bytes: &'a [u8],
    states: &'a [&'a State],
    index: Option<Index>,
    /// The next piece of each state, if all goes in order.
    next: Vec<usize>,
    /// Whether some of the first one's pieces were passed over.
    passed_over: bool,
}

impl Comparison<'_> {
    /// A piece that the next cuts are, by its number, and how many they are.
    fn find(&mut self, cuts: &[Cut]) -> Option<(usize, Number)> {
        let next = *self.next.first()?;
        let in_order = self.states.first()?.piece(next);
        if let Some((piece, number)) = in_order
            && let Some(count) = covered(self.bytes, cuts, piece)
        {
            *self.next.first_mut()? = next + 1;
            return Some((count, number));
        }
        // At the end of the only state there is nothing more that could match.
        if in_order.is_none() && !self.passed_over && self.states.len() < 2 {
            return None;
        }
        let (which, place, count, number) = self.look_up(cuts)?;
        self.passed_over |= which == 0 && place != next;
        *self.next.get_mut(which)? = place + 1;
        Some((count, number))
    }

    /// The same out of order: in which of the states and where it is, too.
    fn look_up(&mut self, cuts: &[Cut]) -> Option<(usize, usize, usize, Number)> {
        let index = self.index.get_or_insert_with(|| index(self.states));
        let first = fingerprint(self.bytes.get(cuts.first()?.range.clone())?);
        self.states.iter().zip(&self.next).enumerate().find_map(|(which, (state, next))| {
            let places = index.get(&(which, first))?;
            let (before, after) = places.split_at(places.partition_point(|place| place < next));
            after.iter().take(CANDIDATES).chain(before.iter().rev().take(CANDIDATES)).find_map(|&place| {
                let (piece, number) = state.piece(place)?;
                Some((which, place, covered(self.bytes, cuts, piece)?, number))
            })
        })
    }
}

/// The parts of `bytes`, with their numbers where one of the states has them. The first state is the likeliest.
pub fn parts(bytes: &[u8], cuts: &[Cut], states: &[&State]) -> Vec<Part> {
    let next = vec![0; states.len()];
    let mut comparison = Comparison { bytes, states, index: None, next, passed_over: false };
    let mut parts = Vec::with_capacity(cuts.len());
    let mut left = cuts;
    while let Some(cut) = left.first() {
        let found = comparison.find(left);
        let (taken, rest) = left.split_at(found.map_or(1, |(count, _)| count));
        let end = taken.last().unwrap_or(cut).range.end;
        let number = found.map(|(_, number)| number);
        let kind = number.map_or(Kind::Single, Kind::of);
        parts.push(Part { place: cut.range.start..end, lane: cut.lane, number, kind });
        left = rest;
    }
    parts
}
