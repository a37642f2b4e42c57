//! The states that are remembered, within a bound: those of one checkpointer, or of all that `patch()` has changed.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use lru::LruCache;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use super::state::State;
use crate::sync::lock;

/// At most so many states, whatever their size.
const MAX_STATES: usize = 10_000;

/// Whose state it is: a thread and its namespace, or the first element of a long list.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Key {
    Thread { owner: usize, thread: Box<str>, namespace: Box<str> },
    List { owner: usize, first: usize },
}

impl Key {
    /// The key of an owner, a thread and a namespace; None for a text with surrogates, say.
    pub fn of_thread(key: &Bound<'_, PyAny>) -> Option<Self> {
        let (owner, thread, namespace): (usize, String, String) = key.extract().ok()?;
        Some(Self::Thread { owner, thread: thread.into(), namespace: namespace.into() })
    }

    fn owner(&self) -> usize {
        match self {
            Self::Thread { owner, .. } | Self::List { owner, .. } => *owner,
        }
    }
}

/// How many elements were taken as they were, and how many not, by reason.
#[derive(Default)]
pub struct Tally {
    pub encoded_again: u64,
    pub encoded_new: u64,
    pub encoded_changed: u64,
    pub decoded_again: u64,
    pub decoded_new: u64,
    pub decoded_changed: u64,
    pub decoded_held: u64,
}

#[derive(Default)]
struct Counters([AtomicU64; 7]);

const NAMES: [&str; 7] = [
    "encoded_unchanged",
    "encoded_new",
    "encoded_changed",
    "decoded_unchanged",
    "decoded_new",
    "decoded_changed",
    "decoded_held",
];

struct Kept {
    states: LruCache<Key, (State, usize)>,
    /// The states of lists, by the fingerprint of their bytes.
    lists: HashMap<u64, Key>,
    bytes: usize,
    /// How often something was forgotten. A state that is in use meanwhile does not come back.
    forgotten: u64,
}

impl Kept {
    /// Takes account of a state that has gone.
    fn gone(&mut self, py: Python<'_>, key: &Key, (state, bytes): (State, usize)) -> State {
        self.bytes -= bytes;
        let fingerprint = fingerprint(state.source.as_slice(py));
        if self.lists.get(&fingerprint) == Some(key) {
            self.lists.remove(&fingerprint);
        }
        state
    }
}

