//! The compact layout: what checkpoints have in common is stored once a thread, and a view shows SqliteSaver's table.
//!
//! `tables` has the schema and its view; `recipe` how a row's bytes are put together from pieces; `matching` finds
//! which pieces there are already, by comparing with the states that `hot` keeps; `numbers` gives numbers to new ones;
//! `sweep` removes those that no checkpoint needs any more; `convert` takes a database from one layout to the other.
//!
//! A thread's epoch changes when pieces of it are removed, in the same transaction. A state at hand is used
//! only under the epoch that it was written in: so no checkpoint is ever made of pieces that are gone.
mod convert;
mod hot;
mod matching;
mod numbers;
mod recipe;
mod sweep;
pub mod tables;

use std::sync::Arc;

use fast_langgraph_msgpack::cuts::{Cut, cuts};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, ToSql, ffi, params, params_from_iter};

pub use self::convert::convert;
use self::hot::{Generation, Written};
pub use self::hot::{Hot, States};
use self::matching::{Piece, State};
use self::numbers::{NUMBER_BITS, Number, numbered};
use self::recipe::{RECORD, Recipe};
use self::sweep::sweep;
pub use self::sweep::threads;
use super::schema::Schema;
use super::standard;
use super::work::{Row as Values, Work};
use crate::buffer::{self, Buffer};
use crate::columns::{Column, Row};
use crate::errors::SqlError;
use crate::values::Value;

const TABLE: &str = "fl_checkpoints";

const PUT: &str = "INSERT OR REPLACE INTO fl_checkpoints (thread_id, checkpoint_ns, checkpoint_id, \
                   parent_checkpoint_id, type, checkpoint, metadata, ranges, base, size) \
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

const COLUMNS: &str = "SELECT thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, \
                       metadata, ranges, base, size, rowid FROM fl_checkpoints";

impl Generation {
    /// What a piece's id is above its number.
    fn base(self) -> i64 {
        self.thread << NUMBER_BITS
    }

    fn of(conn: &Connection, thread: &str) -> Result<Option<Self>, SqlError> {
        let mut statement = conn.prepare_cached("SELECT thread, epoch FROM fl_threads WHERE thread_id = ?")?;
        Ok(statement.query_row([thread], |row| Ok(Self { thread: row.get(0)?, epoch: row.get(1)? })).optional()?)
    }

    fn made(conn: &Connection, thread: &str) -> Result<Self, SqlError> {
        conn.prepare_cached(
            "INSERT INTO fl_threads (thread_id, thread, epoch) \
             SELECT ?, coalesce(max(thread), 0) + 1, random() FROM fl_threads",
        )?
        .execute([thread])?;
        let made = Self::of(conn, thread)?.ok_or_else(|| corrupt(format!("thread {thread:?} was not made")))?;
        // Nothing may be left of whoever had the number before.
        sweep::remove(conn, made, 0, Number::MAX)?;
        Ok(made)
    }
}

fn corrupt(message: String) -> SqlError {
    SqlError::new(ffi::SQLITE_CORRUPT, ffi::SQLITE_CORRUPT, message)
}

/// Carries out `work`, within a transaction; as `standard::apply` otherwise.
pub fn apply(conn: &Connection, hot: &mut Hot, work: &Work) -> Result<u64, SqlError> {
    match work {
        Work::Put(row) => put(conn, hot, work, row).map(|()| 1),
        Work::PutWrites { .. } => standard::apply(conn, TABLE, work),
        Work::DeleteThread { thread, .. }
        | Work::DeleteCheckpoints { thread, .. }
        | Work::DeleteOrphans { thread, .. } => {
            let deleted = standard::apply(conn, TABLE, work)?;
            sweep(conn, thread)?;
            Ok(deleted)
        }
        Work::CopyThread { source, target } => {
            let copied = standard::apply(conn, TABLE, work)?;
            copy_pieces(conn, source, target)?;
            Ok(copied)
        }
        Work::Sweep(thread) => sweep(conn, thread).map(|()| 0),
        Work::Convert { to, from } => convert(conn, hot, *to, *from),
    }
}

