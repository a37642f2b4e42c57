//! Building instances of plain model classes without calling the class, if validation would change nothing.
#![allow(unsafe_code)] // builds instances by their slots

use fast_langgraph_msgpack::reader::{Reader, Token};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::decode::{Decoder, Exts, MAX_LEVELS, new_dict, set_item};
use super::keys;
use super::plain::{Field, FieldKind, PlainClass, Rule, Text};
use super::text;

/// How many levels deeper than its ext a field's value lies: below the array and the map of the payload.
const FIELD_LEVELS: u16 = 3;
const METHOD: &[u8] = b"\xb3model_validate_json";

const INPUT_DETAILS: &[&[u8]] = &[b"audio", b"cache_creation", b"cache_read"];
const OUTPUT_DETAILS: &[&[u8]] = &[b"audio", b"reasoning"];

/// A value that was built; None if the payload has another form than validation leaves alone.
type Built<'py> = Option<Bound<'py, PyAny>>;
/// Reads one value of a record.
type ReadValue<'py, D> = fn(&mut D, &mut Reader<'_>) -> Built<'py>;

/// What the validators that look at several fields at once depend on.
#[derive(Default)]
struct AcrossFields {
    /// The number of tool calls, invalid ones included.
    calls: usize,
    chunks: usize,
    /// Whether `additional_kwargs` has tool calls in a provider's form.
    raw_calls: bool,
    /// Whether `chunk_position` is there and None.
    no_position: bool,
}

impl AcrossFields {
    fn see(&mut self, field: &Field, value: &Bound<'_, PyAny>) -> Option<()> {
        match field.kind {
            FieldKind::ToolCalls | FieldKind::InvalidToolCalls => self.calls += value.len().ok()?,
            FieldKind::ToolCallChunks => self.chunks += value.len().ok()?,
            FieldKind::OptionalLiteral => self.no_position = value.is_none(),
            FieldKind::Dict if field.name.bytes() == b"additional_kwargs" => {
                let kwargs = value.cast::<PyDict>().ok()?;
                self.raw_calls = !kwargs.is_empty() && kwargs.contains(intern!(value.py(), "tool_calls")).ok()?;
            }
            _ => {}
        }
        Some(())
    }

    /// Whether the validators of this rule would leave the fields as they are.
    fn is_left_alone_by(&self, rule: Rule) -> bool {
        match rule {
            Rule::None => true,
            Rule::Ai => self.calls > 0 || !self.raw_calls,
            Rule::AiChunk => self.calls == 0 && self.chunks == 0 && !self.raw_calls && self.no_position,
        }
    }
}

