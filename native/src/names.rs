//! Names of attributes and keys, made once.

/// The str of a literal. pyo3's macro of this name lets go of the GIL while it holds a lock, when it is first used
/// somewhere: the child of a fork that another thread makes just then waits for that lock for good.
macro_rules! intern {
    ($py:expr, $name:literal) => {{
        // Making a str runs no Python code, so the GIL is held as long as this one's lock.
        static NAME: std::sync::OnceLock<pyo3::Py<pyo3::types::PyString>> = std::sync::OnceLock::new();
        NAME.get_or_init(|| pyo3::types::PyString::intern($py, $name).unbind()).bind($py)
    }};
}
