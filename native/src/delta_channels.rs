//! Delta channels: the walk from a checkpoint to the ancestors that hold the channels' values, and the writes since.
//!
//! Stock decodes each ancestor to see which channels it holds. Here its bytes are read past. What may run Python code or
//! fail when it is decoded is kept to be decoded later, in stock's order; a row that has something unusual is `Doubtful`,
//! and stock's code, or ours that is as careful, has to do all of it.
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use fast_langgraph_msgpack::reader::{Reader, Token};
use fast_langgraph_msgpack::skim::{self, skim, text};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::buffer::Blob;
use crate::columns::{Column, Rows, tuples};

/// Ancestors that are to be decoded are kept up to so many bytes.
const MAX_KEPT: usize = 4 << 20;

/// Something unusual: the careful way has to be taken, and nothing has happened yet.
pub struct Doubtful;

impl From<skim::Doubtful> for Doubtful {
    fn from(_: skim::Doubtful) -> Self {
        Self
    }
}

/// What of the ancestors has to be decoded, nearest first.
enum Kept {
    /// Checkpoints that hold no value, one behind the other, and their number.
    WithoutValue(Vec<u8>, u32),
    /// A checkpoint that holds the values of channels.
    Seed(Vec<Arc<str>>, Vec<u8>),
}

struct Channel {
    name: Arc<str>,
    /// The ancestors since the nearest one that holds its value, that one included; nearest first.
    chain: Vec<String>,
    is_seeded: bool,
}

/// A walk from a checkpoint to its ancestors.
pub struct Walk {
    target: String,
    channels: Vec<Channel>,
    walked: HashSet<String>,
    kept: Vec<Kept>,
    bytes: usize,
}

impl Walk {
    /// From the checkpoint with the id `target`. Each channel is named once.
    pub fn new(target: String, channels: Vec<String>) -> Self {
        let channel = |name: String| Channel { name: name.into(), chain: Vec::new(), is_seeded: false };
        let channels = channels.into_iter().map(channel).collect();
        Self { target, channels, walked: HashSet::new(), kept: Vec::new(), bytes: 0 }
    }

    /// Takes the next checkpoint, the target first; says whether to go on to the parent.
    pub fn visit(&mut self, id: &Column, kind: &Column, checkpoint: &Column) -> Result<bool, Doubtful> {
        let id = id.text().ok_or(Doubtful)?;
        if self.walked.is_empty() {
            if id != self.target {
                return Err(Doubtful);
            }
            self.walked.insert(id.to_owned());
            return Ok(true);
        }
        // An id that was put again under its own descendant closes the chain to a loop.
        if !self.walked.insert(id.to_owned()) {
            return Ok(false);
        }
        let data = checkpoint.bytes().filter(|_| kind.text() == Some("msgpack")).ok_or(Doubtful)?;
        for channel in self.channels.iter_mut().filter(|channel| !channel.is_seeded) {
            channel.chain.push(id.to_owned());
        }
        let (held, has_ext) = self.held(data)?;
        if !held.is_empty() {
            self.kept.push(Kept::Seed(held, data.to_vec()));
        } else if has_ext {
            self.bytes += data.len();
            if self.bytes > MAX_KEPT {
                return Err(Doubtful);
            }
            match self.kept.last_mut() {
                Some(Kept::WithoutValue(bytes, count)) => {
                    bytes.extend_from_slice(data);
                    *count += 1;
                }
                _ => self.kept.push(Kept::WithoutValue(data.to_vec(), 1)),
            }
        }
        Ok(!self.channels.iter().all(|channel| channel.is_seeded))
    }

    /// Which channels get their seed from the checkpoint, and whether it has exts.
    fn held(&mut self, data: &[u8]) -> Result<(Vec<Arc<str>>, bool), Doubtful> {
        let mut reader = Reader::new(data);
        let Ok(Token::Map(len)) = reader.token() else { return Err(Doubtful) };
        let (mut held, mut has_values, mut has_ext) = (Vec::new(), false, false);
        for _ in 0..len {
            if text(&mut reader)? != "channel_values" {
                has_ext |= skim(&mut reader)?;
                continue;
            }
            let Ok(Token::Map(len)) = reader.token() else { return Err(Doubtful) };
            if std::mem::replace(&mut has_values, true) {
                return Err(Doubtful);
            }
            for _ in 0..len {
                let name = text(&mut reader)?;
                let channel = self.channels.iter_mut().find(|channel| *channel.name == *name && !channel.is_seeded);
                if let Some(channel) = channel {
                    channel.is_seeded = true;
                    held.push(Arc::clone(&channel.name));
                }
                has_ext |= skim(&mut reader)?;
            }
        }
        // What follows is ignored when it is decoded alone, and would not be behind another one.
        if reader.remaining() > 0 { Err(Doubtful) } else { Ok((held, has_ext)) }
    }

