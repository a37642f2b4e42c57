//! The MessagePack reader: any bytes are read to an end within them, and what the writer would have written so comes
//! back as the same bytes.
use fast_langgraph_msgpack::reader::{ReadError, Reader, Token};
use fast_langgraph_msgpack::writer;

pub fn check(data: &[u8]) {
    let mut reader = Reader::new(data);
    let mut out = Vec::new();
    loop {
        let before = reader.clone();
        let bytes = before.rest();
        match (reader.token(), size(bytes)) {
            (Ok(token), Some(size)) => {
                assert!(size <= bytes.len(), "{token:?} takes {size} of {} bytes", bytes.len());
                assert!(bytes[size..] == *reader.rest(), "{token:?} does not end after {size} bytes");
                check_again(&before, &bytes[..size], token);
                check_written(&bytes[..size], token, &mut out);
            }
            (Err(ReadError::Reserved), None) => return assert_eq!(bytes[0], 0xc1),
            (Err(ReadError::UnexpectedEof), None) => return assert!(bytes.is_empty()),
            (Err(ReadError::UnexpectedEof), Some(size)) => return assert!(size > bytes.len()),
            (read, size) => panic!("{read:?} of {size:?} bytes"),
        }
    }
}

/// How many bytes the format has for the token at the front, whether they are all there or not. If its length is not
/// there, more than there are.
fn size(bytes: &[u8]) -> Option<usize> {
    let length = |bytes_of_length: usize, more: usize| {
        let header = 1 + bytes_of_length;
        let length =
            bytes.get(1..header).map(|length| length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)));
        header + more + length.unwrap_or(0)
    };
    Some(match *bytes.first()? {
        0xc1 => return None,
        short @ 0xa0..=0xbf => 1 + usize::from(short - 0xa0),
        0xc4 | 0xd9 => length(1, 0),
        0xc5 | 0xda => length(2, 0),
        0xc6 | 0xdb => length(4, 0),
        0xc7 => length(1, 1),
        0xc8 => length(2, 1),
        0xc9 => length(4, 1),
        0xcc | 0xd0 => 2,
        0xcd | 0xd1 | 0xdc | 0xde | 0xd4 => 3,
        0xd5 => 4,
        0xca | 0xce | 0xd2 | 0xdd | 0xdf => 5,
        0xd6 => 6,
        0xcb | 0xcf | 0xd3 => 9,
        0xd7 => 10,
        0xd8 => 18,
        _ => 1,
    })
}

/// The same by the other ways in; and no shorter input has the token.
fn check_again(before: &Reader<'_>, bytes: &[u8], token: Token<'_>) {
    let same = |other: Result<Token<'_>, ReadError>| match (token, other) {
        (Token::Float(one), Ok(Token::Float(other))) => one.to_bits() == other.to_bits(),
        (one, Ok(other)) => one == other,
        _ => false,
    };
    assert!(same(before.clone().next_token()));
    assert!(same(Reader::new(bytes).token()));
    assert_eq!(Reader::new(&bytes[..bytes.len() - 1]).token().err(), Some(ReadError::UnexpectedEof));
    let mut skipping = before.clone();
    assert!(skipping.skip_exactly(bytes));
    assert_eq!(skipping.remaining(), before.remaining() - bytes.len());
}

/// Written again, it reads as the same; and if it takes as many bytes, they are the same bytes.
fn check_written(bytes: &[u8], token: Token<'_>, out: &mut Vec<u8>) {
    out.clear();
    match token {
        Token::Nil => writer::nil(out),
        Token::Bool(value) => writer::bool(out, value),
        Token::UInt(value) => writer::u64(out, value),
        Token::Int(value) => writer::i64(out, value),
        Token::Float(value) => writer::f64(out, value),
        Token::Str(value) => writer::str(out, value).expect("it fits"),
        Token::Bin(value) => writer::bin(out, value).expect("it fits"),
        Token::Array(count) => writer::array_len(out, count as usize).expect("it fits"),
        Token::Map(count) => writer::map_len(out, count as usize).expect("it fits"),
        Token::Ext(code, payload) => {
            let open = writer::open_ext(out);
            out.extend_from_slice(payload);
            writer::close_ext(out, open, code.cast_unsigned()).expect("it fits");
        }
    }
    let is_float = matches!(token, Token::Float(_));
    assert!(is_float || out.len() <= bytes.len(), "{token:?} was written longer than it was read");
    if out.len() == bytes.len() {
        // A positive number of 64 bits is a UInt when it is written, whatever it was.
        let is_signed = matches!(token, Token::Int(0..));
        assert!(is_signed || *out == bytes, "{token:?}: {bytes:02x?} was written as {out:02x?}");
    }
    let again = Reader::new(out).token().expect("what was written is read");
    match (token, again) {
        (Token::Float(one), Token::Float(other)) => assert_eq!(one.to_bits(), other.to_bits()),
        (Token::Int(value), Token::UInt(other)) => assert_eq!(u64::try_from(value), Ok(other)),
        (token, again) => assert_eq!(token, again),
    }
}
