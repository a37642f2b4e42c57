//! Where the bytes of a checkpoint are cut, so that what two checkpoints have in common is the same piece in both.
//!
//! The values in `channel_values` are cut: lists into their elements, dicts into their values; any other value is a
//! piece by itself if it is long. Small elements of a list form groups, whose limits depend on what is in them: a list
//! that gains an element in front has the same groups from the second one on.
use std::ops::Range;

use fast_langgraph_msgpack::reader::{ReadError, Reader, Token};

/// Shorter bytes are no piece: naming them would take more room than repeating them. Who puts a checkpoint together
/// relies on it: so a file can't name more pieces than suit the size that it states.
pub(crate) const MIN_PIECE: usize = 64;
/// An element of a list of this size or more is a piece of its own.
const MIN_ELEMENT: usize = 128;
/// Any other value of this size or more is a piece.
const MIN_VALUE: usize = 512;
/// A group of small elements ends between these sizes.
const MIN_GROUP: usize = 512;
const MAX_GROUP: usize = 4096;
/// How many levels of dicts within a channel are cut.
const MAX_DEPTH: usize = 3;

/// Each list has a lane by its name, from 1 on; lane 0 is for all other values. The pieces of a lane are numbered one
/// after the other, so that those of a list that grows stay together, whatever else changes beside it.
pub const LANES: u8 = 16;

/// A piece to be: where it lies, and the lane that it is numbered in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    pub range: Range<usize>,
    pub lane: u8,
}

const CHANNEL_VALUES: &[u8] = b"channel_values";

/// The cuts of an encoded checkpoint, in order; the bytes between them are in no piece. Empty if there is nothing to
/// cut, and for bytes that are no checkpoint.
pub fn cuts(bytes: &[u8]) -> Vec<Cut> {
    let mut walk = Walk { bytes, reader: Reader::new(bytes), pieces: Vec::new() };
    if walk.checkpoint().is_ok() && walk.reader.remaining() == 0 { walk.pieces } else { Vec::new() }
}

struct Walk<'a> {
    bytes: &'a [u8],
    reader: Reader<'a>,
    pieces: Vec<Cut>,
}

impl Walk<'_> {
    fn place(&self) -> usize {
        self.bytes.len() - self.reader.remaining()
    }

    fn checkpoint(&mut self) -> Result<(), ReadError> {
        let Token::Map(pairs) = self.reader.token()? else { return Err(ReadError::Reserved) };
        for _ in 0..pairs {
            let is_values = matches!(self.reader.clone().token()?, Token::Str(CHANNEL_VALUES));
            self.skip()?;
            if is_values { self.value(0, FNV)? } else { self.skip()? }
        }
        Ok(())
    }

    /// Skips one value with all that is in it.
    fn skip(&mut self) -> Result<(), ReadError> {
        let mut left = 1_u64;
        while left > 0 {
            left -= 1;
            match self.reader.token()? {
                Token::Array(elements) => left += u64::from(elements),
                Token::Map(pairs) => left += 2 * u64::from(pairs),
                _ => {}
            }
        }
        Ok(())
    }

    /// Cuts one value. `name` is a hash of the keys that lead to it.
    fn value(&mut self, depth: usize, name: u64) -> Result<(), ReadError> {
        let begin = self.place();
        match self.reader.clone().token()? {
            Token::Array(elements) => {
                self.reader.token()?;
                let lane = 1 + (name >> 32) % u64::from(LANES - 1);
                self.elements(elements, u8::try_from(lane).unwrap_or_default())
            }
            Token::Map(pairs) if depth < MAX_DEPTH => {
                self.reader.token()?;
                for _ in 0..pairs {
                    let key = self.place();
                    self.skip()?;
                    let name = hash(name, self.bytes.get(key..self.place()).unwrap_or_default());
                    self.value(depth + 1, name)?;
                }
                Ok(())
            }
            _ => {
                self.skip()?;
                self.piece(begin..self.place(), MIN_VALUE, 0);
                Ok(())
            }
        }
    }

    fn elements(&mut self, count: u32, lane: u8) -> Result<(), ReadError> {
        let mut group = self.place()..self.place();
        for _ in 0..count {
            let begin = self.place();
            self.skip()?;
            let element = begin..self.place();
            if element.len() >= MIN_ELEMENT {
                self.piece(group, MIN_PIECE, lane);
                group = element.end..element.end;
                self.pieces.push(Cut { range: element, lane });
                continue;
            }
            group.end = element.end;
            if group.len() >= MAX_GROUP || (group.len() >= MIN_GROUP && self.ends_a_group(element)) {
                self.piece(group, MIN_PIECE, lane);
                group = self.place()..self.place();
            }
        }
        self.piece(group, MIN_PIECE, lane);
        Ok(())
    }

    fn piece(&mut self, range: Range<usize>, least: usize, lane: u8) {
        if range.len() >= least {
            self.pieces.push(Cut { range, lane });
        }
    }

    /// True for one element in eight, decided by its bytes.
    fn ends_a_group(&self, element: Range<usize>) -> bool {
        let bytes = self.bytes.get(element).unwrap_or_default();
        hash(FNV, bytes) >> 61 == 0
    }
}

const FNV: u64 = 0xcbf2_9ce4_8422_2325;

fn hash(start: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}
