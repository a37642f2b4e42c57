//! What is done to a database as a whole.
use std::path::PathBuf;
use std::sync::Arc;

use super::backup::backup;
use super::database::Database;
use super::reply::{Answer, Reply};
use super::wal::Moved;
use crate::key_part::KeyPart;
use crate::layout::{self, Change, Filter, ThreadOrder};

pub enum Maintenance {
    /// Opens the database and makes the tables if need be.
    Setup,
    /// The ids of all threads, or of those with checkpoints in this order.
    Threads(Option<ThreadOrder>),
    /// What there is of these threads, if their last metadata matches.
    ThreadSummaries {
        threads: Vec<KeyPart>,
        filter: Option<Filter>,
    },
    /// Statistics, with the names of so many of the largest threads.
    Stats {
        largest: usize,
    },
    Vacuum,
    Backup(PathBuf),
}

pub fn answer(database: &Database, maintenance: &Maintenance) -> Answer {
    database.schema()?;
    match maintenance {
        Maintenance::Setup => Ok(Reply::Done),
        Maintenance::Threads(order) => {
            let threads = database.read_snapshot(|snapshot| match order {
                None => layout::threads(snapshot.conn, snapshot.schema),
                Some(order) => layout::threads_in_order(snapshot.conn, snapshot.schema, *order),
            });
            threads.map(Reply::Threads)
        }
        Maintenance::ThreadSummaries { threads, filter } => {
            let found = database.read_snapshot(|snapshot| {
                layout::thread_summaries(snapshot.conn, snapshot.schema, threads, filter.as_ref())
            });
            found.map(Reply::ThreadSummaries)
        }
        Maintenance::Stats { largest } => {
            let mut statistics =
                database.read_snapshot(|snapshot| layout::statistics(snapshot.conn, snapshot.schema, *largest))?;
            statistics.numbers.push(("wal_file_bytes", database.wal.file_bytes()));
            statistics.numbers.extend(database.shared.counters.all());
            Ok(Reply::Statistics(Box::new(statistics)))
        }
        Maintenance::Vacuum => {
            // VACUUM would keep pieces that no checkpoint needs.
            let threads =
                database.read_snapshot(|snapshot| layout::threads_with_pieces(snapshot.conn, snapshot.schema))?;
            for thread in threads {
                database.writer.write(&Arc::new(Change::Sweep(thread)), || ())?;
            }
            database.writer.with(|connection| connection.conn.execute_batch("VACUUM"))??;
            // The log holds all of the database now.
            if database.wal.patiently(|| database.wal.checkpoint())? == Moved::All {
                database.writer.with(|connection| database.wal.start_over(&connection.conn))??;
            }
            Ok(Reply::Done)
        }
        Maintenance::Backup(path) => {
            database.read(|conn| backup(conn, path))?;
            Ok(Reply::Done)
        }
    }
}
