//! The pieces of one thread, as the database has them.
use std::collections::BTreeMap;
use std::convert::Infallible;

use fast_langgraph_compact::{
    Direction, Malformed, Number, Piece, Plan, Reference, Series, assemble, cuts, parse, plan,
};

#[derive(Default)]
pub struct Table(pub BTreeMap<Number, Vec<u8>>);

/// A checkpoint that is stored in pieces.
pub struct Stored {
    pub bytes: Vec<u8>,
    pub plan: Plan,
}

impl Stored {
    pub fn reference(&self) -> Reference<'_> {
        Reference { bytes: &self.bytes, pieces: &self.plan.pieces, same: &[] }
    }
}

impl Table {
    fn last(&self, series: Series) -> Option<Number> {
        let (least, most) = series.bounds();
        let mut found = self.0.range(least..=most).map(|(number, _)| *number);
        if series.direction == Direction::Up { found.next_back() } else { found.next() }
    }

    /// Stores a checkpoint beside its references, the parent first. None if it would be stored whole.
    pub fn store(&mut self, bytes: &[u8], references: &[Reference<'_>]) -> Option<Stored> {
        let cuts = cuts(bytes);
        let Ok(planned) = plan(bytes, &cuts, references, |series| Ok::<_, Infallible>(self.last(series)));
        let plan = planned?;
        assert_eq!((plan.pieces.len(), plan.is_new.len()), (cuts.len(), cuts.len()));
        for (piece, is_new) in plan.pieces.iter().zip(&plan.is_new) {
            let its_bytes = &bytes[piece.range.clone()];
            if *is_new {
                let before = self.0.insert(piece.number, its_bytes.to_vec());
                assert_eq!(before, None, "piece {} was overwritten", piece.number);
            } else {
                assert_eq!(self.0[&piece.number], its_bytes, "piece {} has other bytes", piece.number);
            }
        }
        Some(Stored { bytes: bytes.to_vec(), plan })
    }

    /// Fails unless it comes back byte for byte, whether or not some of its pieces are in memory.
    pub fn check(&self, stored: &Stored, in_memory: Option<Reference<'_>>) {
        let Stored { bytes, plan } = stored;
        let steps = parse(&plan.recipe).expect("a recipe of ours");
        let read: Result<_, Malformed> =
            assemble(&steps, &plan.own, bytes.len(), in_memory, Vec::new(), |numbers, add| {
                self.0.range(numbers).try_for_each(|(_, piece)| add(piece))
            });
        let read = read.expect("what was stored is read");
        assert!(read.bytes == *bytes, "it came back as other bytes");
        check_pieces(&read.pieces, &plan.pieces);
    }
}

fn check_pieces(read: &[Piece], stored: &[Piece]) {
    assert!(read == stored, "the pieces lie elsewhere: {read:?} against {stored:?}");
}
