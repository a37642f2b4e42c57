//! Types of the standard library and of LangGraph whose ext stock makes in one known way.

use fast_langgraph_msgpack::writer::Sink;
use pyo3::ffi;
use pyo3::prelude::*;

use super::encode::Encoder;
use super::fail::Fail;

impl<'a, 'py, S: Sink> Encoder<'a, 'py, S> {
    /// Writes `object` if its exact type is known; says whether it was.
    pub fn known_ext(&mut self, _object: &Bound<'py, PyAny>, _class: *mut ffi::PyTypeObject) -> Result<bool, Fail> {
        Ok(false)
    }
}
