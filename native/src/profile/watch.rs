//! Which file a call uses.
use std::sync::Mutex;

use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyWeakrefMethods, PyWeakrefReference};

use crate::sync::lock;

struct Last {
    told: Py<PyTuple>,
    holder: Py<PyWeakrefReference>,
    connection: usize,
}

/// Tells of the connection or the path of a saver. Mostly the last one is used again, and nothing is told.
#[pyclass(frozen, module = "fast_langgraph._native")]
pub struct Watch {
    tell: Py<PyAny>,
    /// Taken out while it is looked at, so that no Python code runs with the lock.
    last: Mutex<Option<Last>>,
}

#[pymethods]
impl Watch {
    #[new]
    fn new(tell: Py<PyAny>) -> Self {
        Self { tell, last: Mutex::default() }
    }

    /// `told` are those who are told of the call, `connection` is that of `holder`, or its path.
    pub fn uses(
        &self,
        told: &Bound<'_, PyTuple>,
        holder: &Bound<'_, PyAny>,
        connection: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let py = told.py();
        let number = connection.as_ptr() as usize;
        let last = lock(&self.last).take();
        if let Some(last) = last
            && last.told.is(told)
            && last.connection == number
            && last.holder.bind(py).upgrade().is_some_and(|known| known.is(holder))
        {
            *lock(&self.last) = Some(last);
            return Ok(());
        }
        self.tell.bind(py).call1((connection,))?;
        if let Ok(holder) = PyWeakrefReference::new(holder) {
            let last = Last { told: told.clone().unbind(), holder: holder.unbind(), connection: number };
            let before = lock(&self.last).replace(last);
            drop(before);
        }
        Ok(())
    }
}