impl<'a, 'py> Decoder<'a, 'py> {
    /// The instance that stock's `cls(**payload[2])` makes, or None if the payload is not strictly of the form that
    /// validation leaves alone. Runs no Python code.
    pub fn build(&mut self, payload: &[u8], class: &PlainClass, level: u16) -> Built<'py> {
        let outer = std::mem::replace(&mut self.field_level, level + FIELD_LEVELS);
        let built = if self.field_level < MAX_LEVELS { self.fields(payload, class) } else { None };
        self.field_level = outer;
        if built.is_none() {
            // If memory was short an error is set: stock's code must begin without one.
            drop(PyErr::take(self.py));
        }
        built
    }

    fn fields(&mut self, payload: &[u8], class: &PlainClass) -> Built<'py> {
        let mut reader = Reader::new(payload.get(class.header.len()..)?);
        if reader.token() != Ok(Token::Map(u32::try_from(class.fields.len()).ok()?)) {
            return None;
        }
        let dict = new_dict(self.py, class.fields.len()).ok()?;
        let mut across = AcrossFields::default();
        for field in &class.fields {
            if !reader.skip_exactly(&field.name.encoded) {
                return None;
            }
            let value = self.field(&mut reader, field)?;
            if class.rule != Rule::None {
                across.see(field, &value)?;
            }
            set_item(&dict, field.name.object.bind(self.py), &value).ok()?;
        }
        if !reader.skip_exactly(METHOD) || !across.is_left_alone_by(class.rule) {
            return None;
        }
        self.instance(class, &dict)
    }

    fn instance(&self, class: &PlainClass, dict: &Bound<'py, PyAny>) -> Built<'py> {
        let slots = self.stock().slots?;
        let extra = if class.extra { PyDict::new(self.py).into_any() } else { self.py.None().into_bound(self.py) };
        let fields_set = class.fields_set.copy(self.py)?;
        // SAFETY: a plain class derives from BaseModel and keeps all that it adds in `__dict__`.
        unsafe { slots.build(class.class.bind(self.py), dict, fields_set, extra) }
    }

    fn field(&mut self, reader: &mut Reader<'_>, field: &Field) -> Built<'py> {
        match field.kind {
            FieldKind::Content => self.content(reader),
            FieldKind::EmptyContent => match reader.token().ok()? {
                Token::Str(b"") => text::str_from(self.py, b"").ok(),
                _ => None,
            },
            FieldKind::Dict => self.dict(reader),
            FieldKind::Literal => self.literal(reader, &field.literals),
            FieldKind::OptionalLiteral => {
                if reader.rest().first() == Some(&0xc0) {
                    return self.any(reader);
                }
                self.literal(reader, &field.literals)
            }
            FieldKind::Str => self.str(reader),
            FieldKind::OptionalStr => self.optional_str(reader),
            FieldKind::Any => self.any(reader),
            FieldKind::ToolCalls => self.records(reader, Self::tool_call),
            FieldKind::InvalidToolCalls => self.records(reader, Self::invalid_tool_call),
            FieldKind::ToolCallChunks => self.records(reader, |_, _| None),
            FieldKind::Usage => self.usage(reader),
        }
    }

    fn any(&mut self, reader: &mut Reader<'_>) -> Built<'py> {
        self.value(reader, self.field_level, Exts::Known).ok()
    }

    fn str(&self, reader: &mut Reader<'_>) -> Built<'py> {
        match reader.token().ok()? {
            Token::Str(bytes) => text::str_from(self.py, bytes).ok(),
            _ => None,
        }
    }

    fn optional_str(&self, reader: &mut Reader<'_>) -> Built<'py> {
        match reader.token().ok()? {
            Token::Nil => Some(self.py.None().into_bound(self.py)),
            Token::Str(bytes) => text::str_from(self.py, bytes).ok(),
            _ => None,
        }
    }

    fn literal(&self, reader: &mut Reader<'_>, literals: &[Text]) -> Built<'py> {
        let literal = literals.iter().find(|literal| reader.skip_exactly(&literal.encoded))?;
        Some(literal.object.bind(self.py).clone().into_any())
    }

    fn dict(&mut self, reader: &mut Reader<'_>) -> Built<'py> {
        match reader.token().ok()? {
            Token::Map(len) => self.map(reader, len, self.field_level, Exts::Known).ok(),
            _ => None,
        }
    }

    /// A str, or a list of str and dict.
    fn content(&mut self, reader: &mut Reader<'_>) -> Built<'py> {
        match reader.token().ok()? {
            Token::Str(bytes) => text::str_from(self.py, bytes).ok(),
            Token::Array(len) => {
                let list = self.array(reader, len, self.field_level, Exts::Known).ok()?;
                let list = list.cast_into::<pyo3::types::PyList>().ok()?;
                let fits = |item: Bound<'_, PyAny>| {
                    item.is_exact_instance_of::<pyo3::types::PyString>() || item.is_exact_instance_of::<PyDict>()
                };
                list.iter().all(fits).then(|| list.into_any())
            }
            _ => None,
        }
    }

    fn records(&mut self, reader: &mut Reader<'_>, record: ReadValue<'py, Self>) -> Built<'py> {
        let Token::Array(len) = reader.token().ok()? else { return None };
        let list = pyo3::types::PyList::empty(self.py);
        for _ in 0..len {
            list.append(record(self, reader)?).ok()?;
        }
        Some(list.into_any())
    }

    /// A map of exactly these entries, in this order.
    fn record(&mut self, reader: &mut Reader<'_>, entries: &[(&[u8], ReadValue<'py, Self>)]) -> Built<'py> {
        if reader.token() != Ok(Token::Map(u32::try_from(entries.len()).ok()?)) {
            return None;
        }
        let dict = new_dict(self.py, entries.len()).ok()?;
        for (name, value) in entries {
            if reader.token() != Ok(Token::Str(name)) {
                return None;
            }
            let value = value(self, reader)?;
            set_item(&dict, &keys::key_from(self.py, name).ok()?, &value).ok()?;
        }
        Some(dict)
    }

    fn exactly(&self, reader: &mut Reader<'_>, text: &[u8]) -> Built<'py> {
        (reader.token() == Ok(Token::Str(text))).then(|| keys::key_from(self.py, text).ok()).flatten()
    }

    fn tool_call(&mut self, reader: &mut Reader<'_>) -> Built<'py> {
        self.record(
            reader,
            &[
                (b"name", |decoder, reader| decoder.str(reader)),
                (b"args", Self::str_keyed),
                (b"id", |decoder, reader| decoder.optional_str(reader)),
                (b"type", |decoder, reader| decoder.exactly(reader, b"tool_call")),
            ],
        )
    }

    fn invalid_tool_call(&mut self, reader: &mut Reader<'_>) -> Built<'py> {
        self.record(
            reader,
            &[
                (b"type", |decoder, reader| decoder.exactly(reader, b"invalid_tool_call")),
                (b"id", |decoder, reader| decoder.optional_str(reader)),
                (b"name", |decoder, reader| decoder.optional_str(reader)),
                (b"args", |decoder, reader| decoder.optional_str(reader)),
                (b"error", |decoder, reader| decoder.optional_str(reader)),
            ],
        )
    }

    /// A dict with keys of str; what lies deeper may have others.
    fn str_keyed(&mut self, reader: &mut Reader<'_>) -> Built<'py> {
        let dict = self.dict(reader)?.cast_into::<PyDict>().ok()?;
        dict.iter().all(|(key, _)| key.is_exact_instance_of::<pyo3::types::PyString>()).then(|| dict.into_any())
    }

    fn int(&mut self, reader: &mut Reader<'_>) -> Built<'py> {
        let mut ahead = reader.clone();
        match ahead.token().ok()? {
            Token::UInt(_) | Token::Int(_) => self.any(reader),
            _ => None,
        }
    }

    /// None, or the counts in the order of the schema, then the details.
    fn usage(&mut self, reader: &mut Reader<'_>) -> Built<'py> {
        let Token::Map(len) = (match reader.token().ok()? {
            Token::Nil => return Some(self.py.None().into_bound(self.py)),
            token => token,
        }) else {
            return None;
        };
        let dict = new_dict(self.py, 5).ok()?;
        let mut left = len;
        for name in [&b"input_tokens"[..], b"output_tokens", b"total_tokens"] {
            let key = self.exactly(reader, name)?;
            set_item(&dict, &key, &self.int(reader)?).ok()?;
            left = left.checked_sub(1)?;
        }
        for (name, known) in [(&b"input_token_details"[..], INPUT_DETAILS), (b"output_token_details", OUTPUT_DETAILS)] {
            if left == 0 {
                break;
            }
            let mut ahead = reader.clone();
            if ahead.token() == Ok(Token::Str(name)) {
                let key = self.exactly(reader, name)?;
                set_item(&dict, &key, &self.details(reader, known)?).ok()?;
                left -= 1;
            }
        }
        (left == 0).then_some(dict)
    }

    /// A dict of ints: known keys in the order of the schema, then others.
    fn details(&mut self, reader: &mut Reader<'_>, known: &[&[u8]]) -> Built<'py> {
        let Token::Map(len) = reader.token().ok()? else { return None };
        let dict = new_dict(self.py, (len as usize).min(reader.remaining() / 2)).ok()?;
        let mut reached = 0;
        for _ in 0..len {
            let Token::Str(name) = reader.token().ok()? else { return None };
            reached = match known.iter().position(|known| *known == name) {
                Some(place) if place >= reached => place + 1,
                Some(_) => return None,
                None => known.len(),
            };
            let key = keys::key_from(self.py, name).ok()?;
            set_item(&dict, &key, &self.int(reader)?).ok()?;
        }
        Some(dict)
    }
}
