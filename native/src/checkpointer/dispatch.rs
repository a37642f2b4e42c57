//! Carrying out a request: on the calling thread, or on another one for an event loop.
use std::sync::Arc;

use super::completions::Ticket;
use super::database::Database;
use super::maintenance;
use super::reply::Answer;
use super::request::Request;

/// Carries out a request on the calling thread, without the GIL. Calls `queued` once no change that comes later can be
/// written before this one.
pub fn run(database: &Database, request: &Request, queued: impl FnOnce()) -> Answer {
    let _inside = database.enter()?;
    answer(database, request, queued)
}

fn answer(database: &Database, request: &Request, queued: impl FnOnce()) -> Answer {
    match request {
        Request::Change(change) => database.writer.write(change, queued),
        Request::Query(query) => {
            database.shared.counters.reads.add(1);
            database.read_snapshot(|snapshot| query.answer(snapshot))
        }
        Request::Maintenance(maintenance) => maintenance::answer(database, maintenance),
    }
}

/// Has another thread carry out a request and post the answer. Without the GIL.
pub fn start(database: &Arc<Database>, request: Arc<Request>, ticket: Ticket) {
    let inside = match database.enter() {
        Ok(inside) => inside,
        Err(error) => return ticket.post(Err(error)),
    };
    match &*request {
        Request::Change(change) => database.writer.submit(change, ticket, inside),
        Request::Query(_) | Request::Maintenance(_) => {
            let owned = Arc::clone(database);
            database.reading.run(move || {
                let answer = answer(&owned, &request, || ());
                drop(inside);
                ticket.post(answer);
            });
        }
    }
}
