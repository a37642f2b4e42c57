//! The states in memory of files in the compact layout, as the savers that have them open share them.
//!
//! The locks are taken only with the GIL held, which is kept until they are released: no other thread holds one when the
//! process forks. A call takes what it may need before it releases the GIL, and adds what it has put after that.
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use pyo3::prelude::*;

use super::operation::Operation;
use crate::file_identity::FileIdentity;
use crate::layout::{CacheEntry, CheckpointCache, Schema, cache_of};
use crate::sync::lock;
use crate::values::Value;

/// Where a database is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In memory: it belongs to one connection, nearly always.
    Memory,
    File(FileIdentity),
}

struct States {
    place: Place,
    cache: Arc<CheckpointCache>,
    schema: Schema,
}

/// What was done with each file, by its name; the one that was used last comes last.
static COUNTED: Mutex<Vec<(String, Counts)>> = Mutex::new(Vec::new());

/// So many files are counted by name: those that were used last.
const MAX_NAMES: usize = 64;

/// The name under which all others are counted.
const OTHERS: &str = "others";

fn count(name: String, counts: Counts) {
    let mut counted = lock(&COUNTED);
    let mut entry = match counted.iter().rposition(|(known, _)| *known == name) {
        Some(place) => counted.remove(place),
        None => (name, Counts::default()),
    };
    entry.1.add(counts);
    let place = if entry.0 == OTHERS { 0 } else { counted.len() };
    counted.insert(place, entry);
    if counted.len() > MAX_NAMES + 1 {
        let oldest = counted.iter().position(|(name, _)| name != OTHERS).map(|place| counted.remove(place).1);
        drop(counted);
        oldest.into_iter().for_each(|oldest| count(OTHERS.to_owned(), oldest));
    }
}

/// What was done with a file.
#[derive(Clone, Default)]
pub struct Counts {
    /// Checkpoints that were put in pieces.
    pub in_pieces: u64,
    /// Checkpoints that were put whole, by reason.
    pub whole: BTreeMap<&'static str, u64>,
    /// Checkpoints that were read without the view.
    pub read: u64,
}

impl Counts {
    pub fn add_whole(&mut self, reason: &'static str) {
        *self.whole.entry(reason).or_default() += 1;
    }

    pub fn add(&mut self, other: Self) {
        self.in_pieces += other.in_pieces;
        self.read += other.read;
        for (reason, count) in other.whole {
            *self.whole.entry(reason).or_default() += count;
        }
    }
}

/// What is in memory of a file when a call begins.
#[derive(Default)]
pub struct Before {
    /// None if nothing is known.
    pub place: Option<Place>,
    pub schema: Schema,
    /// A part that belongs to the call.
    pub cache: CheckpointCache,
}

/// What a call has learned of its file.
#[derive(Default)]
pub struct Learned {
    /// None if the file is not in the compact layout, or can't be told from others.
    pub place: Option<Place>,
    pub name: PathBuf,
    pub schema: Schema,
    /// The checkpoints that were put.
    pub committed: Vec<CacheEntry>,
    pub counts: Counts,
}

/// The states of the file that a saver writes to.
#[pyclass(frozen, module = "fast_langgraph._native")]
#[derive(Default)]
pub struct FileStates(Mutex<Option<States>>);

impl FileStates {
    /// What a call needs that puts into these threads or reads from them. With the GIL held.
    pub fn before<'a>(&self, threads: impl Iterator<Item = &'a str>) -> Before {
        match &*lock(&self.0) {
            None => Before::default(),
            Some(states) => {
                Before { place: Some(states.place), schema: states.schema, cache: states.cache.part(threads) }
            }
        }
    }

    /// Keeps what a call has learned. With the GIL held.
    pub fn after(&self, learned: Learned) {
        let Learned { place, name, schema, committed, counts } = learned;
        let Some(place) = place else { return };
        let mut own = lock(&self.0);
        let cache = match (own.take(), place) {
            (Some(States { place: of, cache, .. }), _) if of == place => cache,
            (_, Place::Memory) => Arc::default(),
            (_, Place::File(file)) => cache_of(file),
        };
        cache.add(schema, committed.into_iter());
        *own = Some(States { place, cache, schema });
        drop(own);
        let name = if place == Place::Memory { ":memory:".to_owned() } else { name.to_string_lossy().into_owned() };
        count(name, counts);
    }
}

/// The threads whose checkpoints operations put or delete.
pub fn threads<'a>(operations: &'a [&'a Operation]) -> impl Iterator<Item = &'a str> {
    operations.iter().filter_map(|operation| operation.changed_row()).filter_map(|row| match row.first() {
        Some(Value::Text(thread)) => Some(&**thread),
        _ => None,
    })
}

#[pymethods]
impl FileStates {
    #[new]
    fn new() -> Self {
        Self::default()
    }
}

/// What was done with files in the compact layout, the one that was used last first: for each its name, checkpoints put
/// in pieces, checkpoints put whole by reason, and checkpoints read without the view.
#[pyfunction]
pub fn compact_files() -> Vec<(String, u64, BTreeMap<&'static str, u64>, u64)> {
    let counted = lock(&COUNTED).clone();
    counted.into_iter().rev().map(|(name, counts)| (name, counts.in_pieces, counts.whole, counts.read)).collect()
}
