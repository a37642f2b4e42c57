//! States that were written last, by thread, to compare the next ones with.
use std::sync::Arc;

use lru::LruCache;

use super::matching::State;

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

pub struct Hot {
    threads: LruCache<Box<str>, Vec<Written>>,
    bytes: usize,
    /// Written in the transaction that is going on.
    fresh: Vec<Written>,
    /// States that were asked for and were here or not, since they were last counted.
    looked_up: (u64, u64),
}

impl Default for Hot {
    fn default() -> Self {
        Self { threads: LruCache::unbounded(), bytes: 0, fresh: Vec::new(), looked_up: (0, 0) }
    }
}

fn weight(written: &[Written]) -> usize {
    written.iter().map(|written| written.state.bytes.len() + 32 * written.state.pieces.len()).sum()
}

impl Hot {
    /// The state of a checkpoint, and the thread's others, the latest first.
    pub fn states(
        &mut self,
        thread: &str,
        generation: Generation,
        namespace: &str,
        id: Option<&str>,
    ) -> (Option<Arc<State>>, Vec<Arc<State>>) {
        let written = self.threads.get(thread);
        let valid = || written.into_iter().flatten().rev().filter(|written| written.generation == generation);
        let is_it = |written: &&Written| id == Some(&*written.id) && *written.namespace == *namespace;
        let it = valid().find(is_it).map(|written| Arc::clone(&written.state));
        let others: Vec<_> = valid().filter(|written| !is_it(written)).map(|each| Arc::clone(&each.state)).collect();
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
    pub fn clear(&mut self) {
        self.threads.clear();
        self.bytes = 0;
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

    /// The transaction was committed.
    pub fn settle(&mut self) {
        for written in std::mem::take(&mut self.fresh) {
            let states = self.threads.get_or_insert_mut(written.thread.clone(), Vec::new);
            let before = weight(states);
            // What comes next is compared with this one in its parent's place.
            let is_parent =
                |old: &Written| old.namespace == written.namespace && Some(&old.id) == written.parent.as_ref();
            states.retain(|old| old.generation == written.generation && !is_parent(old));
            if states.len() >= STATES {
                states.remove(0);
            }
            states.push(written);
            self.bytes = self.bytes - before + weight(states);
        }
        while (self.bytes > BYTES || self.threads.len() > THREADS)
            && let Some((_, states)) = self.threads.pop_lru()
        {
            self.bytes -= weight(&states);
        }
    }
}
