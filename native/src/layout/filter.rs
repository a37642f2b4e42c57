//! Which checkpoints a metadata filter matches.
//!
//! SqliteSaver's filter is SQL. This one matches keys literally, tells true from 1, and compares nested values by
//! value. As in SqliteSaver's, `a.b` also means `b` within `a`, if there is no key of that name.
use std::borrow::Cow;

use rusqlite::Connection;
use serde_json::{Map, Number, Value};

use crate::errors::SqlError;

/// The values that metadata must have, by key; null also matches a key that is missing.
pub struct Filter(Map<String, Value>);

impl Filter {
    /// Takes a JSON object.
    pub fn parse(json: &str) -> serde_json::Result<Self> {
        serde_json::from_str(&without_specials(json)).map(Self)
    }

    /// Whether the JSON in the column matches. What is not JSON is an error, in SQLite's words.
    pub fn matches(&self, conn: &Connection, metadata: Option<&[u8]>) -> Result<bool, SqlError> {
        let parsed: Value = match metadata {
            None => Value::Null,
            Some(bytes) => match serde_json::from_slice(bytes) {
                Ok(parsed) => parsed,
                Err(_) => {
                    let text = String::from_utf8_lossy(bytes);
                    if let Ok(parsed) = serde_json::from_str(&without_specials(&text)) {
                        parsed
                    } else {
                        conn.prepare_cached("SELECT json(?)")?.query_row([text], |_| Ok(Value::Null))?
                    }
                }
            },
        };
        Ok(self.0.iter().all(|(key, wanted)| equal(wanted, find(&parsed, key).unwrap_or(&Value::Null))))
    }
}

/// Python writes NaN and Infinity, which are not JSON: they become null and the largest number.
fn without_specials(text: &str) -> Cow<'_, str> {
    if !text.contains("NaN") && !text.contains("Infinity") {
        return text.into();
    }
    let mut plain = String::with_capacity(text.len());
    let (mut quoted, mut escaped) = (false, false);
    for part in text.split_inclusive(['"', '\\']) {
        if quoted {
            plain.push_str(part);
        } else {
            plain.push_str(&part.replace("NaN", "null").replace("Infinity", &f64::MAX.to_string()));
        }
        // A character right after a backslash is literal.
        let is_literal = escaped && part.len() == 1;
        quoted ^= part.ends_with('"') && !is_literal;
        escaped = quoted && part.ends_with('\\') && !is_literal;
    }
    plain.into()
}

fn find<'a>(metadata: &'a Value, key: &str) -> Option<&'a Value> {
    metadata.get(key).or_else(|| key.split('.').try_fold(metadata, |within, part| within.get(part)))
}

fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => same_number(one, other),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, one)| other.get(key).is_some_and(|other| equal(one, other)))
        }
        (one, other) => one == other,
    }
}

/// 1 and 1.0 are the same, as in Python.
#[allow(clippy::float_cmp)] // exact equality is what is meant
fn same_number(one: &Number, other: &Number) -> bool {
    if one.is_f64() || other.is_f64() { one.as_f64() == other.as_f64() } else { one == other }
}
