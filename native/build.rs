//! Makes `cfg(Py_3_13)` and the like known to this crate.
fn main() {
    pyo3_build_config::use_pyo3_cfgs();
}
