//! The cuts of any bytes: they lie in order and inside, the same state is cut alike wherever it lies, and whatever the
//! cuts are, what is stored by them comes back.
use fast_langgraph_compact::{Cut, LANES, cuts};

use crate::table::Table;

/// Shorter pieces are refused when a checkpoint is put together.
const MIN_PIECE: usize = 64;

/// The first byte says where the rest is cut in two: bytes, and what is put in place of some of them.
pub fn check(data: &[u8]) {
    let Some((&[amount, place, gone], rest)) = data.split_first_chunk() else { return };
    let (bytes, more) = rest.split_at(rest.len() - rest.len().min(usize::from(amount)));
    let place = bytes.len() * usize::from(place) / 256;
    let gone = usize::from(gone).min(bytes.len() - place);
    let changed = [&bytes[..place], more, &bytes[place + gone..]].concat();

    let mut table = Table::default();
    let mut stored = Vec::new();
    for state in [bytes, &changed[..], bytes] {
        let cuts = cuts(state);
        check_order(state, &cuts);
        check_shifted(state, &cuts);
        check_torn(state, &cuts);
        let references: Vec<_> = stored.iter().rev().map(crate::table::Stored::reference).collect();
        let Some(next) = table.store(state, &references) else { continue };
        stored.push(next);
        for one in &stored {
            table.check(one, None);
            for other in &stored {
                table.check(one, Some(other.reference()));
            }
        }
    }
}

fn check_order(bytes: &[u8], cuts: &[Cut]) {
    let mut place = 0;
    for Cut { range, lane } in cuts {
        assert!(place <= range.start && range.start + MIN_PIECE <= range.end, "{range:?} after {place}");
        assert!(*lane < LANES, "lane {lane}");
        place = range.end;
    }
    assert!(place <= bytes.len(), "{place} of {} bytes", bytes.len());
}

/// One more entry in front of a checkpoint moves its pieces, and changes none of them.
fn check_shifted(bytes: &[u8], cuts_of_it: &[Cut]) {
    let Some((header @ 0x80..=0x8e, entries)) = bytes.split_first() else { return };
    let entry = b"\xa2id\xa11";
    let shifted = [&[header + 1], &entry[..], entries].concat();
    let by_size = |cut: &Cut| Cut { range: cut.range.start + entry.len()..cut.range.end + entry.len(), lane: cut.lane };
    assert_eq!(cuts(&shifted), cuts_of_it.iter().map(by_size).collect::<Vec<_>>());
}

/// Only a whole checkpoint is cut.
fn check_torn(bytes: &[u8], cuts_of_it: &[Cut]) {
    if !cuts_of_it.is_empty() {
        assert_eq!(cuts(&bytes[..bytes.len() - 1]), []);
        assert_eq!(cuts(&[bytes, &[0xc0]].concat()), []);
    }
}