/// A hash of the length and of a few words of the bytes.
fn fingerprint(bytes: &[u8]) -> u64 {
    let word = |start: usize| {
        bytes.get(start..).and_then(|rest| rest.first_chunk()).map_or(0, |word| u64::from_le_bytes(*word))
    };
    let places = [0, bytes.len() / 4, bytes.len() / 2, bytes.len() * 3 / 4, bytes.len().saturating_sub(8)];
    places.into_iter().fold(bytes.len() as u64, |hash, place| {
        (hash.rotate_left(23) ^ word(place)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    })
}

/// Remembered states.
#[pyclass(frozen, module = "fast_langgraph._native")]
pub struct Memory {
    kept: Mutex<Kept>,
    most_bytes: usize,
    counters: Counters,
}

impl Memory {
    /// Takes the state out, or a new one: while a call works with it, no other does. With it goes what `put` asks for.
    pub fn take(&self, py: Python<'_>, key: &Key) -> (State, u64) {
        let mut kept = lock(&self.kept);
        let found = kept.states.pop(key).map(|found| kept.gone(py, key, found));
        (found.unwrap_or_default(), kept.forgotten)
    }

    /// The key of the list that was last encoded to, or decoded from, these bytes, as far as can be told at a glance.
    pub fn list_of(&self, bytes: &[u8]) -> Option<Key> {
        lock(&self.kept).lists.get(&fingerprint(bytes)).cloned()
    }

    /// Puts a state in, unless nothing is in it or something was forgotten since it was taken out. What has to go for it
    /// goes: the states that were used least recently. Of one that is too large, only that is kept.
    pub fn put(&self, py: Python<'_>, key: Key, mut state: State, forgotten: u64) {
        state.tidy();
        let released = state.take_released();
        let mut gone = Vec::new();
        let mut bytes = state.bytes(py);
        if bytes > self.most_bytes && !state.is_empty() {
            let too_large = State::too_large(state.source.len(py), bytes, self.most_bytes);
            gone.push(std::mem::replace(&mut state, too_large));
            bytes = state.bytes(py);
        }
        let is_nothing = state.containers.is_empty() && state.fits_below.is_none();
        let mut kept = lock(&self.kept);
        if is_nothing || bytes > self.most_bytes || kept.forgotten != forgotten {
            gone.push(state);
        } else {
            kept.bytes += bytes;
            // Of two lists with the same bytes the other is the older one. Without elements there are no bytes.
            if let Key::List { .. } = key
                && !state.is_empty()
            {
                let bytes = state.source.as_slice(py);
                if let Some(other) = kept.lists.insert(fingerprint(bytes), key.clone())
                    && other != key
                    && kept.states.peek(&other).is_some_and(|(old, _)| old.source.as_slice(py) == bytes)
                    && let Some((old, bytes)) = kept.states.pop(&other)
                {
                    kept.bytes -= bytes;
                    gone.push(old);
                }
            }
            if let Some((key, old)) = kept.states.push(key, (state, bytes)) {
                gone.push(kept.gone(py, &key, old));
            }
            while (kept.bytes > self.most_bytes || kept.states.len() > MAX_STATES)
                && let Some((key, old)) = kept.states.pop_lru()
            {
                gone.push(kept.gone(py, &key, old));
            }
        }
        drop(kept);
        // Only without the lock: it may run Python code.
        drop(released);
        drop(gone);
    }

    pub fn count(&self, tally: &Tally) {
        let numbers = [
            tally.encoded_again,
            tally.encoded_new,
            tally.encoded_changed,
            tally.decoded_again,
            tally.decoded_new,
            tally.decoded_changed,
            tally.decoded_held,
        ];
        for (counter, number) in self.counters.0.iter().zip(numbers) {
            counter.fetch_add(number, Ordering::Relaxed);
        }
    }

    fn remove(&self, py: Python<'_>, goes: impl Fn(&Key) -> bool) {
        let mut kept = lock(&self.kept);
        kept.forgotten += 1;
        let keys: Vec<Key> = kept.states.iter().map(|(key, _)| key).filter(|key| goes(key)).cloned().collect();
        let mut gone = Vec::new();
        for key in keys {
            if let Some(found) = kept.states.pop(&key) {
                gone.push(kept.gone(py, &key, found));
            }
        }
        drop(kept);
        drop(gone);
    }
}

#[pymethods]
impl Memory {
    /// With room for about so many bytes.
    #[new]
    fn new(most_bytes: usize) -> Self {
        let kept = Kept { states: LruCache::unbounded(), lists: HashMap::new(), bytes: 0, forgotten: 0 };
        Self { kept: Mutex::new(kept), most_bytes, counters: Counters::default() }
    }

    /// Forgets the states of an owner, or of one of its threads.
    #[pyo3(signature = (owner, thread=None))]
    fn forget(&self, py: Python<'_>, owner: usize, thread: Option<&str>) {
        self.remove(py, |key| {
            key.owner() == owner
                && thread.is_none_or(|wanted| matches!(key, Key::Thread { thread, .. } if &**thread == wanted))
        });
    }

    /// Forgets all states.
    fn clear(&self, py: Python<'_>) {
        self.remove(py, |_| true);
    }

    #[getter]
    fn most_bytes(&self) -> usize {
        self.most_bytes
    }

    /// How many states there are, their bytes, and how many elements were taken as they were and how many not.
    fn numbers(&self) -> Vec<(&'static str, u64)> {
        let kept = lock(&self.kept);
        let mut numbers = vec![("states", kept.states.len() as u64), ("bytes", kept.bytes as u64)];
        numbers.extend(NAMES.into_iter().zip(self.counters.0.iter().map(|counter| counter.load(Ordering::Relaxed))));
        numbers
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // A collection may begin within a call that has the lock. What is not shown then is only kept for longer.
        let Ok(kept) = self.kept.try_lock() else { return Ok(()) };
        for (_, (state, _)) in &kept.states {
            for object in state.objects() {
                visit.call(object)?;
            }
        }
        Ok(())
    }

    fn __clear__(&self) {
        Python::attach(|py| self.clear(py));
    }
}
