//! Putting the bytes of a checkpoint together from its recipe.
use std::ops::RangeInclusive;

use crate::cuts::MIN_PIECE;
use crate::matching::Reference;
use crate::piece::{Number, Piece};
use crate::recipe::{Malformed, Step};

/// SQLite's own bound for a value. No checkpoint is larger, whatever a file states.
pub const MAX_SIZE: usize = 1_000_000_000;

/// Memory for more than this is only taken as the bytes come: the size that a file states may be wrong.
const TRUSTED_SIZE: usize = 16 << 20;

/// The bytes of a checkpoint, and where its pieces lie in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assembled {
    pub bytes: Vec<u8>,
    pub pieces: Vec<Piece>,
}

/// A checkpoint that is being put together, up to the size that it is to have.
struct Assembly {
    result: Assembled,
    size: usize,
}

impl Assembly {
    fn new(buffer: Vec<u8>, size: usize) -> Result<Self, Malformed> {
        if size > MAX_SIZE {
            return Err(Malformed::Size);
        }
        let mut result = Assembled { bytes: buffer, pieces: Vec::new() };
        result.bytes.try_reserve(size.min(TRUSTED_SIZE)).map_err(|_| Malformed::NoMemory)?;
        Ok(Self { result, size })
    }

    #[inline]
    fn add_own(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        if bytes.len() > self.size - self.result.bytes.len() {
            return Err(Malformed::Size);
        }
        self.result.bytes.try_reserve(bytes.len()).map_err(|_| Malformed::NoMemory)?;
        self.result.bytes.extend_from_slice(bytes);
        Ok(())
    }

    #[inline]
    fn add_piece(&mut self, bytes: &[u8], number: Number) -> Result<(), Malformed> {
        if bytes.len() < MIN_PIECE {
            return Err(Malformed::Pieces { first: number, last: number });
        }
        let start = self.result.bytes.len();
        self.add_own(bytes)?;
        self.result.pieces.try_reserve(1).map_err(|_| Malformed::NoMemory)?;
        self.result.pieces.push(Piece { range: start..self.result.bytes.len(), number });
        Ok(())
    }
}

/// Follows the steps of a recipe, with the checkpoint's `own` bytes, to a result of `size` bytes in `buffer`.
///
/// Pieces that `in_memory` has are taken from there: it must be a checkpoint of the same thread and generation, in
/// which a number stands for the same bytes. The others come from `stored`, which calls its second argument with each
/// stored piece of a range, in ascending order of their numbers.
///
/// # Errors
/// Those of `stored`, and `Malformed` for a recipe that can't be followed.
pub fn assemble<E: From<Malformed>>(
    steps: &[Step],
    own: &[u8],
    size: usize,
    in_memory: Option<Reference<'_>>,
    buffer: Vec<u8>,
    mut stored: impl FnMut(RangeInclusive<Number>, &mut dyn FnMut(&[u8]) -> Result<(), E>) -> Result<(), E>,
) -> Result<Assembled, E> {
    let mut assembly = Assembly::new(buffer, size)?;
    let mut place = 0_usize;
    for step in steps {
        assembly.add_own(own.get(place..place.saturating_add(step.own)).ok_or(Malformed::OwnBytes)?)?;
        place += step.own;
        if step.has_no_pieces() {
            continue;
        }
        // None after the last number there is.
        let mut next = Some(step.first);
        while let Some(number) = next.filter(|number| *number <= step.last)
            && let Some((piece, its_number)) =
                in_memory.and_then(|reference| reference.piece(assembly.result.pieces.len()))
            && its_number == number
        {
            assembly.add_piece(piece, number)?;
            next = number.checked_add(1);
        }
        let Some(number) = next.filter(|number| *number <= step.last) else { continue };
        let missing = Malformed::Pieces { first: step.first, last: step.last };
        stored(number..=step.last, &mut |piece| {
            let number = next.ok_or(missing)?;
            assembly.add_piece(piece, number)?;
            next = number.checked_add(1);
            Ok(())
        })?;
        if next != step.last.checked_add(1) {
            return Err(missing.into());
        }
    }
    if place != own.len() || assembly.result.bytes.len() != size {
        return Err(Malformed::Size.into());
    }
    Ok(assembly.result)
}
