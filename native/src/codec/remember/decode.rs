//! Decoding a state of which most has been decoded before, if nobody else has what was made of it.
#![allow(unsafe_code)] // fills new lists, and reads sets

use fast_langgraph_msgpack::reader::{Reader, Token};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

use super::outline::Outline;
use super::recorder::{ENTRIES_FROM, LEAST_ENTRIES, LEVELS, ROOT, Recorder, below};
use super::state::{Container, Element, State};
use crate::codec::decode::{Decoder, Exts, new_dict, set_item};
use crate::codec::ext_codes::DELTA_SNAPSHOT;
use crate::codec::fail::Fail;

const SNAPSHOT: i8 = DELTA_SNAPSHOT.cast_signed();

/// The elements of a container as they were.
struct Former {
    start: usize,
    elements: std::vec::IntoIter<Element>,
}

impl<'py> Decoder<'_, 'py> {
    /// As `value`, for what lies at `path`. `data` are all bytes of the state.
    pub fn remembered(
        &mut self,
        reader: &mut Reader<'_>,
        level: u8,
        path: u64,
        data: &[u8],
        recorder: &mut Recorder<'_>,
    ) -> Result<Bound<'py, PyAny>, Fail> {
        // The levels of the codec and these are counted alike, from one on.
        let deep = u16::from(level) + 1;
        match reader.clone().next_token() {
            Ok(Token::Array(len)) if len > 0 && first_is_worth_it(reader, true) => {
                reader.next_token()?;
                self.remembered_array(reader, len, deep, path, data, recorder)
            }
            Ok(Token::Map(len)) if level < LEVELS => {
                let as_entries =
                    level >= ENTRIES_FROM && len as usize >= LEAST_ENTRIES && first_is_worth_it(reader, false);
                reader.next_token()?;
                if as_entries {
                    self.remembered_entries(reader, len, deep, path, data, recorder)
                } else {
                    self.remembered_map(reader, len, level, path, data, recorder)
                }
            }
            Ok(Token::Ext(code, payload)) if level < LEVELS && code == SNAPSHOT => {
                let before = reader.clone();
                reader.next_token()?;
                let end = data.len() - reader.remaining();
                match data.get(..end).and_then(|data| self.remembered_snapshot(payload, level, path, data, recorder)) {
                    Some(snapshot) => Ok(snapshot),
                    None => {
                        *reader = before;
                        self.value(reader, deep, self.exts)
                    }
                }
            }
            _ => self.value(reader, deep, self.exts),
        }
    }

    /// A list of values that were encoded one by one: what lies in each is remembered as if it were alone.
    pub fn remembered_each(
        &mut self,
        reader: &mut Reader<'_>,
        data: &[u8],
        recorder: &mut Recorder<'_>,
    ) -> Result<Bound<'py, PyAny>, Fail> {
        let Token::Array(len) = reader.next_token()? else { return Err(Fail::Value) };
        let list = PyList::empty(self.py);
        let (mut container, mut former) = begin(ROOT, reader, data, recorder);
        let mut decoded = Ok(());
        for index in 0..len {
            let is_element = matches!(reader.clone().next_token(), Ok(Token::Ext(code, _)) if code != SNAPSHOT);
            decoded = if is_element {
                self.element(reader, 1, data, &mut container, &mut former, recorder)
            } else {
                former.elements.next().into_iter().for_each(|element| recorder.state.release(element));
                let value = self.remembered(reader, 0, below(ROOT, &index.to_le_bytes()), data, recorder);
                value.inspect(|value| container.push(State::always_anew(), value))
            }
            .and_then(|value| list.append(value).map_err(Fail::from));
            if decoded.is_err() {
                break;
            }
        }
        end(container, former, recorder);
        decoded.map(|()| list.into_any())
    }

    /// A delta channel's value, whose bytes are the last of `data`; None if stock's hook may have to make it.
    fn remembered_snapshot(
        &mut self,
        payload: &[u8],
        level: u8,
        path: u64,
        data: &[u8],
        recorder: &mut Recorder<'_>,
    ) -> Option<Bound<'py, PyAny>> {
        let class = self.stock().types.delta_snapshot.as_ref()?.bind(self.py).clone();
        let outside = std::mem::replace(&mut self.exts, Exts::Known);
        let value = self.remembered(&mut Reader::new(payload), level + 1, path, data, recorder);
        self.exts = outside;
        let value = value.ok()?;
        self.calling_python(|_| class.call1((value,)).ok())
    }

    fn remembered_map(
        &mut self,
        reader: &mut Reader<'_>,
        len: u32,
        level: u8,
        path: u64,
        data: &[u8],
        recorder: &mut Recorder<'_>,
    ) -> Result<Bound<'py, PyAny>, Fail> {
        let dict = new_dict(self.py, (len as usize).min(reader.remaining() / 2))?;
        for _ in 0..len {
            let key = self.key(reader, u16::from(level) + 2)?;
            let value = match reader.clone().next_token() {
                Ok(Token::Array(_) | Token::Map(_) | Token::Ext(..)) => {
                    let below = match key.cast_exact::<PyString>() {
                        Ok(text) => below(path, text.to_str().unwrap_or_default().as_bytes()),
                        Err(_) => path,
                    };
                    self.remembered(reader, level + 1, below, data, recorder)?
                }
                _ => self.value(reader, u16::from(level) + 2, self.exts)?,
            };
            set_item(&dict, &key, &value)?;
        }
        Ok(dict)
    }

    fn remembered_entries(
        &mut self,
        reader: &mut Reader<'_>,
        len: u32,
        deep: u16,
        path: u64,
        data: &[u8],
        recorder: &mut Recorder<'_>,
    ) -> Result<Bound<'py, PyAny>, Fail> {
        let dict = new_dict(self.py, (len as usize).min(reader.remaining() / 2))?;
        let (mut container, mut former) = begin(path, reader, data, recorder);
        let mut decoded = Ok(());
        for _ in 0..len {
            decoded = self.key(reader, deep + 1).and_then(|key| {
                let value = self.element(reader, deep + 1, data, &mut container, &mut former, recorder)?;
                set_item(&dict, &key, &value)
            });
            if decoded.is_err() {
                break;
            }
        }
        end(container, former, recorder);
        decoded.map(|()| dict)
    }

    fn remembered_array(
        &mut self,
        reader: &mut Reader<'_>,
        len: u32,
        deep: u16,
        path: u64,
        data: &[u8],
        recorder: &mut Recorder<'_>,
    ) -> Result<Bound<'py, PyAny>, Fail> {
        let room = (len as usize).min(reader.remaining());
        let (mut container, mut former) = begin(path, reader, data, recorder);
        let mut decoded = Ok(());
        // SAFETY: as in `array`: a new list of `room` empty places, each of which is filled once.
        let list = unsafe {
            let list =
                Bound::from_owned_ptr_or_err(self.py, ffi::PyList_New(room.cast_signed())).map_err(Fail::from)?;
            for index in 0..len as usize {
                match self.element(reader, deep + 1, data, &mut container, &mut former, recorder) {
                    Ok(item) if index < room => {
                        ffi::PyList_SET_ITEM(list.as_ptr(), index.cast_signed(), item.into_ptr());
                    }
                    Ok(_) => decoded = Err(Fail::Eof),
                    Err(fail) => decoded = Err(fail),
                }
                if decoded.is_err() {
                    break;
                }
            }
            list
        };
        end(container, former, recorder);
        decoded.map(|()| list)
    }

    /// One element: the one that was made of the same bytes before, or a new one.
    #[inline]
    fn element(
        &mut self,
        reader: &mut Reader<'_>,
        level: u16,
        data: &[u8],
        container: &mut Container,
        former: &mut Former,
        recorder: &mut Recorder<'_>,
    ) -> Result<Bound<'py, PyAny>, Fail> {
        let place = data.len() - reader.remaining();
        let start = u32::try_from(place - container.start).unwrap_or(u32::MAX);
        let expected = former.elements.next();
        if let Some(mut element) = expected {
            let stock = self.stock();
            recorder.look_again(self.handed_over, |class| self.calling_python(|py| stock.may_build(py, class)));
            if let Some(object) = self.again(&element, former.start, place, data, recorder) {
                reader.skip(element.len as usize);
                recorder.tally.decoded_again += 1;
                if recorder.verification.is_some() {
                    let bytes = data.get(place..place + element.len as usize).unwrap_or_default();
                    self.verify(bytes, level, &object, recorder);
                }
                element.start = start;
                container.push(element, &object);
                return Ok(object);
            }
            recorder.state.release(element);
        } else {
            recorder.tally.decoded_new += 1;
        }
        let handed_over = self.handed_over;
        let object = self.value(reader, level, self.exts)?;
        let len = u32::try_from(data.len() - reader.remaining() - place).unwrap_or(u32::MAX);
        let fits = start.checked_add(len).is_some_and(|end| end < u32::MAX);
        let mut element = if fits && self.handed_over == handed_over {
            self.outlined(&object, len as usize, recorder)
        } else {
            State::always_anew()
        };
        (element.start, element.len) = (start, len);
        container.push(element, &object);
        Ok(object)
    }

    /// Decodes anew what `object` was taken for, where everything is verified.
    #[cold]
    fn verify(&self, bytes: &[u8], level: u16, object: &Bound<'py, PyAny>, recorder: &mut Recorder<'_>) {
        if let Some(verification) = &mut recorder.verification {
            verification.decode(self.another(), bytes, level, object);
        }
    }

    /// The object of the element, if it was decoded from the same bytes and nobody else has it.
    #[inline]
    fn again(
        &self,
        element: &Element,
        former_start: usize,
        place: usize,
        data: &[u8],
        recorder: &mut Recorder<'_>,
    ) -> Option<Bound<'py, PyAny>> {
        let object = element.object.as_ref()?;
        if !element.was_decoded() {
            recorder.tally.decoded_new += 1;
            return None;
        }
        let from = former_start + element.start as usize;
        let is_same_memory = std::ptr::eq(data, recorder.former_bytes) && from == place;
        let len = element.len as usize;
        if !is_same_memory {
            let former = recorder.former_bytes.get(from..from + len)?;
            if data.get(place..place + len) != Some(former) {
                recorder.tally.decoded_changed += 1;
                return None;
            }
        }
        if !recorder.is_current || !recorder.state.is_unchanged(element) {
            recorder.tally.decoded_changed += 1;
            return None;
        }
        if !recorder.state.is_ours_alone(element) || !self.has_own_fields_set(object, recorder) {
            recorder.tally.decoded_held += 1;
            return None;
        }
        Some(object.bind(self.py).clone())
    }

    /// Whether the fields that the instance says were set are those that its class has for each that is decoded.
    #[inline]
    fn has_own_fields_set(&self, object: &Py<PyAny>, recorder: &Recorder<'_>) -> bool {
        // SAFETY: a live object, which is held.
        let class = unsafe { ffi::Py_TYPE(object.as_ptr()) };
        if class == &raw mut ffi::PyDict_Type || class == &raw mut ffi::PyList_Type {
            return true;
        }
        let Some(plain) = recorder.state.class_at(class) else { return false };
        let slot = object.as_ptr().cast_const();
        // SAFETY: an instance of a plain class, whose slot this is; that it is a set was found when it was outlined,
        // and the slot has not changed.
        unsafe {
            plain.fields_set.is_copy(slot.byte_offset(recorder.slots.fields_set).cast::<*mut ffi::PyObject>().read())
        }
    }

    /// The element of an object that was just decoded.
    fn outlined(&self, object: &Bound<'py, PyAny>, len: usize, recorder: &mut Recorder<'_>) -> Element {
        let Recorder { state, found, slots, .. } = recorder;
        let (words, first) = state.new_words();
        let seen = &self.seen;
        let is_plain = |class: *mut ffi::PyTypeObject| seen.iter().any(|plain| plain.class.as_ptr() == class.cast());
        let mut outline = Outline::new(self.py, words, found, true, *slots, &is_plain);
        // SAFETY: a live object.
        let is_outlined = unsafe { outline.add(object.as_ptr()) };
        let weight = outline.weight + len;
        // Without a holder it holds nothing that could be changed, and is made as fast as it is checked.
        if !is_outlined || found.holders.is_empty() {
            state.cut_words(first);
            return State::always_anew();
        }
        seen.iter().for_each(|plain| state.add_class(plain));
        state.element(object, first, found, weight)
    }
}

