//! Counters of the calls and fallbacks of one patched site, for `status()`.
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::sync::lock;

pyo3::create_exception!(
    fast_langgraph,
    FallbackError,
    PyRuntimeError,
    "Stock's code would have run, and fallbacks were asked to fail; says where and why."
);

/// So many reasons or classes are counted by name. Classes come from data, so there may be any number.
const MAX_NAMES: usize = 64;

/// Adds one to the count of `name`. Further names than the first few are counted under `rest`.
fn add(counted: &Mutex<BTreeMap<String, u64>>, name: &str, rest: &str) {
    let mut counted = lock(counted);
    if let Some(count) = counted.get_mut(name) {
        *count += 1;
    } else {
        let name = if counted.len() < MAX_NAMES { name } else { rest };
        *counted.entry(name.to_owned()).or_default() += 1;
    }
}

fn copy(counted: &Mutex<BTreeMap<String, u64>>) -> BTreeMap<String, u64> {
    lock(counted).clone()
}

/// Whether a fallback raises.
static FALLBACKS_FAIL: AtomicBool = AtomicBool::new(false);

struct Inner {
    site: String,
    calls: AtomicU64,
    handed_over: AtomicU64,
    bytes: AtomicU64,
    nanoseconds: AtomicU64,
    fallbacks: Mutex<BTreeMap<String, u64>>,
    values: Mutex<BTreeMap<String, u64>>,
}

/// The counters of one site. Any thread may use them.
#[pyclass(frozen, module = "fast_langgraph._native")]
#[derive(Clone)]
pub struct Counts(Arc<Inner>);

impl Counts {
    /// Counts a call of the codec: the bytes that it wrote or read, the time that it took, and the single values in it
    /// that stock's own code encoded or decoded.
    pub fn coded(&self, bytes: usize, took: Duration, handed_over: u64) {
        self.called();
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.0.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.0.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
        if handed_over > 0 {
            self.0.handed_over.fetch_add(handed_over, Ordering::Relaxed);
        }
    }

    /// Counts a single value that stock's own code encodes or decodes, by class and reason.
    pub fn value_by_stock(&self, class: &str, reason: &str) {
        // The name may come from a database and have any length.
        add(&self.0.values, &format!("{class:.200}: {reason}"), "other classes");
    }

    /// As `value_by_stock`, for a value that Rust should have done. Raises `FallbackError` if fallbacks are to fail.
    pub fn value_lost(&self, class: &str, reason: &str) -> PyResult<()> {
        self.value_by_stock(class, reason);
        self.refuse(&format!("{class}: {reason}"))
    }

    fn refuse(&self, reason: &str) -> PyResult<()> {
        if FALLBACKS_FAIL.load(Ordering::Relaxed) {
            return Err(FallbackError::new_err(format!("{}: stock's code would run: {reason}", self.0.site)));
        }
        Ok(())
    }
}

#[pymethods]
impl Counts {
    #[new]
    pub fn new(site: String) -> Self {
        Self(Arc::new(Inner {
            site,
            calls: AtomicU64::default(),
            handed_over: AtomicU64::default(),
            bytes: AtomicU64::default(),
            nanoseconds: AtomicU64::default(),
            fallbacks: Mutex::default(),
            values: Mutex::default(),
        }))
    }

    /// Calls so far, those that fell back included.
    #[getter]
    fn calls(&self) -> u64 {
        self.0.calls.load(Ordering::Relaxed)
    }

    #[getter]
    fn handed_over(&self) -> u64 {
        self.0.handed_over.load(Ordering::Relaxed)
    }

    /// Bytes that the codec wrote or read.
    #[getter]
    fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// The time that the codec took for them.
    #[getter]
    #[allow(clippy::cast_precision_loss)] // 104 days are exact
    fn seconds(&self) -> f64 {
        self.0.nanoseconds.load(Ordering::Relaxed) as f64 / 1e9
    }

    /// Calls that stock's code took over, by reason.
    #[getter]
    fn fallbacks(&self) -> BTreeMap<String, u64> {
        copy(&self.0.fallbacks)
    }

    /// Single values that stock's code encoded or decoded within a call, by class and reason.
    #[getter]
    fn values(&self) -> BTreeMap<String, u64> {
        copy(&self.0.values)
    }

    /// Counts a call.
    pub fn called(&self) {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a call that stock's code takes over. Raises `FallbackError` if fallbacks are to fail.
    pub fn fell_back(&self, reason: &str) -> PyResult<()> {
        self.called();
        self.gave_up(reason)
    }

    /// As `fell_back`, for a call that is counted already.
    pub fn gave_up(&self, reason: &str) -> PyResult<()> {
        add(&self.0.fallbacks, reason, "other reasons");
        self.refuse(reason)
    }
}

/// Whether fallbacks are to fail from now on, in the whole process.
#[pyfunction]
fn fail_on_fallback(fail: bool) {
    FALLBACKS_FAIL.store(fail, Ordering::Relaxed);
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Counts>()?;
    module.add("FallbackError", module.py().get_type::<FallbackError>())?;
    module.add_function(wrap_pyfunction!(fail_on_fallback, module)?)?;
    Ok(())
}
