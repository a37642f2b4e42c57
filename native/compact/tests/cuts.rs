//! Where checkpoints are cut: the same bytes are the same piece, and no input is read past its end.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a failed test is a panic

mod checkpoints;

use checkpoints::{checkpoint, element, elements};
use fast_langgraph_compact::{LANES, cuts};
use proptest::collection::vec;
use proptest::prelude::*;

fn pieces(bytes: &[u8]) -> Vec<&[u8]> {
    cuts(bytes).into_iter().map(|cut| &bytes[cut.range]).collect()
}

proptest! {
    #[test]
    fn pieces_lie_one_after_the_other(list in elements(0..30), dict in elements(0..5)) {
        let bytes = checkpoint(&list, &dict);
        let mut place = 0;
        for cut in cuts(&bytes) {
            prop_assert!(place <= cut.range.start && cut.range.start < cut.range.end);
            prop_assert!(cut.lane < LANES);
            place = cut.range.end;
        }
        prop_assert!(place <= bytes.len());
    }

    #[test]
    fn long_elements_are_the_same_pieces_when_the_list_grows(list in elements(1..20), more in element()) {
        let (before, mut grown) = (checkpoint(&list, &[]), list.clone());
        grown.push(more);
        let after = checkpoint(&grown, &[]);
        for element in list.iter().filter(|element| element.len() >= 128) {
            prop_assert!(pieces(&before).contains(&&element[..]));
            prop_assert!(pieces(&after).contains(&&element[..]));
        }
    }

    #[test]
    fn a_long_value_of_a_dict_is_a_piece(value in vec(any::<u8>(), 512..900)) {
        let mut encoded = Vec::new();
        fast_langgraph_msgpack::writer::bin(&mut encoded, &value).unwrap();
        let bytes = checkpoint(&[], std::slice::from_ref(&encoded));
        prop_assert_eq!(pieces(&bytes), vec![&encoded[..]]);
    }

    #[test]
    fn any_bytes_can_be_asked_for_cuts(
        bytes in vec(any::<u8>(), 0..300), list in elements(0..5), end in any::<prop::sample::Index>(),
    ) {
        for cut in cuts(&bytes) {
            prop_assert!(cut.range.end <= bytes.len());
        }
        let whole = checkpoint(&list, &[]);
        prop_assert!(cuts(&whole[..end.index(whole.len())]).is_empty(), "a torn checkpoint is not cut");
        prop_assert!(cuts(&[&whole[..], &[0xc0]].concat()).is_empty(), "nor is one with more behind it");
    }
}
