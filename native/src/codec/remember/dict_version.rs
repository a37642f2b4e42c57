//! A word that changes when a dict does: its version, which CPython counts up to 3.13, or ours, which a watcher counts.
#![allow(unsafe_code)] // reads dicts by their C structure

use pyo3::ffi;

use super::words::Word;

/// The word for a dict as it is now; None if its changes can't be seen.
///
/// # Safety
/// `dict` is a live dict.
#[cfg(not(Py_3_14))]
#[inline]
#[allow(deprecated)] // the version is there up to 3.13; `trial` finds out whether it tells of every change
pub unsafe fn word(dict: *mut ffi::PyObject) -> Option<Word> {
    // SAFETY: a dict, by the caller's promise.
    unsafe {
        let dict = dict.cast::<ffi::PyDictObject>();
        // On 3.13 the values may lie in the object whose `__dict__` it is. Setting its attributes counts no version.
        if cfg!(Py_3_13) && !(*dict).ma_values.is_null() {
            return None;
        }
        Some(Word::now(&raw const (*dict).ma_version_tag))
    }
}

/// Gives back what `word` has taken for the dicts of these words.
#[cfg(not(Py_3_14))]
#[inline]
pub fn forget(_words: &[Word]) {}

#[cfg(Py_3_14)]
pub use watched::{forget, word};

/// From 3.14 on dicts have no version. A watcher is told before a dict changes, and counts.
#[cfg(Py_3_14)]
mod watched {
    use std::collections::HashMap;
    use std::ffi::c_int;
    use std::sync::{Mutex, OnceLock};

    use pyo3::ffi;

    use crate::codec::remember::words::Word;
    use crate::sync::lock;

    type Callback = unsafe extern "C" fn(c_int, *mut ffi::PyObject, *mut ffi::PyObject, *mut ffi::PyObject) -> c_int;

    unsafe extern "C" {
        fn PyDict_AddWatcher(callback: Callback) -> c_int;
        fn PyDict_Watch(watcher: c_int, dict: *mut ffi::PyObject) -> c_int;
        fn PyDict_Unwatch(watcher: c_int, dict: *mut ffi::PyObject) -> c_int;
    }

    /// `PyDict_EVENT_DEALLOCATED`
    const DEALLOCATED: c_int = 5;
    const SLOTS: usize = 1024;

    /// The version of a watched dict, and what uses it.
    #[derive(Default)]
    struct Slot {
        version: usize,
        users: usize,
        /// NULL when it is gone.
        dict: usize,
    }

    #[derive(Default)]
    struct Watched {
        /// Each has a fixed address, so that its words can be read.
        blocks: Vec<Box<[Slot]>>,
        free: Vec<(usize, usize)>,
        of_dict: HashMap<usize, (usize, usize)>,
        of_address: HashMap<usize, (usize, usize)>,
    }

    static WATCHED: Mutex<Option<Watched>> = Mutex::new(None);

    fn watcher() -> Option<c_int> {
        static ID: OnceLock<c_int> = OnceLock::new();
        // SAFETY: called with the interpreter attached; the callback lives as long as the process.
        let id = *ID.get_or_init(|| unsafe { PyDict_AddWatcher(changed) });
        if id < 0 {
            // SAFETY: as above.
            unsafe { ffi::PyErr_Clear() };
        }
        (id >= 0).then_some(id)
    }

    /// Called before a watched dict changes. Runs no Python code.
    unsafe extern "C" fn changed(
        event: c_int,
        dict: *mut ffi::PyObject,
        _key: *mut ffi::PyObject,
        _value: *mut ffi::PyObject,
    ) -> c_int {
        if let Some(watched) = lock(&WATCHED).as_mut()
            && let Some(place) = watched.of_dict.get(&(dict as usize)).copied()
        {
            if event == DEALLOCATED {
                watched.of_dict.remove(&(dict as usize));
            }
            if let Some(slot) = watched.slot(place) {
                slot.version = slot.version.wrapping_add(1);
                if event == DEALLOCATED {
                    slot.dict = 0;
                }
            }
        }
        0
    }

    impl Watched {
        fn slot(&mut self, (block, index): (usize, usize)) -> Option<&mut Slot> {
            self.blocks.get_mut(block)?.get_mut(index)
        }

        fn free_place(&mut self) -> Option<(usize, usize)> {
            if self.free.is_empty() {
                let block = self.blocks.len();
                self.blocks.push((0..SLOTS).map(|_| Slot::default()).collect());
                self.free.extend((0..SLOTS).rev().map(|index| (block, index)));
            }
            self.free.pop()
        }
    }

    /// # Safety
    /// `dict` is a live dict, and the interpreter is attached.
    pub unsafe fn word(dict: *mut ffi::PyObject) -> Option<Word> {
        let id = watcher()?;
        let mut guard = lock(&WATCHED);
        let watched = guard.get_or_insert_default();
        let place = match watched.of_dict.get(&(dict as usize)) {
            Some(place) => *place,
            None => {
                // SAFETY: a live dict, by the caller's promise. It calls nothing.
                if unsafe { PyDict_Watch(id, dict) } != 0 {
                    // SAFETY: as above.
                    unsafe { ffi::PyErr_Clear() };
                    return None;
                }
                let place = watched.free_place()?;
                watched.of_dict.insert(dict as usize, place);
                let slot = watched.slot(place)?;
                slot.dict = dict as usize;
                let address = &raw const slot.version as usize;
                watched.of_address.insert(address, place);
                place
            }
        };
        let slot = watched.slot(place)?;
        slot.users += 1;
        // SAFETY: the slot's own word, whose block is never freed.
        Some(unsafe { Word::now(&raw const slot.version) })
    }

    pub fn forget(words: &[Word]) {
        let mut guard = lock(&WATCHED);
        let Some(watched) = guard.as_mut() else { return };
        for word in words {
            let Some(place) = watched.of_address.get(&(word.address() as usize)).copied() else { continue };
            let Some(slot) = watched.slot(place) else { continue };
            slot.users -= 1;
            if slot.users > 0 {
                continue;
            }
            let dict = std::mem::take(&mut slot.dict);
            slot.version = slot.version.wrapping_add(1);
            let address = &raw const slot.version as usize;
            watched.of_address.remove(&address);
            watched.free.push(place);
            if dict != 0
                && watched.of_dict.remove(&dict).is_some()
                && let Some(id) = watcher()
            {
                // SAFETY: the dict is alive: the watcher would have been told otherwise.
                if unsafe { PyDict_Unwatch(id, dict as *mut ffi::PyObject) } != 0 {
                    // SAFETY: the interpreter is attached wherever words are forgotten.
                    unsafe { ffi::PyErr_Clear() };
                }
            }
        }
    }
}
