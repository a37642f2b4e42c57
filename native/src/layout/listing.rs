//! The keys of the checkpoints that a `list` returns, and their rows in batches.
//!
//! The keys are read at once. Between two batches nothing is held, neither a lock nor a snapshot: a listing has what
//! was there when it began, less what was deleted since.
use rusqlite::types::{FromSql, ValueRef};
use rusqlite::{Connection, ToSql, params_from_iter};

use super::filter::Filter;
use super::snapshot::{CheckpointRows, Snapshot};
use crate::columns::Column;
use crate::errors::SqlError;
use crate::key_part::KeyPart;

/// A batch ends after so many rows, or about so many bytes.
const BATCH_ROWS: usize = 64;
const BATCH_BYTES: usize = 2 << 20;

pub struct CheckpointKey {
    pub thread: KeyPart,
    pub namespace: KeyPart,
    pub id: KeyPart,
}

/// Which checkpoints are listed. None stands for any.
pub struct KeysQuery {
    pub thread: Option<KeyPart>,
    pub namespace: Option<KeyPart>,
    pub id: Option<KeyPart>,
    /// Only ids below this one.
    pub before: Option<KeyPart>,
    pub limit: Option<usize>,
    pub filter: Option<Filter>,
    /// Only checkpoints of these runs.
    pub run_ids: Option<Vec<String>>,
}

/// A part of a key, shared with the key before if they are equal: the keys of one thread repeat it.
fn shared(last: &mut KeyPart, column: ValueRef<'_>) -> Result<KeyPart, SqlError> {
    let is_same = match (&*last, column) {
        (KeyPart::Text(known), ValueRef::Text(text)) => known.as_bytes() == text,
        (KeyPart::Blob(known), ValueRef::Blob(bytes)) => **known == *bytes,
        _ => false,
    };
    if !is_same {
        *last = KeyPart::column_result(column).map_err(rusqlite::Error::from)?;
    }
    Ok(last.clone())
}

impl KeysQuery {
    /// The keys of the checkpoints in `table` that match, newest first.
    pub fn keys(&self, conn: &Connection, table: &str) -> Result<Vec<CheckpointKey>, SqlError> {
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
        // Metadata lies behind the checkpoint in its row, so it is read only for a filter.
        let metadata = if self.filter.is_some() { "metadata" } else { "NULL" };
        let sql = format!(
            "SELECT thread_id, checkpoint_ns, checkpoint_id, {metadata} FROM {table}{filter} \
             ORDER BY checkpoint_id DESC"
        );
        let limit = self.limit.unwrap_or(usize::MAX);
        let mut statement = conn.prepare(&sql)?;
        let runs = self.run_ids.iter().flatten().map(|run| run as &dyn ToSql);
        let parameters = given.iter().map(|(_, value)| *value as &dyn ToSql).chain(runs);
        let mut rows = statement.query(params_from_iter(parameters))?;
        let (mut keys, mut thread, mut namespace) = (Vec::new(), KeyPart::Null, KeyPart::Null);
        while keys.len() < limit
            && let Some(row) = rows.next()?
        {
            if let Some(filter) = &self.filter
                && !filter.matches(conn, row.get_ref(3)?.as_bytes_or_null().unwrap_or_default())?
            {
                continue;
            }
            keys.push(CheckpointKey {
                thread: shared(&mut thread, row.get_ref(0)?)?,
                namespace: shared(&mut namespace, row.get_ref(1)?)?,
                id: row.get(2)?,
            });
        }
        Ok(keys)
    }
}

/// The rows of some checkpoints, and where in the listing the next batch starts.
pub struct Batch {
    pub rows: Vec<CheckpointRows>,
    pub next: usize,
}

/// The batch of a listing that starts at `from`. Checkpoints that were deleted are left out.
pub fn batch(snapshot: &Snapshot<'_>, keys: &[CheckpointKey], from: usize) -> Result<Batch, SqlError> {
    let mut batch = Batch { rows: Vec::new(), next: from };
    let mut bytes = 0;
    for CheckpointKey { thread, namespace, id } in keys.iter().skip(from).take(BATCH_ROWS) {
        batch.next += 1;
        let Some(row) = snapshot.checkpoint(thread, namespace, Some(id))? else { continue };
        let writes = snapshot.pending_writes((thread, namespace, id), None)?;
        bytes += row.iter().chain(writes.iter().flatten()).map(Column::len).sum::<usize>();
        batch.rows.push((row, writes));
        if bytes > BATCH_BYTES {
            break;
        }
    }
    Ok(batch)
}
