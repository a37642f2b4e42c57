//! Checkpoints in memory: the last ones that were written to each thread. New checkpoints are compared with them, and
//! they are read from.
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use fast_langgraph_compact::{Piece, Reference};
use lru::LruCache;

use super::generation::Generation;
use crate::buffer::Buffer;
use crate::layout::schema::Schema;
use crate::sync::lock;

/// The cache holds at most so many bytes and threads.
const MAX_BYTES: usize = 64 << 20;
const MAX_THREADS: usize = 10_000;
/// And so many checkpoints of one thread: of the graph itself, and of subgraphs and branches that run.
const MAX_OF_THREAD: usize = 4;

/// A checkpoint whose pieces are stored.
pub struct StoredCheckpoint {
    pub bytes: Arc<Buffer>,
    pub pieces: Vec<Piece>,
    /// What its row has in its columns; None if another connection has written it.
    pub columns: Option<PieceColumns>,
}

impl StoredCheckpoint {
    #[inline]
    pub fn reference(&self) -> Reference<'_> {
        Reference { bytes: &self.bytes, pieces: &self.pieces, same: &[] }
    }
}

/// What the row of a checkpoint in pieces has in its columns.
#[derive(Clone, PartialEq, Eq)]
pub struct PieceColumns {
    /// Bytes that are in no piece, in the column `checkpoint`.
    pub own: Arc<[u8]>,
    /// The recipe.
    pub ranges: Arc<str>,
    pub base: i64,
    pub size: usize,
}

/// A stored checkpoint with its key.
#[derive(Clone)]
pub struct CacheEntry {
    /// Who has put it.
    pub by: Writer,
    pub thread: Box<str>,
    pub generation: Generation,
    pub namespace: Box<str>,
    pub id: Box<str>,
    pub parent: Option<Box<str>>,
    pub checkpoint: Arc<StoredCheckpoint>,
}

/// Checkpoints of committed transactions, shared by the writing connection and those that read.
#[derive(Default)]
pub struct CheckpointCache(Mutex<Cached>);

struct Cached {
    threads: LruCache<Box<str>, Vec<CacheEntry>>,
    bytes: usize,
    /// The schema that they were written under. Under another one this may be another database, a backup that was
    /// copied into the file, say.
    schema: Schema,
}

impl Default for Cached {
    fn default() -> Self {
        Self { threads: LruCache::unbounded(), bytes: 0, schema: Schema::default() }
    }
}

impl CheckpointCache {
    /// A checkpoint, and the generation under which its pieces are valid, for a transaction that finds this schema.
    pub fn get(
        &self,
        schema: Schema,
        thread: &str,
        namespace: &str,
        id: &str,
    ) -> Option<(Generation, Arc<StoredCheckpoint>)> {
        let cached = lock(&self.0);
        let entries = if cached.schema == schema { cached.threads.peek(thread) } else { None };
        let is_it = |entry: &&CacheEntry| *entry.id == *id && *entry.namespace == *namespace;
        entries?.iter().rev().find(is_it).map(|entry| (entry.generation, Arc::clone(&entry.checkpoint)))
    }

    /// A copy of what it has of these threads: for transactions that must not lock it.
    pub fn part<'a>(&self, of: impl Iterator<Item = &'a str>) -> Self {
        let cached = lock(&self.0);
        let mut part = Cached { schema: cached.schema, ..Cached::default() };
        for thread in of {
            if let Some(entries) = cached.threads.peek(thread) {
                part.bytes += weight(entries);
                part.threads.put(thread.into(), entries.clone());
            }
        }
        Self(Mutex::new(part))
    }

    /// Adds checkpoints of transactions that were committed under this schema.
    pub fn add(&self, schema: Schema, committed: impl Iterator<Item = CacheEntry>) {
        let mut committed = committed.peekable();
        if committed.peek().is_some() {
            lock(&self.0).add(schema, committed);
        }
    }

    /// Forgets all checkpoints, unless they were written under this schema.
    pub fn keep_if(&self, schema: Schema) {
        let mut cached = lock(&self.0);
        if cached.schema != schema {
            *cached = Cached { schema, ..Cached::default() };
        }
    }

    /// What it has of a thread.
    pub fn entries_of(&self, thread: &str) -> Vec<CacheEntry> {
        lock(&self.0).threads.peek(thread).cloned().unwrap_or_default()
    }

    /// Has nothing else of a thread from now on.
    pub fn set_entries(&self, thread: &str, entries: Vec<CacheEntry>) {
        let mut cached = lock(&self.0);
        cached.bytes += weight(&entries);
        if let Some(before) = cached.threads.put(thread.into(), entries) {
            cached.bytes -= weight(&before);
        }
    }
}

