//! MessagePack tokens, read and written without an interpreter.
