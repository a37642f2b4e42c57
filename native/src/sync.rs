//! Locking a mutex whose data is whole between any two statements of ours.
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The guard, even where a thread has panicked with it: what it left behind is whole.
#[inline]
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
