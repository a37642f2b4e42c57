//! One cache for each file of the process, whoever has it open: checkpointers, and savers on connections of the app's.
use std::sync::{Arc, Mutex, Weak};

use super::cache::CheckpointCache;
use crate::file_identity::FileIdentity;
use crate::sync::lock;

/// Taken by those who hold the GIL until they have released it, and by those that a fork waits for: so in the child of a
/// fork it is free.
static CACHES: Mutex<Vec<(FileIdentity, Weak<CheckpointCache>)>> = Mutex::new(Vec::new());

/// The cache of a file; it lives as long as somebody has it.
pub fn cache_of(file: FileIdentity) -> Arc<CheckpointCache> {
    let mut caches = lock(&CACHES);
    caches.retain(|(_, cache)| cache.strong_count() > 0);
    let known = caches.iter().find(|(of, _)| *of == file).and_then(|(_, cache)| cache.upgrade());
    known.unwrap_or_else(|| {
        let cache = Arc::default();
        caches.push((file, Arc::downgrade(&cache)));
        cache
    })
}
