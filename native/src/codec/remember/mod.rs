//! States that are remembered: what has not changed is neither encoded nor decoded again.
//!
//! A `memory` has a `state` for each thread: its elements, which it holds, with their bytes in what was encoded or decoded
//! last, and for each an `outline`: `words` of memory that are the same as long as nothing in the element has changed,
//! among them the version of each dict (`dict_version`). `encode` and `decode` walk a state with a `recorder`. `trial`
//! finds out whether the interpreter's objects show every change; `verification` compares what was taken as it was with
//! what is made anew.
pub mod calls;
mod decode;
mod dict_version;
mod encode;
pub mod memory;
mod outline;
mod recorder;
pub mod state;
pub mod trial;
pub mod verification;
mod words;
