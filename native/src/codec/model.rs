//! Encoding instances of plain model classes from their `__dict__`, in place of `model_dump()`.
#![allow(unsafe_code)] // reads slots and walks dicts by their C structure

use fast_langgraph_msgpack::writer::{self, Sink};
use pyo3::ffi;
use pyo3::prelude::*;

use super::encode::Encoder;
use super::ext_codes::PYDANTIC_V2;
use super::fail::Fail;
use super::plain::{Field, FieldKind, PlainClass};
use super::stock::NOT_READ;
use super::text;

/// How deep a field may be nested. What is deeper, or cyclic, goes to `model_dump()`, which has a limit of 255.
const MAX_DEPTH: u8 = 64;

const TOOL_CALL: &[(&str, FieldKind, &str)] = &[
    ("name", FieldKind::Str, ""),
    ("args", FieldKind::Dict, ""),
    ("id", FieldKind::OptionalStr, ""),
    ("type", FieldKind::Literal, "tool_call"),
];
const INVALID_TOOL_CALL: &[(&str, FieldKind, &str)] = &[
    ("type", FieldKind::Literal, "invalid_tool_call"),
    ("id", FieldKind::OptionalStr, ""),
    ("name", FieldKind::OptionalStr, ""),
    ("args", FieldKind::OptionalStr, ""),
    ("error", FieldKind::OptionalStr, ""),
];

impl<'a, 'py, S: Sink> Encoder<'a, 'py, S> {
    /// # Safety
    /// `object` is an instance of exactly this class.
    pub unsafe fn model(&mut self, object: *mut ffi::PyObject, class: &PlainClass) -> Result<(), Fail> {
        // SAFETY: `object` is alive, by the caller's promise.
        let object = unsafe { Bound::from_borrowed_ptr(self.py, object) };
        let start = self.out.written();
        let open = writer::open_ext(&mut self.out);
        // SAFETY: an instance of this class, by the caller's promise.
        if unsafe { self.dump(object.as_ptr(), class) } {
            return Ok(writer::close_ext(&mut self.out, open, PYDANTIC_V2)?);
        }
        self.out.cut(start);
        let reason = match self.stock().slots {
            Some(_) => "holds what model_dump() may write in a way of its own",
            None => NOT_READ,
        };
        self.hook(&object, reason)
    }

    /// Writes the payload; false if the instance holds something that `model_dump()` may treat in a way of its own.
    /// Runs no Python code.
    ///
    /// # Safety
    /// `object` is an instance of exactly this class.
    unsafe fn dump(&mut self, object: *mut ffi::PyObject, class: &PlainClass) -> bool {
        let Some(slots) = self.stock().slots else { return false };
        // SAFETY: an instance of a pydantic model, whose slots these are. The `__dict__` is held while it is walked,
        // and walking it runs no Python code.
        unsafe {
            let Some((dict, fields_set, extra)) = slots.read(self.py, object) else { return false };
            // An instance that was never initialized, for which pydantic raises.
            if extra.is_null() || fields_set.is_null() {
                return false;
            }
            let extra_size = if extra == ffi::Py_None() {
                0
            } else if class.extra && ffi::Py_TYPE(extra) == &raw mut ffi::PyDict_Type {
                ffi::PyDict_Size(extra)
            } else {
                return false;
            };
            self.out.extend(&class.header);
            let size = ffi::PyDict_Size(dict.as_ptr()) + extra_size;
            if writer::map_len(&mut self.out, size.unsigned_abs()).is_err() {
                return false;
            }
            let mut expected = 0;
            let mut position = 0;
            let mut key = std::ptr::null_mut();
            let mut value = std::ptr::null_mut();
            while ffi::PyDict_Next(dict.as_ptr(), &raw mut position, &raw mut key, &raw mut value) != 0 {
                let text =
                    || (ffi::Py_TYPE(key) == &raw mut ffi::PyUnicode_Type).then(|| text::utf8(self.py, key)).flatten();
                let Some(field) = class.field(expected, key, text) else { return false };
                self.out.extend(&field.name.encoded);
                if !self.field(field, value) {
                    return false;
                }
                expected += 1;
            }
            if extra_size > 0 && !self.extra(extra, class) {
                return false;
            }
        }
        // Stock names this method in every such payload and never calls it.
        writer::str(&mut self.out, b"model_validate_json").is_ok()
    }

