//! States that were written last, by thread: the next ones are compared with them, and they are read from.
use std::sync::{Arc, Mutex};

use lru::LruCache;

use super::matching::State;
use crate::checkpointer::lock;
use crate::checkpointer::schema::Schema;

/// Bytes of states that are kept at most, and threads.
const BYTES: usize = 64 << 20;
const THREADS: usize = 10_000;
/// States of one thread: of the graph itself, of sub-graphs and branches that are at work.
const STATES: usize = 4;

/// A thread's key in the table of pieces, and what says that none of its pieces was removed since.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Generation {
    pub thread: i64,
    pub epoch: i64,
}

/// A state with whose checkpoint it is.
pub struct Written {
    pub thread: Box<str>,
    pub generation: Generation,
    pub namespace: Box<str>,
    pub id: Box<str>,
    pub parent: Option<Box<str>>,
    pub state: Arc<State>,
}

/// States of checkpoints that were committed, for the one that writes and for those that read.
#[derive(Default)]
pub struct States(Mutex<Kept>);

struct Kept {
    threads: LruCache<Box<str>, Vec<Written>>,
    bytes: usize,
    /// The database's, when they were written: after another schema it may be another database, a backup say.
    schema: Schema,
}

impl Default for Kept {
    fn default() -> Self {
        Self { threads: LruCache::unbounded(), bytes: 0, schema: Schema::default() }
    }
}

impl States {
    /// The state of a checkpoint, and under which generation its pieces are as it has them. For a transaction that
    /// finds this schema.
    pub fn of(&self, schema: Schema, thread: &str, namespace: &str, id: &str) -> Option<(Generation, Arc<State>)> {
        let kept = lock(&self.0);
        let written = if kept.schema == schema { kept.threads.peek(thread) } else { None };
        let is_it = |written: &&Written| *written.id == *id && *written.namespace == *namespace;
        written?.iter().rev().find(is_it).map(|written| (written.generation, Arc::clone(&written.state)))
    }
}

/// What the one that writes has at hand.
pub struct Hot {
    kept: Arc<States>,
    /// Written in the transaction that is going on.
    fresh: Vec<Written>,
    /// States that were asked for and were here or not, since they were last counted.
    looked_up: (u64, u64),
}

fn weight(written: &[Written]) -> usize {
    written.iter().map(|written| written.state.bytes.len() + 32 * written.state.pieces.len()).sum()
}

impl Hot {
    /// With nothing in it.
    pub fn new(kept: Arc<States>) -> Self {
        let hot = Self { kept, fresh: Vec::new(), looked_up: (0, 0) };
        hot.clear();
        hot
    }

    /// The state of a checkpoint, and the thread's others, the latest first.
    pub fn states(
        &mut self,
        thread: &str,
        generation: Generation,
        namespace: &str,
        id: Option<&str>,
    ) -> (Option<Arc<State>>, Vec<Arc<State>>) {
        let mut kept = lock(&self.kept.0);
        let written = kept.threads.get(thread);
        let valid = || written.into_iter().flatten().rev().filter(|written| written.generation == generation);
        let is_it = |written: &&Written| id == Some(&*written.id) && *written.namespace == *namespace;
        let it = valid().find(is_it).map(|written| Arc::clone(&written.state));
        let others: Vec<_> = valid().filter(|written| !is_it(written)).map(|each| Arc::clone(&each.state)).collect();
        drop(kept);
        if it.is_some() || !others.is_empty() {
            self.looked_up.0 += 1;
        } else {
            self.looked_up.1 += 1;
        }
        (it, others)
    }

    /// How often a state was here, and how often not, since this was last asked.
    pub fn looked_up(&mut self) -> (u64, u64) {
        std::mem::take(&mut self.looked_up)
    }

    /// Forgets what was written in earlier transactions.
    pub fn clear(&self) {
        *lock(&self.kept.0) = Kept::default();
    }

    /// Keeps a state, if the transaction is committed.
    pub fn wrote(&mut self, written: Written) {
        self.fresh.push(written);
    }

    /// How many are kept if the transaction is committed.
    pub fn mark(&self) -> usize {
        self.fresh.len()
    }

    /// Forgets what was written since `mark`: it was rolled back.
    pub fn forget(&mut self, mark: usize) {
        self.fresh.truncate(mark);
    }

    /// The transaction was committed, on a database with this schema.
    pub fn settle(&mut self, schema: Schema) {
        if self.fresh.is_empty() {
            return;
        }
        let mut kept = lock(&self.kept.0);
        let Kept { threads, bytes, schema: of } = &mut *kept;
        *of = schema;
        for written in self.fresh.drain(..) {
            let states = threads.get_or_insert_mut(written.thread.clone(), Vec::new);
            let before = weight(states);
            // What comes next is compared with this one in its parent's place.
            let is_parent =
                |old: &Written| old.namespace == written.namespace && Some(&old.id) == written.parent.as_ref();
            states.retain(|old| old.generation == written.generation && !is_parent(old));
            if states.len() >= STATES {
                states.remove(0);
            }
            states.push(written);
            *bytes = *bytes - before + weight(states);
        }
        while (*bytes > BYTES || threads.len() > THREADS)
            && let Some((_, states)) = threads.pop_lru()
        {
            *bytes -= weight(&states);
        }
    }
}
