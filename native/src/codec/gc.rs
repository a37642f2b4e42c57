//! Pausing the garbage collector during a decode. Decoding 1,000 messages makes some 9,000 containers; the collections
//! that they would set off find nothing and take a fifth of the time of a long conversation.
#![allow(unsafe_code)] // the collector's switch is C API only

use pyo3::ffi;
use pyo3::prelude::*;

/// While it lives the collector is off. It is never held across a call into Python, where `gc.isenabled()` would be
/// wrong and a fork would leave the child without a collector.
pub struct CollectorPause {
    was_on: bool,
}

impl CollectorPause {
    pub fn new(_py: Python<'_>) -> Self {
        // SAFETY: the interpreter is attached, as `_py` shows.
        let was_on = unsafe { ffi::PyGC_Disable() } != 0;
        Self { was_on }
    }
}

impl Drop for CollectorPause {
    fn drop(&mut self) {
        if self.was_on {
            // SAFETY: it was made with the interpreter attached, and is neither sent to another thread nor kept beyond
            // the call that made it.
            unsafe { ffi::PyGC_Enable() };
        }
    }
}
