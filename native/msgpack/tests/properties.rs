//! What must hold for any input: no panic, nothing read past the end, nothing written that does not come back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // a failed test is a panic

use fast_langgraph_msgpack::reader::{ReadError, Reader, Token};
use fast_langgraph_msgpack::writer;
use proptest::collection::vec;
use proptest::prelude::*;

/// A value as it is written, with its containers already flat.
#[derive(Clone, Debug)]
enum Value {
    Nil,
    Bool(bool),
    UInt(u64),
    Int(i64),
    Float(f64),
    Str(String),
    Bin(Vec<u8>),
    Array(usize),
    Map(usize),
    Ext(u8, Vec<u8>),
}

fn value() -> impl Strategy<Value = Value> {
    // Lengths around every change of form: 15, 16, 31, 32, 255, 256, 65,535, 65,536.
    let length = prop_oneof![0..40usize, 250..260usize, 65_530..65_540usize];
    prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::Bool),
        any::<u64>().prop_map(Value::UInt),
        (0..20u32, any::<u64>()).prop_map(|(shift, bits)| Value::UInt(bits >> (shift * 3))),
        (i64::MIN..0).prop_map(Value::Int),
        (-70_000..0i64).prop_map(Value::Int),
        any::<f64>().prop_map(Value::Float),
        length.clone().prop_map(|length| Value::Str("é".repeat(length / 2) + &"x".repeat(length % 2))),
        (any::<u8>(), length.clone()).prop_map(|(byte, length)| Value::Bin(vec![byte; length])),
        length.clone().prop_map(Value::Array),
        length.clone().prop_map(Value::Map),
        (0..128u8, any::<u8>(), length).prop_map(|(code, byte, length)| Value::Ext(code, vec![byte; length])),
    ]
}

fn write(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Nil => writer::nil(out),
        Value::Bool(value) => writer::bool(out, *value),
        Value::UInt(value) => writer::u64(out, *value),
        Value::Int(value) => writer::i64(out, *value),
        Value::Float(value) => writer::f64(out, *value),
        Value::Str(text) => writer::str(out, text.as_bytes()).unwrap(),
        Value::Bin(bytes) => writer::bin(out, bytes).unwrap(),
        Value::Array(length) => writer::array_len(out, *length).unwrap(),
        Value::Map(length) => writer::map_len(out, *length).unwrap(),
        Value::Ext(code, payload) => {
            let open = writer::open_ext(out);
            out.extend_from_slice(payload);
            writer::close_ext(out, open, *code).unwrap();
        }
    }
}

fn same(value: &Value, token: Token<'_>) -> bool {
    match (value, token) {
        (Value::Nil, Token::Nil) => true,
        (Value::Bool(written), Token::Bool(read)) => *written == read,
        (Value::UInt(written), Token::UInt(read)) => *written == read,
        (Value::Int(written), Token::Int(read)) => *written == read,
        (Value::Float(written), Token::Float(read)) => written.to_bits() == read.to_bits(),
        (Value::Str(written), Token::Str(read)) => written.as_bytes() == read,
        (Value::Bin(written), Token::Bin(read)) => written == read,
        (Value::Array(written), Token::Array(read)) => *written == read as usize,
        (Value::Map(written), Token::Map(read)) => *written == read as usize,
        (Value::Ext(code, written), Token::Ext(read_code, read)) => {
            i16::from(*code) == i16::from(read_code) && written == read
        }
        _ => false,
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(values in vec(value(), 0..12)) {
        let mut out = Vec::new();
        for value in &values {
            write(&mut out, value);
        }
        let mut reader = Reader::new(&out);
        for value in &values {
            let token = reader.token().unwrap();
            prop_assert!(same(value, token), "{value:?} came back as {token:?}");
        }
        prop_assert_eq!(reader.token(), Err(ReadError::UnexpectedEof));
    }

    #[test]
    fn a_value_that_is_cut_short_is_the_end_of_the_input(value in value(), cut in any::<prop::sample::Index>()) {
        let mut out = Vec::new();
        write(&mut out, &value);
        let cut = cut.index(out.len());
        prop_assert_eq!(Reader::new(&out[..cut]).token(), Err(ReadError::UnexpectedEof));
    }

    #[test]
    fn any_bytes_are_read_to_an_end_within_them(bytes in vec(any::<u8>(), 0..400)) {
        let mut reader = Reader::new(&bytes);
        let mut left = reader.remaining();
        while reader.token().is_ok() {
            prop_assert!(reader.remaining() < left, "a token takes a byte or more");
            left = reader.remaining();
        }
        prop_assert!(bytes.ends_with(reader.rest()));
    }

    #[test]
    fn an_ext_within_an_ext_keeps_its_payload(inner in vec(any::<u8>(), 0..70_000), around in vec(any::<u8>(), 0..300)) {
        let mut out = around.clone();
        let outer_open = writer::open_ext(&mut out);
        let inner_open = writer::open_ext(&mut out);
        out.extend_from_slice(&inner);
        writer::close_ext(&mut out, inner_open, 1).unwrap();
        writer::close_ext(&mut out, outer_open, 2).unwrap();
        prop_assert_eq!(&out[..around.len()], &around[..]);
        let Token::Ext(2, payload) = Reader::new(&out[around.len()..]).token().unwrap() else { panic!("no outer ext") };
        prop_assert_eq!(Reader::new(payload).token(), Ok(Token::Ext(1, &inner[..])));
    }
}

#[test]
fn the_marker_that_the_format_never_uses_is_refused() {
    assert_eq!(Reader::new(&[0xc1]).token(), Err(ReadError::Reserved));
}
