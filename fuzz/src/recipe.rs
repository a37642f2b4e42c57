//! Any recipe with any own bytes, size and pieces: it is followed exactly or refused, in memory that what it states and
//! what there is allow.
use std::collections::BTreeMap;

use arbitrary::{Result, Unstructured};
use fast_langgraph_compact::{MAX_SIZE, Malformed, Number, Piece, Reference, Step, assemble, parse};

use crate::table::Table;

const MIN_PIECE: usize = 64;
/// So much is taken for a size that is only stated.
const TRUSTED_SIZE: usize = 16 << 20;

pub fn check(data: &[u8]) {
    check_text(data);
    let mut input = Unstructured::new(data);
    if let Ok(row) = Row::take(&mut input) {
        row.check();
    }
}

/// The bytes as a recipe's text: the steps say the same text again.
fn check_text(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    match parse(text) {
        Ok(steps) => assert_eq!(written(&steps), text),
        Err(error) => {
            assert_eq!(error, Malformed::Text);
            let fields = data.chunks(10).all(|field| {
                field.len() == 10
                    && field.iter().all(u8::is_ascii_digit)
                    && str::from_utf8(field).is_ok_and(|field| field.parse::<Number>().is_ok())
            });
            assert!(!fields || !data.len().is_multiple_of(30), "{text} is a recipe");
        }
    }
}

fn written(steps: &[Step]) -> String {
    steps.iter().map(|step| format!("{:010}{:010}{:010}", step.own, step.first, step.last)).collect()
}

/// A row of the database, and what it needs.
struct Row {
    steps: Vec<Step>,
    own: Vec<u8>,
    size: usize,
    table: Table,
    /// Numbers of pieces that are in memory, in order.
    in_memory: Vec<Number>,
}

impl Row {
    fn take(input: &mut Unstructured<'_>) -> Result<Self> {
        let mut table = Table::default();
        for _ in 0..input.int_in_range(0..=20)? {
            let (number, length, fill) = (number(input)?, input.int_in_range(60..=140)?, input.arbitrary()?);
            table.0.insert(number, vec![fill; length]);
        }
        let there: Vec<_> = table.0.keys().copied().collect();
        let mut in_memory = Vec::new();
        if !there.is_empty() {
            for _ in 0..input.int_in_range(0..=8)? {
                in_memory.push(*input.choose(&there)?);
            }
        }
        let mut steps = Vec::new();
        for _ in 0..input.int_in_range(0..=12)? {
            let own =
                if input.ratio(1, 20)? { input.arbitrary::<u32>()? as usize } else { input.int_in_range(0..=9)? };
            steps.push(Step { own, first: number(input)?, last: number(input)? });
        }
        let named = steps.iter().map(|step| step.own.min(1000)).sum::<usize>();
        let own = if input.ratio(1, 8)? { input.int_in_range(0..=100)? } else { named };
        let own: Vec<u8> = (0..own).map(|place| place as u8).collect();
        let mut row = Self { steps, own, size: 0, table, in_memory };
        // The right size more often than not: others are soon refused.
        let right = row.expected(None).map_or(0, |bytes| bytes.len());
        row.size = match input.int_in_range(0..=9)? {
            0 => input.int_in_range(0..=3000)?,
            1 => input.arbitrary()?,
            2 => MAX_SIZE.saturating_add_signed(input.int_in_range(-1..=1)?),
            3 => right + 1,
            4 => right.saturating_sub(1),
            _ => right,
        };
        Ok(row)
    }

    /// What the recipe says, plainly followed; None if it can't be, or not to this size.
    fn expected(&self, size: Option<usize>) -> Option<Vec<u8>> {
        let (mut bytes, mut own) = (Vec::new(), &self.own[..]);
        for step in &self.steps {
            let (taken, rest) = own.split_at_checked(step.own)?;
            own = rest;
            bytes.extend_from_slice(taken);
            let mut expected = step.first;
            if step.first <= step.last {
                let found: BTreeMap<_, _> = self.table.0.range(step.first..=step.last).collect();
                if found.len() as u64 != u64::from(step.last) - u64::from(step.first) + 1 {
                    return None;
                }
                for (number, piece) in found {
                    assert_eq!(*number, expected);
                    expected = expected.saturating_add(1);
                    bytes.extend_from_slice(piece);
                    if piece.len() < MIN_PIECE {
                        return None;
                    }
                }
            }
        }
        (own.is_empty() && size.is_none_or(|size| bytes.len() == size)).then_some(bytes)
    }

    fn check(&self) {
        let expected = self.expected(Some(self.size));
        let mut bytes = Vec::new();
        let mut pieces = Vec::new();
        for number in &self.in_memory {
            let piece = &self.table.0[number];
            pieces.push(Piece { range: bytes.len()..bytes.len() + piece.len(), number: *number });
            bytes.extend_from_slice(piece);
        }
        for in_memory in [None, Some(Reference { bytes: &bytes, pieces: &pieces, same: &[] })] {
            self.check_assembly(expected.as_deref(), in_memory);
        }
    }

    fn check_assembly(&self, expected: Option<&[u8]>, in_memory: Option<Reference<'_>>) {
        let text = written(&self.steps);
        let mut given = 0;
        let mut result = Err(Malformed::Text);
        let used = allocation_counter::measure(|| {
            result = parse(&text).and_then(|steps| {
                assemble(&steps, &self.own, self.size, in_memory, Vec::new(), |numbers, add| {
                    self.table.0.range(numbers).try_for_each(|(_, piece)| {
                        given += piece.len();
                        add(piece)
                    })
                })
            });
        });
        let in_memory = in_memory.map_or(0, |reference| reference.bytes.len());
        // A vector that grows is twice as large, and there once more while it is moved.
        let most = self.own.len() + given + in_memory;
        let of_pieces = (most / MIN_PIECE + 4) * size_of::<Piece>();
        let bound = self.size.min(TRUSTED_SIZE) + self.steps.len() * size_of::<Step>() + 3 * (most + of_pieces);
        assert!(used.bytes_max <= bound as u64, "{} bytes of memory, and {bound} are enough", used.bytes_max);
        match (result, expected) {
            (Ok(read), Some(expected)) => {
                assert!(read.bytes == expected, "other bytes than the recipe's");
                for Piece { range, number } in &read.pieces {
                    assert!(read.bytes[range.clone()] == self.table.0[number], "piece {number} lies elsewhere");
                }
                assert_eq!(read.pieces.len(), self.steps.iter().map(|step| step.pieces()).sum::<usize>());
            }
            (Err(error), None) => assert_ne!((error, self.steps.is_empty()), (Malformed::Text, true)),
            (result, expected) => panic!("{result:?} where {expected:?} is expected"),
        }
    }
}

/// One of a few numbers, or a number at the end of them.
fn number(input: &mut Unstructured<'_>) -> Result<Number> {
    let number = input.arbitrary::<u8>()?;
    Ok(if number < 0xe0 { Number::from(number % 24) } else { Number::MAX - Number::from(number % 4) })
}
