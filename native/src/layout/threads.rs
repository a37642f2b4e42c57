//! The threads of a database: their ids in an order, and what there is of each.
use std::cmp::Ordering;

use rusqlite::Connection;

use super::compact;
use super::filter::Filter;
use super::schema::Schema;
use super::statistics::whole_bytes;
use crate::errors::SqlError;
use crate::key_part::KeyPart;

/// What a database has of a thread. No checkpoint is decoded, nor read.
pub struct ThreadSummary {
    pub thread: KeyPart,
    pub namespaces: Vec<KeyPart>,
    pub checkpoints: u64,
    pub first: KeyPart,
    pub last: KeyPart,
    /// Of the last checkpoint.
    pub metadata: Option<Vec<u8>>,
    /// As the standard layout would store them: checkpoints with their metadata.
    pub bytes: u64,
}

/// In which order threads are listed.
#[derive(Clone, Copy)]
pub enum ThreadOrder {
    ThreadId,
    /// By the last checkpoint, the latest first.
    Last,
    /// The largest first.
    Size,
}

impl ThreadOrder {
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "thread_id" => Some(Self::ThreadId),
            "last" => Some(Self::Last),
            "size" => Some(Self::Size),
            _ => None,
        }
    }
}

/// Goes from thread to thread by the index, and skips the rows of each.
fn by_index(table: &str) -> String {
    format!(
        "WITH RECURSIVE threads(id) AS (SELECT min(thread_id) FROM {table} UNION ALL \
         SELECT (SELECT min(thread_id) FROM {table} WHERE thread_id > id) FROM threads WHERE id IS NOT NULL) \
         SELECT id FROM threads WHERE id IS NOT NULL"
    )
}

fn selected(conn: &Connection, sql: &str) -> Result<Vec<KeyPart>, SqlError> {
    let mut statement = conn.prepare(sql)?;
    Ok(statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
}

/// The ids of all threads that have checkpoints, or pieces or pending writes that are left of some.
pub fn threads(conn: &Connection, schema: Schema) -> Result<Vec<KeyPart>, SqlError> {
    if schema.is_empty {
        return Ok(Vec::new());
    }
    let mut found = threads_with_pieces(conn, schema)?;
    for table in [schema.layout.table(), "writes"] {
        found.extend(selected(conn, &by_index(table))?);
    }
    found.sort_by(order);
    found.dedup();
    Ok(found)
}

pub fn threads_with_pieces(conn: &Connection, schema: Schema) -> Result<Vec<KeyPart>, SqlError> {
    if schema.layout.is_compact() { compact::generation::threads(conn) } else { Ok(Vec::new()) }
}

/// The ids of the threads that have checkpoints.
pub fn threads_in_order(conn: &Connection, schema: Schema, order: ThreadOrder) -> Result<Vec<KeyPart>, SqlError> {
    if schema.is_empty {
        return Ok(Vec::new());
    }
    let table = schema.layout.table();
    let key = match order {
        ThreadOrder::ThreadId => return selected(conn, &by_index(table)),
        ThreadOrder::Last => "max(checkpoint_id)".to_owned(),
        ThreadOrder::Size => format!("sum({})", whole_bytes(schema.layout)),
    };
    selected(conn, &format!("SELECT thread_id FROM {table} GROUP BY thread_id ORDER BY {key} DESC, thread_id"))
}

/// What there is of these threads, without those that are gone by now and those whose last metadata does not match.
pub fn thread_summaries(
    conn: &Connection,
    schema: Schema,
    threads: &[KeyPart],
    filter: Option<&Filter>,
) -> Result<Vec<ThreadSummary>, SqlError> {
    if schema.is_empty {
        return Ok(Vec::new());
    }
    let table = schema.layout.table();
    let key = "thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?";
    let mut metadata = conn.prepare(&format!("SELECT metadata FROM {table} WHERE {key}"))?;
    // In the order of the index, so that nothing is sorted.
    let mut checkpoints = conn.prepare(&format!(
        "SELECT checkpoint_ns, checkpoint_id, {} FROM {table} WHERE thread_id = ? ORDER BY checkpoint_ns, checkpoint_id",
        whole_bytes(schema.layout)
    ))?;
    let mut found = Vec::with_capacity(threads.len());
    for thread in threads {
        let mut namespaces: Vec<Namespace> = Vec::new();
        let mut rows = checkpoints.query([thread])?;
        while let Some(row) = rows.next()? {
            let (name, id, bytes): (KeyPart, KeyPart, u64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            match namespaces.last_mut() {
                Some(namespace) if namespace.name == name => namespace.add(id, bytes),
                _ => namespaces.push(Namespace { name, checkpoints: 1, first: id.clone(), last: id, bytes }),
            }
        }
        // The latest first. Sorting is stable.
        namespaces.sort_by(|one, other| order(&other.last, &one.last));
        let Some(latest) = namespaces.first() else { continue };
        let metadata = metadata.query_row((thread, &latest.name, &latest.last), |row| {
            Ok(row.get_ref(0)?.as_bytes_or_null().unwrap_or_default().map(<[u8]>::to_vec))
        })?;
        if filter.map_or(Ok(true), |filter| filter.matches(conn, metadata.as_deref()))? {
            found.push(ThreadSummary::of(thread, namespaces, metadata));
        }
    }
    Ok(found)
}

struct Namespace {
    name: KeyPart,
    checkpoints: u64,
    first: KeyPart,
    last: KeyPart,
    bytes: u64,
}

impl Namespace {
    fn add(&mut self, id: KeyPart, bytes: u64) {
        self.checkpoints += 1;
        self.last = id;
        self.bytes += bytes;
    }
}

impl ThreadSummary {
    /// Of at least one namespace, the latest first.
    fn of(thread: &KeyPart, namespaces: Vec<Namespace>, metadata: Option<Vec<u8>>) -> Self {
        let first = namespaces.iter().map(|each| &each.first).min_by(|one, other| order(one, other));
        Self {
            thread: thread.clone(),
            checkpoints: namespaces.iter().map(|each| each.checkpoints).sum(),
            first: first.cloned().unwrap_or(KeyPart::Null),
            last: namespaces.first().map_or(KeyPart::Null, |each| each.last.clone()),
            bytes: namespaces.iter().map(|each| each.bytes).sum(),
            namespaces: namespaces.into_iter().map(|each| each.name).collect(),
            metadata,
        }
    }
}

/// As SQLite orders values: text before blobs.
fn order(one: &KeyPart, other: &KeyPart) -> Ordering {
    fn rank(part: &KeyPart) -> (u8, &[u8]) {
        match part {
            KeyPart::Text(text) => (1, text.as_bytes()),
            KeyPart::Blob(bytes) => (2, bytes),
            _ => (0, &[]),
        }
    }
    rank(one).cmp(&rank(other))
}
