//! Calls what the savers' methods call, and times it as a part of the call that goes on.
use std::collections::HashMap;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::call::Call;
use super::clock::clock;
use super::parts::known;

/// Outside a call, each does nothing but call `inner`, what is behind a front, with its arguments.
#[pyclass(frozen, module = "fast_langgraph._native")]
pub struct Timers {
    /// The ContextVar of calls.
    current: Py<PyAny>,
    /// Encodes each channel of a checkpoint alone, and returns by name how long it took; None if one can't be.
    encode_channels: Py<PyAny>,
}

#[pymethods]
impl Timers {
    #[new]
    fn new(current: Py<PyAny>, encode_channels: Py<PyAny>) -> Self {
        Self { current, encode_channels }
    }

    /// `at` is the place of the value among the arguments.
    fn encode<'py>(
        &self,
        at: usize,
        inner: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        kwargs: &Bound<'py, PyDict>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let call = self.call(inner.py())?;
        let Some((call, began)) = begun(call.as_ref(), Call::begin_coding) else {
            return inner.call(args, Some(kwargs));
        };
        let encoded = inner.call(args, Some(kwargs)).inspect_err(|_| call.end_coding())?;
        let value = args.get_item(at).ok();
        if call.encoded(began, &encoded, value.as_ref()) {
            let began = clock();
            let times = self.encode_channels.bind(inner.py()).call1((inner, args.get_slice(0, at), value));
            call.encoded_alone(began, times.and_then(|times| times.extract::<Option<HashMap<String, f64>>>())?);
        }
        Ok(encoded)
    }

    /// `at` is the place of what is decoded among the arguments.
    fn decode<'py>(
        &self,
        at: usize,
        inner: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        kwargs: &Bound<'py, PyDict>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let call = self.call(inner.py())?;
        let Some((call, began)) = begun(call.as_ref(), Call::begin_coding) else {
            return inner.call(args, Some(kwargs));
        };
        let decoded = inner.call(args, Some(kwargs));
        call.decoded(began, args.get_item(at).ok().as_ref());
        decoded
    }

    /// Works on a borrowed connection, with the saver's lock held.
    fn work<'py>(
        &self,
        part: usize,
        inner: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyAny>> {
        known(part)?;
        let call = self.call(inner.py())?;
        let Some((call, began)) = begun(call.as_ref(), Call::begin_work) else { return inner.call1(args) };
        let result = inner.call1(args);
        call.end_work(part, began);
        result
    }

    /// A group commit.
    fn commit<'py>(&self, inner: &Bound<'py, PyAny>, args: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        let call = self.call(inner.py())?;
        let Some((call, began)) = begun(call.as_ref(), |call| call.begin_commit(false)) else {
            return inner.call1(args);
        };
        let result = inner.call1(args);
        call.end_commit(began);
        result
    }
}

impl Timers {
    /// The call that goes on.
    fn call<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, Call>>> {
        Ok(self.current.bind(py).call_method0(intern!(py, "get"))?.cast_into_exact().ok())
    }
}

/// When something begins in the call; None if there is none that it is a part of.
fn begun<'a>(call: Option<&'a Bound<'_, Call>>, begin: impl Fn(&Call) -> Option<f64>) -> Option<(&'a Call, f64)> {
    let call = call?.get();
    begin(call).map(|began| (call, began))
}
