//! A method of a saver that is profiled.
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple, PyType};

use super::call::{Call, Stored};
use super::clock::clock;
use super::sampler::Sampler;
use super::tally::Tally;
use super::watch::Watch;
use crate::sync::lock;

enum Kind {
    Put,
    PutWrites,
    Other,
}

/// Begins the calls of one method, tells of them, and ends them.
#[pyclass(frozen, module = "fast_langgraph._native")]
pub struct Method {
    name: Py<PyTuple>,
    kind: Kind,
    /// The ContextVar of calls.
    current: Py<PyAny>,
    /// The attribute of a saver that says which file it uses; this is told before the call begins.
    file: Option<Py<PyString>>,
    watch: Py<Watch>,
    /// collections.deque
    deque: Py<PyType>,
}

#[pymethods]
impl Method {
    #[new]
    fn new(
        saver: &Bound<'_, PyString>,
        name: &Bound<'_, PyString>,
        current: Py<PyAny>,
        file: Option<Py<PyString>>,
        watch: Py<Watch>,
    ) -> PyResult<Self> {
        let py = saver.py();
        let kind = match name.to_cow()?.as_ref() {
            "put" | "aput" => Kind::Put,
            "put_writes" | "aput_writes" => Kind::PutWrites,
            _ => Kind::Other,
        };
        let deque = py.import("collections")?.getattr("deque")?.cast_into::<PyType>()?.unbind();
        Ok(Self { name: PyTuple::new(py, [saver, name])?.unbind(), kind, current, file, watch, deque })
    }

    /// A call with these arguments. None if nobody wants to know of it, or if it is part of another call.
    fn begun(
        &self,
        told: &Bound<'_, PyTuple>,
        sampler: &Bound<'_, Sampler>,
        args: &Bound<'_, PyTuple>,
        kwargs: &Bound<'_, PyDict>,
    ) -> PyResult<Option<Call>> {
        let py = told.py();
        let Ok(saver) = args.get_item(0) else { return Ok(None) };
        if told.is_empty() || self.is_within_another(py)? {
            return Ok(None);
        }
        let stored = match self.kind {
            Kind::Put => Stored::Checkpoint(argument(args, kwargs, intern!(py, "checkpoint"))?.map(Bound::unbind)),
            Kind::PutWrites => {
                let writes = argument(args, kwargs, intern!(py, "writes"))?;
                Stored::Writes(writes.map_or_else(Vec::new, |writes| self.channels(&writes)))
            }
            Kind::Other => Stored::Nothing,
        };
        let contended = is_locked(&saver);
        if let Some(file) = &self.file
            // An attribute of the app's own may raise.
            && let Ok(Some(file)) = saver.getattr_opt(file.bind(py))
        {
            self.watch.get().uses(told, &saver, &file)?;
        }
        let (name, told) = (self.name.clone_ref(py), told.clone().unbind());
        Ok(Some(Call::new(name, told, sampler.clone().unbind(), stored, contended)))
    }

    /// What follows, up to `pause` or `end`, is part of the call.
    fn enter(&self, call: &Bound<'_, Call>) -> PyResult<()> {
        let py = call.py();
        let token = self.current.bind(py).call_method1(intern!(py, "set"), (call,))?.unbind();
        let now = clock();
        {
            let mut state = lock(&call.get().state);
            state.token = Some(token);
            if state.ended > 0.0 {
                let away = now - state.ended;
                state.away += away;
                state.elsewhere += away;
            } else {
                state.began = now;
            }
        }
        each_tally(call, |tally| tally.began(now));
        Ok(())
    }

    /// The caller looks at what was listed so far.
    fn pause(&self, call: &Bound<'_, Call>) -> PyResult<()> {
        let now = self.leave(call)?;
        each_tally(call, |tally| tally.paused(now));
        Ok(())
    }

    fn end(&self, call: &Bound<'_, Call>) -> PyResult<()> {
        self.leave(call)?;
        finish(call)
    }

    /// A listing that has paused does not go on any more.
    #[staticmethod]
    fn end_paused(call: &Bound<'_, Call>) -> PyResult<()> {
        let (is_over, ended) = {
            let state = lock(&call.get().state);
            (state.is_over, state.ended)
        };
        if is_over {
            return Ok(());
        }
        each_tally(call, |tally| tally.began(ended));
        finish(call)
    }

