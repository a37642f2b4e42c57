//! The time of profiles.
use std::sync::OnceLock;
use std::time::Instant;

use pyo3::prelude::*;

/// Seconds since the first call of this in the process.
#[pyfunction]
pub fn clock() -> f64 {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    BEGAN.get_or_init(Instant::now).elapsed().as_secs_f64()
}
