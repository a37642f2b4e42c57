//! How an event loop learns of requests that other threads have carried out for it.
//!
//! A thread that called into the loop would need the GIL, for which it may have to wait 5 ms while the loop is busy. So
//! it leaves the answer here and writes one byte to a socket that the loop reads.
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use pyo3::prelude::*;

use super::reply::Answer;
use crate::errors;
use crate::host_sqlite::Host;
use crate::sync::lock;

struct Mailbox {
    done: Mutex<Vec<(u64, Arc<Host>, Answer)>>,
    /// Whether there is a byte in the socket already.
    is_signalled: AtomicBool,
    sender: UnixStream,
    receiver: UnixStream,
}

/// The answers for one event loop.
#[pyclass(frozen, module = "fast_langgraph._native")]
pub struct Completions(Arc<Mailbox>);

/// Where the answer to one request goes.
pub struct Ticket {
    mailbox: Arc<Mailbox>,
    number: u64,
    host: Arc<Host>,
}

impl Ticket {
    pub fn post(self, answer: Answer) {
        lock(&self.mailbox.done).push((self.number, self.host, answer));
        if !self.mailbox.is_signalled.swap(true, Ordering::AcqRel) {
            // With one byte at most the socket is never full; and if the loop is gone, nobody reads it.
            drop((&self.mailbox.sender).write(&[0]));
        }
    }
}

impl Completions {
    pub fn ticket(&self, number: u64, host: &Arc<Host>) -> Ticket {
        Ticket { mailbox: Arc::clone(&self.0), number, host: Arc::clone(host) }
    }
}

/// The number of a request, its result or exception, and whether it is an exception.
type Completed<'py> = (u64, Bound<'py, PyAny>, bool);

#[pymethods]
impl Completions {
    #[new]
    fn new() -> PyResult<Self> {
        let (sender, receiver) = UnixStream::pair()?;
        sender.set_nonblocking(true)?;
        receiver.set_nonblocking(true)?;
        Ok(Self(Arc::new(Mailbox { done: Mutex::default(), is_signalled: AtomicBool::new(false), sender, receiver })))
    }

    /// Readable when there is something to collect.
    fn fileno(&self) -> i32 {
        self.0.receiver.as_raw_fd()
    }

    /// The requests that were carried out since the last call.
    fn collect<'py>(&self, py: Python<'py>) -> PyResult<Vec<Completed<'py>>> {
        let mut bytes = [0; 8];
        loop {
            match (&self.0.receiver).read(&mut bytes) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        // Before the answers are taken: whoever posts one after that writes a byte again.
        self.0.is_signalled.store(false, Ordering::Release);
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
