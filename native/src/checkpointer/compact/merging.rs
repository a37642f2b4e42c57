//! Small pieces in a row become one, so that a long conversation is not a row a message.
//!
//! To step to a row takes as long as to copy half a kilobyte, and a row of half a page leaves the other half empty:
//! of 1,000 messages of 300 bytes the rows took 0.17 ms to read, and merged 0.04 ms. The rows that were merged are
//! needed by older checkpoints, and go with them.
//!
//! Merged is what stays as it is: what is appended, and not the last of it, which is edited and taken back. Where
//! something in a merged piece is edited, the rest of it is stored once more and never merged again, or that could
//! go on with each edit. So a byte is stored twice in a list that grows, and three times in one that also changes.
//! Neither merged are what comes in front of a list, and what is too little between two pieces of a page or more.
use super::matching::{Part, State};
use super::numbers::Kind;

/// What is smaller is merged; a page. From there on it is pages that take the time, not rows.
const SMALL: usize = 4096;
/// Bytes of a merged piece at most.
const MOST: usize = 16_000;
/// Bytes at the end of a list that are not merged yet, at least.
const REST: usize = 8_000;

/// What is smaller than this and lies between two that are new is stored with them: to name it would take 60 bytes at
/// each put.
const LITTLE: usize = 512;

/// The parts of a state, with one in place of small ones in a row.
pub fn merged(bytes: &[u8], mut parts: Vec<Part>, states: &[&State]) -> Vec<Part> {
    parts.chunk_by_mut(|part, next| part.place.end == next.place.start).for_each(sort);
    let mut merged: Vec<Part> = Vec::with_capacity(parts.len());
    // Where the last run of parts to merge begins.
    let mut start = 0;
    for part in parts {
        if !merged.last().is_some_and(|last| is_merged_with(&part, last)) {
            start = merged.len();
        }
        let (end, lane) = (part.place.end, part.lane);
        merged.push(part);
        let run = merged.get(start..).unwrap_or_default();
        let begin = run.first().map_or(end, |first| first.place.start);
        if run.len() > 1 && end - begin > MOST + REST {
            let count = run.iter().take_while(|part| part.place.end - begin <= MOST).count();
            let place = begin..run.get(count - 1).map_or(begin, |last| last.place.end);
            // Another that goes on from the same checkpoint may have merged the same.
            let piece = bytes.get(place.clone()).unwrap_or_default();
            let number = states.iter().find_map(|state| state.merged(piece));
            merged.splice(start..start + count, [Part { place, lane, number, kind: Kind::Merged }]);
            start += 1;
        }
    }
    merged
}

/// Says of what is new in a list which kind it is.
fn sort(list: &mut [Part]) {
    for index in 1..list.len().saturating_sub(1) {
        if let Some([before, part, after]) = list.get_mut(index - 1..=index + 1)
            && (before.number, after.number) == (None, None)
            && part.place.len() < LITTLE
        {
            (part.number, part.kind) = (None, Kind::Single);
        }
    }
    let is_found = |part: &Part| part.number.is_some();
    let (Some(first), Some(last)) = (list.iter().position(is_found), list.iter().rposition(is_found)) else { return };
    for (index, part) in list.iter_mut().enumerate().filter(|(_, part)| part.number.is_none()) {
        part.kind = if index < first {
            Kind::Front
        } else if index < last {
            Kind::Loose
        } else {
            Kind::Single
        };
    }
}

fn is_small(part: &Part) -> bool {
    part.kind == Kind::Single && part.place.len() < SMALL
}

fn is_merged_with(part: &Part, last: &Part) -> bool {
    is_small(part) && is_small(last) && part.place.start == last.place.end
}
