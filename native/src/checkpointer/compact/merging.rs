//! Small pieces in a row become one, so that a long conversation is not a row a message.
//!
//! To step to a row takes as long as to copy half a kilobyte, and a row of half a page leaves the other half empty:
//! of 1,000 messages of 300 bytes the rows took 0.17 ms to read, and merged 0.04 ms. What was said last stays in rows
//! of its own, for that is what grows and is edited. A byte of a list that grows is stored twice at most; the rows
//! that were merged are needed by older checkpoints, and go with them.
//!
//! Merged pieces have numbers of their own: those of a list that grows are one range, what comes after is another.
use super::matching::{Part, SINGLE};

/// What is smaller is merged; a page. From there on it is pages that take the time, not rows.
const SMALL: usize = 4096;
/// Bytes of a merged piece at most. Where something in it is edited, all of it is stored again, once.
const MOST: usize = 16_000;
/// A merged piece, to which the next one did not fit, is never taken for a small one.
const _: () = assert!(MOST - SMALL >= SMALL);

/// The parts of a state, with one in place of small ones in a row that are as much as a merged piece holds.
pub fn merged(parts: Vec<Part>) -> Vec<Part> {
    let mut merged: Vec<Part> = Vec::with_capacity(parts.len());
    // Where the last run of small parts begins.
    let mut start = 0;
    for part in parts {
        if !is_small(&part) || !merged.last().is_some_and(|last| is_small(last) && follows(&part, last)) {
            start = merged.len();
        } else if let Some(first) = merged.get(start)
            && part.place.end - first.place.start > MOST
        {
            let place = first.place.start..part.place.start;
            let whole = Part { place, series: part.series & !SINGLE, number: None };
            merged.truncate(start);
            merged.push(whole);
            start = merged.len();
        }
        merged.push(part);
    }
    merged
}

fn is_small(part: &Part) -> bool {
    part.place.len() < SMALL
}

fn follows(part: &Part, last: &Part) -> bool {
    part.place.start == last.place.end && part.series == last.series
}
