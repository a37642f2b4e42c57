//! The numbers of a thread's pieces.
//!
//! A list has a lane, and in it two series: one goes up, for what comes at its end, and one goes down, for what comes
//! in front. So a list that grows is one range, whatever else is stored in between.
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::RangeInclusive;

use fast_langgraph_msgpack::cuts::{Cut, LANES};
use rusqlite::Connection;

use super::hot::Generation;
use crate::errors::SqlError;

/// A piece's number within its thread, from 1.
pub type Number = u32;

/// A thread's pieces have these bits of an id for their number.
pub const NUMBER_BITS: u32 = 32;
/// Lane and series, and what is counted in them.
const COUNT_BITS: u32 = 27;
const COUNT_MASK: Number = (1 << COUNT_BITS) - 1;
const _: () = assert!(2 * LANES as u32 <= 1 << (NUMBER_BITS - COUNT_BITS));

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Series {
    Up,
    Down,
}

/// The number of each piece: the one that was found, or the next that is free in its series. None where there is none.
pub fn numbered(
    conn: &Connection,
    generation: Generation,
    cuts: &[Cut],
    found: &[Option<Number>],
) -> Result<Option<Vec<Number>>, SqlError> {
    let places: Vec<(u8, Series)> = cuts.iter().map(|cut| cut.lane).zip(series(cuts, found)).collect();
    let mut next: HashMap<(u8, Series), RangeInclusive<Number>> = HashMap::new();
    let mut numbers = Vec::with_capacity(cuts.len());
    for (place, number) in places.iter().zip(found) {
        let number = match (number, next.entry(*place)) {
            (Some(number), _) => Some(*number),
            (None, Entry::Occupied(next)) => next.into_mut().next(),
            (None, Entry::Vacant(next)) => {
                let count =
                    places.iter().zip(found).filter(|(other, number)| number.is_none() && *other == place).count();
                next.insert(free(conn, generation, *place, count)?).next()
            }
        };
        let Some(number) = number else { return Ok(None) };
        numbers.push(number);
    }
    Ok(Some(numbers))
}

/// Down for what is new in front of a list.
fn series(cuts: &[Cut], found: &[Option<Number>]) -> Vec<Series> {
    let mut series = Vec::with_capacity(cuts.len());
    let mut rest = found;
    for list in cuts.chunk_by(|cut, next| cut.range.end == next.range.start) {
        let (of_list, of_others) = rest.split_at(list.len().min(rest.len()));
        let front = of_list.iter().position(Option::is_some).unwrap_or(0);
        series.extend((0..list.len()).map(|index| if index < front { Series::Down } else { Series::Up }));
        rest = of_others;
    }
    series
}

/// Numbers of a series that come next to those that there are; `count` of them, or fewer where it is used up.
fn free(
    conn: &Connection,
    generation: Generation,
    (lane, series): (u8, Series),
    count: usize,
) -> Result<RangeInclusive<Number>, SqlError> {
    let count = Number::try_from(count).unwrap_or(Number::MAX);
    let start = (Number::from(lane) << 1 | series as Number) << COUNT_BITS;
    // Neither of these is given to a piece.
    let (least, most) = (start, start | COUNT_MASK);
    let base = generation.base();
    let outermost = if series == Series::Down { "min" } else { "max" };
    let found: Option<i64> = conn
        .prepare_cached(&format!("SELECT {outermost}(id) FROM fl_pieces WHERE id BETWEEN ? AND ?"))?
        .query_row([base + i64::from(least), base + i64::from(most)], |row| row.get(0))?;
    let found = found.and_then(|id| Number::try_from(id - base).ok());
    Ok(if series == Series::Down {
        let end = found.unwrap_or(most);
        end.saturating_sub(count).max(least + 1)..=end.saturating_sub(1)
    } else {
        let end = found.unwrap_or(least);
        end.saturating_add(1)..=end.saturating_add(count).min(most - 1)
    })
}