    /// # Safety
    /// `extra` is a dict.
    unsafe fn extra(&mut self, extra: *mut ffi::PyObject, class: &PlainClass) -> bool {
        // SAFETY: a dict, by the caller's promise. The callback sees live entries.
        unsafe {
            self.each(extra, |encoder, key, value| {
                let Some(text) = text::utf8(encoder.py, key) else { return false };
                if class.fields.iter().any(|field| field.name.bytes() == text) {
                    return false;
                }
                writer::str(&mut encoder.out, text).is_ok() && encoder.plain(value, 0)
            })
        }
    }

    /// Calls `entry` for each entry of a dict with exact str keys.
    ///
    /// # Safety
    /// `dict` is a dict, and `entry` runs no Python code.
    unsafe fn each(
        &mut self,
        dict: *mut ffi::PyObject,
        mut entry: impl FnMut(&mut Self, *mut ffi::PyObject, *mut ffi::PyObject) -> bool,
    ) -> bool {
        let mut position = 0;
        let mut key = std::ptr::null_mut();
        let mut value = std::ptr::null_mut();
        // SAFETY: a dict, by the caller's promise. It does not change while it is walked, because no Python code runs.
        unsafe {
            while ffi::PyDict_Next(dict, &raw mut position, &raw mut key, &raw mut value) != 0 {
                if ffi::Py_TYPE(key) != &raw mut ffi::PyUnicode_Type || !entry(self, key, value) {
                    return false;
                }
            }
        }
        true
    }

    /// # Safety
    /// `value` is a live object.
    #[inline]
    unsafe fn field(&mut self, field: &Field, value: *mut ffi::PyObject) -> bool {
        // SAFETY: each arm reads `value` as what it has checked it to be.
        unsafe {
            let class = ffi::Py_TYPE(value);
            // pydantic dumps None in any field without a warning.
            if value == ffi::Py_None() {
                writer::nil(&mut self.out);
                return true;
            }
            match field.kind {
                FieldKind::Str | FieldKind::OptionalStr => {
                    class == &raw mut ffi::PyUnicode_Type && self.str(value).is_ok()
                }
                FieldKind::Content | FieldKind::EmptyContent => self.content(value),
                FieldKind::Dict => class == &raw mut ffi::PyDict_Type && self.plain(value, 0),
                FieldKind::Any => self.plain(value, 0),
                FieldKind::Literal | FieldKind::OptionalLiteral => {
                    if class != &raw mut ffi::PyUnicode_Type {
                        return false;
                    }
                    let literal =
                        field.literals.iter().find(|literal| literal.object.as_ptr() == value).or_else(|| {
                            let text = text::utf8(self.py, value)?;
                            field.literals.iter().find(|literal| literal.bytes() == text)
                        });
                    let Some(literal) = literal else { return false };
                    self.out.extend(&literal.encoded);
                    true
                }
                FieldKind::ToolCalls => self.records(value, TOOL_CALL),
                FieldKind::InvalidToolCalls => self.records(value, INVALID_TOOL_CALL),
                FieldKind::ToolCallChunks => self.records(value, &[]),
                FieldKind::Usage => self.usage(value, 0),
            }
        }
    }

    /// # Safety
    /// `value` is a live object.
    unsafe fn content(&mut self, value: *mut ffi::PyObject) -> bool {
        // SAFETY: each arm reads `value` as what it has checked it to be; nothing here runs Python code.
        unsafe {
            if ffi::Py_TYPE(value) == &raw mut ffi::PyUnicode_Type {
                return self.str(value).is_ok();
            }
            if ffi::Py_TYPE(value) != &raw mut ffi::PyList_Type {
                return false;
            }
            let size = ffi::PyList_GET_SIZE(value);
            writer::array_len(&mut self.out, size.unsigned_abs()).is_ok()
                && (0..size).all(|index| {
                    let item = ffi::PyList_GET_ITEM(value, index);
                    let class = ffi::Py_TYPE(item);
                    (class == &raw mut ffi::PyUnicode_Type || class == &raw mut ffi::PyDict_Type) && self.plain(item, 1)
                })
        }
    }

    /// Writes a list of dicts whose keys are among `fields`, with values of the types that are named there.
    ///
    /// # Safety
    /// `value` is a live object.
    unsafe fn records(&mut self, value: *mut ffi::PyObject, fields: &[(&str, FieldKind, &str)]) -> bool {
        // SAFETY: each arm reads `value` as what it has checked it to be; nothing here runs Python code.
        unsafe {
            if ffi::Py_TYPE(value) != &raw mut ffi::PyList_Type {
                return false;
            }
            let size = ffi::PyList_GET_SIZE(value);
            if writer::array_len(&mut self.out, size.unsigned_abs()).is_err() {
                return false;
            }
            (0..size).all(|index| {
                let record = ffi::PyList_GET_ITEM(value, index);
                ffi::Py_TYPE(record) == &raw mut ffi::PyDict_Type
                    && writer::map_len(&mut self.out, ffi::PyDict_Size(record).unsigned_abs()).is_ok()
                    && self.each(record, |encoder, key, value| {
                        let Some(text) = text::utf8(encoder.py, key) else { return false };
                        let Some((_, kind, literal)) = fields.iter().find(|(name, ..)| name.as_bytes() == text) else {
                            return false;
                        };
                        writer::str(&mut encoder.out, text).is_ok() && encoder.record_field(*kind, literal, value)
                    })
            })
        }
    }

