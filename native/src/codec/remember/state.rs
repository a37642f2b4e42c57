//! A state as it was encoded or decoded last: the elements of its lists and the long values of its dicts, where their
//! bytes lie, and the words that show whether they have changed.
#![allow(unsafe_code)] // compares words within Python objects

use std::sync::Arc;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::dict_version;
use super::outline::Found;
use super::words::{self, Word};
use crate::buffer::Buffer;
use crate::codec::plain::PlainClass;

/// The bytes of a whole state.
#[derive(Default)]
pub enum Source {
    #[default]
    None,
    Buffer(Arc<Buffer>),
    Bytes(Py<PyBytes>),
}

impl Source {
    pub fn as_slice<'a>(&'a self, py: Python<'a>) -> &'a [u8] {
        match self {
            Self::None => &[],
            Self::Buffer(buffer) => buffer,
            Self::Bytes(bytes) => bytes.as_bytes(py),
        }
    }

    pub fn len(&self, py: Python<'_>) -> usize {
        self.as_slice(py).len()
    }
}

/// One element: an object that is held, and its bytes.
pub struct Element {
    /// None for a value that is always encoded and decoded.
    pub object: Option<Py<PyAny>>,
    /// The items of all lists in it. As long as they are held, no other object gets the address of one.
    items: Option<Box<[Py<PyAny>]>>,
    /// Where its bytes lie behind the start of its container.
    pub start: u32,
    pub len: u32,
    /// Its words in the state's.
    words: u32,
    count: u16,
    /// How many of the words that follow show whether anybody else has the object: none unless our decoder made it.
    holders: u16,
    /// About how many bytes the object takes.
    weight: u32,
    /// Whether encoding it is known to give its bytes: what it was decoded from may be written in another way.
    pub is_encoded: bool,
}

impl Element {
    pub fn end(&self) -> usize {
        self.start as usize + self.len as usize
    }

    /// The address of its object; NULL without one.
    #[inline]
    pub fn address(&self) -> *mut ffi::PyObject {
        self.object.as_ref().map_or(std::ptr::null_mut(), Py::as_ptr)
    }

    pub fn was_decoded(&self) -> bool {
        self.holders > 0
    }

    fn all_words(&self) -> std::ops::Range<usize> {
        let first = self.words as usize;
        first..first + usize::from(self.count) + usize::from(self.holders)
    }
}

/// A list, or a dict with long values.
pub struct Container {
    /// A hash of the keys that lead to it.
    pub path: u64,
    /// The addresses of its first element and of its last one, which need not live any more.
    pub marks: [usize; 2],
    /// Where the bytes of its first element begin.
    pub start: usize,
    /// Empty for a list that was seen once: only one that comes again is remembered.
    pub elements: Vec<Element>,
}

impl Container {
    /// One of which nothing is remembered but how it begins.
    pub fn seen_once(path: u64, marks: [usize; 2]) -> Self {
        Self { path, marks, start: 0, elements: Vec::new() }
    }

    /// Adds the element that `object` is, remembered or not.
    pub fn push(&mut self, element: Element, object: &Bound<'_, PyAny>) {
        let [first, last] = &mut self.marks;
        *last = object.as_ptr() as usize;
        if self.elements.is_empty() {
            *first = *last;
        }
        self.elements.push(element);
    }

    /// Whether a container with these first and last elements seems to have elements of this one: where it began, or where
    /// it ended.
    pub fn comes_again(&self, first: usize, mut last: impl Iterator<Item = usize>) -> bool {
        let [former_first, former_last] = self.marks;
        former_first == first
            || last.any(|address| address == former_last)
            || self.elements.iter().any(|element| element.address() as usize == first)
    }
}

#[derive(Default)]
pub struct State {
    pub source: Source,
    pub containers: Vec<Container>,
    words: Vec<Word>,
    /// How many of these belong to no element any more.
    unused: usize,
    /// The classes of instances in it.
    classes: Vec<Arc<PlainClass>>,
    /// About how many bytes the objects take.
    weight: usize,
    /// References that are given up at the end of a call: it may run Python code.
    released: Vec<Py<PyAny>>,
    /// Of a state that was too large nothing is remembered but from how many bytes on it seems to be.
    pub fits_below: Option<usize>,
}

// SAFETY: words are read only with the interpreter attached, in which objects stay what they are meanwhile.
unsafe impl Send for State {}

impl State {
    /// What is kept of a state that took more than `most` bytes, and that was encoded in `len`.
    pub fn too_large(len: usize, bytes: usize, most: usize) -> Self {
        let mut state = Self::default();
        let share = |whole: usize| u128::from(whole as u64) * u128::from(most as u64) / u128::from(bytes.max(1) as u64);
        state.fits_below = usize::try_from(share(len)).ok();
        state
    }

    /// Whether a state that is encoded in `len` bytes may be remembered.
    pub fn may_fit(&self, len: usize) -> bool {
        self.fits_below.is_none_or(|most| len < most)
    }

    /// The classes of instances in it.
    pub fn classes(&self) -> &[Arc<PlainClass>] {
        &self.classes
    }

    /// Notes that there are instances of this class.
    pub fn add_class(&mut self, class: &Arc<PlainClass>) {
        if !self.classes.iter().any(|known| Arc::ptr_eq(known, class)) {
            self.classes.push(Arc::clone(class));
        }
    }

