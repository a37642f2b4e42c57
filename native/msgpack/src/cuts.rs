//! Where the bytes of a checkpoint are cut, so that what two checkpoints have in common is the same piece in both.
//!
//! Cut are the values in `channel_values`: lists at their elements, dicts at their values, and other values by
//! themselves when they are long. Small elements go together, in groups that begin and end by what is in them:
//! a list that gains an element in front has the same groups from the next one on.
use std::ops::Range;

use crate::reader::{ReadError, Reader, Token};

/// What is shorter than this is no piece: it would cost more to name than to repeat.
const LEAST: usize = 64;
/// An element of a list from this size on is a piece of its own.
const OWN: usize = 128;
/// A value that is no list from this size on.
const LONG: usize = 512;
/// Groups of small elements are from this size on, to this.
const GROUP_LEAST: usize = 512;
const GROUP_MOST: usize = 4096;
/// How deep dicts within channels are looked into.
const DEEPEST: usize = 3;

/// Lists have lanes by their names, from 1 on; lane 0 is for what is no list. Pieces of a lane are numbered one after
/// the other, so that those of a list that grows stand together, whatever else changes beside it.
pub const LANES: u8 = 16;

pub struct Cut {
    pub range: Range<usize>,
    pub lane: u8,
}

const CHANNEL_VALUES: &[u8] = b"channel_values";

/// The pieces of an encoded checkpoint, in order; what lies between them is in none. Empty where there is nothing
/// to cut, and for bytes that are no checkpoint.
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

    /// Past one value, whatever is in it.
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

    /// `name` is a hash of the keys that lead here.
    fn value(&mut self, depth: usize, name: u64) -> Result<(), ReadError> {
        let begin = self.place();
        match self.reader.clone().token()? {
            Token::Array(elements) => {
                self.reader.token()?;
                let lane = 1 + (name >> 32) % u64::from(LANES - 1);
                self.elements(elements, u8::try_from(lane).unwrap_or_default())
            }
            Token::Map(pairs) if depth < DEEPEST => {
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
                self.piece(begin..self.place(), LONG, 0);
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
            if element.len() >= OWN {
                self.piece(group, LEAST, lane);
                group = element.end..element.end;
                self.pieces.push(Cut { range: element, lane });
                continue;
            }
            group.end = element.end;
            if group.len() >= GROUP_MOST || (group.len() >= GROUP_LEAST && self.ends_a_group(element)) {
                self.piece(group, LEAST, lane);
                group = self.place()..self.place();
            }
        }
        self.piece(group, LEAST, lane);
        Ok(())
    }

    fn piece(&mut self, range: Range<usize>, least: usize, lane: u8) {
        if range.len() >= least {
            self.pieces.push(Cut { range, lane });
        }
    }

    /// True of one element in eight, always of the same ones.
    fn ends_a_group(&self, element: Range<usize>) -> bool {
        let bytes = self.bytes.get(element).unwrap_or_default();
        hash(FNV, bytes) >> 61 == 0
    }
}

const FNV: u64 = 0xcbf2_9ce4_8422_2325;

fn hash(start: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}
