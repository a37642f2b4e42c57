//! Putting the bytes of a checkpoint together from its recipe.
use std::ops::RangeInclusive;

use crate::matching::Reference;
use crate::piece::{Number, Piece};
use crate::recipe::{Malformed, Step};

/// A noted size beyond this is not trusted: it may be damaged, and must not ask for all memory.
const TRUSTED_SIZE: usize = 16 << 20;
const TRUSTED_PIECES: usize = 1 << 16;

/// The bytes of a checkpoint, and where its pieces lie in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assembled {
    pub bytes: Vec<u8>,
    pub pieces: Vec<Piece>,
}

impl Assembled {
    #[inline]
    fn add(&mut self, piece: &[u8], number: Number) -> Result<(), Malformed> {
        let start = self.bytes.len();
        self.bytes.try_reserve(piece.len()).map_err(|_| Malformed::NoMemory)?;
        self.bytes.extend_from_slice(piece);
        self.pieces.push(Piece { range: start..self.bytes.len(), number });
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
    let mut result = Assembled { bytes: buffer, pieces: Vec::new() };
    result.bytes.try_reserve(size.min(own.len() + TRUSTED_SIZE)).map_err(|_| Malformed::NoMemory)?;
    result.pieces.reserve(steps.iter().map(|step| step.pieces()).sum::<usize>().min(TRUSTED_PIECES));
    let mut place = 0;
    for step in steps {
        let next = own.get(place..place + step.own).ok_or(Malformed::OwnBytes)?;
        result.bytes.try_reserve(next.len()).map_err(|_| Malformed::NoMemory)?;
        result.bytes.extend_from_slice(next);
        place += step.own;
        if step.has_no_pieces() {
            continue;
        }
        let mut number = step.first;
        while number <= step.last
            && let Some((piece, its_number)) = in_memory.and_then(|reference| reference.piece(result.pieces.len()))
            && its_number == number
        {
            result.add(piece, number)?;
            number = number.saturating_add(1);
        }
        if number > step.last {
            continue;
        }
        stored(number..=step.last, &mut |piece| {
            result.add(piece, number)?;
            number = number.saturating_add(1);
            Ok(())
        })?;
        if number != step.last.saturating_add(1) {
            return Err(Malformed::Pieces { first: step.first, last: step.last }.into());
        }
    }
    if place != own.len() || result.bytes.len() != size {
        return Err(Malformed::Size.into());
    }
    Ok(result)
}
