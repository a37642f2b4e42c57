//! The codec: the bytes and the objects of `JsonPlusSerializer`, without its Python code.
//!
//! `functions` is what Python calls. `encode` and `decode` walk values. Messages have a short way: `model` encodes
//! instances from their `__dict__`, `build` makes instances without calling the class, and `short_ways` finds out
//! whether the interpreter allows it. `known_exts` and `construct` do the types in `known_types`. Everything else is
//! handed to `stock`, single values by `hand_over`. `channel_sizes` says what takes how much of what was encoded,
//! `cuts` where it lies; `past` reads past a value.
use pyo3::prelude::*;

mod build;
mod bytes;
pub mod channel_sizes;
mod construct;
mod counters;
mod cuts;
mod decode;
mod encode;
mod ext_codes;
mod fail;
mod functions;
mod gc;
mod hand_over;
mod keys;
mod known_exts;
mod known_types;
mod model;
mod name_set;
mod outcome;
mod past;
mod plain;
mod remember;
mod short_ways;
mod slots;
mod stock;
mod text;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<crate::buffer::Blob>()?;
    module.add_class::<remember::memory::Memory>()?;
    module.add_class::<remember::trial::Outlined>()?;
    module.add("ENCODED", counters::ENCODED.clone())?;
    module.add("DECODED", counters::DECODED.clone())?;
    module.add_function(wrap_pyfunction!(stock::configure, module)?)?;
    module.add_function(wrap_pyfunction!(functions::dumps_typed, module)?)?;
    module.add_function(wrap_pyfunction!(functions::dumps_blob, module)?)?;
    module.add_function(wrap_pyfunction!(functions::loads_typed, module)?)?;
    module.add_function(wrap_pyfunction!(channel_sizes::channel_sizes, module)?)?;
    module.add_function(wrap_pyfunction!(cuts::checkpoint_cuts, module)?)?;
    module.add_function(wrap_pyfunction!(past::is_whole, module)?)?;
    module.add_function(wrap_pyfunction!(remember::verification::verify_remembered, module)?)?;
    module.add_function(wrap_pyfunction!(keys::key_cache_misses, module)?)?;
    module.add_function(wrap_pyfunction!(short_ways::short_ways_off, module)?)?;
    Ok(())
}
