//! What is done to a database as a whole.
use std::path::PathBuf;

use super::backup::backup;
use super::database::Database;
use super::reply::{Answer, Reply};
use super::wal::Moved;
use crate::errors::SqlError;
use crate::key_part::KeyPart;
use crate::layout::{self, Filter, ThreadOrder, space};

pub enum Maintenance {
    /// Opens the database and makes the tables if need be.
    Setup,
    /// The ids of all threads, or of those with checkpoints in this order.
    Threads(Option<ThreadOrder>),
    /// The ids of those that have pieces.
    ThreadsWithPieces,
    /// What there is of these threads, if their last metadata matches.
    ThreadSummaries {
        threads: Vec<KeyPart>,
        filter: Option<Filter>,
    },
    /// Statistics, with the names of so many of the largest threads.
    Stats {
        largest: usize,
    },
    Space,
    /// The bytes that it gives back, or that at least it would.
    Vacuum {
        dry_run: bool,
    },
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
        Maintenance::ThreadsWithPieces => {
            let threads =
                database.read_snapshot(|snapshot| layout::threads_with_pieces(snapshot.conn, snapshot.schema));
            threads.map(Reply::Threads)
        }
        Maintenance::Space => {
            let space = database.read_snapshot(|snapshot| space(snapshot.conn))?;
            Ok(Reply::Space(space.database, space.free))
        }
        Maintenance::Vacuum { dry_run: true } => {
            database.read_snapshot(|snapshot| Ok(Reply::Count(space(snapshot.conn)?.free)))
        }
        Maintenance::Vacuum { dry_run: false } => {
            let (before, after) = database.writer.with(|connection| {
                let before = space(&connection.conn)?;
                connection.conn.execute_batch("VACUUM")?;
                Ok::<_, SqlError>((before, space(&connection.conn)?))
            })??;
            // The log holds all of the database now.
            if database.wal.patiently(|| database.wal.checkpoint())? == Moved::All {
                database.writer.with(|connection| database.wal.start_over(&connection.conn))??;
            }
            Ok(Reply::Count(before.database.saturating_sub(after.database)))
        }
        Maintenance::Backup(path) => {
            database.read(|conn| backup(conn, path))?;
            Ok(Reply::Done)
        }
    }
}
