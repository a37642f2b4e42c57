//! Encoding a state of which most has been encoded before.
#![allow(unsafe_code)] // walks lists and dicts by their C structure

use std::collections::HashMap;

use fast_langgraph_msgpack::writer::{self, Sink};
use pyo3::ffi;
use pyo3::prelude::*;

use super::outline::Outline;
use super::recorder::{ENTRIES_FROM, LEAST_ENTRIES, LEVELS, Recorder, below};
use super::state::{Container, Element, State};
use crate::codec::encode::Encoder;
use crate::codec::fail::Fail;
use crate::codec::plain::Described;
use crate::codec::text;

/// The elements of a container as they were, from some element on.
struct Former {
    start: usize,
    elements: Vec<Element>,
    next: usize,
    /// Where each object was; made when one is not at its place.
    places: Option<HashMap<*mut ffi::PyObject, usize>>,
}

impl Former {
    fn new(start: usize, elements: Vec<Element>) -> Self {
        Self { start, elements, next: 0, places: None }
    }

    /// The element that `object` was, taken out.
    fn take(&mut self, object: *mut ffi::PyObject) -> Option<Element> {
        let expected = self.elements.get(self.next)?;
        let place = if expected.address() == object {
            self.next
        } else if expected.object.is_none() {
            // A value that is not remembered stood here.
            self.next += 1;
            return None;
        } else {
            let elements = &self.elements;
            let places = self.places.get_or_insert_with(|| {
                elements.iter().enumerate().map(|(place, element)| (element.address(), place)).collect()
            });
            *places.get(&object)?
        };
        self.next = place + 1;
        let element = std::mem::replace(self.elements.get_mut(place)?, State::always_anew());
        element.object.is_some().then_some(element)
    }
}

