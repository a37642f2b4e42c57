//! Waiting for a lock of SQLite's that somebody else holds.
//!
//! SQLite's own waiting sleeps up to 100 ms between two looks: beside a process that writes all the time
//! it would hardly ever find the lock free within its timeout. Ours looks every few milliseconds.
use std::cell::Cell;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::errors::SqlError;

const LONGEST: Duration = Duration::from_millis(4);
const STEP: Duration = Duration::from_micros(150);

thread_local! {
    /// The timeout of what this thread is doing. SQLite passes nothing on that would tell.
    static LIMIT: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    static SINCE: Cell<Option<Instant>> = const { Cell::new(None) };
}

fn wait(count: i32) -> bool {
    let now = Instant::now();
    if count == 0 {
        SINCE.set(Some(now));
    }
    let waited = SINCE.get().map_or(Duration::ZERO, |since| now - since);
    let left = LIMIT.get().saturating_sub(waited);
    if left.is_zero() {
        return false;
    }
    sleep((STEP * (count.unsigned_abs() + 1)).min(LONGEST).min(left));
    true
}

/// Has `conn` wait in this way.
pub fn install(conn: &Connection) -> Result<(), SqlError> {
    Ok(conn.busy_handler(Some(wait))?)
}

/// Says how long this thread may wait from now on.
pub fn limit(timeout: Duration) {
    LIMIT.set(timeout);
}

/// Calls `work` until it is not refused for a lock any more, or until the time is over: there are locks for
/// which SQLite does not ask the handler.
pub fn retrying<T>(timeout: Duration, mut work: impl FnMut() -> rusqlite::Result<T>) -> Result<T, SqlError> {
    let until = Instant::now() + timeout;
    loop {
        match work() {
            Err(error)
                if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) && Instant::now() < until =>
            {
                sleep(LONGEST);
            }
            result => return Ok(result?),
        }
    }
}