/// Begins a container whose elements lie from the reader's place on.
fn begin(path: u64, reader: &Reader<'_>, data: &[u8], recorder: &mut Recorder<'_>) -> (Container, Former) {
    let start = data.len() - reader.remaining();
    let former = recorder.at(path);
    let former_start = former.as_ref().map_or(0, |former| former.start);
    let elements = former.map(|former| former.elements).unwrap_or_default();
    let container = Container { path, marks: [0; 2], start, elements: Vec::with_capacity(elements.len() + 4) };
    (container, Former { start: former_start, elements: elements.into_iter() })
}

fn end(container: Container, former: Former, recorder: &mut Recorder<'_>) {
    former.elements.for_each(|element| recorder.state.release(element));
    if container.elements.iter().any(|element| element.object.is_some()) {
        recorder.state.containers.push(container);
    }
}

/// Whether a container that begins here is remembered, by its first value: as for encoding.
fn first_is_worth_it(reader: &Reader<'_>, is_array: bool) -> bool {
    let mut ahead = reader.clone();
    let mut first = || {
        ahead.next_token()?;
        if !is_array {
            ahead.next_token()?;
        }
        ahead.next_token()
    };
    match first() {
        Ok(Token::Array(_)) => is_array,
        Ok(Token::Map(_) | Token::Ext(..)) => true,
        _ => false,
    }
}