impl<'py, S: Sink> Encoder<'_, 'py, S> {
    /// As `value`, for what lies at `path`.
    ///
    /// # Safety
    /// `object` is a live Python object, which the caller keeps alive.
    pub unsafe fn remembered(
        &mut self,
        object: *mut ffi::PyObject,
        level: u8,
        path: u64,
        recorder: &mut Recorder<'_>,
    ) -> Result<(), Fail> {
        // SAFETY: each helper is called for an object of its type.
        unsafe {
            let class = ffi::Py_TYPE(object);
            // This may run Python code, so it comes before the size is read.
            recorder.look_again(self.handed_over, |class| self.stock().is_current(self.py, class));
            if class == &raw mut ffi::PyList_Type {
                let size = ffi::PyList_GET_SIZE(object).unsigned_abs();
                if size > 0 && is_worth_it(ffi::PyList_GET_ITEM(object, 0), true) {
                    return self.remembered_list(object, size, path, recorder);
                }
            } else if class == &raw mut ffi::PyDict_Type && level < LEVELS {
                return self.remembered_dict(object, level, path, recorder);
            }
            self.value(object)
        }
    }

    /// # Safety
    /// `list` is a list with elements.
    unsafe fn remembered_list(
        &mut self,
        list: *mut ffi::PyObject,
        size: usize,
        path: u64,
        recorder: &mut Recorder<'_>,
    ) -> Result<(), Fail> {
        // SAFETY: a list of so many items, by the caller's promise, and only indexes below that are asked for.
        let address = |index: usize| unsafe { ffi::PyList_GET_ITEM(list, index.cast_signed()) as usize };
        let Some(mut container) = recorder.former(path, size, address) else {
            // SAFETY: as above.
            return unsafe { self.list(list) };
        };
        self.enter()?;
        writer::array_len(&mut self.out, size)?;
        // SAFETY: as above.
        let encoded = unsafe { self.elements(list, size, &mut container, recorder) };
        recorder.state.containers.push(container);
        encoded?;
        self.leave();
        Ok(())
    }

    /// # Safety
    /// `list` is a list.
    unsafe fn elements(
        &mut self,
        list: *mut ffi::PyObject,
        size: usize,
        container: &mut Container,
        recorder: &mut Recorder<'_>,
    ) -> Result<(), Fail> {
        // SAFETY: a list, by the caller's promise. As long as no Python code runs it stays as it is; from the first
        // element on that is encoded, its size is read again each time and the element is held.
        unsafe {
            // They lie one behind the other, unless the container was a dict and had keys between them.
            let mut end = 0;
            let is_same = |(index, element): &(usize, &Element)| {
                let follows = element.start as usize == end;
                end = element.end();
                follows
                    && recorder.is_current
                    && *index < size
                    && element.is_encoded
                    && element.address() == ffi::PyList_GET_ITEM(list, index.cast_signed())
                    && recorder.state.is_unchanged(element)
            };
            let kept = container.elements.iter().enumerate().take_while(is_same).count();
            let rest = container.elements.split_off(kept);
            let start = self.out.written();
            let mut former = Former::new(container.start, rest);
            if let Some(last) = container.elements.last() {
                self.again(start, container.start, last.end(), recorder);
                if recorder.verification.is_some() {
                    container.elements.iter().for_each(|element| self.verify(element, start, recorder));
                }
            }
            recorder.tally.encoded_again += kept as u64;
            container.start = start;
            let mut encoded = Ok(());
            for index in kept..size {
                if index >= ffi::PyList_GET_SIZE(list).unsigned_abs() {
                    encoded = Err(Fail::Mutated);
                    break;
                }
                let item = Bound::from_borrowed_ptr(self.py, ffi::PyList_GET_ITEM(list, index.cast_signed()));
                encoded = self.element(&item, container, &mut former, recorder);
                if encoded.is_err() {
                    break;
                }
            }
            former.elements.into_iter().for_each(|element| recorder.state.release(element));
            encoded
        }
    }

    /// Writes `len` bytes once more that lay at `from`.
    fn again(&mut self, start: usize, from: usize, len: usize, recorder: &mut Recorder<'_>) {
        self.out.extend(recorder.former_bytes.get(from..from + len).unwrap_or_default());
        recorder.run(start, from, len);
    }

    /// Encodes anew what was written for an element of a container that begins at `start`, where everything is verified.
    #[cold]
    fn verify(&mut self, element: &Element, start: usize, recorder: &mut Recorder<'_>) {
        if let (Some(verification), Some(object)) = (&mut recorder.verification, &element.object) {
            let stock = self.stock();
            let written = self.out.bytes_mut().get(start..).unwrap_or_default();
            let bytes = written.get(element.start as usize..element.end()).unwrap_or_default();
            verification.encode(stock, object.bind(self.py), bytes);
        }
    }

    /// Writes one element and adds it to the container.
    fn element(
        &mut self,
        item: &Bound<'py, PyAny>,
        container: &mut Container,
        former: &mut Former,
        recorder: &mut Recorder<'_>,
    ) -> Result<(), Fail> {
        let start = self.out.written();
        let place = u32::try_from(start - container.start).unwrap_or(u32::MAX);
        if let Some(mut element) = former.take(item.as_ptr()) {
            let from = former.start + element.start as usize;
            recorder.look_again(self.handed_over, |class| self.stock().is_current(self.py, class));
            if recorder.is_current && recorder.state.is_unchanged(&element) {
                if element.is_encoded {
                    self.again(start, from, element.len as usize, recorder);
                    recorder.tally.encoded_again += 1;
                } else {
                    // It was decoded from these bytes, but encoding it may give others.
                    let handed_over = self.handed_over;
                    // SAFETY: a live object.
                    unsafe { self.value(item.as_ptr())? };
                    recorder.tally.encoded_new += 1;
                    let bytes = self.out.bytes_mut().get(start..).unwrap_or_default();
                    // The codec builds some values that it does not encode by itself: keys that are ints, in a message.
                    element.is_encoded = self.handed_over == handed_over
                        && recorder.former_bytes.get(from..from + element.len as usize) == Some(bytes);
                    if element.is_encoded {
                        recorder.run(start, from, element.len as usize);
                    } else {
                        recorder.state.release(element);
                        element = State::always_anew();
                    }
                }
                element.start = place;
                element.len = u32::try_from(self.out.written() - start).unwrap_or(u32::MAX);
                if recorder.verification.is_some() {
                    self.verify(&element, container.start, recorder);
                }
                container.elements.push(element);
                return Ok(());
            }
            recorder.tally.encoded_changed += 1;
            recorder.state.release(element);
        } else {
            recorder.tally.encoded_new += 1;
        }
        let handed_over = self.handed_over;
        // Its class is described first: that may run Python code.
        // SAFETY: a live object, whose type is alive with it.
        unsafe {
            let class = ffi::Py_TYPE(item.as_ptr());
            if ffi::PyType_HasFeature(class, ffi::Py_TPFLAGS_HEAPTYPE) != 0 {
                self.described(class);
            }
        }
        let Recorder { state, found, slots, .. } = recorder;
        let (words, first) = state.new_words();
        let seen = &self.seen;
        let is_plain = |class| seen.iter().any(|(known, what)| *known == class && matches!(what, Described::Plain(_)));
        let mut outline = Outline::new(self.py, words, found, false, *slots, &is_plain);
        // The outline comes first: a change after it is noticed, by whatever code it is made.
        // SAFETY: a live object.
        let is_outlined = unsafe { outline.add(item.as_ptr()) };
        let weight = outline.weight;
        let mut element = if is_outlined {
            state.element(item, first, found, weight)
        } else {
            state.cut_words(first);
            State::always_anew()
        };
        // SAFETY: as above.
        let encoded = unsafe { self.value(item.as_ptr()) };
        let len = u32::try_from(self.out.written() - start).unwrap_or(u32::MAX);
        let fits = place.checked_add(len).is_some_and(|end| end < u32::MAX);
        if encoded.is_err() || !fits || self.handed_over != handed_over {
            recorder.state.release(element);
            encoded?;
            element = State::always_anew();
        } else if element.object.is_some() {
            element.is_encoded = true;
            recorder.state.add_weight(&mut element, len as usize);
            self.add_classes(recorder);
        }
        (element.start, element.len) = (place, len);
        container.elements.push(element);
        Ok(())
    }

    /// Notes the plain classes of this call.
    fn add_classes(&self, recorder: &mut Recorder<'_>) {
        for (_, described) in &self.seen {
            if let Described::Plain(class) = described {
                recorder.state.add_class(class);
            }
        }
    }

    /// # Safety
    /// `dict` is a dict.
    unsafe fn remembered_dict(
        &mut self,
        dict: *mut ffi::PyObject,
        level: u8,
        path: u64,
        recorder: &mut Recorder<'_>,
    ) -> Result<(), Fail> {
        let mut position = 0;
        let (mut key, mut value) = (std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: as in `dict`: the entry is held while Python code may run, and the number of entries is checked at
        // the end.
        unsafe {
            let size = ffi::PyDict_Size(dict).unsigned_abs();
            let mut entries = None;
            if level >= ENTRIES_FROM
                && size >= LEAST_ENTRIES
                && ffi::PyDict_Next(dict, &raw mut position, &raw mut key, &raw mut value) != 0
                && is_worth_it(value, false)
            {
                // A dict is known by its first value alone.
                entries = recorder.former(path, 1, |_| value as usize);
                if entries.is_none() {
                    return self.dict(dict);
                }
            }
            position = 0;
            self.enter()?;
            writer::map_len(&mut self.out, size)?;
            let Some(mut container) = entries else {
                let mut left = size.cast_signed();
                while ffi::PyDict_Next(dict, &raw mut position, &raw mut key, &raw mut value) != 0 {
                    let key = Bound::from_borrowed_ptr(self.py, key);
                    let value = Bound::from_borrowed_ptr(self.py, value);
                    self.key(key.as_ptr())?;
                    let class = ffi::Py_TYPE(value.as_ptr());
                    if class == &raw mut ffi::PyDict_Type || class == &raw mut ffi::PyList_Type {
                        let below = below_key(self.py, path, key.as_ptr());
                        self.remembered(value.as_ptr(), level + 1, below, recorder)?;
                    } else {
                        self.value(value.as_ptr())?;
                    }
                    left -= 1;
                }
                self.leave();
                return if left == 0 { Ok(()) } else { Err(Fail::Mutated) };
            };
            let mut former = Former::new(container.start, std::mem::take(&mut container.elements));
            container.start = self.out.written();
            let mut encoded = Ok(());
            let mut left = size.cast_signed();
            while encoded.is_ok() && ffi::PyDict_Next(dict, &raw mut position, &raw mut key, &raw mut value) != 0 {
                let key = Bound::from_borrowed_ptr(self.py, key);
                let value = Bound::from_borrowed_ptr(self.py, value);
                encoded =
                    self.key(key.as_ptr()).and_then(|()| self.element(&value, &mut container, &mut former, recorder));
                left -= 1;
            }
            former.elements.into_iter().for_each(|element| recorder.state.release(element));
            recorder.state.containers.push(container);
            encoded?;
            self.leave();
            if left == 0 { Ok(()) } else { Err(Fail::Mutated) }
        }
    }
}

