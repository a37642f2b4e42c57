//! What must hold of any thread that is stored in pieces: each checkpoint comes back byte for byte, and what is damaged
//! is an error.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // a failed test is a panic

mod checkpoints;

use std::collections::BTreeMap;

use checkpoints::{checkpoint, element, elements};
use fast_langgraph_compact::{
    Direction, LANES, MAX_SIZE, Malformed, Number, Piece, Plan, Recipe, Reference, Same, Series, Step, assemble,
    assign, cuts, find, parse, plan,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// The pieces of one thread, as a table has them.
#[derive(Default)]
struct Table(BTreeMap<Number, Vec<u8>>);

impl Table {
    fn last(&self, series: Series) -> Option<Number> {
        let (least, most) = series.bounds();
        let mut found = self.0.range(least..=most).map(|(number, _)| *number);
        if series.direction == Direction::Up { found.next_back() } else { found.next() }
    }

    fn plan(&self, bytes: &[u8], references: &[Reference<'_>]) -> Option<Plan> {
        plan(bytes, &cuts(bytes), references, |series| Ok::<_, Malformed>(self.last(series))).unwrap()
    }

    fn store(&mut self, bytes: &[u8], plan: &Plan) {
        for (piece, _) in plan.pieces.iter().zip(&plan.is_new).filter(|(_, is_new)| **is_new) {
            let before = self.0.insert(piece.number, bytes[piece.range.clone()].to_vec());
            assert_eq!(before, None, "piece {} was overwritten", piece.number);
        }
    }

    fn read(
        &self,
        recipe: &str,
        own: &[u8],
        size: usize,
        in_memory: Option<Reference<'_>>,
    ) -> Result<(Vec<u8>, Vec<Piece>), Malformed> {
        let read = assemble(&parse(recipe)?, own, size, in_memory, Vec::new(), |numbers, add| {
            self.0.range(numbers).try_for_each(|(_, piece)| add(piece))
        })?;
        Ok((read.bytes, read.pieces))
    }
}

/// What happens to a list between two checkpoints.
#[derive(Clone, Debug)]
enum Edit {
    Append(Vec<Vec<u8>>),
    Prepend(Vec<Vec<u8>>),
    Remove(Index),
    Replace(Index, Vec<u8>),
    Reverse,
    Dict(Vec<Vec<u8>>),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        4 => elements(1..4).prop_map(Edit::Append),
        1 => elements(1..4).prop_map(Edit::Prepend),
        1 => any::<Index>().prop_map(Edit::Remove),
        1 => (any::<Index>(), element()).prop_map(|(place, element)| Edit::Replace(place, element)),
        1 => Just(Edit::Reverse),
        1 => elements(0..4).prop_map(Edit::Dict),
    ]
}

fn apply(edit: Edit, list: &mut Vec<Vec<u8>>, dict: &mut Vec<Vec<u8>>) {
    match edit {
        Edit::Append(more) => list.extend(more),
        Edit::Prepend(more) => drop(list.splice(0..0, more)),
        Edit::Remove(place) if !list.is_empty() => drop(list.remove(place.index(list.len()))),
        Edit::Replace(place, element) if !list.is_empty() => {
            let place = place.index(list.len());
            list[place] = element;
        }
        Edit::Remove(_) | Edit::Replace(..) => {}
        Edit::Reverse => list.reverse(),
        Edit::Dict(other) => *dict = other,
    }
}

fn series() -> impl Strategy<Value = Series> {
    (0..LANES, any::<bool>())
        .prop_map(|(lane, up)| Series { lane, direction: if up { Direction::Up } else { Direction::Down } })
}

proptest! {
    #[test]
    fn every_checkpoint_of_a_thread_comes_back_byte_for_byte(list in elements(0..20), edits in vec(edit(), 1..8)) {
        let (mut table, mut list, mut dict) = (Table::default(), list, Vec::new());
        let mut stored: Vec<(Vec<u8>, Plan)> = Vec::new();
        for edit in edits {
            apply(edit, &mut list, &mut dict);
            let bytes = checkpoint(&list, &dict);
            // The parent first, then others.
            let references: Vec<_> = stored.iter().rev().take(3)
                .map(|(bytes, plan)| Reference { bytes, pieces: &plan.pieces, same: &[] }).collect();
            let Some(plan) = table.plan(&bytes, &references) else { continue };
            table.store(&bytes, &plan);
            stored.push((bytes, plan));
            for (bytes, plan) in &stored {
                let expected = Ok((bytes.clone(), plan.pieces.clone()));
                prop_assert_eq!(&table.read(&plan.recipe, &plan.own, bytes.len(), None), &expected);
                // The same where some of the pieces are in memory.
                for (other, of_other) in &stored {
                    let in_memory = Some(Reference { bytes: other, pieces: &of_other.pieces, same: &[] });
                    prop_assert_eq!(&table.read(&plan.recipe, &plan.own, bytes.len(), in_memory), &expected);
                }
            }
        }
    }

    #[test]
    fn what_is_known_to_be_the_same_is_planned_as_if_it_were_compared(list in elements(0..20), edits in vec(edit(), 1..4)) {
        let (mut table, mut list, mut dict) = (Table::default(), list, Vec::new());
        let mut before: Option<(Vec<u8>, Plan)> = None;
        for edit in edits {
            apply(edit, &mut list, &mut dict);
            let bytes = checkpoint(&list, &dict);
            let Some((former, plan)) = &before else {
                let Some(plan) = table.plan(&bytes, &[]) else { continue };
                table.store(&bytes, &plan);
                before = Some((bytes, plan));
                continue;
            };
            let front = former.iter().zip(&bytes).take_while(|(one, other)| one == other).count();
            let most = former.len().min(bytes.len()) - front;
            let back = former.iter().rev().zip(bytes.iter().rev()).take(most).take_while(|(one, other)| one == other).count();
            let same = [
                Same { start: 0, from: 0, len: front },
                Same { start: bytes.len() - back, from: former.len() - back, len: back },
            ];
            let compared = table.plan(&bytes, &[Reference { bytes: former, pieces: &plan.pieces, same: &[] }]);
            // Bytes that are known to be the same are not looked at.
            let mut unread = former.clone();
            unread[..front].fill(0);
            let end = unread.len();
            unread[end - back..].fill(0);
            let known = table.plan(&bytes, &[Reference { bytes: &unread, pieces: &plan.pieces, same: &same }]);
            let numbers = |plan: &Option<Plan>| plan.as_ref().map(|plan| (plan.pieces.clone(), plan.recipe.clone()));
            if front + back == former.len().min(bytes.len()) {
                prop_assert_eq!(numbers(&known), numbers(&compared));
            }
            let Some(plan) = compared else { break };
            table.store(&bytes, &plan);
            before = Some((bytes, plan));
        }
    }

    #[test]
    fn a_list_that_grows_at_both_ends_is_one_range(
        list in elements(1..10), ends in vec((elements(0..3), elements(0..3)), 1..6),
    ) {
        // Elements that are told apart, and are pieces of their own: nothing is found in another place.
        let mut count = 0;
        let mut unique = |_: &Vec<u8>| {
            count += 1;
            let mut out = Vec::new();
            fast_langgraph_msgpack::writer::str(&mut out, format!("{count:0>200}").as_bytes()).unwrap();
            out
        };
        let mut list: Vec<_> = list.iter().map(&mut unique).collect();
        let mut table = Table::default();
        let mut before = checkpoint(&list, &[]);
        let mut plan = table.plan(&before, &[]).unwrap();
        table.store(&before, &plan);
        for (front, end) in ends {
            list.splice(0..0, front.iter().map(&mut unique).collect::<Vec<_>>());
            list.extend(end.iter().map(&mut unique));
            let bytes = checkpoint(&list, &[]);
            let next = table.plan(&bytes, &[Reference { bytes: &before, pieces: &plan.pieces, same: &[] }]).unwrap();
            table.store(&bytes, &next);
            (before, plan) = (bytes, next);
        }
        let steps = parse(&plan.recipe).unwrap();
        // One range of each series, and the own bytes behind them.
        prop_assert!(steps.len() <= 3, "{steps:?}");
        prop_assert!(plan.pieces.windows(2).filter(|two| two[0].number + 1 != two[1].number).count() <= 1);
    }

    #[test]
    fn the_next_numbers_of_a_series_are_free_in_order_and_within_it(
        series in series(), used in 0..1000u32, count in 0..100usize,
    ) {
        let (least, most) = series.bounds();
        let last = match (used, series.direction) {
            (0, _) => None,
            (used, Direction::Up) => Some(least + used),
            (used, Direction::Down) => Some(most - used),
        };
        let next = series.next(last, count);
        prop_assert_eq!(next.clone().count(), count);
        for number in next {
            prop_assert!(least < number && number < most);
            match series.direction {
                Direction::Up => prop_assert!(last.is_none_or(|last| number > last)),
                Direction::Down => prop_assert!(last.is_none_or(|last| number < last)),
            }
        }
    }

    #[test]
    fn a_series_that_is_nearly_used_up_gives_what_is_left(series in series(), left in 0..5u32, count in 0..10usize) {
        let (least, most) = series.bounds();
        let last = if series.direction == Direction::Up { most - 1 - left } else { least + 1 + left };
        let next: Vec<_> = series.next(Some(last), count).collect();
        prop_assert_eq!(next.len(), count.min(left as usize));
        prop_assert!(next.iter().all(|number| least < *number && *number < most && *number != last));
        // And a checkpoint that needs more gets none.
        let bytes = checkpoint(&vec![vec![0xd9, 200].into_iter().chain([b'x'; 200]).collect(); count], &[]);
        let cuts = cuts(&bytes);
        let numbers = assign(&cuts, &vec![None; cuts.len()], |_| Ok::<_, Malformed>(Some(match series.direction {
            Direction::Up => Series { lane: cuts[0].lane, direction: Direction::Up }.bounds().1 - 1 - left,
            // New pieces of a list of which nothing is stored go up.
            Direction::Down => Series { lane: cuts[0].lane, direction: Direction::Up }.bounds().0,
        }))).unwrap();
        prop_assert_eq!(numbers.is_some(), series.direction == Direction::Down || count <= left as usize);
    }

    #[test]
    fn series_share_no_number(one in series(), other in series()) {
        let ((least, most), (from, to)) = (one.bounds(), other.bounds());
        prop_assert!(one == other || most < from || to < least);
    }

    #[test]
    fn a_piece_is_found_only_where_its_bytes_are(list in elements(0..20), other in elements(0..20)) {
        let (stored, bytes) = (checkpoint(&list, &[]), checkpoint(&other, &[]));
        let pieces: Vec<Piece> =
            (1..).zip(cuts(&stored)).map(|(number, cut)| Piece { range: cut.range, number }).collect();
        let reference = Reference { bytes: &stored, pieces: &pieces, same: &[] };
        let cuts = cuts(&bytes);
        for (cut, found) in cuts.iter().zip(find(&bytes, &cuts, &[reference])) {
            if let Some(number) = found {
                let (piece, its_number) = reference.piece(number as usize - 1).unwrap();
                prop_assert_eq!((piece, its_number), (&bytes[cut.range.clone()], number));
            }
        }
    }

    #[test]
    fn the_text_of_a_recipe_is_read_back(numbers in vec((1..u32::MAX, 0..300usize, 1..50usize), 0..20)) {
        let (mut bytes, mut pieces) = (Vec::new(), Vec::new());
        for (number, own, length) in numbers {
            bytes.extend(vec![1; own]);
            pieces.push(Piece { range: bytes.len()..bytes.len() + length, number });
            bytes.extend(vec![2; length]);
        }
        let recipe = Recipe::new(&bytes, &pieces);
        let steps = parse(&recipe.text()).unwrap();
        prop_assert_eq!(&steps, &recipe.steps);
        prop_assert_eq!(steps.iter().map(|step| step.own).sum::<usize>(), recipe.own.len());
        prop_assert_eq!(steps.iter().map(|step| step.pieces()).sum::<usize>(), pieces.len());
    }

    #[test]
    fn any_text_is_a_recipe_or_an_error(
        text in prop_oneof!["\\PC{0,90}", "[0-9]{0,90}", "[0-9]{30}", "[0-9]{29}.", "(000000000[0-9]){3,9}"],
        own in vec(any::<u8>(), 0..40),
        size in prop_oneof![0..1000usize, Just(usize::MAX)],
    ) {
        let mut table = Table::default();
        for number in 0..10 {
            table.0.insert(number, vec![number as u8; 60 + number as usize]);
        }
        let is_text = text.len().is_multiple_of(30) && text.bytes().all(|byte| byte.is_ascii_digit());
        match table.read(&text, &own, size, None) {
            Ok((bytes, _)) => prop_assert!(is_text && bytes.len() == size),
            Err(Malformed::Text) => prop_assert!(!is_text || text.len() >= 30),
            Err(_) => prop_assert!(is_text),
        }
    }

    #[test]
    fn a_recipe_without_one_of_its_pieces_or_own_bytes_is_an_error(
        list in elements(5..20), gone in any::<Index>(), more in any::<bool>(),
    ) {
        let bytes = checkpoint(&list, &[]);
        let mut table = Table::default();
        let Some(plan) = table.plan(&bytes, &[]) else { return Ok(()) };
        table.store(&bytes, &plan);
        let read = |table: &Table, own: &[u8], size| table.read(&plan.recipe, own, size, None);
        prop_assert_eq!(read(&table, &plan.own, bytes.len() + 1), Err(Malformed::Size));
        prop_assert_eq!(read(&table, &plan.own[1..], bytes.len()), Err(Malformed::OwnBytes));
        let with_more = [&plan.own[..], &[0]].concat();
        prop_assert_eq!(read(&table, &with_more, bytes.len()), Err(Malformed::Size));
        if more || plan.pieces.is_empty() {
            return Ok(());
        }
        let number = plan.pieces[gone.index(plan.pieces.len())].number;
        table.0.remove(&number);
        let is_missing = matches!(
            read(&table, &plan.own, bytes.len()),
            Err(Malformed::Pieces { first, last }) if (first..=last).contains(&number)
        );
        prop_assert!(is_missing);
    }
}

#[test]
fn a_range_up_to_the_last_number_there_is_ends() {
    let steps = [Step { own: 0, first: Number::MAX - 1, last: Number::MAX }];
    let read = assemble(&steps, &[], 128, None, Vec::new(), |numbers, add| {
        numbers.into_iter().try_for_each(|_| add(&[b'x'; 64]))
    });
    let read: Result<_, Malformed> = read;
    assert_eq!(read.expect("two pieces").bytes, [b'x'; 128]);
}

/// What a recipe that names the same pieces again and again makes of `stated` bytes, and how often a piece was read.
fn repeated(stated: usize, piece: &[u8]) -> (Result<Vec<u8>, Malformed>, usize) {
    let steps = vec![Step { own: 0, first: 1, last: 20_000 }; 12_000];
    let mut read = 0;
    let found: Result<_, Malformed> = assemble(&steps, &[], stated, None, Vec::new(), |numbers, add| {
        numbers.into_iter().try_for_each(|_| {
            read += 1;
            add(piece)
        })
    });
    (found.map(|assembled| assembled.bytes), read)
}

#[test]
fn no_more_is_read_than_the_size_that_is_stated() {
    let (found, read) = repeated(100_000, &[b'x'; 1000]);
    assert_eq!((found, read), (Err(Malformed::Size), 101));
    let (found, read) = repeated(100_000, b"");
    assert_eq!((found, read), (Err(Malformed::Pieces { first: 1, last: 1 }), 1));
    let (found, read) = repeated(MAX_SIZE + 1, &[b'x'; 1000]);
    assert_eq!((found, read), (Err(Malformed::Size), 0));
}
