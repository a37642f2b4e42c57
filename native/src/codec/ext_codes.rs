//! Stock's ext codes: how the object of an ext is made again.

/// By calling the class with one argument.
pub const SINGLE_ARG: u8 = 0;
/// By calling the class with positional arguments.
pub const POS_ARGS: u8 = 1;
/// By calling the class with keyword arguments.
pub const KW_ARGS: u8 = 2;
/// By calling a method of the class.
pub const METHOD: u8 = 3;
/// A pydantic v2 model, by calling the class with its fields.
pub const PYDANTIC_V2: u8 = 5;
/// The snapshot of a delta channel.
pub const DELTA_SNAPSHOT: u8 = 7;