    /// The channels that have ancestors, with these.
    pub fn chains(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.channels.iter().map(|channel| (&*channel.name, &*channel.chain)).filter(|(_, chain)| !chain.is_empty())
    }

    /// What has to be decoded: pairs of the channels whose value is in it, and a `Blob`; with no channels, that of a list
    /// of checkpoints.
    pub fn kept_into_python(self, py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
        let list = PyList::empty(py);
        for kept in self.kept {
            let (channels, bytes) = match kept {
                Kept::WithoutValue(bytes, count) => (Vec::new(), joined(count, bytes.len(), [&bytes[..]])),
                Kept::Seed(held, bytes) => (held, bytes),
            };
            let channels = channels.iter().map(|name| &**name).collect::<Vec<&str>>();
            list.append((channels, Blob::new(bytes)))?;
        }
        Ok(list)
    }
}

/// A list of so many values, whose bytes are given.
fn joined<'a>(count: u32, bytes: usize, values: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut list = Vec::with_capacity(bytes + 5);
    list.push(0xdd);
    list.extend_from_slice(&count.to_be_bytes());
    values.into_iter().for_each(|value| list.extend_from_slice(value));
    list
}

/// A pending write to a channel, of one of its chain's checkpoints.
struct Write {
    /// Where its checkpoint is in the chain.
    place: usize,
    /// As LangGraph applies the writes of a step.
    order: (String, String, i64),
    kind: Column,
    value: Column,
}

/// The writes to each of some channels, oldest first.
pub struct Writes(Vec<Vec<Write>>);

/// The columns of a row of writes.
pub struct WriteColumns {
    pub checkpoint_id: Column,
    pub channel: Column,
    pub task_id: Column,
    pub idx: Column,
    pub kind: Column,
    pub value: Column,
    /// None where the order does not depend on it.
    pub task_path: Option<Column>,
}

impl Writes {
    /// Sorts the rows into the channels, given with their chains.
    pub fn new<'a>(
        chains: impl Iterator<Item = (&'a str, &'a [String])>,
        rows: impl Iterator<Item = WriteColumns>,
    ) -> Result<Self, Doubtful> {
        let places = |chain: &'a [String]| chain.iter().map(String::as_str).zip(0..).collect::<HashMap<&str, usize>>();
        let mut channels: Vec<_> = chains.map(|(name, chain)| (name, places(chain), Vec::new())).collect();
        for row in rows {
            let channel = row.channel.text();
            let (_, places, writes) = channels.iter_mut().find(|(name, ..)| channel == Some(*name)).ok_or(Doubtful)?;
            let place = *row.checkpoint_id.text().and_then(|id| places.get(id)).ok_or(Doubtful)?;
            let path = match row.task_path {
                None => String::new(),
                Some(Column::Text(path)) => String::from_utf8(path).map_err(|_| Doubtful)?,
                Some(_) => return Err(Doubtful),
            };
            let (Column::Text(task), Column::Int(idx), Some(_), Some(_)) =
                (row.task_id, row.idx, row.kind.text(), row.value.bytes())
            else {
                return Err(Doubtful);
            };
            let order = (path, String::from_utf8(task).map_err(|_| Doubtful)?, idx);
            writes.push(Write { place, order, kind: row.kind, value: row.value });
        }
        let sorted = |mut writes: Vec<Write>| {
            writes.sort_by(|one, other| (Reverse(one.place), &one.order).cmp(&(Reverse(other.place), &other.order)));
            writes
        };
        Ok(Self(channels.into_iter().map(|(_, _, writes)| sorted(writes)).collect()))
    }

    /// For each channel the tasks, and the values: a `Blob` of a list, or pairs of kind and `Blob`.
    pub fn into_python(self, py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
        let list = PyList::empty(py);
        for writes in self.0 {
            let tasks = PyList::new(py, writes.iter().map(|write| &write.order.1))?;
            let values = match list_of(&writes) {
                Some(bytes) => Blob::new(bytes).into_bound_py_any(py)?,
                None => {
                    let pairs: Rows = writes.into_iter().map(|write| vec![write.kind, write.value]).collect();
                    tuples(py, pairs, 1)?.into_bound_py_any(py)?
                }
            };
            list.append((tasks, values))?;
        }
        Ok(list)
    }
}

/// The bytes of the list of all values; None if they can't be decoded as one.
fn list_of(writes: &[Write]) -> Option<Vec<u8>> {
    let mut bytes = 0;
    for Write { kind, value, .. } in writes {
        let mut reader = Reader::new(value.bytes()?);
        if kind.text() != Some("msgpack") || skim(&mut reader).is_err() || reader.remaining() > 0 {
            return None;
        }
        bytes += value.len();
    }
    Some(joined(writes.len().try_into().ok()?, bytes, writes.iter().filter_map(|write| write.value.bytes())))
}