impl Cached {
    fn add(&mut self, schema: Schema, committed: impl Iterator<Item = CacheEntry>) {
        if self.schema != schema {
            *self = Self { schema, ..Self::default() };
        }
        let Self { threads, bytes, .. } = self;
        for entry in committed {
            let entries = threads.get_or_insert_mut(entry.thread.clone(), Vec::new);
            let before = weight(entries);
            // From now on checkpoints are compared with this one, not with its parent.
            let is_parent =
                |old: &CacheEntry| old.namespace == entry.namespace && Some(&old.id) == entry.parent.as_ref();
            entries.retain(|old| old.generation == entry.generation && !is_parent(old));
            if entries.len() >= MAX_OF_THREAD {
                entries.remove(0);
            }
            entries.push(entry);
            *bytes = *bytes - before + weight(entries);
        }
        while (*bytes > MAX_BYTES || threads.len() > MAX_THREADS)
            && let Some((_, entries)) = threads.pop_lru()
        {
            *bytes -= weight(&entries);
        }
    }
}

/// Who puts checkpoints into a cache. Of its own checkpoints one that has a connection of its own knows that they are in
/// the file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Writer {
    /// By a number that no other has.
    OwnConnection(u64),
    /// A connection of the app's: anybody may roll back what was put, and the file itself may be another one by now.
    AnyConnection,
}

/// How often a checkpoint to compare with was in memory, and how often not.
#[derive(Default)]
pub struct Lookups {
    pub hits: u64,
    pub misses: u64,
}

/// The cache as the writing connection uses it: what an open transaction writes is added when it commits.
pub struct CacheWriter {
    pub cache: Arc<CheckpointCache>,
    pub by: Writer,
    /// Written by the open transaction.
    pending: Vec<CacheEntry>,
    lookups: Lookups,
}

fn weight(entries: &[CacheEntry]) -> usize {
    entries.iter().map(|entry| entry.checkpoint.bytes.len() + 32 * entry.checkpoint.pieces.len()).sum()
}

impl CacheWriter {
    /// For a connection of the app's.
    pub fn of_any_connection(cache: Arc<CheckpointCache>) -> Self {
        Self { cache, by: Writer::AnyConnection, pending: Vec::new(), lookups: Lookups::default() }
    }

    /// For a connection that was opened for it alone. Clears the cache: while no such connection was open, another file
    /// may have been copied into this one.
    pub fn of_own_connection(cache: Arc<CheckpointCache>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let by = Writer::OwnConnection(NEXT.fetch_add(1, Ordering::Relaxed));
        let writer = Self { by, ..Self::of_any_connection(cache) };
        writer.clear();
        writer
    }

    /// The checkpoint with this id, and the others of its thread, the latest first.
    pub fn of_thread(
        &mut self,
        thread: &str,
        generation: Generation,
        namespace: &str,
        id: Option<&str>,
    ) -> (Option<Arc<StoredCheckpoint>>, Vec<Arc<StoredCheckpoint>>) {
        let mut cached = lock(&self.cache.0);
        let entries = cached.threads.get(thread);
        let valid = || entries.into_iter().flatten().rev().filter(|entry| entry.generation == generation);
        let is_it = |entry: &&CacheEntry| id == Some(&*entry.id) && *entry.namespace == *namespace;
        let it = valid().find(is_it).map(|entry| Arc::clone(&entry.checkpoint));
        let others: Vec<_> = valid().filter(|entry| !is_it(entry)).map(|entry| Arc::clone(&entry.checkpoint)).collect();
        drop(cached);
        if it.is_some() || !others.is_empty() {
            self.lookups.hits += 1;
        } else {
            self.lookups.misses += 1;
        }
        (it, others)
    }

    /// The lookups since the last call.
    pub fn take_lookups(&mut self) -> Lookups {
        std::mem::take(&mut self.lookups)
    }

    pub fn clear(&self) {
        *lock(&self.cache.0) = Cached::default();
    }

    /// Adds a checkpoint when the open transaction commits.
    pub fn insert(&mut self, entry: CacheEntry) {
        self.pending.push(entry);
    }

    /// A savepoint of the open transaction, for `roll_back_to`.
    pub fn savepoint(&self) -> usize {
        self.pending.len()
    }

    pub fn roll_back_to(&mut self, savepoint: usize) {
        self.pending.truncate(savepoint);
    }

    pub fn roll_back(&mut self) {
        self.pending.clear();
    }

    /// The open transaction was committed, under this schema.
    pub fn commit(&mut self, schema: Schema) {
        self.cache.add(schema, self.pending.drain(..));
    }

    /// What the transaction that was committed has written, for a cache that several share.
    pub fn take_pending(&mut self) -> Vec<CacheEntry> {
        std::mem::take(&mut self.pending)
    }
}
