//! The numbers of a thread's pieces, which say what kind of piece each is.
//!
//! Those of one kind in one list, which has a lane, are a series: what is stored one after the other then stands
//! together, and is one range, whatever else is stored in between.
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::RangeInclusive;

use fast_langgraph_msgpack::cuts::LANES;
use rusqlite::Connection;

use super::hot::Generation;
use super::matching::{Part, Piece};
use crate::errors::SqlError;

/// A piece's number within its thread, from 1.
pub type Number = u32;

/// A thread's pieces have these bits of an id for their number.
pub const NUMBER_BITS: u32 = 32;
/// Lane and kind, and what is counted in them.
const COUNT_BITS: u32 = 26;
const COUNT_MASK: Number = (1 << COUNT_BITS) - 1;
const KIND_BITS: u32 = 2;
const _: () = assert!((LANES as u32) << KIND_BITS <= 1 << (NUMBER_BITS - COUNT_BITS));

/// In the order in which they stand. Those that are put most often come last: where they stood before merged ones,
/// each that came would be put beside a large row, and pages be left half empty.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Of several cuts.
    Merged,
    /// Of one, in between.
    Loose,
    /// Of one, at the end of a list or of all that is new.
    Single,
    /// Of one, in front of what was there. Their numbers go down: those of a list that grows there are one range.
    Front,
}

impl Kind {
    pub const fn of(number: Number) -> Self {
        match (number >> COUNT_BITS) & ((1 << KIND_BITS) - 1) {
            0 => Self::Merged,
            1 => Self::Loose,
            2 => Self::Single,
            _ => Self::Front,
        }
    }
}

/// Pieces with the number that was found for each, or the next that is free in its series. None where there is none.
pub fn numbered(conn: &Connection, generation: Generation, parts: &[Part]) -> Result<Option<Vec<Piece>>, SqlError> {
    let mut free_of: HashMap<(u8, Kind), RangeInclusive<Number>> = HashMap::new();
    let mut pieces = Vec::with_capacity(parts.len());
    for Part { place, lane, number, kind } in parts {
        let number = match number {
            Some(number) => Some(*number),
            None => match free_of.entry((*lane, *kind)) {
                Entry::Occupied(series) => series.into_mut(),
                Entry::Vacant(series) => {
                    let is_of_it = |part: &&Part| part.number.is_none() && (part.lane, part.kind) == (*lane, *kind);
                    series.insert(free(conn, generation, *lane, *kind, parts.iter().filter(is_of_it).count())?)
                }
            }
            .next(),
        };
        let Some(number) = number else { return Ok(None) };
        pieces.push(Piece { place: place.clone(), number });
    }
    Ok(Some(pieces))
}

/// Numbers of a series that come next to those that there are; `count` of them, or fewer where it is used up.
fn free(
    conn: &Connection,
    generation: Generation,
    lane: u8,
    kind: Kind,
    count: usize,
) -> Result<RangeInclusive<Number>, SqlError> {
    let count = Number::try_from(count).unwrap_or(Number::MAX);
    let start = (Number::from(lane) << KIND_BITS | kind as Number) << COUNT_BITS;
    // Neither of these is given to a piece.
    let (least, most) = (start, start | COUNT_MASK);
    let base = generation.base();
    let outermost = if kind == Kind::Front { "min" } else { "max" };
    let found: Option<i64> = conn
        .prepare_cached(&format!("SELECT {outermost}(id) FROM fl_pieces WHERE id BETWEEN ? AND ?"))?
        .query_row([base + i64::from(least), base + i64::from(most)], |row| row.get(0))?;
    let found = found.and_then(|id| Number::try_from(id - base).ok());
    Ok(if kind == Kind::Front {
        let end = found.unwrap_or(most);
        end.saturating_sub(count).max(least + 1)..=end.saturating_sub(1)
    } else {
        let end = found.unwrap_or(least);
        end.saturating_add(1)..=end.saturating_add(count).min(most - 1)
    })
}