    /// The plain class at this address.
    #[inline]
    pub fn class_at(&self, address: *mut ffi::PyTypeObject) -> Option<&PlainClass> {
        self.classes.iter().find(|class| class.class.as_ptr() == address.cast()).map(|class| &**class)
    }

    /// Whether nothing in the element has changed.
    #[inline]
    pub fn is_unchanged(&self, element: &Element) -> bool {
        // SAFETY: the object is held, and outlines list words in the order that `unchanged` asks for.
        unsafe { words::unchanged(&self.words, element.words as usize, element.count.into()) }
    }

    /// Whether nobody else has the element or what is in it, if it is unchanged.
    #[inline]
    pub fn is_ours_alone(&self, element: &Element) -> bool {
        let first = element.words as usize + usize::from(element.count);
        // SAFETY: the element is unchanged, so all that its words lie in is alive.
        unsafe { words::unchanged(&self.words, first, element.holders.into()) }
    }

    /// The vector that words of a new element are added to, and where they begin.
    pub fn new_words(&mut self) -> (&mut Vec<Word>, usize) {
        let first = self.words.len();
        (&mut self.words, first)
    }

    /// The new element of `object`, whose words lie from `first` on, with what else its outline has.
    pub fn element(&mut self, object: &Bound<'_, PyAny>, first: usize, found: &mut Found, weight: usize) -> Element {
        let count = self.words.len() - first;
        self.words.extend_from_slice(&found.holders);
        let narrow =
            u16::try_from(count).ok().zip(u16::try_from(found.holders.len()).ok()).zip(u32::try_from(first).ok());
        let Some(((count, holders), words)) = narrow else {
            self.cut_words(first);
            return Self::always_anew();
        };
        let weight = u32::try_from(weight).unwrap_or(u32::MAX);
        self.weight += weight as usize;
        let items = (!found.items.is_empty()).then(|| found.items.drain(..).collect());
        let object = Some(object.clone().unbind());
        Element { object, items, start: 0, len: 0, words, count, holders, weight, is_encoded: false }
    }

    /// Counts so many bytes more for an element.
    pub fn add_weight(&mut self, element: &mut Element, bytes: usize) {
        let former = element.weight;
        element.weight = former.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        self.weight += (element.weight - former) as usize;
    }

    /// The element of a value that is not remembered.
    pub fn always_anew() -> Element {
        Element {
            object: None,
            items: None,
            start: 0,
            len: 0,
            words: 0,
            count: 0,
            holders: 0,
            weight: 0,
            is_encoded: false,
        }
    }

    /// Drops words from `first` on, which no element has.
    pub fn cut_words(&mut self, first: usize) {
        if let Some(words) = self.words.get(first..) {
            dict_version::forget(words);
        }
        self.words.truncate(first);
    }

    /// Gives up an element. Its reference goes when the call ends.
    pub fn release(&mut self, element: Element) {
        let range = element.all_words();
        let Some(object) = element.object else { return };
        self.unused += range.len();
        self.weight -= element.weight as usize;
        if let Some(words) = self.words.get(range) {
            dict_version::forget(words);
        }
        self.released.push(object);
        self.released.extend(element.items.into_iter().flatten());
    }

    /// Gives up all elements.
    pub fn clear(&mut self) {
        for container in std::mem::take(&mut self.containers) {
            container.elements.into_iter().for_each(|element| self.release(element));
        }
        self.words.clear();
        self.classes.clear();
        (self.unused, self.weight) = (0, 0);
    }

    /// The references that were given up, to be dropped where Python code may run.
    pub fn take_released(&mut self) -> Vec<Py<PyAny>> {
        std::mem::take(&mut self.released)
    }

    /// Drops unused words when they are most of all.
    pub fn tidy(&mut self) {
        if self.unused <= self.words.len() / 2 {
            return;
        }
        let mut words = Vec::with_capacity(self.words.len() - self.unused);
        for element in self.containers.iter_mut().flat_map(|container| &mut container.elements) {
            if element.object.is_none() {
                continue;
            }
            let first = words.len();
            words.extend_from_slice(self.words.get(element.all_words()).unwrap_or_default());
            // There are fewer than before, whose number was within the type.
            element.words = u32::try_from(first).unwrap_or_default();
        }
        (self.words, self.unused) = (words, 0);
    }

    /// Whether it remembers any element.
    pub fn is_empty(&self) -> bool {
        self.containers.iter().all(|container| container.elements.is_empty())
    }

    /// About how many bytes it takes.
    pub fn bytes(&self, py: Python<'_>) -> usize {
        let elements: usize = self.containers.iter().map(|container| container.elements.capacity()).sum();
        self.source.len(py)
            + self.containers.capacity() * size_of::<Container>()
            + elements * size_of::<Element>()
            + self.words.capacity() * size_of::<Word>()
            + self.weight
            + 512
    }

    /// The objects that it holds.
    pub fn objects(&self) -> impl Iterator<Item = &Py<PyAny>> {
        let elements = self.containers.iter().flat_map(|container| &container.elements);
        elements.flat_map(|element| element.object.iter().chain(element.items.iter().flatten())).chain(&self.released)
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.clear();
    }
}
