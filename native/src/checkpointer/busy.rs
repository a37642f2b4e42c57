//! Waiting for a lock of SQLite's that another connection holds.
//!
//! SQLite's own busy handler sleeps up to 100 ms between two tries. Beside a process that writes all the time it would
//! hardly ever find the lock free within the timeout. Ours tries every few milliseconds.
use std::cell::Cell;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::errors::SqlError;

const LONGEST_SLEEP: Duration = Duration::from_millis(4);
const STEP: Duration = Duration::from_micros(150);

thread_local! {
    /// The timeout of what this thread is doing. SQLite tells the handler nothing about that.
    static TIMEOUT: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    static SINCE: Cell<Option<Instant>> = const { Cell::new(None) };
}

fn wait(count: i32) -> bool {
    let now = Instant::now();
    if count == 0 {
        SINCE.set(Some(now));
    }
    let waited = SINCE.get().map_or(Duration::ZERO, |since| now - since);
    let left = TIMEOUT.get().saturating_sub(waited);
    if left.is_zero() {
        return false;
    }
    sleep((STEP * (count.unsigned_abs() + 1)).min(LONGEST_SLEEP).min(left));
    true
}

/// Makes `conn` wait in this way.
pub fn install(conn: &Connection) -> Result<(), SqlError> {
    Ok(conn.busy_handler(Some(wait))?)
}

/// Sets how long this thread may wait from now on.
pub fn set_timeout(timeout: Duration) {
    TIMEOUT.set(timeout);
}

/// Calls `work` again as long as it fails because of a lock, until `timeout`: for some locks SQLite does not call the
/// handler.
pub fn retrying<T>(timeout: Duration, mut work: impl FnMut() -> rusqlite::Result<T>) -> Result<T, SqlError> {
    let until = Instant::now() + timeout;
    loop {
        match work() {
            Err(error)
                if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) && Instant::now() < until =>
            {
                sleep(LONGEST_SLEEP);
            }
            result => return Ok(result?),
        }
    }
}
