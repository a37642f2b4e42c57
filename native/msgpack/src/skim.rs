//! Reading past a value that ormsgpack is sure to decode.
use crate::reader::{ReadError, Reader, Token};

/// Values may be nested so deep, far less than ormsgpack allows.
pub const MAX_LEVELS: u8 = 100;

/// The value is broken, or it may be: ormsgpack has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubtful;

impl From<ReadError> for Doubtful {
    fn from(_: ReadError) -> Self {
        Self
    }
}

/// Reads past one value. Without an ext in it, ormsgpack decodes it without an error and without calling anything; with
/// one, which is the result, that is up to the hook.
pub fn skim(reader: &mut Reader<'_>) -> Result<bool, Doubtful> {
    value(reader, MAX_LEVELS)
}

/// Reads a key that is text.
pub fn text<'a>(reader: &mut Reader<'a>) -> Result<&'a str, Doubtful> {
    match reader.token()? {
        Token::Str(bytes) => std::str::from_utf8(bytes).map_err(|_| Doubtful),
        _ => Err(Doubtful),
    }
}

fn value(reader: &mut Reader<'_>, levels: u8) -> Result<bool, Doubtful> {
    let levels = levels.checked_sub(1).ok_or(Doubtful)?;
    let mut has_ext = false;
    match reader.token()? {
        Token::Str(bytes) => {
            std::str::from_utf8(bytes).map_err(|_| Doubtful)?;
        }
        Token::Array(len) => {
            for _ in 0..len {
                has_ext |= value(reader, levels)?;
            }
        }
        Token::Map(len) => {
            for _ in 0..len {
                text(reader)?;
                has_ext |= value(reader, levels)?;
            }
        }
        Token::Ext(..) => has_ext = true,
        Token::Nil | Token::Bool(_) | Token::UInt(_) | Token::Int(_) | Token::Float(_) | Token::Bin(_) => {}
    }
    Ok(has_ext)
}
