//! What `profile()` does at each call of a saver, where Python's own calls would cost too much. A `method` begins a `call`
//! and ends it; while it goes on, `timers` measure its `parts`, and a `cursor` those of stock's; `encoded` are the bytes.
//! The `sampler` says which checkpoints are looked into, `watch` tells which file is used. A `tally` is told of the calls
//! of one profile, and `sums` adds many of them up. `clock` is the time of all these.
mod call;
mod clock;
mod cursor;
mod encoded;
mod method;
mod parts;
mod sampler;
mod sums;
mod tally;
mod timers;
mod watch;

use pyo3::prelude::*;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<call::Call>()?;
    module.add_class::<cursor::TimedCursor>()?;
    module.add_class::<method::Method>()?;
    module.add_class::<sampler::Sampler>()?;
    module.add_class::<tally::Tally>()?;
    module.add_class::<timers::Timers>()?;
    module.add_class::<watch::Watch>()?;
    module.add_function(wrap_pyfunction!(clock::clock, module)?)?;
    Ok(())
}