/// # Safety
/// `key` is a live object.
unsafe fn below_key(py: Python<'_>, path: u64, key: *mut ffi::PyObject) -> u64 {
    // SAFETY: the type is checked before the text is read, which is used at once.
    unsafe {
        if ffi::Py_TYPE(key) == &raw mut ffi::PyUnicode_Type {
            below(path, text::utf8(py, key).unwrap_or_default())
        } else {
            path
        }
    }
}

/// Whether a container that begins with this value is remembered: scalars are encoded as fast as they are compared.
///
/// # Safety
/// `first` is a live object.
unsafe fn is_worth_it(first: *mut ffi::PyObject, lists: bool) -> bool {
    // SAFETY: a live object, by the caller's promise.
    let class = unsafe { ffi::Py_TYPE(first) };
    // SAFETY: only addresses are taken.
    let scalars = unsafe {
        [
            &raw mut ffi::PyUnicode_Type,
            &raw mut ffi::PyLong_Type,
            &raw mut ffi::PyFloat_Type,
            &raw mut ffi::PyBool_Type,
            &raw mut ffi::PyBytes_Type,
            ffi::Py_TYPE(ffi::Py_None()),
        ]
    };
    // SAFETY: as above.
    let list = &raw mut ffi::PyList_Type;
    !scalars.contains(&class) && (lists || class != list)
}
