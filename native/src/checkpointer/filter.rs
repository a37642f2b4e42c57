//! Which checkpoints a metadata filter lets through.
//!
//! Unlike SqliteSaver's, which is SQL, it takes any key, knows true from 1, and compares nested values by what
//! they hold. As there, `a.b` also stands for what is at `b` within `a`, where there is no key of that name.
use std::borrow::Cow;

use rusqlite::Connection;
use serde_json::{Map, Number, Value};

use crate::errors::SqlError;

/// The values that metadata must have, as JSON; null also stands for a key that is not there.
pub struct Filter(Map<String, Value>);

impl Filter {
    /// From a JSON object.
    pub fn parse(json: &str) -> serde_json::Result<Self> {
        serde_json::from_str(&without_specials(json)).map(Self)
    }

    /// Whether the column's JSON passes. Fails as SQLite does where it is not JSON.
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

/// Python writes NaN and Infinity, which are no JSON. They become what comes nearest.
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
        // What follows a backslash at once is taken for what it is.
        let taken = escaped && part.len() == 1;
        quoted ^= part.ends_with('"') && !taken;
        escaped = quoted && part.ends_with('\\') && !taken;
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
#[allow(clippy::float_cmp)] // just that is asked
fn same_number(one: &Number, other: &Number) -> bool {
    if one.is_f64() || other.is_f64() { one.as_f64() == other.as_f64() } else { one == other }
}
