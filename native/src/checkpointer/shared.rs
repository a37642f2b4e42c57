//! What the parts of one database share.
use std::sync::{Arc, Mutex};

use super::counters::Counters;
use super::file::moved;
use super::options::Options;
use crate::errors::SqlError;
use crate::file_identity::FileIdentity;
use crate::layout::{CheckpointCache, Schema, cache_of};
use crate::sync::lock;

pub struct Shared {
    pub options: Options,
    pub counters: Counters,
    /// For the compact layout: once it is known which file it is, that of all who have this file open.
    cache: Mutex<Arc<CheckpointCache>>,
    opened: Mutex<Option<Opened>>,
}

/// What is known of a database once a connection is open.
struct Opened {
    schema: Schema,
    file: Option<FileIdentity>,
}

impl Shared {
    pub fn new(options: Options) -> Arc<Self> {
        Arc::new(Self { options, counters: Counters::default(), cache: Mutex::default(), opened: Mutex::default() })
    }

    pub fn cache(&self) -> Arc<CheckpointCache> {
        Arc::clone(&lock(&self.cache))
    }

    /// Notes that a connection was opened, and what it found.
    pub fn opened(&self, schema: Schema) {
        self.counters.connections_opened.add(1);
        self.note(schema);
    }

    /// Notes what is known of a database that is open already.
    pub fn note(&self, schema: Schema) {
        let file = self.options.path.as_deref().and_then(FileIdentity::of);
        if let Some(file) = file {
            *lock(&self.cache) = cache_of(file);
        }
        *lock(&self.opened) = Some(Opened { schema, file });
    }

    /// Notes that nothing is open any more.
    pub fn closed(&self) {
        *lock(&self.opened) = None;
    }

    /// The schema, if something is open.
    pub fn schema(&self) -> Option<Schema> {
        lock(&self.opened).as_ref().map(|opened| opened.schema)
    }

    /// Notes a schema that was changed while the database is open.
    pub fn set_schema(&self, schema: Schema) {
        if let Some(opened) = lock(&self.opened).as_mut() {
            opened.schema = schema;
        }
    }

    /// Fails if the file was deleted or replaced since it was opened.
    pub fn check_identity(&self) -> Result<(), SqlError> {
        let Some(path) = &self.options.path else { return Ok(()) };
        let opened = lock(&self.opened).as_ref().and_then(|opened| opened.file);
        if opened.is_none() || opened == FileIdentity::of(path) { Ok(()) } else { Err(moved(&self.options)) }
    }
}
