//! Reading past values: where one ends, what is doubtful in it, and whether it has an ext.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // a failed test is a panic

use fast_langgraph_msgpack::reader::Reader;
use fast_langgraph_msgpack::skim::{Doubtful, MAX_LEVELS, skim};
use fast_langgraph_msgpack::writer;
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Value {
    Nil,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
    Ext(Vec<u8>),
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Nil),
        (-70_000..0i64).prop_map(Value::Int),
        ".{0,40}".prop_map(Value::Text),
        vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
        vec(any::<u8>(), 0..40).prop_map(Value::Ext),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..20).prop_map(Value::List),
            vec((".{0,9}", inner), 0..20).prop_map(Value::Map),
        ]
    })
}

impl Value {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Nil => writer::nil(out),
            Self::Int(value) => writer::i64(out, *value),
            Self::Text(text) => writer::str(out, text.as_bytes()).unwrap(),
            Self::Bytes(bytes) => writer::bin(out, bytes).unwrap(),
            Self::List(items) => {
                writer::array_len(out, items.len()).unwrap();
                items.iter().for_each(|item| item.write(out));
            }
            Self::Map(pairs) => {
                writer::map_len(out, pairs.len()).unwrap();
                for (key, value) in pairs {
                    writer::str(out, key.as_bytes()).unwrap();
                    value.write(out);
                }
            }
            Self::Ext(payload) => {
                let open = writer::open_ext(out);
                out.extend_from_slice(payload);
                writer::close_ext(out, open, 5).unwrap();
            }
        }
    }

    fn has_ext(&self) -> bool {
        match self {
            Self::Ext(_) => true,
            Self::List(items) => items.iter().any(Self::has_ext),
            Self::Map(pairs) => pairs.iter().any(|(_, value)| value.has_ext()),
            Self::Nil | Self::Int(_) | Self::Text(_) | Self::Bytes(_) => false,
        }
    }
}

proptest! {
    #[test]
    fn a_value_is_read_past_to_its_end(value in value(), rest in vec(any::<u8>(), 0..9)) {
        let mut bytes = Vec::new();
        value.write(&mut bytes);
        let len = bytes.len();
        bytes.extend_from_slice(&rest);
        let mut reader = Reader::new(&bytes);
        prop_assert_eq!(skim(&mut reader), Ok(value.has_ext()));
        prop_assert_eq!(reader.rest(), &rest[..]);
        for end in (0..len).step_by(1 + len / 50) {
            prop_assert_eq!(skim(&mut Reader::new(&bytes[..end])), Err(Doubtful));
        }
    }

    #[test]
    fn any_bytes_are_read_within_their_end(bytes in vec(any::<u8>(), 0..200)) {
        let mut reader = Reader::new(&bytes);
        if skim(&mut reader).is_ok() {
            prop_assert!(reader.remaining() < bytes.len());
        }
    }
}

#[test]
fn what_may_not_be_decoded_is_doubtful() {
    let levels = usize::from(MAX_LEVELS);
    let nested = |levels: usize| [vec![0x91; levels - 1], vec![0xc0]].concat();
    assert_eq!(skim(&mut Reader::new(&nested(levels))), Ok(false));
    let cases: [&[u8]; 7] = [
        &nested(levels + 1),
        b"\xa1\xff",
        b"\x81\xa1\xff\xc0",
        b"\x81\x05\xc0",
        b"\x81\x90\xc0",
        b"\xc1",
        b"\xdd\xff\xff\xff\xff",
    ];
    for case in cases {
        assert_eq!(skim(&mut Reader::new(case)), Err(Doubtful), "{case:x?}");
    }
}
