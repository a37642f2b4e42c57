//! Which pieces of a new state are stored already.
//!
//! A state is compared, byte by byte, with one or two that are at hand: the one that it came from, and another of
//! the thread. Most of it is the same in the same order, and comparing takes less time than hashing would. What
//! does not match in order is looked for by a fingerprint of a few bytes, which says no more than where to
//! compare: a piece is never taken for another of other bytes.
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use fast_langgraph_msgpack::cuts::Cut;

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

type Index = HashMap<u64, Vec<(usize, usize)>>;

fn index(states: &[&State]) -> Index {
    let mut found = Index::new();
    for (which, state) in states.iter().enumerate() {
        for place in 0..state.pieces.len() {
            if let Some((bytes, _)) = state.piece(place) {
                let same = found.entry(fingerprint(bytes)).or_default();
                if same.len() < CANDIDATES {
                    same.push((which, place));
                }
            }
        }
    }
    found
}

/// The number of each piece of `bytes`, where one of the states has it. The first is the likeliest.
pub fn numbers(bytes: &[u8], cuts: &[Cut], states: &[&State]) -> Vec<Option<Number>> {
    let mut found = Vec::with_capacity(cuts.len());
    let mut others: Option<Index> = None;
    // The next piece of the first state, if all goes in order, and whether some of it was passed over.
    let (mut next, mut passed_over) = (0, false);
    for cut in cuts {
        let piece = bytes.get(cut.range.clone()).unwrap_or_default();
        let in_order = states.first().and_then(|state| state.piece(next));
        if let Some((same, number)) = in_order
            && same == piece
        {
            found.push(Some(number));
            next += 1;
            continue;
        }
        // At the end of the only state there is nothing more that could match.
        if in_order.is_none() && !passed_over && states.len() < 2 {
            found.push(None);
            continue;
        }
        let others = others.get_or_insert_with(|| index(states));
        let same = others.get(&fingerprint(piece)).into_iter().flatten().find_map(|&(which, place)| {
            let (bytes, number) = states.get(which)?.piece(place)?;
            (bytes == piece).then_some((which, place, number))
        });
        if let Some((0, place, _)) = same {
            passed_over |= place != next;
            next = place + 1;
        }
        found.push(same.map(|(_, _, number)| number));
    }
    found
}
