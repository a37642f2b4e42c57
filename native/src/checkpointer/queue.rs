//! The queue of changes that wait to be written, and who writes them: one caller at a time is the leader.
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::thread::{self, Thread};

use super::completions::Ticket;
use super::gate::Inside;
use super::reply::{Answer, Reply};
use super::shared::Shared;
use crate::errors::SqlError;
use crate::layout::{Change, Tally};
use crate::sync::lock;

/// When more bytes than this wait, callers that bring more have to wait.
const MAX_QUEUED_BYTES: usize = 64 << 20;
/// One transaction takes at most so many bytes and changes.
const MAX_BATCH_BYTES: usize = 32 << 20;
const MAX_BATCH_LENGTH: usize = 1024;
/// If at least so many changes wait, a thread of the pool leads, not one of those who wait.
const POOL_LEADS_FROM: usize = 4;

pub struct Queue {
    shared: Arc<Shared>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Arc<Queued>>,
    bytes: usize,
    /// Whether a thread writes, or was asked to.
    has_leader: bool,
    /// Who is told when there is room again.
    waiting_for_room: Vec<Ticket>,
}

/// A change in the queue.
pub struct Queued {
    change: Arc<Change>,
    waiter: Waiter,
    progress: Mutex<Progress>,
}

enum Waiter {
    Thread(Thread),
    /// Taken when the answer is posted.
    EventLoop(Mutex<Option<(Ticket, Inside)>>),
}

enum Progress {
    Waiting,
    /// The thread that waits is the leader now.
    Leads,
    Done(Answer),
}

/// How the wait of a queued change ends.
pub enum Outcome {
    Done(Answer),
    /// The caller leads: it has to write a batch, of which this change is one.
    Leads,
}

impl Queued {
    fn new(change: &Arc<Change>, waiter: Waiter) -> Arc<Self> {
        Arc::new(Self { change: Arc::clone(change), waiter, progress: Mutex::new(Progress::Waiting) })
    }

    /// Waits on the thread that queued it.
    pub fn wait(&self) -> Outcome {
        loop {
            // Taken in a statement of its own, so that the lock is not held while the thread is parked.
            let progress = std::mem::replace(&mut *lock(&self.progress), Progress::Waiting);
            match progress {
                Progress::Done(answer) => return Outcome::Done(answer),
                Progress::Leads => return Outcome::Leads,
                Progress::Waiting => thread::park(),
            }
        }
    }

    /// Answers it, unless it was answered before.
    fn finish(&self, answer: Answer) {
        match &self.waiter {
            Waiter::Thread(thread) => {
                let mut progress = lock(&self.progress);
                if !matches!(*progress, Progress::Done(_)) {
                    *progress = Progress::Done(answer);
                    drop(progress);
                    thread.unpark();
                }
            }
            Waiter::EventLoop(waiter) => {
                let waiter = lock(waiter).take();
                if let Some((ticket, inside)) = waiter {
                    drop(inside);
                    ticket.post(answer);
                }
            }
        }
    }
}

/// Changes on their way to disk. Each gets an answer, whatever happens.
pub struct Batch(Vec<Arc<Queued>>);

impl Batch {
    pub fn changes(&self) -> Vec<&Change> {
        self.0.iter().map(|queued| &*queued.change).collect()
    }

    pub fn finish(&self, results: Result<Vec<Result<Tally, SqlError>>, SqlError>) {
        match results {
            Ok(results) => {
                for (queued, result) in self.0.iter().zip(results) {
                    queued.finish(result.map(Reply::Tally));
                }
            }
            Err(error) => self.0.iter().for_each(|queued| queued.finish(Err(error.clone()))),
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        for queued in &self.0 {
            queued.finish(Err(SqlError::programming("the operation was not carried out")));
        }
    }
}

impl Queue {
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared, state: Mutex::default() }
    }

    /// Makes the caller the leader (None), or queues its change for the leader that there is.
    pub fn lead_or_queue(&self, change: &Arc<Change>) -> Option<Arc<Queued>> {
        let mut state = lock(&self.state);
        if !state.has_leader {
            state.has_leader = true;
            return None;
        }
        Some(self.push(&mut state, change, Waiter::Thread(thread::current())))
    }

    /// Queues a change of an event loop. True if there is no leader: then the caller has to appoint one.
    pub fn queue(&self, change: &Arc<Change>, ticket: Ticket, inside: Inside) -> bool {
        let mut state = lock(&self.state);
        self.push(&mut state, change, Waiter::EventLoop(Mutex::new(Some((ticket, inside)))));
        !std::mem::replace(&mut state.has_leader, true)
    }

    fn push(&self, state: &mut State, change: &Arc<Change>, waiter: Waiter) -> Arc<Queued> {
        let queued = Queued::new(change, waiter);
        state.bytes += change.bytes();
        state.waiting.push_back(Arc::clone(&queued));
        self.shared.counters.queued.set(state.waiting.len() as u64);
        self.shared.counters.most_queued.at_least(state.waiting.len() as u64);
        queued
    }

    /// Ends the caller's leadership. True if a thread of the pool has to lead on; else one of those who wait does, or
    /// nobody waits.
    pub fn pass_on(&self) -> bool {
        let mut state = lock(&self.state);
        let Some(next) = state.waiting.front().map(Arc::clone) else {
            state.has_leader = false;
            return false;
        };
        let pool_leads = state.waiting.len() >= POOL_LEADS_FROM;
        drop(state);
        match &next.waiter {
            Waiter::Thread(thread) if !pool_leads => {
                *lock(&next.progress) = Progress::Leads;
                thread.unpark();
                false
            }
            _ => true,
        }
    }

    /// Takes as many changes as suit one transaction.
    pub fn take_batch(&self) -> Batch {
        let mut state = lock(&self.state);
        let mut batch: Vec<Arc<Queued>> = Vec::with_capacity(state.waiting.len());
        let mut bytes = 0;
        while let Some(next) = state.waiting.front()
            && fits(batch.len(), bytes + next.change.bytes())
        {
            bytes += next.change.bytes();
            batch.extend(state.waiting.pop_front());
        }
        state.bytes -= bytes;
        self.shared.counters.queued.set(state.waiting.len() as u64);
        if state.bytes <= MAX_QUEUED_BYTES {
            state.waiting_for_room.drain(..).for_each(|ticket| ticket.post(Ok(Reply::Done)));
        }
        Batch(batch)
    }

    pub fn is_empty(&self) -> bool {
        lock(&self.state).waiting.is_empty()
    }

    /// Whether so much waits that callers that can wait should.
    pub fn is_full(&self) -> bool {
        lock(&self.state).bytes > MAX_QUEUED_BYTES
    }

    /// Posts to `ticket` when the queue is not full any more.
    pub fn tell_of_room(&self, ticket: Ticket) {
        let mut state = lock(&self.state);
        if state.bytes > MAX_QUEUED_BYTES {
            state.waiting_for_room.push(ticket);
        } else {
            drop(state);
            ticket.post(Ok(Reply::Done));
        }
    }
}

/// Whether a batch of so many changes takes another one that makes it so many bytes.
fn fits(length: usize, bytes: usize) -> bool {
    length == 0 || (length < MAX_BATCH_LENGTH && bytes <= MAX_BATCH_BYTES)
}
