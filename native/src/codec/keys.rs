//! A cache of the str objects of map keys, which are the same in every message.
#![allow(unsafe_code)] // keeps references to str objects across calls

use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;

use super::fail::Fail;
use super::text;

/// Each slot holds the last key whose hash led to it.
const SLOTS: usize = 2048;
/// Longer keys are rarely names, and are not cached.
const MAX_LENGTH: usize = 64;

static KEYS: [AtomicPtr<ffi::PyObject>; SLOTS] = [const { AtomicPtr::new(std::ptr::null_mut()) }; SLOTS];
static MISSES: AtomicU64 = AtomicU64::new(0);

/// How many keys were not found in the cache so far.
#[pyfunction]
pub fn key_cache_misses() -> u64 {
    MISSES.load(Ordering::Relaxed)
}

#[allow(clippy::cast_possible_truncation)] // any bits of the hash are good
fn slot(key: &[u8]) -> usize {
    let word = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let mut hash = (key.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    if key.len() >= 8 {
        hash ^= word(key.first_chunk()).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash ^= word(key.last_chunk()).rotate_left(23).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    } else {
        for byte in key {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    (hash >> 40) as usize % SLOTS
}

/// The str of a map key.
#[inline]
pub fn key_from<'py>(py: Python<'py>, bytes: &[u8]) -> Result<Bound<'py, PyAny>, Fail> {
    if bytes.len() > MAX_LENGTH || bytes.is_empty() || !bytes.is_ascii() {
        return text::str_from(py, bytes);
    }
    let Some(slot) = KEYS.get(slot(bytes)) else { return text::str_from(py, bytes) };
    let kept = slot.load(Ordering::Relaxed);
    // SAFETY: a slot holds NULL, or a str that it owns a reference to. Slots are read and replaced only with the
    // interpreter attached, as `py` shows.
    unsafe {
        if !kept.is_null() && text::utf8(py, kept) == Some(bytes) {
            return Ok(Bound::from_borrowed_ptr(py, kept));
        }
        MISSES.fetch_add(1, Ordering::Relaxed);
        let key = text::str_from(py, bytes)?;
        // The str keeps its hash, so that it is computed once and not at every use as a key.
        ffi::PyObject_Hash(key.as_ptr());
        let old = slot.swap(key.clone().into_ptr(), Ordering::Relaxed);
        ffi::Py_XDECREF(old);
        Ok(key)
    }
}
