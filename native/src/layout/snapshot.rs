//! Reading checkpoints and their pending writes, in either layout.
use rusqlite::Connection;

use super::change::{Mark, NamespaceAndId};
use super::compact::cache::CheckpointCache;
use super::kind::Layout;
use super::schema::Schema;
use super::{compact, removal, standard};
use crate::columns::{Column, Row, Rows};
use crate::delta_channels::{Doubtful, Walk, WriteColumns, Writes};
use crate::errors::SqlError;
use crate::key_part::KeyPart;

/// `ancestors` ends after so many checkpoints, or about so many bytes.
const MAX_ANCESTORS: usize = 64;
const MAX_ANCESTOR_BYTES: usize = 2 << 20;

/// The row of a checkpoint, and the rows of its pending writes.
pub type CheckpointRows = (Row, Rows);

/// A database as a transaction sees it: its connection, its schema within the transaction, and checkpoints in memory.
pub struct Snapshot<'a> {
    pub conn: &'a Connection,
    pub schema: Schema,
    pub cache: &'a CheckpointCache,
}

impl Snapshot<'_> {
    /// The checkpoint with this id, or the latest of the namespace: thread_id, checkpoint_ns, checkpoint_id,
    /// parent_checkpoint_id, type, checkpoint, metadata.
    pub fn checkpoint(
        &self,
        thread: &KeyPart,
        namespace: &KeyPart,
        id: Option<&KeyPart>,
    ) -> Result<Option<Row>, SqlError> {
        match self.schema.layout {
            Layout::Standard => standard::checkpoint(self.conn, thread, namespace, id),
            Layout::Compact | Layout::Closing => {
                compact::read::checkpoint(self.conn, (self.cache, || Ok(self.schema)), thread, namespace, id)
            }
        }
    }

    /// The pending writes of a checkpoint (thread, namespace, id), all or those of one channel: task_id, channel, type,
    /// value, task_path, idx.
    pub fn pending_writes(&self, key: (&KeyPart, &KeyPart, &KeyPart), channel: Option<&str>) -> Result<Rows, SqlError> {
        standard::pending_writes(self.conn, self.schema.has_task_path, key, channel)
    }

    pub fn checkpoint_with_writes(
        &self,
        thread: &KeyPart,
        namespace: &KeyPart,
        id: Option<&KeyPart>,
    ) -> Result<Option<CheckpointRows>, SqlError> {
        let Some(row) = self.checkpoint(thread, namespace, id)? else { return Ok(None) };
        let writes = match row.get(2).and_then(Column::key_part) {
            Some(id) => self.pending_writes((thread, namespace, &id), None)?,
            None => Vec::new(),
        };
        Ok(Some((row, writes)))
    }

    /// A checkpoint, its parent, and so on, as many as make a batch.
    pub fn ancestors(&self, thread: &KeyPart, namespace: &KeyPart, id: &KeyPart) -> Result<Rows, SqlError> {
        let (mut rows, mut bytes, mut next) = (Vec::new(), 0, Some(id.clone()));
        while rows.len() < MAX_ANCESTORS
            && bytes < MAX_ANCESTOR_BYTES
            && let Some(id) = next
            && let Some(row) = self.checkpoint(thread, namespace, Some(&id))?
        {
            next = row.get(3).and_then(Column::key_part);
            bytes += row.iter().map(Column::len).sum::<usize>();
            rows.push(row);
        }
        Ok(rows)
    }

    /// The parent's id and the metadata of each checkpoint.
    pub fn descriptions(&self, thread: &KeyPart, keys: &[NamespaceAndId]) -> Result<Vec<Option<Row>>, SqlError> {
        keys.iter().map(|(namespace, id)| standard::description(self.conn, thread, namespace, id)).collect()
    }

    /// The pending writes of some channels, for each checkpoint.
    pub fn channel_writes(
        &self,
        thread: &KeyPart,
        namespace: &KeyPart,
        ids: &[KeyPart],
        channels: &[String],
    ) -> Result<Vec<Rows>, SqlError> {
        let writes = |id: &KeyPart| {
            let mut rows = Vec::new();
            for channel in channels {
                rows.extend(self.pending_writes((thread, namespace, id), Some(channel))?);
            }
            Ok(rows)
        };
        ids.iter().map(writes).collect()
    }

    /// The walk from a checkpoint to its ancestors for delta channels, and their writes. Each step's writes are applied by
    /// path, or, in releases that don't, without it.
    pub fn delta_history(
        &self,
        (thread, namespace, id): (&KeyPart, &KeyPart, &KeyPart),
        channels: &[String],
        by_path: bool,
    ) -> Result<Result<(Walk, Writes), Doubtful>, SqlError> {
        let Some(target) = id.text() else { return Ok(Err(Doubtful)) };
        let mut walk = Walk::new(target.to_owned(), channels.to_vec());
        let mut next = Some(id.clone());
        while let Some(id) = next
            && let Some(row) = self.checkpoint(thread, namespace, Some(&id))?
        {
            let [_, _, id, parent, kind, checkpoint, _] = row.as_slice() else { return Ok(Err(Doubtful)) };
            match walk.visit(id, kind, checkpoint) {
                Ok(true) => next = parent.key_part().filter(|parent| parent.text() != Some("")),
                Ok(false) => break,
                Err(doubtful) => return Ok(Err(doubtful)),
            }
        }
        let mut rows = Vec::new();
        for (channel, chain) in walk.chains() {
            for id in chain {
                let key = KeyPart::from(id.as_str());
                for row in self.pending_writes((thread, namespace, &key), Some(channel))? {
                    let Ok([task_id, channel, kind, value, path, idx]) = <[_; 6]>::try_from(row) else {
                        return Ok(Err(Doubtful));
                    };
                    let checkpoint_id = Column::Text(id.clone().into_bytes());
                    let task_path = by_path.then_some(path);
                    rows.push(WriteColumns { checkpoint_id, channel, task_id, idx, kind, value, task_path });
                }
            }
        }
        let writes = Writes::new(walk.chains(), rows.into_iter());
        Ok(writes.map(|writes| (walk, writes)))
    }

    pub fn mark(&self, thread: &KeyPart) -> Result<Mark, SqlError> {
        removal::mark(self.conn, self.schema.layout.table(), thread)
    }
}
