//! How an event loop hears of what was done for it on other threads.
//!
//! A thread that called into the loop would need the GIL, for which it may wait 5 ms while the loop is
//! busy. So it leaves the reply here and writes one byte to a socket that the loop reads.
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use pyo3::prelude::*;

use super::lock;
use super::reply::Answer;
use crate::errors;
use crate::host_sqlite::Host;

struct Mailbox {
    done: Mutex<Vec<(u64, Arc<Host>, Answer)>>,
    /// Whether there is a byte in the socket already.
    told: AtomicBool,
    teller: UnixStream,
    listener: UnixStream,
}

/// The replies for one event loop.
#[pyclass(frozen, module = "fast_langgraph._native")]
pub struct Completions(Arc<Mailbox>);

/// Whom to tell of one reply.
pub struct Ticket {
    mailbox: Arc<Mailbox>,
    number: u64,
    host: Arc<Host>,
}

impl Ticket {
    pub fn post(self, answer: Answer) {
        lock(&self.mailbox.done).push((self.number, self.host, answer));
        if !self.mailbox.told.swap(true, Ordering::AcqRel) {
            // Full it can't be, with a byte at most in it; and where the loop is gone nobody listens.
            drop((&self.mailbox.teller).write(&[0]));
        }
    }
}

impl Completions {
    pub fn ticket(&self, number: u64, host: &Arc<Host>) -> Ticket {
        Ticket { mailbox: Arc::clone(&self.0), number, host: Arc::clone(host) }
    }
}

/// The number of a request, what came of it, and whether that is an exception.
type Completed<'py> = (u64, Bound<'py, PyAny>, bool);

#[pymethods]
impl Completions {
    #[new]
    fn new() -> PyResult<Self> {
        let (teller, listener) = UnixStream::pair()?;
        teller.set_nonblocking(true)?;
        listener.set_nonblocking(true)?;
        Ok(Self(Arc::new(Mailbox { done: Mutex::default(), told: AtomicBool::new(false), teller, listener })))
    }

    /// Readable when there is something to collect.
    fn fileno(&self) -> i32 {
        self.0.listener.as_raw_fd()
    }

    /// All that was done since the last time: for each the number of the request, the reply or the
    /// exception, and whether it is an exception.
    fn collect<'py>(&self, py: Python<'py>) -> PyResult<Vec<Completed<'py>>> {
        let mut bytes = [0; 8];
        loop {
            match (&self.0.listener).read(&mut bytes) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        // Before the replies are taken: whoever posts after that writes a byte again.
        self.0.told.store(false, Ordering::Release);
        let done = std::mem::take(&mut *lock(&self.0.done));
        done.into_iter()
            .map(|(number, host, answer)| {
                let error = match answer {
                    Ok(reply) => match reply.into_python(py) {
                        Ok(value) => return Ok((number, value, false)),
                        Err(error) => error,
                    },
                    Err(error) => errors::exception(py, &host, &error),
                };
                Ok((number, error.into_value(py).into_bound(py).into_any(), true))
            })
            .collect()
    }
}