fn put(conn: &Connection, hot: &mut Hot, work: &Work, row: &Values) -> Result<(), SqlError> {
    let [Value::Text(thread), Value::Text(namespace), Value::Text(id), parent, kind, blob, metadata] = row.as_slice()
    else {
        // A key that is no text.
        return standard::apply(conn, TABLE, work).map(|_| ());
    };
    let key = Key { thread, namespace, id, parent: if let Value::Text(parent) = parent { Some(parent) } else { None } };
    let made = match (kind, blob) {
        (Value::Text(kind), Value::Blob(bytes)) if is_cut(kind) => made_of_pieces(conn, hot, &key, bytes)?,
        (Value::Text(kind), Value::Bytes(bytes)) if is_cut(kind) => {
            made_of_pieces(conn, hot, &key, &Arc::new(Buffer::new(bytes.to_vec())))?
        }
        _ => None,
    };
    let own: &dyn ToSql = made.as_ref().map_or(blob, |made| &made.own);
    let (ranges, base, size) =
        (made.as_ref().map(|m| &m.ranges), made.as_ref().map(|m| m.base), made.as_ref().map(|m| m.size));
    conn.prepare_cached(PUT)?
        .execute(params![thread, namespace, id, parent, kind, own, metadata, ranges, base, size])?;
    Ok(())
}

/// Whether a serializer's output of this type can be cut.
fn is_cut(kind: &str) -> bool {
    kind == "msgpack"
}

/// Of a checkpoint.
struct Key<'a> {
    thread: &'a str,
    namespace: &'a str,
    id: &'a str,
    parent: Option<&'a str>,
}

/// What a row has of a checkpoint whose pieces are stored.
struct Made {
    own: Vec<u8>,
    ranges: String,
    base: i64,
    size: usize,
}

/// Stores the pieces of a state that are not stored yet. None where it is better stored as it is.
fn made_of_pieces(
    conn: &Connection,
    hot: &mut Hot,
    key: &Key<'_>,
    bytes: &Arc<Buffer>,
) -> Result<Option<Made>, SqlError> {
    let cuts = cuts(bytes);
    if cuts.is_empty() {
        return Ok(None);
    }
    let (generation, states) = match Generation::of(conn, key.thread)? {
        Some(generation) => (generation, at_hand(conn, hot, generation, key)?),
        None => (Generation::made(conn, key.thread)?, Vec::new()),
    };
    let states: Vec<&State> = states.iter().map(|state| &**state).collect();
    // Where what there is lies so scattered that it takes more to name than it saves, all is stored once more.
    let plan = match planned(conn, generation, bytes, &cuts, &states)? {
        None if !states.is_empty() => planned(conn, generation, bytes, &cuts, &[])?,
        plan => plan,
    };
    let Some(Plan { pieces, new, recipe, ranges }) = plan else { return Ok(None) };
    let base = generation.base();
    let mut statement = conn.prepare_cached("INSERT INTO fl_pieces (id, bytes) VALUES (?, ?)")?;
    for piece in pieces.iter().zip(new).filter(|(_, is_new)| *is_new).map(|(piece, _)| piece) {
        let bytes = bytes.get(piece.place.clone()).unwrap_or_default();
        statement.execute(params![base + i64::from(piece.number), bytes])?;
    }
    hot.wrote(Written {
        thread: key.thread.into(),
        generation,
        namespace: key.namespace.into(),
        id: key.id.into(),
        parent: key.parent.map(Into::into),
        state: Arc::new(State { bytes: Arc::clone(bytes), pieces }),
    });
    Ok(Some(Made { own: recipe.own, ranges, base, size: bytes.len() }))
}

/// How a state is stored.
struct Plan {
    pieces: Vec<Piece>,
    /// Which of them are to be stored.
    new: Vec<bool>,
    recipe: Recipe,
    ranges: String,
}

