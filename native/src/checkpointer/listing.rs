//! The checkpoints that a `list` is of, by their keys, and their rows in batches.
//!
//! The keys are read in one go; between two batches nothing is held, neither a lock nor a snapshot. So a
//! listing is of what was there when it began, less what was deleted since.
use std::sync::Arc;

use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use rusqlite::{Connection, params_from_iter};

use super::compact::States;
use super::filter::Filter;
use super::schema::Schema;
use super::standard;
use crate::columns::{Column, Row, Rows};
use crate::errors::SqlError;

/// Rows of a batch at most, and about how many bytes.
const BATCH: usize = 64;
const BATCH_BYTES: usize = 2 << 20;

pub struct Key {
    pub thread: Arc<str>,
    pub namespace: Arc<str>,
    pub id: Box<str>,
}

/// What is to be listed. None stands for any.
pub struct Query {
    pub thread: Option<String>,
    pub namespace: Option<String>,
    pub id: Option<String>,
    /// Ids below this one.
    pub before: Option<String>,
    pub limit: Option<usize>,
    pub filter: Option<Filter>,
    /// Of one of these runs.
    pub run_ids: Option<Vec<String>>,
}

/// Keys of checkpoints, newest first.
#[pyclass(frozen, module = "fast_langgraph._native")]
#[derive(Clone)]
pub struct Listing(pub Arc<Vec<Key>>);

#[pymethods]
impl Listing {
    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// Thread, namespace and id.
    fn __getitem__(&self, index: usize) -> PyResult<(&str, &str, &str)> {
        let key = self.0.get(index).ok_or_else(|| PyIndexError::new_err("no such checkpoint"))?;
        Ok((&key.thread, &key.namespace, &key.id))
    }
}

/// The string itself, or an equal one that is at hand: keys of one thread repeat it.
fn shared(last: &mut Option<Arc<str>>, text: &str) -> Arc<str> {
    match last {
        Some(known) if **known == *text => Arc::clone(known),
        _ => Arc::clone(last.insert(text.into())),
    }
}

impl Query {
    pub fn keys(&self, conn: &Connection, table: &str) -> Result<Listing, SqlError> {
        let conditions = [
            ("thread_id = ?", &self.thread),
            ("checkpoint_ns = ?", &self.namespace),
            ("checkpoint_id = ?", &self.id),
            ("checkpoint_id < ?", &self.before),
        ];
        let given: Vec<_> = conditions.iter().filter_map(|(sql, value)| Some((*sql, value.as_ref()?))).collect();
        let mut clauses: Vec<String> = given.iter().map(|(sql, _)| (*sql).to_owned()).collect();
        if let Some(run_ids) = &self.run_ids {
            let places = vec!["?"; run_ids.len()].join(", ");
            clauses.push(format!(
                "CASE WHEN json_valid(CAST(metadata AS TEXT)) \
                 THEN json_extract(CAST(metadata AS TEXT), '$.run_id') IN ({places}) END"
            ));
        }
        let filter = if clauses.is_empty() { String::new() } else { format!(" WHERE {}", clauses.join(" AND ")) };
        // Metadata lies behind the checkpoint in its row, so it is read only where it is asked for.
        let metadata = if self.filter.is_some() { "metadata" } else { "NULL" };
        let sql = format!(
            "SELECT thread_id, checkpoint_ns, checkpoint_id, {metadata} FROM {table}{filter} \
             ORDER BY checkpoint_id DESC"
        );
        let limit = self.limit.unwrap_or(usize::MAX);
        let mut statement = conn.prepare(&sql)?;
        let mut rows = statement
            .query(params_from_iter(given.iter().map(|(_, value)| *value).chain(self.run_ids.iter().flatten())))?;
        let (mut keys, mut threads, mut namespaces) = (Vec::new(), None, None);
        while keys.len() < limit
            && let Some(row) = rows.next()?
        {
            if let Some(filter) = &self.filter
                && !filter.matches(conn, row.get_ref(3)?.as_bytes_or_null().unwrap_or_default())?
            {
                continue;
            }
            let text = |index: usize| row.get_ref(index)?.as_str().map_err(rusqlite::Error::from);
            let (thread, namespace) = (shared(&mut threads, text(0)?), shared(&mut namespaces, text(1)?));
            keys.push(Key { thread, namespace, id: text(2)?.into() });
        }
        Ok(Listing(Arc::new(keys)))
    }
}

/// Rows of checkpoints with those of their writes, and where in the listing the next batch begins.
pub struct Batch {
    pub rows: Vec<(Row, Rows)>,
    pub next: usize,
}

/// The batch that begins at `from`, within a transaction.
pub fn batch(
    conn: &Connection,
    schema: Schema,
    states: &States,
    listing: &Listing,
    from: usize,
) -> Result<Batch, SqlError> {
    let mut found = Batch { rows: Vec::new(), next: from };
    let mut bytes = 0;
    for key in listing.0.iter().skip(from).take(BATCH) {
        found.next += 1;
        let row = schema.checkpoint(conn, states, &key.thread, &key.namespace, Some(&key.id))?;
        let Some(row) = row else { continue };
        let key = (&*key.thread, &*key.namespace, &*key.id);
        let writes = standard::pending_writes(conn, schema.has_task_path, key, None)?;
        bytes += row.iter().chain(writes.iter().flatten()).map(Column::len).sum::<usize>();
        found.rows.push((row, writes));
        if bytes > BATCH_BYTES {
            break;
        }
    }
    Ok(found)
}
