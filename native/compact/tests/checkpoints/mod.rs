//! Encoded checkpoints for the tests of this crate.
use fast_langgraph_msgpack::writer;
use proptest::collection::vec;
use proptest::prelude::*;

/// An encoded str: short ones form groups, long ones are pieces of their own. Many differ in one byte only, which a
/// fingerprint may not see.
pub fn element() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![0..60usize, 100..160usize, Just(600)];
    (length, 0..8usize).prop_map(|(length, place)| {
        let mut text = vec![b'a'; length];
        if let Some(byte) = text.get_mut(70 + place / 2) {
            *byte = b'b';
        }
        let mut out = Vec::new();
        writer::str(&mut out, &text).unwrap();
        out
    })
}

pub fn elements(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Vec<u8>>> {
    vec(element(), count)
}

/// A checkpoint with these elements in a list, and in a dict.
pub fn checkpoint(list: &[Vec<u8>], dict: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    writer::map_len(&mut out, 2).unwrap();
    writer::str(&mut out, b"id").unwrap();
    writer::str(&mut out, b"1").unwrap();
    writer::str(&mut out, b"channel_values").unwrap();
    writer::map_len(&mut out, 2).unwrap();
    writer::str(&mut out, b"messages").unwrap();
    writer::array_len(&mut out, list.len()).unwrap();
    list.iter().for_each(|element| out.extend_from_slice(element));
    writer::str(&mut out, b"files").unwrap();
    writer::map_len(&mut out, dict.len()).unwrap();
    for (number, value) in dict.iter().enumerate() {
        writer::u64(&mut out, number as u64);
        out.extend_from_slice(value);
    }
    out
}