/// None where it takes too much to name the pieces, or there are no numbers left.
fn planned(
    conn: &Connection,
    generation: Generation,
    bytes: &[u8],
    cuts: &[Cut],
    states: &[&State],
) -> Result<Option<Plan>, SqlError> {
    let found = matching::numbers(bytes, cuts, states);
    let Some(numbers) = numbered(conn, generation, cuts, &found)? else { return Ok(None) };
    let new = found.iter().map(Option::is_none).collect();
    let places = cuts.iter().map(|cut| cut.range.clone());
    let pieces: Vec<Piece> = places.zip(numbers).map(|(place, number)| Piece { place, number }).collect();
    let recipe = Recipe::new(bytes, &pieces);
    let ranges = recipe.text();
    let is_short = ranges.len() <= RECORD * 8 + bytes.len() / 16;
    Ok(is_short.then_some(Plan { pieces, new, recipe, ranges }))
}

/// States to compare with: the parent's, and others of the thread.
fn at_hand(
    conn: &Connection,
    hot: &mut Hot,
    generation: Generation,
    key: &Key<'_>,
) -> Result<Vec<Arc<State>>, SqlError> {
    let (mut parents, mut others) = hot.states(key.thread, generation, key.namespace, key.parent);
    if parents.is_none()
        && let Some(parent) = key.parent
    {
        let sql = format!("{COLUMNS} WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ? AND base = ?");
        parents = state(conn, &sql, params![key.thread, key.namespace, parent, generation.base()])?;
    }
    if parents.is_none() && others.is_empty() {
        let sql = format!("{COLUMNS} WHERE thread_id = ? AND base = ? ORDER BY rowid DESC LIMIT 1");
        others.extend(state(conn, &sql, params![key.thread, generation.base()])?);
    }
    Ok(parents.into_iter().chain(others).collect())
}

fn state(conn: &Connection, sql: &str, parameters: &[&dyn ToSql]) -> Result<Option<Arc<State>>, SqlError> {
    let found = conn.prepare_cached(sql)?.query_row(parameters, |row| Ok(put_together(conn, row, None))).optional()?;
    let Some((bytes, pieces)) = found.transpose()? else { return Ok(None) };
    Ok(Some(Arc::new(State { bytes: Arc::new(Buffer::new(bytes)), pieces })))
}

fn copy_pieces(conn: &Connection, source: &str, target: &str) -> Result<(), SqlError> {
    let Some(from) = Generation::of(conn, source)? else { return Ok(()) };
    // What somebody deleted through the view may have left pieces of a thread of this name.
    sweep(conn, target)?;
    let to = Generation::made(conn, target)?;
    conn.execute(
        "INSERT INTO fl_pieces (id, bytes) SELECT id - ?1 + ?2, bytes FROM fl_pieces WHERE id BETWEEN ?1 AND ?3",
        [from.base(), to.base(), from.base() + i64::from(Number::MAX)],
    )?;
    conn.execute(
        "UPDATE fl_checkpoints SET ranges = source.ranges, base = ?3, size = source.size FROM fl_checkpoints AS source \
         WHERE source.thread_id = ?1 AND source.base = ?4 AND fl_checkpoints.thread_id = ?2 \
         AND source.checkpoint_ns = fl_checkpoints.checkpoint_ns AND source.checkpoint_id = fl_checkpoints.checkpoint_id",
        params![source, target, to.base(), from.base()],
    )?;
    Ok(())
}

