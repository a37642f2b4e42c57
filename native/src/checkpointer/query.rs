//! What can be read, and how it is answered.
use std::sync::Arc;

use super::listing::Listing;
use super::reply::{Answer, Reply};
use crate::key_part::KeyPart;
use crate::layout::{self, CheckpointKey, KeysQuery, Layout, NamespaceAndId, Removal, Snapshot, Tally};

pub enum Query {
    /// A checkpoint with its pending writes, by id or the latest.
    Checkpoint { thread: KeyPart, namespace: KeyPart, id: Option<KeyPart> },
    /// The keys of the checkpoints that match.
    Keys(KeysQuery),
    /// The checkpoints of a listing from an index on, as many as make a batch.
    Batch { keys: Arc<Vec<CheckpointKey>>, from: usize },
    /// The parents and the metadata of checkpoints.
    Descriptions { thread: KeyPart, keys: Vec<NamespaceAndId> },
    /// A checkpoint, its parent, and so on, without pending writes; as many as make a batch.
    Ancestors { thread: KeyPart, namespace: KeyPart, id: KeyPart },
    /// What changes when a checkpoint of this thread is put or removed.
    Mark(KeyPart),
    /// How much would be removed.
    Removal(Removal),
    /// How much there is to convert to another layout.
    Conversion(Layout),
    /// The pending writes of some channels, checkpoint by checkpoint.
    ChannelWrites { thread: KeyPart, namespace: KeyPart, ids: Vec<KeyPart>, channels: Vec<String> },
    /// What delta channels are rebuilt from.
    DeltaHistory { thread: KeyPart, namespace: KeyPart, id: KeyPart, channels: Vec<String>, by_path: bool },
}

impl Query {
    pub fn answer(&self, snapshot: &Snapshot<'_>) -> Answer {
        if snapshot.schema.is_empty {
            return Ok(self.nothing());
        }
        Ok(match self {
            Self::Checkpoint { thread, namespace, id } => {
                Reply::Checkpoint(snapshot.checkpoint_with_writes(thread, namespace, id.as_ref())?)
            }
            Self::Keys(query) => {
                Reply::Keys(Listing(Arc::new(query.keys(snapshot.conn, snapshot.schema.layout.table())?)))
            }
            Self::Batch { keys, from } => Reply::Batch(layout::batch(snapshot, keys, *from)?),
            Self::Mark(thread) => Reply::Mark(snapshot.mark(thread)?),
            Self::Removal(removal) => Reply::Tally(layout::measured(snapshot.conn, snapshot.schema.layout, removal)?),
            Self::Conversion(to) => Reply::Conversion(layout::remaining(snapshot.conn, *to)?),
            Self::Descriptions { thread, keys } => Reply::Descriptions(snapshot.descriptions(thread, keys)?),
            Self::Ancestors { thread, namespace, id } => Reply::Ancestors(snapshot.ancestors(thread, namespace, id)?),
            Self::ChannelWrites { thread, namespace, ids, channels } => {
                Reply::ChannelWrites(snapshot.channel_writes(thread, namespace, ids, channels)?)
            }
            Self::DeltaHistory { thread, namespace, id, channels, by_path } => {
                Reply::DeltaHistory(snapshot.delta_history((thread, namespace, id), channels, *by_path)?.ok())
            }
        })
    }

    /// The answer from a file without tables.
    fn nothing(&self) -> Reply {
        match self {
            Self::Checkpoint { .. } => Reply::Checkpoint(None),
            Self::Keys(_) => Reply::Keys(Listing(Arc::default())),
            Self::Removal(_) => Reply::Tally(Tally::default()),
            Self::Conversion(_) => Reply::Conversion((0, 0, 0)),
            Self::Mark(_) => Reply::Mark((0, None, KeyPart::Null)),
            Self::Batch { from, .. } => Reply::Batch(layout::Batch { rows: Vec::new(), next: *from }),
            Self::Descriptions { keys, .. } => Reply::Descriptions(keys.iter().map(|_| None).collect()),
            Self::Ancestors { .. } => Reply::Ancestors(Vec::new()),
            Self::DeltaHistory { .. } => Reply::DeltaHistory(None),
            Self::ChannelWrites { ids, .. } => Reply::ChannelWrites(ids.iter().map(|_| Vec::new()).collect()),
        }
    }
}
