//! Libraries that the process has loaded already, and their symbols.
#![allow(unsafe_code)] // asks the dynamic linker

use std::ffi::{CStr, c_void};

/// A handle of the library at `path`, for `symbol`, if it is loaded. It is never closed, because its functions are
/// kept.
#[cfg(unix)]
pub fn library(path: &CStr) -> Option<*mut c_void> {
    // SAFETY: RTLD_NOLOAD opens nothing that is not loaded.
    let library = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_NOLOAD) };
    (!library.is_null()).then_some(library)
}

/// # Safety
/// `library` is a handle from `library`.
#[cfg(unix)]
pub unsafe fn symbol(library: *mut c_void, name: &CStr) -> Option<*mut c_void> {
    // SAFETY: an open handle, by the caller's promise.
    let symbol = unsafe { libc::dlsym(library, name.as_ptr()) };
    (!symbol.is_null()).then_some(symbol)
}

#[cfg(not(unix))]
pub fn library(_path: &CStr) -> Option<*mut c_void> {
    None
}

/// # Safety
/// None: there is no library to look into.
#[cfg(not(unix))]
pub unsafe fn symbol(_library: *mut c_void, _name: &CStr) -> Option<*mut c_void> {
    None
}
