//! Decoding 1,000 messages makes some 9,000 containers; the collections that this would set off find
//! nothing and cost a fifth of the time of a long conversation.
#![allow(unsafe_code)] // the collector's switch is C API only

use pyo3::ffi;
use pyo3::prelude::*;

/// While it lives the collector is off, if it was on. Never held across a call into Python:
/// `gc.isenabled()` would lie there, and a fork meanwhile would leave the child without a collector.
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
            // SAFETY: made with the interpreter attached, and never sent to another thread or kept
            // beyond the call that made it.
            unsafe { ffi::PyGC_Enable() };
        }
    }
}
