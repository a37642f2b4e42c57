//! Between Python's str and UTF-8, by the shortest way that CPython's layout allows.
#![allow(unsafe_code)] // reads and fills the buffers of str objects

use pyo3::ffi;
use pyo3::prelude::*;

use super::fail::Fail;

/// The UTF-8 form of `obj`, or None where it holds surrogates.
///
/// # Safety
/// `obj` is a str (or of a subclass), and lives, unchanged, as long as the slice is used.
#[inline]
pub unsafe fn utf8<'a>(_py: Python<'_>, obj: *mut ffi::PyObject) -> Option<&'a [u8]> {
    // SAFETY: `obj` is a str by the caller's word. A compact ASCII str keeps its text, which is its
    // UTF-8 form, behind the header; any other keeps a UTF-8 copy that lives as long as it does.
    unsafe {
        if ffi::PyUnicode_IS_COMPACT_ASCII(obj) != 0 {
            let length = ffi::PyUnicode_GET_LENGTH(obj).unsigned_abs();
            return Some(std::slice::from_raw_parts(ffi::PyUnicode_DATA(obj).cast(), length));
        }
        let mut length = 0;
        let data = ffi::PyUnicode_AsUTF8AndSize(obj, &raw mut length);
        if data.is_null() {
            ffi::PyErr_Clear();
            return None;
        }
        Some(std::slice::from_raw_parts(data.cast(), length.unsigned_abs()))
    }
}

/// A str of `bytes`, which may be anything: what is not UTF-8 is refused.
#[inline]
pub fn str_from<'py>(py: Python<'py>, bytes: &[u8]) -> Result<Bound<'py, PyAny>, Fail> {
    if bytes.is_ascii() {
        return ascii(py, bytes);
    }
    let text = simdutf8::basic::from_utf8(bytes).map_err(|_| Fail::Utf8)?;
    wide(py, text)
}

fn allocated<'py>(py: Python<'py>, length: usize, max_char: u32) -> Result<Bound<'py, PyAny>, Fail> {
    // SAFETY: the interpreter is attached; the result is a new reference or NULL with an error set.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyUnicode_New(length.cast_signed(), max_char)) }.map_err(Fail::from)
}

#[inline]
fn ascii<'py>(py: Python<'py>, bytes: &[u8]) -> Result<Bound<'py, PyAny>, Fail> {
    let text = allocated(py, bytes.len(), 127)?;
    if !bytes.is_empty() {
        // SAFETY: a new str of this length and of at most 127 a character has that many bytes of
        // data, and nobody else has seen it yet.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), ffi::PyUnicode_DATA(text.as_ptr()).cast(), bytes.len())
        };
    }
    Ok(text)
}

#[allow(clippy::cast_possible_truncation)] // the leading bytes say how wide the characters are at most
#[inline(never)]
fn wide<'py>(py: Python<'py>, text: &str) -> Result<Bound<'py, PyAny>, Fail> {
    // A leading byte below 0xc4 means characters up to U+00FF, one below 0xf0 up to U+FFFF. CPython
    // requires the narrowest form; the leading byte gives its width, which is all that this needs.
    let highest = text.bytes().fold(0, u8::max);
    let length = text.chars().count();
    // SAFETY: each arm fills just the `length` characters of the width that was asked for, in a str
    // that nobody else has seen yet.
    unsafe {
        if highest >= 0xf0 {
            let result = allocated(py, length, 0x10_ffff)?;
            fill(ffi::PyUnicode_DATA(result.as_ptr()).cast::<u32>(), text, |character| character);
            Ok(result)
        } else if highest >= 0xc4 {
            let result = allocated(py, length, 0xffff)?;
            fill(ffi::PyUnicode_DATA(result.as_ptr()).cast::<u16>(), text, |character| character as u16);
            Ok(result)
        } else {
            let result = allocated(py, length, 0xff)?;
            fill(ffi::PyUnicode_DATA(result.as_ptr()).cast::<u8>(), text, |character| character as u8);
            Ok(result)
        }
    }
}

/// # Safety
/// `data` has room for as many `T` as `text` has characters.
#[inline(never)] // a loop of its own, in registers of its own
unsafe fn fill<T>(mut data: *mut T, text: &str, narrow: impl Fn(u32) -> T) {
    for character in text.chars() {
        // SAFETY: there is room for each character by the caller's word.
        unsafe {
            data.write(narrow(u32::from(character)));
            data = data.add(1);
        }
    }
}
