//! Why the codec stopped, with ormsgpack's text for it.
use std::borrow::Cow;

use fast_langgraph_msgpack::reader::{Marker, ReadError};
use fast_langgraph_msgpack::writer::TooLong;
use pyo3::prelude::*;

/// It is part of every result, so it is kept to a few words of memory.
#[derive(Debug)]
pub enum Fail {
    /// The input ends within a value.
    Eof,
    /// Marker 0xc1.
    Reserved,
    Utf8,
    /// More levels than ormsgpack allows.
    Depth,
    /// More levels, across nested exts, than this code allows; stock may allow more.
    ExtDepth,
    /// Encoding: a map key of a type that can't be one.
    Key,
    /// Decoding: the same.
    KeyType(Marker),
    Value,
    /// A key that Python can't hash.
    Unhashable,
    /// The ext hook raised.
    Hook,
    /// An int beyond 64 bits.
    Int,
    /// A str key with surrogates.
    Surrogates,
    TooLong,
    /// An object whose ext could not be written, with the name of its type.
    Type(Box<str>),
    /// The message of stock's own encoder for a value that it was handed.
    Said(Box<str>),
    /// A container changed while it was encoded, so the header that was written is wrong.
    Mutated,
    /// Python itself failed, for want of memory, say.
    Python(Box<PyErr>),
}

impl From<PyErr> for Fail {
    fn from(error: PyErr) -> Self {
        Self::Python(Box::new(error))
    }
}

impl From<ReadError> for Fail {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::UnexpectedEof => Self::Eof,
            ReadError::Reserved => Self::Reserved,
        }
    }
}

impl From<TooLong> for Fail {
    fn from(_: TooLong) -> Self {
        Self::TooLong
    }
}

impl Fail {
    /// ormsgpack's text for it.
    pub fn text(&self) -> Cow<'_, str> {
        Cow::Borrowed(match self {
            Self::Eof => "unexpected end of file",
            Self::Reserved => "invalid type Reserved",
            Self::Utf8 => "invalid UTF-8 string",
            Self::Depth | Self::ExtDepth => "Recursion limit reached",
            Self::Key => "Dict key must a type serializable with OPT_NON_STR_KEYS",
            Self::Unhashable => "internal error",
            Self::Hook => "ext_hook failed",
            Self::Int => "Integer exceeds 64-bit range",
            Self::Surrogates => "string contains surrogates",
            Self::TooLong => "write error",
            Self::Value => "invalid value",
            Self::KeyType(marker) => return Cow::Owned(format!("invalid type {marker:?}")),
            Self::Type(name) => return Cow::Owned(format!("Type is not msgpack serializable: {name}")),
            Self::Said(text) => text,
            Self::Mutated => "a container changed size while it was encoded",
            Self::Python(_) => "internal error",
        })
    }

    /// The reason under which a call that stock takes over is counted.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Eof | Self::Reserved | Self::Utf8 | Self::Unhashable => "malformed bytes",
            Self::Depth | Self::ExtDepth => "nested too deep",
            Self::Key => "unusual map key",
            Self::KeyType(_) | Self::Value => "malformed bytes",
            Self::Hook => "ext hook raised",
            Self::Int => "int beyond 64 bits",
            Self::Surrogates => "surrogates in a key",
            Self::TooLong => "longer than 32 bits count",
            Self::Type(_) | Self::Said(_) => "not serializable",
            Self::Mutated => "changed while encoded",
            Self::Python(_) => "Python failed",
        }
    }
}
