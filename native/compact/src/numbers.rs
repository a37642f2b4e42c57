//! Numbers for new pieces.
//!
//! Each list has a lane of numbers, and a lane has two series: one goes up, for elements that are added at the end of
//! the list, and one goes down, for elements that are added in front. So the pieces of a list that grows are one range
//! of numbers, whatever else is stored in between.
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::RangeInclusive;

use crate::cuts::{Cut, LANES};
use crate::piece::{NUMBER_BITS, Number};

/// The bits of a number below those for lane and direction.
const COUNT_BITS: u32 = 27;
const COUNT_MASK: Number = (1 << COUNT_BITS) - 1;
const _: () = assert!(2 * LANES as u32 <= 1 << (NUMBER_BITS - COUNT_BITS));

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    Up,
    Down,
}

/// Numbers that are given one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Series {
    pub lane: u8,
    pub direction: Direction,
}

impl Series {
    /// The numbers around the series; neither is ever given to a piece.
    pub fn bounds(self) -> (Number, Number) {
        let start = (Number::from(self.lane) << 1 | self.direction as Number) << COUNT_BITS;
        (start, start | COUNT_MASK)
    }

    /// The next `count` numbers, in ascending order; fewer if the series is used up. `last` is the last number that
    /// was given: the highest of a series that goes up, the lowest of one that goes down.
    pub fn next(self, last: Option<Number>, count: usize) -> RangeInclusive<Number> {
        let count = Number::try_from(count).unwrap_or(Number::MAX);
        let (least, most) = self.bounds();
        match self.direction {
            Direction::Down => {
                let end = last.unwrap_or(most);
                end.saturating_sub(count).max(least + 1)..=end.saturating_sub(1)
            }
            Direction::Up => {
                let end = last.unwrap_or(least);
                end.saturating_add(1)..=end.saturating_add(count).min(most - 1)
            }
        }
    }
}

/// A number for each piece: the number that was found, or the next one in its series. None if a series is used up.
///
/// `last` tells the last number of a series that is stored.
///
/// # Errors
/// Those of `last`.
pub fn assign<E>(
    cuts: &[Cut],
    found: &[Option<Number>],
    mut last: impl FnMut(Series) -> Result<Option<Number>, E>,
) -> Result<Option<Vec<Number>>, E> {
    let lanes = cuts.iter().map(|cut| cut.lane);
    let all: Vec<Series> =
        lanes.zip(directions(cuts, found)).map(|(lane, direction)| Series { lane, direction }).collect();
    let mut next: HashMap<Series, RangeInclusive<Number>> = HashMap::new();
    let mut numbers = Vec::with_capacity(cuts.len());
    for (series, number) in all.iter().zip(found) {
        if let Some(number) = number {
            numbers.push(*number);
            continue;
        }
        let number = match next.entry(*series) {
            Entry::Occupied(next) => next.into_mut().next(),
            Entry::Vacant(next) => {
                let count =
                    all.iter().zip(found).filter(|(other, number)| number.is_none() && *other == series).count();
                next.insert(series.next(last(*series)?, count)).next()
            }
        };
        let Some(number) = number else { return Ok(None) };
        numbers.push(number);
    }
    Ok(Some(numbers))
}

/// Down for new pieces in front of a list, up for all others.
fn directions(cuts: &[Cut], found: &[Option<Number>]) -> Vec<Direction> {
    let mut directions = Vec::with_capacity(cuts.len());
    let mut rest = found;
    for list in cuts.chunk_by(|cut, next| cut.range.end == next.range.start) {
        let (of_list, of_others) = rest.split_at(list.len().min(rest.len()));
        let front = of_list.iter().position(Option::is_some).unwrap_or(0);
        directions.extend((0..list.len()).map(|index| if index < front { Direction::Down } else { Direction::Up }));
        rest = of_others;
    }
    directions
}
