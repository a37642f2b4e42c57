//! Which pieces of a new state are stored already.
//!
//! A state is compared, byte by byte, with those that are at hand: the one that it came from, and others of the
//! thread. Most of it is the same in the same order, and comparing takes less time than hashing would. What
//! does not match in order is looked for by a fingerprint of a few bytes, which says no more than where to
//! compare: a piece is never taken for another of other bytes.
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use fast_langgraph_msgpack::cuts::Cut;

use super::numbers::Number;
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

/// Of pieces with one fingerprint, how many are compared after the one that should be next, and before it.
const CANDIDATES: usize = 4;

impl State {
    pub fn piece(&self, index: usize) -> Option<(&[u8], Number)> {
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

/// Where among the pieces of a state they are, by fingerprint.
type Index = HashMap<u64, Vec<usize>>;

fn index(state: &State) -> Index {
    let mut found = Index::with_capacity(state.pieces.len());
    for place in 0..state.pieces.len() {
        if let Some((bytes, _)) = state.piece(place) {
            found.entry(fingerprint(bytes)).or_default().push(place);
        }
    }
    found
}

/// A state that a new one is compared with, and how far that went.
struct Comparison<'a> {
    state: &'a State,
    /// Made when it is first needed.
    index: Option<Index>,
    /// The next piece, if all goes in order.
    next: usize,
}

impl Comparison<'_> {
    /// The number of the next piece, if these are its bytes.
    fn in_order(&mut self, bytes: &[u8]) -> Option<Number> {
        let (piece, number) = self.state.piece(self.next)?;
        (piece == bytes).then(|| {
            self.next += 1;
            number
        })
    }

    /// The number of any piece of these bytes, rather of one that comes later than of one before.
    fn look_up(&mut self, bytes: &[u8]) -> Option<Number> {
        let index = self.index.get_or_insert_with(|| index(self.state));
        let places = index.get(&fingerprint(bytes))?;
        let (before, after) = places.split_at(places.partition_point(|place| *place < self.next));
        let (place, number) =
            after.iter().take(CANDIDATES).chain(before.iter().rev().take(CANDIDATES)).find_map(|&place| {
                let (piece, number) = self.state.piece(place)?;
                (piece == bytes).then_some((place, number))
            })?;
        self.next = place + 1;
        Some(number)
    }
}

/// The number of each piece of `bytes`, where one of the states has it. The first is the likeliest.
pub fn numbers(bytes: &[u8], cuts: &[Cut], states: &[&State]) -> Vec<Option<Number>> {
    let mut states: Vec<_> = states.iter().map(|state| Comparison { state, index: None, next: 0 }).collect();
    // Whether all has been found so far in the order of the first.
    let mut in_order = true;
    let mut find = |piece: &[u8]| {
        let first = states.first_mut()?;
        if let Some(number) = first.in_order(piece) {
            return Some(number);
        }
        // At the end of the only state there is nothing more that could match.
        if in_order && first.next == first.state.pieces.len() && states.len() == 1 {
            return None;
        }
        in_order = false;
        states.iter_mut().find_map(|state| state.look_up(piece))
    };
    cuts.iter().map(|cut| find(bytes.get(cut.range.clone())?)).collect()
}