    /// Calls `inner`, what is behind the front.
    fn run<'py>(
        &self,
        told: &Bound<'py, PyTuple>,
        sampler: &Bound<'py, Sampler>,
        inner: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        kwargs: &Bound<'py, PyDict>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let Some(call) = self.begun(told, sampler, args, kwargs)? else {
            return inner.call(args, Some(kwargs));
        };
        let call = Bound::new(told.py(), call)?;
        self.enter(&call)?;
        let result = inner.call(args, Some(kwargs));
        if let Err(error) = &result {
            let name = error.get_type(told.py()).name();
            call.get().failed(name.map_or_else(|_| String::new(), |name| name.to_string_lossy().into_owned()));
        }
        self.end(&call)?;
        result
    }
}

impl Method {
    fn leave(&self, call: &Bound<'_, Call>) -> PyResult<f64> {
        let now = clock();
        let token = {
            let mut state = lock(&call.get().state);
            state.ended = now;
            state.token.take()
        };
        if let Some(token) = token {
            self.current.bind(call.py()).call_method1(intern!(call.py(), "reset"), (token,))?;
        }
        Ok(now)
    }

    fn is_within_another(&self, py: Python<'_>) -> PyResult<bool> {
        let around = self.current.bind(py).call_method0(intern!(py, "get"))?;
        Ok(around.cast_exact::<Call>().is_ok_and(|call| !lock(&call.get().state).is_over))
    }

    /// The names of the channels in what `put_writes` was given.
    fn channels(&self, writes: &Bound<'_, PyAny>) -> Vec<String> {
        let py = writes.py();
        // Looking at anything else might run the app's code.
        let is_plain = writes.is_exact_instance_of::<PyList>()
            || writes.is_exact_instance_of::<PyTuple>()
            || writes.get_type().is(&self.deque);
        let Some(writes) = is_plain.then(|| writes.try_iter().ok()).flatten() else { return Vec::new() };
        writes.map_while(Result::ok).filter_map(|write| channel(py, &write)).collect()
    }
}

fn each_tally(call: &Bound<'_, Call>, tell: impl Fn(&Tally)) {
    for told in call.get().told.bind(call.py()) {
        if let Ok(tally) = told.cast_exact::<Tally>() {
            tell(tally.get());
        }
    }
}

/// Nothing of the app's is kept alive from now on.
fn finish(call: &Bound<'_, Call>) -> PyResult<()> {
    let (ended, checkpoint) = {
        let mut state = lock(&call.get().state);
        state.is_over = true;
        (state.ended, state.checkpoint.take())
    };
    drop(checkpoint);
    for told in call.get().told.bind(call.py()) {
        if let Ok(tally) = told.cast_exact::<Tally>() {
            tally.get().ended(call, ended)?;
        } else {
            told.call_method1(intern!(call.py(), "ended"), (call,))?;
        }
    }
    Ok(())
}

/// Of a pair of a channel and a value.
fn channel(py: Python<'_>, write: &Bound<'_, PyAny>) -> Option<String> {
    let name = if let Ok(pair) = write.cast_exact::<PyTuple>() {
        pair.get_item(0).ok()?
    } else {
        write.cast_exact::<PyList>().ok()?.get_item(0).ok()?
    };
    let name = match name.cast_exact::<PyString>() {
        Ok(name) => name.clone(),
        Err(_) => name.get_type().getattr(intern!(py, "__name__")).ok()?.cast_into().ok()?,
    };
    Some(name.to_string_lossy().into_owned())
}

/// The second argument after the saver.
fn argument<'py>(
    args: &Bound<'py, PyTuple>,
    kwargs: &Bound<'py, PyDict>,
    name: &Bound<'py, PyString>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    args.get_item(2).map_or_else(|_| kwargs.get_item(name), |found| Ok(Some(found)))
}

/// Whether a saver's lock is taken, if it can be asked.
fn is_locked(saver: &Bound<'_, PyAny>) -> bool {
    let py = saver.py();
    let asked = || -> PyResult<bool> {
        let Some(lock) = saver.getattr_opt(intern!(py, "lock"))? else { return Ok(false) };
        let Some(locked) = lock.getattr_opt(intern!(py, "locked"))? else { return Ok(false) };
        locked.call0()?.is_truthy()
    };
    asked().unwrap_or(false)
}
