//! Threads for callers that can't wait themselves. They are started when there is work, and end when the pool is
//! stopped.
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use crate::sync::lock;

type Task = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    tasks: VecDeque<Task>,
    idle: usize,
    threads: Vec<JoinHandle<()>>,
    is_stopping: bool,
}

struct Inner {
    limit: usize,
    state: Mutex<State>,
    wake: Condvar,
}

/// At most so many threads, and the tasks that they run, first come, first served.
pub struct ThreadPool(Arc<Inner>);

impl ThreadPool {
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Inner { limit, state: Mutex::default(), wake: Condvar::new() }))
    }

    pub fn run(&self, task: impl FnOnce() + Send + 'static) {
        let mut state = lock(&self.0.state);
        state.tasks.push_back(Box::new(task));
        if state.idle >= state.tasks.len() || state.threads.len() >= self.0.limit {
            self.0.wake.notify_one();
            return;
        }
        let inner = Arc::clone(&self.0);
        match Builder::new().name("fast_langgraph".to_owned()).spawn(move || inner.work()) {
            Ok(thread) => state.threads.push(thread),
            Err(_) if state.threads.is_empty() => {
                // The system has no thread left: the caller runs the task.
                let task = state.tasks.pop_back();
                drop(state);
                if let Some(task) = task {
                    task();
                }
            }
            Err(_) => self.0.wake.notify_one(),
        }
    }

    /// Ends the threads once all tasks are done. More may be run afterwards.
    pub fn stop(&self) {
        let threads = {
            let mut state = lock(&self.0.state);
            state.is_stopping = true;
            self.0.wake.notify_all();
            std::mem::take(&mut state.threads)
        };
        for thread in threads {
            // A thread that panicked has nothing more to do either.
            drop(thread.join());
        }
        lock(&self.0.state).is_stopping = false;
    }
}

impl Inner {
    fn work(&self) {
        let mut state = lock(&self.state);
        loop {
            if let Some(task) = state.tasks.pop_front() {
                drop(state);
                task();
                state = lock(&self.state);
            } else if state.is_stopping {
                return;
            } else {
                state.idle += 1;
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
            }
        }
    }
}
