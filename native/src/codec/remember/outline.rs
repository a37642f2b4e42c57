//! The outline of an object: the words that are the same as long as nothing in it has changed.
//!
//! Outlined are values that the codec encodes by itself and in one way: exact None, bool, int, float, str, bytes, tuple,
//! list, dict, and instances of plain classes.
#![allow(unsafe_code)] // reads objects by their C structure

use pyo3::ffi;
use pyo3::prelude::*;

use super::dict_version;
use super::words::Word;
use crate::codec::slots::Slots;

/// What is nested deeper is not outlined. The codec's own limits are far above it, so an outlined value can be encoded
/// wherever it stands.
const MAX_DEPTH: u8 = 32;
/// A value of more words than this is encoded in less time than they are compared in.
const MAX_WORDS: usize = 4096;

/// What an outline has besides its words.
#[derive(Default)]
pub struct Found {
    /// The items of lists. Whoever keeps the words holds them: a list has no version, and another item at the same address
    /// would not be noticed.
    pub items: Vec<Py<PyAny>>,
    /// Reference counts and weak references: words that show that nobody else has the objects, if they are asked for.
    pub holders: Vec<Word>,
}

pub struct Outline<'a, 'py> {
    py: Python<'py>,
    words: &'a mut Vec<Word>,
    found: &'a mut Found,
    with_holders: bool,
    slots: Slots,
    is_plain: &'a dyn Fn(*mut ffi::PyTypeObject) -> bool,
    most: usize,
    /// About how many bytes the objects take, without text of one byte a character.
    pub weight: usize,
}

/// The flag of types whose `__dict__` lies in front of their instances.
const MANAGED_DICT: std::ffi::c_ulong = 1 << 4;

/// Where the pointer to the `__dict__` of `object` lies.
///
/// # Safety
/// `object` is a live object.
#[inline]
pub unsafe fn dict_place(object: *mut ffi::PyObject) -> Option<*const *mut ffi::PyObject> {
    // SAFETY: a live object, by the caller's promise.
    unsafe {
        let class = ffi::Py_TYPE(object);
        if cfg!(Py_3_11) && (*class).tp_flags & MANAGED_DICT != 0 {
            return Some(object.cast::<*mut ffi::PyObject>().sub(3));
        }
        let offset = (*class).tp_dictoffset;
        (offset > 0).then(|| object.byte_offset(offset).cast::<*mut ffi::PyObject>().cast_const())
    }
}

/// Where the weak references to `object` lie; None if there can't be any.
///
/// # Safety
/// `object` is a live object.
unsafe fn weak_place(object: *mut ffi::PyObject) -> Option<*const *mut ffi::PyObject> {
    // SAFETY: a live object, by the caller's promise.
    unsafe {
        let offset = (*ffi::Py_TYPE(object)).tp_weaklistoffset;
        (offset != 0).then(|| object.byte_offset(offset).cast::<*mut ffi::PyObject>().cast_const())
    }
}

impl<'a, 'py> Outline<'a, 'py> {
    /// What is in `found` is dropped.
    pub fn new(
        py: Python<'py>,
        words: &'a mut Vec<Word>,
        found: &'a mut Found,
        with_holders: bool,
        slots: Slots,
        is_plain: &'a dyn Fn(*mut ffi::PyTypeObject) -> bool,
    ) -> Self {
        let most = words.len() + MAX_WORDS;
        found.items.clear();
        found.holders.clear();
        Self { py, words, found, with_holders, slots, is_plain, most, weight: 0 }
    }

    /// Adds the words of `object`; false if it can't be outlined. Runs no Python code and makes no object.
    ///
    /// # Safety
    /// `object` is a live object.
    pub unsafe fn add(&mut self, object: *mut ffi::PyObject) -> bool {
        // SAFETY: by the caller's promise.
        unsafe { self.value(object, 0, 1) }
    }

    /// The object is to have so many references: ours, that of what it stands in, or both.
    ///
    /// # Safety
    /// `object` is a live object.
    unsafe fn held(&mut self, object: *mut ffi::PyObject, references: usize) {
        if self.with_holders {
            // SAFETY: a live object, which begins with its reference count.
            self.found.holders.push(Word::expected(unsafe { &raw const (*object).ob_refcnt }, references));
        }
    }

    unsafe fn value(&mut self, object: *mut ffi::PyObject, depth: u8, references: usize) -> bool {
        // SAFETY: each arm reads `object` as what it has checked it to be.
        unsafe {
            let class = ffi::Py_TYPE(object);
            if class == &raw mut ffi::PyUnicode_Type {
                let width = ffi::PyUnicode_KIND(object) as usize;
                if width > 1 {
                    self.weight += width * ffi::PyUnicode_GET_LENGTH(object).unsigned_abs();
                }
                return true;
            }
            if class == &raw mut ffi::PyLong_Type
                || class == &raw mut ffi::PyBool_Type
                || class == &raw mut ffi::PyFloat_Type
                || class == &raw mut ffi::PyBytes_Type
                || object == ffi::Py_None()
            {
                return true;
            }
            if depth >= MAX_DEPTH || self.words.len() > self.most {
                return false;
            }
            if class == &raw mut ffi::PyDict_Type {
                self.dict(object, depth, references)
            } else if class == &raw mut ffi::PyList_Type {
                self.list(object, depth, references)
            } else if class == &raw mut ffi::PyTuple_Type {
                // A tuple keeps its items, also for whoever has only the tuple.
                self.held(object, references);
                (0..ffi::PyTuple_GET_SIZE(object))
                    .all(|index| self.value(ffi::PyTuple_GET_ITEM(object, index), depth + 1, 1))
            } else if (self.is_plain)(class) {
                self.model(object, depth)
            } else {
                false
            }
        }
    }