    /// # Safety
    /// `value` is a live object.
    unsafe fn record_field(&mut self, kind: FieldKind, literal: &str, value: *mut ffi::PyObject) -> bool {
        // SAFETY: each arm reads `value` as what it has checked it to be.
        unsafe {
            let class = ffi::Py_TYPE(value);
            match kind {
                FieldKind::Str => class == &raw mut ffi::PyUnicode_Type && self.str(value).is_ok(),
                FieldKind::Literal => {
                    class == &raw mut ffi::PyUnicode_Type
                        && text::utf8(self.py, value) == Some(literal.as_bytes())
                        && writer::str(&mut self.out, literal.as_bytes()).is_ok()
                }
                FieldKind::Dict => class == &raw mut ffi::PyDict_Type && self.plain(value, 2),
                _ => (value == ffi::Py_None() || class == &raw mut ffi::PyUnicode_Type) && self.plain(value, 2),
            }
        }
    }

    /// Writes a dict of ints and of dicts of ints.
    ///
    /// # Safety
    /// `value` is a live object.
    unsafe fn usage(&mut self, value: *mut ffi::PyObject, depth: u8) -> bool {
        // SAFETY: each arm reads `value` as what it has checked it to be.
        unsafe {
            if depth > 1 || ffi::Py_TYPE(value) != &raw mut ffi::PyDict_Type {
                return false;
            }
            writer::map_len(&mut self.out, ffi::PyDict_Size(value).unsigned_abs()).is_ok()
                && self.each(value, |encoder, key, value| {
                    let Some(text) = text::utf8(encoder.py, key) else { return false };
                    // Only the two details are dicts. Another dict would be an extra field with any content.
                    let details = depth == 0 && (text == b"input_token_details" || text == b"output_token_details");
                    writer::str(&mut encoder.out, text).is_ok()
                        && if details {
                            encoder.usage(value, depth + 1)
                        } else {
                            ffi::Py_TYPE(value) == &raw mut ffi::PyLong_Type && encoder.int(value).is_ok()
                        }
                })
        }
    }

    /// Writes a value that pydantic dumps unchanged wherever it stands: exact builtin types only.
    ///
    /// # Safety
    /// `value` is a live object.
    unsafe fn plain(&mut self, value: *mut ffi::PyObject, depth: u8) -> bool {
        // SAFETY: each arm reads `value` as what it has checked it to be; nothing here runs Python code.
        unsafe {
            let class = ffi::Py_TYPE(value);
            if class == &raw mut ffi::PyDict_Type {
                depth < MAX_DEPTH
                    && writer::map_len(&mut self.out, ffi::PyDict_Size(value).unsigned_abs()).is_ok()
                    && self.each(value, |encoder, key, value| {
                        text::utf8(encoder.py, key).is_some_and(|text| writer::str(&mut encoder.out, text).is_ok())
                            && encoder.plain(value, depth + 1)
                    })
            } else if class == &raw mut ffi::PyList_Type {
                let size = ffi::PyList_GET_SIZE(value);
                depth < MAX_DEPTH
                    && writer::array_len(&mut self.out, size.unsigned_abs()).is_ok()
                    && (0..size).all(|index| self.plain(ffi::PyList_GET_ITEM(value, index), depth + 1))
            } else if class == &raw mut ffi::PyTuple_Type {
                let size = ffi::PyTuple_GET_SIZE(value);
                depth < MAX_DEPTH
                    && writer::array_len(&mut self.out, size.unsigned_abs()).is_ok()
                    && (0..size).all(|index| self.plain(ffi::PyTuple_GET_ITEM(value, index), depth + 1))
            } else if class == &raw mut ffi::PyUnicode_Type
                || class == &raw mut ffi::PyLong_Type
                || class == &raw mut ffi::PyBool_Type
                || class == &raw mut ffi::PyFloat_Type
                || class == &raw mut ffi::PyBytes_Type
                || value == ffi::Py_None()
            {
                self.value(value).is_ok()
            } else {
                false
            }
        }
    }
}
