//! Conversion between Python's str and UTF-8, by the shortest way that CPython's layout allows.
#![allow(unsafe_code)] // reads and fills the buffers of str objects

use std::sync::atomic::{AtomicU32, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyType};

use super::fail::Fail;

/// The bits of a str's `state` for characters that are ASCII and lie right behind its header. They are the same on each
/// little-endian CPython from 3.10 to 3.15 with a GIL; `short_ways` finds out whether this interpreter has them.
const COMPACT_ASCII: u32 = 0b110_0000;

/// The bits that are tested. It is zero until strs are known to be laid out so; then no str is taken for a compact one.
static TESTED_BITS: AtomicU32 = AtomicU32::new(0);

/// Sets whether compact ASCII strs are read in place.
pub fn read_in_place(on: bool) {
    TESTED_BITS.store(if on { COMPACT_ASCII } else { 0 }, Ordering::Relaxed);
}

/// Address and length of the text of `obj`, if the `tested_bits` of its state say that it is compact ASCII.
///
/// # Safety
/// `obj` is a str, or of a subclass.
#[inline]
unsafe fn in_place(obj: *mut ffi::PyObject, tested_bits: u32) -> Option<(*const u8, usize)> {
    // SAFETY: a str, by the caller's promise, which begins with this header.
    unsafe {
        let header = obj.cast::<ffi::PyASCIIObject>();
        ((*header).state & tested_bits == COMPACT_ASCII)
            .then(|| (header.add(1).cast_const().cast(), (*header).length.unsigned_abs()))
    }
}

/// The UTF-8 form of `obj`, or None if it has surrogates.
///
/// # Safety
/// `obj` is a str, or of a subclass, and lives as long as the slice is used.
#[inline]
pub unsafe fn utf8<'a>(_py: Python<'_>, obj: *mut ffi::PyObject) -> Option<&'a [u8]> {
    // SAFETY: a str, by the caller's promise. A compact ASCII str has its text, which is its UTF-8 form, behind the
    // header; any other keeps a UTF-8 copy that lives as long as the str.
    unsafe {
        if let Some((data, length)) = in_place(obj, TESTED_BITS.load(Ordering::Relaxed)) {
            return Some(std::slice::from_raw_parts(data, length));
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

/// Whether strs are laid out as `in_place` reads them: a str that it takes for compact ASCII has its UTF-8 form where
/// the interpreter itself says, and each exact str of ASCII is one.
pub fn is_as_known(py: Python<'_>) -> PyResult<bool> {
    // Behind the header of an empty str there is only the NUL at the end, so this is the size of the header.
    let header = size_of::<ffi::PyASCIIObject>();
    if PyString::new(py, "").call_method0("__sizeof__")?.extract::<usize>()? != header + 1 {
        return Ok(false);
    }
    let long = "ASCII ".repeat(50);
    let texts = ["", "a", "\0", "\x7f", "two words", &long, "\u{80}", "\u{e9}", "a \u{416}", "\u{1f600}"];
    let subclass = py.get_type::<PyType>().call1(("str", (py.get_type::<PyString>(),), PyDict::new(py)))?;
    for text in texts {
        let exact = PyString::new(py, text).into_any();
        for object in [subclass.call1((&exact,))?, PyString::intern(py, text).into_any(), exact] {
            let mut length = 0;
            // SAFETY: a live str. The address of its text is compared and not read.
            let (found, data) = unsafe {
                let data = ffi::PyUnicode_AsUTF8AndSize(object.as_ptr(), &raw mut length);
                (in_place(object.as_ptr(), COMPACT_ASCII), data.cast::<u8>())
            };
            let compact = text.is_ascii() && object.is_exact_instance_of::<PyString>();
            let right = found.map_or(!compact, |found| found == (data, length.unsigned_abs()));
            if data.is_null() || !right {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// A str of `bytes`. Any bytes may be given; what is not UTF-8 is an error.
#[inline]
pub fn str_from<'py>(py: Python<'py>, bytes: &[u8]) -> Result<Bound<'py, PyAny>, Fail> {
    if bytes.is_ascii() {
        return ascii(py, bytes);
    }
    let text = simdutf8::basic::from_utf8(bytes).map_err(|_| Fail::Utf8)?;
    wide(py, text)
}

fn allocated<'py>(py: Python<'py>, length: usize, max_char: u32) -> Result<Bound<'py, PyAny>, Fail> {
    // SAFETY: the interpreter is attached. The result is a new reference, or NULL with an error set.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyUnicode_New(length.cast_signed(), max_char)) }.map_err(Fail::from)
}

#[inline]
fn ascii<'py>(py: Python<'py>, bytes: &[u8]) -> Result<Bound<'py, PyAny>, Fail> {
    let text = allocated(py, bytes.len(), 127)?;
    if !bytes.is_empty() {
        // SAFETY: a new str of this length with characters up to 127 has so many bytes of data, and nothing else refers
        // to it yet.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), ffi::PyUnicode_DATA(text.as_ptr()).cast(), bytes.len())
        };
    }
    Ok(text)
}

#[allow(clippy::cast_possible_truncation)] // the leading bytes say how wide the characters are at most
#[inline(never)]
fn wide<'py>(py: Python<'py>, text: &str) -> Result<Bound<'py, PyAny>, Fail> {
    // A leading byte below 0xc4 means a character up to U+00FF, one below 0xf0 a character up to U+FFFF. CPython
    // requires the narrowest form, whose width the highest leading byte tells.
    let highest = text.bytes().fold(0, u8::max);
    let length = text.chars().count();
    // SAFETY: each arm fills exactly `length` characters of the width that was asked for, in a str that nothing else
    // refers to yet.
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
#[inline(never)] // a loop of its own gets registers of its own
unsafe fn fill<T>(mut data: *mut T, text: &str, narrow: impl Fn(u32) -> T) {
    for character in text.chars() {
        // SAFETY: there is room for each character, by the caller's promise.
        unsafe {
            data.write(narrow(u32::from(character)));
            data = data.add(1);
        }
    }
}
