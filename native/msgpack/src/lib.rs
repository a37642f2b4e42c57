//! MessagePack, read and written without an interpreter: what is here can be fuzzed and tested by itself.
pub mod cuts;
pub mod reader;
pub mod writer;
