//! Which pieces of a new checkpoint are stored already: it is compared, byte by byte, with checkpoints of its thread.
//!
//! Most of a checkpoint is the same in the same order as in its parent, and comparing takes less time than hashing
//! would. A piece that does not match in order is looked up by a fingerprint of a few bytes. The fingerprint only says
//! where to compare, so no piece is ever taken for another one of other bytes.
use std::collections::HashMap;
use std::ops::Range;

use crate::cuts::Cut;
use crate::piece::{Number, Piece};

/// A checkpoint whose pieces are stored, for new ones to be compared with.
#[derive(Clone, Copy, Debug)]
pub struct Reference<'a> {
    pub bytes: &'a [u8],
    pub pieces: &'a [Piece],
    /// What the new checkpoint is known to have in common with it, in ascending order. It is not compared.
    pub same: &'a [Same],
}

/// Bytes of a new checkpoint that are the same as those of another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Same {
    pub start: usize,
    /// Where they lie in the other one.
    pub from: usize,
    pub len: usize,
}

impl<'a> Reference<'a> {
    /// The bytes and the number of a piece.
    #[inline]
    pub fn piece(&self, index: usize) -> Option<(&'a [u8], Number)> {
        let piece = self.pieces.get(index)?;
        Some((self.bytes.get(piece.range.clone())?, piece.number))
    }

    /// Whether a range of the new checkpoint is known to be the same as this range of the reference.
    #[inline]
    fn is_known(&self, range: &Range<usize>, piece: &Range<usize>) -> bool {
        let covers = |same: &&Same| same.start <= range.start && range.end <= same.start + same.len;
        let place = self.same.iter().find(covers).map(|same| same.from + (range.start - same.start));
        place == Some(piece.start) && range.len() == piece.len()
    }
}

/// Of the pieces with one fingerprint, how many are compared after the expected place, and how many before it.
const CANDIDATES: usize = 4;

/// A hash of the length and of a few words of the bytes.
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

/// The indexes of a reference's pieces, by fingerprint.
type Index = HashMap<u64, Vec<usize>>;

fn index(reference: &Reference<'_>) -> Index {
    let mut found = Index::with_capacity(reference.pieces.len());
    for place in 0..reference.pieces.len() {
        if let Some((bytes, _)) = reference.piece(place) {
            found.entry(fingerprint(bytes)).or_default().push(place);
        }
    }
    found
}

/// A comparison with one reference, and how far it has come.
struct Comparison<'a> {
    reference: &'a Reference<'a>,
    /// Made when a piece is first looked up.
    index: Option<Index>,
    /// The piece that is expected next.
    next: usize,
}

impl Comparison<'_> {
    /// The number of the expected piece, if it has the bytes of this range.
    #[inline]
    fn in_order(&mut self, range: &Range<usize>, bytes: &[u8]) -> Option<Number> {
        let Piece { range: place, number } = self.reference.pieces.get(self.next)?;
        let is_it = self.reference.is_known(range, place) || self.reference.bytes.get(place.clone()) == Some(bytes);
        is_it.then(|| {
            self.next += 1;
            *number
        })
    }

    /// The number of any piece with these bytes. Pieces after the expected one are tried first.
    fn look_up(&mut self, bytes: &[u8]) -> Option<Number> {
        let index = self.index.get_or_insert_with(|| index(self.reference));
        let places = index.get(&fingerprint(bytes))?;
        let (before, after) = places.split_at(places.partition_point(|place| *place < self.next));
        let (place, number) =
            after.iter().take(CANDIDATES).chain(before.iter().rev().take(CANDIDATES)).find_map(|&place| {
                let (piece, number) = self.reference.piece(place)?;
                (piece == bytes).then_some((place, number))
            })?;
        self.next = place + 1;
        Some(number)
    }
}

/// For each cut the number of a stored piece with its bytes, None if no reference has one. The first reference should
/// be the likeliest, the parent.
pub fn find(bytes: &[u8], cuts: &[Cut], references: &[Reference<'_>]) -> Vec<Option<Number>> {
    let mut comparisons: Vec<_> =
        references.iter().map(|reference| Comparison { reference, index: None, next: 0 }).collect();
    // Whether every piece so far was found in the order of the first reference.
    let mut in_order = true;
    let mut find = |range: &Range<usize>| {
        let piece = bytes.get(range.clone())?;
        let first = comparisons.first_mut()?;
        if let Some(number) = first.in_order(range, piece) {
            return Some(number);
        }
        // A list has grown at its end: the only reference has no further piece that could match.
        if in_order && first.next == first.reference.pieces.len() && comparisons.len() == 1 {
            return None;
        }
        in_order = false;
        comparisons.iter_mut().find_map(|comparison| comparison.look_up(piece))
    };
    cuts.iter().map(|cut| find(&cut.range)).collect()
}
