//! Names of attributes and keys: str objects that are made once.

/// The str of a literal. pyo3's macro of this name releases the GIL while it holds a lock, at its first use in a place.
/// If another thread forks at that moment, the child waits for the lock for ever.
macro_rules! intern {
    ($py:expr, $name:literal) => {{
        // Making a str runs no Python code, so the GIL stays held as long as this lock.
        static NAME: std::sync::OnceLock<pyo3::Py<pyo3::types::PyString>> = std::sync::OnceLock::new();
        NAME.get_or_init(|| pyo3::types::PyString::intern($py, $name).unbind()).bind($py)
    }};
}
