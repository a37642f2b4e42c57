//! The registry of databases, for forks: all connections are closed before the process forks, because a child must not
//! inherit SQLite's locks and shared memory.
//!
//! Its locks and those of its slots are taken only with the GIL held, which is kept until they are released. So no
//! other thread holds one when the process forks, and in the child they are free.
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread::Builder;
use std::time::Duration;

use super::database::Database;
use super::options::Options;
use crate::file_identity::FileIdentity;
use crate::sync::lock;

/// How much longer than the busy timeout operations under way are waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// At exit closing may take so long: the last connection moves all of the write-ahead log.
const AT_EXIT: Duration = Duration::from_secs(10);

/// Where an engine finds its database, which is another one in the child of a fork. It lives as long as the engine, and
/// longer while the database is being closed, so that a fork finds every database that has something open.
pub struct Slot(Mutex<Arc<Database>>);

static SLOTS: Mutex<Vec<Weak<Slot>>> = Mutex::new(Vec::new());
/// How many threads are about to fork.
static FORKING: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Whether this thread is one of them.
    static FORKS: Cell<bool> = const { Cell::new(false) };
}

/// Files that a parent had open when it forked. SQLite takes the parent's locks for ours, and would take too few for
/// any connection that is opened here.
static INHERITED: Mutex<Vec<FileIdentity>> = Mutex::new(Vec::new());

fn slots() -> Vec<Arc<Slot>> {
    lock(&SLOTS).iter().filter_map(Weak::upgrade).collect()
}

fn file(options: &Options) -> Option<FileIdentity> {
    options.path.as_deref().and_then(FileIdentity::of)
}

fn is_inherited(options: &Options) -> bool {
    file(options).is_some_and(|file| lock(&INHERITED).contains(&file))
}

impl Slot {
    /// Makes a database and registers it. If the process is about to fork, it is frozen from the start.
    pub fn new(options: Options) -> Arc<Self> {
        let is_inherited = is_inherited(&options);
        let database = Database::new(options, FORKING.load(Ordering::Relaxed) > 0, is_inherited);
        let slot = Arc::new(Self(Mutex::new(database)));
        let mut slots = lock(&SLOTS);
        slots.retain(|slot| slot.strong_count() > 0);
        slots.push(Arc::downgrade(&slot));
        drop(slots);
        slot
    }

    /// The database; call it with the GIL held.
    pub fn database(&self) -> Arc<Database> {
        Arc::clone(&lock(&self.0))
    }

    /// Closes a database that nobody holds any more, on another thread: the garbage collector must not wait for a disk.
    pub fn abandon(self: Arc<Self>) {
        let database = self.database();
        if !database.is_foreign() && !database.is_closed() {
            on_thread(move || {
                close(&self, &database);
            });
        }
    }
}

/// Closes the database of a slot, without the GIL. False if something takes too long: then it is closed when that has
/// ended.
pub fn close(slot: &Arc<Slot>, database: &Arc<Database>) -> bool {
    let is_closed = database.close(patience(database));
    if !is_closed {
        let (slot, database) = (Arc::clone(slot), Arc::clone(database));
        on_thread(move || {
            database.close_at_last();
            drop(slot);
        });
    }
    is_closed
}

fn on_thread(work: impl FnOnce() + Send + 'static) {
    drop(Builder::new().name("fast_langgraph".to_owned()).spawn(work));
}

fn patience(database: &Database) -> Duration {
    database.shared.options.busy_timeout + PATIENCE
}

/// Before a fork: all databases, to be frozen by `freeze`. Those that are made from now on are frozen already.
pub fn begin() -> Vec<Arc<Database>> {
    FORKS.set(true);
    FORKING.fetch_add(1, Ordering::Relaxed);
    slots().iter().map(|slot| slot.database()).collect()
}

/// Whether this thread is forking: what calls is another hook, which must not wait until the fork is over.
pub fn is_under_way_here() -> bool {
    FORKS.get()
}

/// Closes all connections of a database, without the GIL. If that takes too long, the child can't use the database.
pub fn freeze(database: &Database) {
    database.freeze(patience(database));
}

/// After a fork, in the parent. If another thread is about to fork too, the last of them thaws.
pub fn end_in_parent() {
    FORKS.set(false);
    if FORKING.fetch_sub(1, Ordering::Relaxed) == 1 {
        slots().iter().for_each(|slot| slot.database().thaw());
    }
}

/// After a fork, in the child, where no other thread runs: each database begins anew with nothing open. One that could
/// not be closed in time stays as it is, and says so to whoever uses it.
pub fn end_in_child() {
    FORKS.set(false);
    FORKING.store(0, Ordering::Relaxed);
    let slots = slots();
    for database in slots.iter().map(|slot| slot.database()).filter(|database| !database.was_drained()) {
        lock(&INHERITED).extend(file(&database.shared.options));
        // Closing what it has open would release the parent's locks.
        std::mem::forget(database);
    }
    for slot in slots {
        let mut database = lock(&slot.0);
        if database.was_drained() {
            let reborn = database.reborn(is_inherited(&database.shared.options));
            // Threads that do not exist here may hold locks in it.
            std::mem::forget(std::mem::replace(&mut *database, reborn));
        }
    }
}

/// All databases, to be closed by `close_at_exit`.
pub fn all() -> Vec<Arc<Database>> {
    slots().iter().map(|slot| slot.database()).collect()
}

/// Closes a database at the interpreter's exit, without the GIL.
pub fn close_at_exit(database: &Database) {
    database.close(AT_EXIT);
}
