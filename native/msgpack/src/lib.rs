//! MessagePack, read and written without an interpreter: `reader` takes tokens, `writer` writes values in the form that
//! ormsgpack writes.
pub mod reader;
pub mod writer;
