//! MessagePack, read and written without an interpreter: `reader` takes tokens, `skim` reads past values, `writer` writes
//! values in the form that ormsgpack writes.
pub mod reader;
pub mod skim;
pub mod writer;
