//! The metadata column: the bytes that `json.dumps(..., ensure_ascii=False)` writes, for values of builtin types.
#![allow(unsafe_code)] // asks CPython for the text of a float

use std::io::{self, Write};

use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PySet, PyString, PyTuple};
use serde::ser::{Error as _, SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::ser::Formatter;

/// How many levels are written here. Python's encoder has a limit of its own, and its own error for a cycle.
const MAX_DEPTH: u8 = 32;

/// The separators of `json.dumps`, and floats as Python writes them.
struct PythonFormatter;

impl Formatter for PythonFormatter {
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        // SAFETY: the interpreter is attached. The text is copied and then freed by PyMem_Free, as it must be.
        unsafe {
            let kind = b'r' as std::ffi::c_char;
            let text = ffi::PyOS_double_to_string(value, kind, 0, ffi::Py_DTSF_ADD_DOT_0, std::ptr::null_mut());
            if text.is_null() {
                return Err(io::ErrorKind::OutOfMemory.into());
            }
            let written = writer.write_all(std::ffi::CStr::from_ptr(text).to_bytes());
            ffi::PyMem_Free(text.cast());
            written
        }
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

/// A value of exact builtin types and its depth. Serializing anything else fails.
struct Plain<'a, 'py>(&'a Bound<'py, PyAny>, u8);

impl Serialize for Plain<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(value, depth) = *self;
        if depth == MAX_DEPTH {
            return Err(S::Error::custom("nested too deep"));
        }
        if let Ok(text) = value.cast_exact::<PyString>() {
            serializer.serialize_str(text.to_str().map_err(S::Error::custom)?)
        } else if value.is_none() {
            serializer.serialize_unit()
        } else if let Ok(value) = value.cast_exact::<PyBool>() {
            serializer.serialize_bool(value.is_true())
        } else if let Ok(value) = value.cast_exact::<PyInt>() {
            serializer.serialize_i64(value.extract().map_err(S::Error::custom)?)
        } else if let Ok(value) = value.cast_exact::<PyFloat>() {
            let value = value.value();
            if !value.is_finite() {
                return Err(S::Error::custom("no JSON for it"));
            }
            serializer.serialize_f64(value)
        } else if let Ok(list) = value.cast_exact::<PyList>() {
            let mut sequence = serializer.serialize_seq(None)?;
            for item in list {
                sequence.serialize_element(&Plain(&item, depth + 1))?;
            }
            sequence.end()
        } else if let Ok(tuple) = value.cast_exact::<PyTuple>() {
            let mut sequence = serializer.serialize_seq(None)?;
            for item in tuple {
                sequence.serialize_element(&Plain(&item, depth + 1))?;
            }
            sequence.end()
        } else if let Ok(dict) = value.cast_exact::<PyDict>() {
            let mut map = serializer.serialize_map(None)?;
            for (key, value) in dict {
                let key = key.cast_exact::<PyString>().map_err(S::Error::custom)?;
                map.serialize_entry(key.to_str().map_err(S::Error::custom)?, &Plain(&value, depth + 1))?;
            }
            map.end()
        } else {
            Err(S::Error::custom("not a builtin type"))
        }
    }
}

/// The entries of the column in order: those of the metadata, then those of the config.
struct Entries<'py>(Vec<(Bound<'py, PyString>, Bound<'py, PyAny>)>);

impl<'py> Entries<'py> {
    /// Removes NULs from the text of an entry, though not from text that lies deeper, as stock does.
    fn push(&mut self, key: Bound<'py, PyString>, value: Bound<'py, PyAny>) -> PyResult<()> {
        let value = match value.cast_exact::<PyString>() {
            Ok(text) if text.to_str()?.contains('\0') => {
                PyString::new(value.py(), &text.to_str()?.replace('\0', "")).into_any()
            }
            _ => value,
        };
        self.0.push((key, value));
        Ok(())
    }

    fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(known, _)| known.to_str().is_ok_and(|known| known == key))
    }
}

impl Serialize for Entries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in &self.0 {
            map.serialize_entry(key.to_str().map_err(S::Error::custom)?, &Plain(value, 0))?;
        }
        map.end()
    }
}

fn unusual() -> PyErr {
    PyValueError::new_err("not of a builtin type")
}

fn entries<'py>(
    config: &Bound<'py, PyAny>,
    metadata: &Bound<'py, PyAny>,
    excluded: &Bound<'py, PySet>,
) -> PyResult<Entries<'py>> {
    let py = config.py();
    let mut entries = Entries(Vec::with_capacity(12));
    for (key, value) in metadata.cast_exact::<PyDict>()? {
        entries.push(key.cast_into_exact().map_err(|_| unusual())?, value)?;
    }
    let config = config.cast_exact::<PyDict>()?;
    for name in [intern!(py, "metadata"), intern!(py, "configurable")] {
        let Some(more) = config.get_item(name)?.filter(|more| !more.is_none()) else { continue };
        for (key, value) in more.cast_exact::<PyDict>()? {
            let key: Bound<'py, PyString> = key.cast_into_exact().map_err(|_| unusual())?;
            let text = key.to_str()?;
            if text.starts_with("__") || excluded.contains(&key)? || entries.has(text) {
                continue;
            }
            if value.is_exact_instance_of::<PyString>()
                || value.is_exact_instance_of::<PyInt>()
                || value.is_exact_instance_of::<PyBool>()
                || value.is_exact_instance_of::<PyFloat>()
            {
                entries.push(key, value)?;
            } else if value.is_instance_of::<PyString>()
                || value.is_instance_of::<PyInt>()
                || value.is_instance_of::<PyFloat>()
            {
                return Err(unusual());
            }
        }
    }
    Ok(entries)
}

/// The bytes of the metadata column; None if Python has to make them.
///
/// `excluded` is `EXCLUDED_METADATA_KEYS` of `langgraph.checkpoint.base`.
#[pyfunction]
fn metadata_json<'py>(
    config: &Bound<'py, PyAny>,
    metadata: &Bound<'py, PyAny>,
    excluded: &Bound<'py, PySet>,
) -> Option<Bound<'py, PyBytes>> {
    let entries = entries(config, metadata, excluded).ok()?;
    let mut written = Vec::with_capacity(256);
    let mut serializer = serde_json::Serializer::with_formatter(&mut written, PythonFormatter);
    entries.serialize(&mut serializer).ok()?;
    Some(PyBytes::new(config.py(), &written))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(metadata_json, module)?)?;
    Ok(())
}
