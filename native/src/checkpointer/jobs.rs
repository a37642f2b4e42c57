//! Threads for those who can't wait themselves. They are started when there is work, and end when told.
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use super::database::Database;
use super::lock;

type Job = Box<dyn FnOnce(&Arc<Database>) + Send>;

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    idle: usize,
    threads: Vec<JoinHandle<()>>,
    stopping: bool,
}

/// At most `limit` threads, and what they have to do, first come, first served.
pub struct Jobs {
    limit: usize,
    state: Mutex<State>,
    wake: Condvar,
}

impl Jobs {
    pub fn new(limit: usize) -> Self {
        Self { limit, state: Mutex::default(), wake: Condvar::new() }
    }

    /// `pool` says which of the database's pools this is, for the threads to find it.
    pub fn push(&self, database: &Arc<Database>, pool: fn(&Database) -> &Self, job: Job) {
        let mut state = lock(&self.state);
        state.queue.push_back(job);
        if state.idle >= state.queue.len() || state.threads.len() >= self.limit {
            self.wake.notify_one();
            return;
        }
        let owned = Arc::clone(database);
        match Builder::new().name("fast_langgraph".to_owned()).spawn(move || pool(&owned).work(&owned)) {
            Ok(thread) => state.threads.push(thread),
            Err(_) if state.threads.is_empty() => {
                // No thread is to be had: better late than never, here and now.
                let job = state.queue.pop_back();
                drop(state);
                if let Some(job) = job {
                    job(database);
                }
            }
            Err(_) => self.wake.notify_one(),
        }
    }

    fn work(&self, database: &Arc<Database>) {
        let mut state = lock(&self.state);
        loop {
            if let Some(job) = state.queue.pop_front() {
                drop(state);
                job(database);
                state = lock(&self.state);
            } else if state.stopping {
                return;
            } else {
                state.idle += 1;
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
            }
        }
    }

    /// Ends the threads once all jobs are done. More may be pushed afterwards.
    pub fn stop(&self) {
        let threads = {
            let mut state = lock(&self.state);
            state.stopping = true;
            self.wake.notify_all();
            std::mem::take(&mut state.threads)
        };
        for thread in threads {
            // A thread that panicked has nothing more to do either.
            drop(thread.join());
        }
        lock(&self.state).stopping = false;
    }
}