    unsafe fn dict(&mut self, dict: *mut ffi::PyObject, depth: u8, references: usize) -> bool {
        // SAFETY: a live dict, by the caller's check; nothing here changes it.
        unsafe {
            let Some(version) = dict_version::word(dict) else { return false };
            self.words.push(version);
            self.held(dict, references);
            self.weight += 100 + 45 * ffi::PyDict_Size(dict).unsigned_abs();
            let mut position = 0;
            let (mut key, mut value) = (std::ptr::null_mut(), std::ptr::null_mut());
            while ffi::PyDict_Next(dict, &raw mut position, &raw mut key, &raw mut value) != 0 {
                let class = ffi::Py_TYPE(key);
                let is_simple = class == &raw mut ffi::PyUnicode_Type || class == &raw mut ffi::PyLong_Type;
                if !is_simple || !self.value(value, depth + 1, 1) {
                    return false;
                }
            }
        }
        true
    }

    unsafe fn list(&mut self, list: *mut ffi::PyObject, depth: u8, references: usize) -> bool {
        // SAFETY: a live list, by the caller's check; nothing here changes it. As long as size and place are the same,
        // its items lie in memory of its own.
        unsafe {
            let size = ffi::PyList_GET_SIZE(list);
            if self.words.len() + size.unsigned_abs() > self.most {
                return false;
            }
            let items = &raw const (*list.cast::<ffi::PyListObject>()).ob_item;
            self.words.push(Word::now(&raw const (*list.cast::<ffi::PyVarObject>()).ob_size));
            if size > 0 {
                self.words.push(Word::now(items));
            }
            self.held(list, references);
            self.weight += 64 + 8 * size.unsigned_abs();
            let items = items.read();
            self.words.extend((0..size).map(|index| Word::now(items.offset(index))));
            let item = |index| Bound::from_borrowed_ptr(self.py, items.offset(index).read()).unbind();
            self.found.items.extend((0..size).map(item));
            (0..size).all(|index| self.value(items.offset(index).read(), depth + 1, 2))
        }
    }

    unsafe fn model(&mut self, object: *mut ffi::PyObject, depth: u8) -> bool {
        // SAFETY: an instance of a plain class, by the caller's check, whose slots these are. What they refer to is
        // alive as long as the words that refer to it are the same.
        unsafe {
            let Some(dict_place) = dict_place(object) else { return false };
            let slot = |offset: isize| object.byte_offset(offset).cast::<*mut ffi::PyObject>().cast_const();
            let (fields_set, extra) = (slot(self.slots.fields_set), slot(self.slots.extra));
            let dict = dict_place.read();
            // A pointer with a mark is no dict: then the attributes lie elsewhere.
            if dict.is_null() || !dict.is_aligned() || fields_set.read().is_null() || extra.read().is_null() {
                return false;
            }
            if ffi::Py_TYPE(dict) != &raw mut ffi::PyDict_Type {
                return false;
            }
            self.words.extend([
                Word::now(&raw const (*object).ob_type),
                Word::now(dict_place),
                Word::now(fields_set),
                Word::now(extra),
            ]);
            if self.with_holders && (depth > 0 || !self.held_alone(object, fields_set.read(), slot(self.slots.private)))
            {
                return false;
            }
            self.weight += 900;
            let extra = extra.read();
            self.dict(dict, depth, 1) && (extra == ffi::Py_None() || self.value(extra, depth + 1, 1))
        }
    }

    /// Adds the words that show that nobody else has the instance.
    ///
    /// # Safety
    /// As for `model`.
    unsafe fn held_alone(
        &mut self,
        object: *mut ffi::PyObject,
        fields_set: *mut ffi::PyObject,
        private: *const *mut ffi::PyObject,
    ) -> bool {
        // SAFETY: a live instance and its slots, by the caller's promise.
        unsafe {
            if ffi::Py_TYPE(fields_set) != &raw mut ffi::PySet_Type || private.read() != ffi::Py_None() {
                return false;
            }
            self.words.extend([Word::now(private), Word::now(&raw const (*fields_set).ob_type)]);
            self.held(object, 1);
            self.held(fields_set, 1);
            let weak = &raw const (*fields_set.cast::<ffi::PySetObject>()).weakreflist;
            self.found.holders.push(Word::expected(weak, 0));
            if let Some(place) = weak_place(object) {
                self.found.holders.push(Word::expected(place, 0));
            }
        }
        true
    }
}
