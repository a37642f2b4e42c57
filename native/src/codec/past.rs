//! Reading past a value, without decoding it.
use fast_langgraph_msgpack::reader::{Reader, Token};
use pyo3::prelude::*;

/// Whether these bytes are one whole value: a reader that believes the lengths in it asks for no more memory than they
/// take. ormsgpack 1.12 ends the process where an array states a length of billions.
#[pyfunction]
pub fn is_whole(data: &[u8]) -> bool {
    let mut reader = Reader::new(data);
    pass(&mut reader).is_some() && reader.remaining() == 0
}

/// Reads past one value, however deep it is.
pub fn pass(reader: &mut Reader<'_>) -> Option<()> {
    let mut values = 1_u64;
    while values > 0 {
        values -= 1;
        match reader.token().ok()? {
            Token::Array(len) => values = values.saturating_add(u64::from(len)),
            Token::Map(len) => values = values.saturating_add(2 * u64::from(len)),
            _ => {}
        }
    }
    Some(())
}
