//! MessagePack, read and written without an interpreter: what is here can be fuzzed and tested by itself.
pub mod reader;
pub mod writer;
