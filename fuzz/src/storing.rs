//! A thread's states, each made of the one before: whatever is stored in pieces comes back byte for byte.
use arbitrary::{Result, Unstructured};
use fast_langgraph_msgpack::writer;

use crate::table::{Stored, Table};

const STATES: usize = 6;
const REFERENCES: usize = 3;

pub fn check(data: &[u8]) {
    // The input has come to its end when `states` fails: what was stored until then was checked.
    let _ = states(&mut Unstructured::new(data));
}

fn states(input: &mut Unstructured<'_>) -> Result<()> {
    let (mut table, mut stored) = (Table::default(), Vec::<Stored>::new());
    let (mut list, mut other, mut dict) = (elements(input)?, elements(input)?, elements(input)?);
    for _ in 0..STATES {
        let bytes = checkpoint(&list, &other, &dict);
        let references: Vec<_> = stored.iter().rev().take(REFERENCES).map(Stored::reference).collect();
        if let Some(next) = table.store(&bytes, &references) {
            table.check(&next, None);
            // It is read with its parent in memory, and the other way around.
            if let Some(parent) = stored.last() {
                table.check(&next, Some(parent.reference()));
                table.check(parent, Some(next.reference()));
            }
            stored.push(next);
        }
        let changed = match input.int_in_range(0..=3)? {
            0 => &mut other,
            1 => &mut dict,
            _ => &mut list,
        };
        change(changed, input)?;
    }
    stored.iter().for_each(|one| table.check(one, None));
    Ok(())
}

fn change(list: &mut Vec<Vec<u8>>, input: &mut Unstructured<'_>) -> Result<()> {
    match input.int_in_range(0..=6)? {
        0 | 1 => list.extend(elements(input)?),
        2 => drop(list.splice(0..0, elements(input)?)),
        3 => list.reverse(),
        4 => list.clear(),
        change if !list.is_empty() => {
            let place = input.choose_index(list.len())?;
            if change == 5 {
                list.remove(place);
            } else {
                list[place] = element(input)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn elements(input: &mut Unstructured<'_>) -> Result<Vec<Vec<u8>>> {
    (0..input.int_in_range(0..=8)?).map(|_| element(input)).collect()
}

/// An encoded str, of about a length that decides how it is cut. Many differ in one byte alone.
fn element(input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let length = [0, 20, 60, 124, 126, 200, 508, 600][input.int_in_range(0..=7)?] + input.int_in_range(0..=7)?;
    let mut text = vec![b'a'; length];
    let place = usize::from(input.arbitrary::<u8>()?);
    if let Some(byte) = text.get_mut(place) {
        *byte = b'b';
    }
    let mut out = Vec::new();
    writer::str(&mut out, &text).expect("it fits");
    Ok(out)
}

fn checkpoint(list: &[Vec<u8>], other: &[Vec<u8>], dict: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    let header = |out: &mut Vec<u8>, name: &[u8]| writer::str(out, name).expect("it fits");
    writer::map_len(&mut out, 2).expect("it fits");
    header(&mut out, b"id");
    header(&mut out, b"1");
    header(&mut out, b"channel_values");
    writer::map_len(&mut out, 3).expect("it fits");
    for (name, elements) in [(&b"messages"[..], list), (&b"documents"[..], other)] {
        header(&mut out, name);
        writer::array_len(&mut out, elements.len()).expect("it fits");
        elements.iter().for_each(|element| out.extend_from_slice(element));
    }
    header(&mut out, b"files");
    writer::map_len(&mut out, dict.len()).expect("it fits");
    for (number, value) in dict.iter().enumerate() {
        writer::u64(&mut out, number as u64);
        out.extend_from_slice(value);
    }
    out
}