/// The checkpoint of this id, or the latest of its namespace, as the standard layout has it.
pub fn checkpoint(
    conn: &Connection,
    (states, schema): (&States, Schema),
    thread: &str,
    namespace: &str,
    id: Option<&str>,
) -> Result<Option<Row>, SqlError> {
    let which = if id.is_some() { "AND checkpoint_id = ?" } else { "ORDER BY checkpoint_id DESC LIMIT 1" };
    let whole = |row: &rusqlite::Row<'_>| {
        let is_stored_so = row.get_ref(7)? == ValueRef::Null;
        let id = row.get_ref(2)?.as_str().ok().filter(|_| !is_stored_so);
        let in_memory = id.and_then(|id| states.of(schema, thread, namespace, id));
        let valid = match in_memory {
            Some((generation, state)) if Generation::of(conn, thread)? == Some(generation) => {
                (row.get_ref(8)? == ValueRef::Integer(generation.base())).then_some(state)
            }
            _ => None,
        };
        let column = |index| match index {
            5 if !is_stored_so => Ok(Column::Blob(put_together(conn, row, valid.as_deref())?.0)),
            _ => standard::column(row, index),
        };
        (0..7).map(column).collect()
    };
    conn.prepare_cached(&format!("{COLUMNS} WHERE thread_id = ? AND checkpoint_ns = ? {which}"))?
        .query_row(params_from_iter([thread, namespace].into_iter().chain(id)), |row| Ok(whole(row)))
        .optional()?
        .transpose()
}

/// The bytes of a row that is made of pieces, and where in them these are. A state in memory, of the generation that
/// the row is read in, has the same bytes for the same numbers.
fn put_together(
    conn: &Connection,
    row: &rusqlite::Row<'_>,
    in_memory: Option<&State>,
) -> Result<(Vec<u8>, Vec<Piece>), SqlError> {
    let (base, size): (i64, usize) = (row.get(8)?, row.get(9)?);
    let broken = |what: &str| {
        let name = |index| row.get_ref(index).ok().and_then(|text| text.as_str().ok()).unwrap_or_default().to_owned();
        corrupt(format!("checkpoint {:?} of thread {:?} {what}", name(2), name(0)))
    };
    let text = row.get_ref(7)?;
    let own = row.get_ref(5)?.as_blob().map_err(|_| broken("has no bytes of its own"))?;
    let parts = text.as_str().ok().and_then(recipe::parts).ok_or_else(|| broken("has ranges that make no sense"))?;
    let mut bytes = if size < buffer::KEPT_LEAST { Vec::new() } else { buffer::take() };
    // The size is checked in the end: one that is wrong must not ask for all memory.
    bytes.try_reserve(size.min(own.len() + (16 << 20))).map_err(|_| SqlError::no_memory())?;
    let mut pieces = Vec::with_capacity(recipe::pieces(&parts).min(1 << 16));
    let mut statement = conn.prepare_cached("SELECT bytes FROM fl_pieces WHERE id BETWEEN ? AND ? ORDER BY id")?;
    let mut place = 0;
    for part in parts {
        let next = own.get(place..place + part.own).ok_or_else(|| broken("has too few bytes of its own"))?;
        bytes.extend_from_slice(next);
        place += part.own;
        if part.first > part.last {
            continue;
        }
        let mut number = part.first;
        while number <= part.last
            && let Some((piece, of)) = in_memory.and_then(|state| state.piece(pieces.len()))
            && of == number
        {
            add(&mut bytes, &mut pieces, piece, number)?;
            number = number.saturating_add(1);
        }
        if number > part.last {
            continue;
        }
        let mut found = statement.query([base + i64::from(number), base + i64::from(part.last)])?;
        while let Some(piece) = found.next()? {
            let piece = piece.get_ref(0)?.as_blob().map_err(|_| broken("has a piece that is no blob"))?;
            add(&mut bytes, &mut pieces, piece, number)?;
            number = number.saturating_add(1);
        }
        if number != part.last.saturating_add(1) {
            return Err(broken(&format!("lacks some of pieces {} to {}", part.first, part.last)));
        }
    }
    if place != own.len() || bytes.len() != size {
        return Err(broken("has another size than it should"));
    }
    Ok((bytes, pieces))
}

fn add(bytes: &mut Vec<u8>, pieces: &mut Vec<Piece>, piece: &[u8], number: Number) -> Result<(), SqlError> {
    let start = bytes.len();
    bytes.try_reserve(piece.len()).map_err(|_| SqlError::no_memory())?;
    bytes.extend_from_slice(piece);
    pieces.push(Piece { place: start..bytes.len(), number });
    Ok(())
}
