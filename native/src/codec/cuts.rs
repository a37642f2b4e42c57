//! Where in an encoded checkpoint its fields and its channels' values lie. Nothing is decoded, and no Python code runs.
use std::collections::HashSet;

use fast_langgraph_msgpack::reader::{Reader, Token};
use fast_langgraph_msgpack::skim::{skim, text};
use pyo3::prelude::*;

use super::ext_codes;
use super::past::pass;

/// A name, what kind of value it has, and where the value begins and ends.
type Cut = (String, &'static str, usize, usize);

/// None, a bool, a number or text that is UTF-8.
const PRIMITIVE: &str = "primitive";
/// Data without an extension in it, with texts as keys, and not nested deep.
const PLAIN: &str = "plain";
/// The snapshot of a delta channel.
const SNAPSHOT: &str = "snapshot";
const OTHER: &str = "other";

/// Of a checkpoint as `dumps_typed` makes it: its fields, and the values in the field `channel_values`. None if these are
/// not the bytes of one, all of them: a map of texts, no name twice, nothing behind it.
#[pyfunction]
pub fn checkpoint_cuts(data: &[u8]) -> Option<(Vec<Cut>, Vec<Cut>)> {
    let mut reader = Reader::new(data);
    let mut channels = None;
    let fields = pairs(&mut reader, data.len(), |reader, name| {
        if name == "channel_values" {
            channels = Some(pairs(reader, data.len(), |reader, _| channel(reader))?);
            Some(OTHER)
        } else {
            field(reader)
        }
    })?;
    if reader.remaining() > 0 {
        return None;
    }
    Some((fields, channels?))
}

fn pairs<'a>(
    reader: &mut Reader<'a>,
    len: usize,
    mut past: impl FnMut(&mut Reader<'a>, &str) -> Option<&'static str>,
) -> Option<Vec<Cut>> {
    let Token::Map(count) = reader.token().ok()? else { return None };
    let mut found: Vec<Cut> = Vec::new();
    let mut names = HashSet::new();
    for _ in 0..count {
        let name = text(reader).ok()?;
        if !names.insert(name) {
            return None;
        }
        let begin = len - reader.remaining();
        let kind = past(reader, name)?;
        found.push((name.to_owned(), kind, begin, len - reader.remaining()));
    }
    Some(found)
}

/// Reads past a channel's value.
fn channel(reader: &mut Reader<'_>) -> Option<&'static str> {
    let kind = match reader.clone().token().ok()? {
        Token::Ext(code, _) if u8::try_from(code) == Ok(ext_codes::DELTA_SNAPSHOT) => SNAPSHOT,
        Token::Str(bytes) if std::str::from_utf8(bytes).is_ok() => PRIMITIVE,
        Token::Nil | Token::Bool(_) | Token::UInt(_) | Token::Int(_) | Token::Float(_) => PRIMITIVE,
        _ => OTHER,
    };
    pass(reader)?;
    Some(kind)
}

/// Reads past a field's value.
fn field(reader: &mut Reader<'_>) -> Option<&'static str> {
    let is_plain = skim(&mut reader.clone()) == Ok(false);
    pass(reader)?;
    Some(if is_plain { PLAIN } else { OTHER })
}
