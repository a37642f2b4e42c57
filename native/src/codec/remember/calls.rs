//! Calls of the codec with a memory: the state is taken out, used, and put back with what has become of it.
use std::sync::Arc;
use std::time::Instant;

use fast_langgraph_msgpack::reader::Reader;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use super::memory::{Key, Memory};
use super::recorder::{ROOT, Recorder};
use super::state::{Source, State};
use super::verification::Verification;
use crate::buffer::{self, Blob, Buffer, Run};
use crate::codec::decode::Decoder;
use crate::codec::encode::Encoder;
use crate::codec::outcome::{decoded, encoded};
use crate::codec::plain::{Described, PlainClass};
use crate::codec::slots::Slots;
use crate::codec::stock::{self, NOT_READ, Stock};

/// Lists of fewer elements are encoded in less time than their state is found.
const LONG: usize = 8;

/// The key of a long list that is `value`, or that lies in it.
pub fn long_list(value: &Bound<'_, PyAny>, owner: usize) -> Option<Key> {
    fn first(value: &Bound<'_, PyAny>, levels: u8) -> Option<usize> {
        if let Ok(list) = value.cast_exact::<PyList>() {
            return (list.len() >= LONG).then(|| list.get_item(0).map_or(0, |item| item.as_ptr() as usize));
        }
        let dict = value.cast_exact::<PyDict>().ok().filter(|dict| levels > 0 && dict.len() < 64)?;
        dict.iter().find_map(|(_, value)| first(&value, levels - 1))
    }
    first(value, 2).map(|first| Key::List { owner, first })
}

/// The state with this key, or a new one, the bytes that its elements lie in, and what putting it back asks for.
fn begin(
    py: Python<'_>,
    memory: &Memory,
    key: &Key,
    is_current: impl FnMut(&Arc<PlainClass>) -> bool,
) -> (State, Source, u64) {
    let (mut state, forgotten) = memory.take(py, key);
    if !state.classes().iter().all(is_current) {
        state.clear();
    }
    let former = std::mem::take(&mut state.source);
    (state, former, forgotten)
}

/// Encodes `value` with the state of this key. `out` makes the buffer for a state of so many bytes, and `finish` makes of
/// it, and of the runs that it has in common with the former bytes, what is returned and what is kept.
fn encode<'py, T>(
    value: &Bound<'py, PyAny>,
    (memory, key, slots): (&Memory, Key, Slots),
    stock: &Stock,
    out: impl FnOnce(usize) -> Vec<u8>,
    finish: impl FnOnce(Vec<u8>, &Source, Vec<Run>) -> PyResult<(T, Source)>,
) -> PyResult<Result<T, &'static str>> {
    let py = value.py();
    let began = Instant::now();
    let (state, former, forgotten) = begin(py, memory, &key, |class| stock.is_current(py, class));
    let mut recorder = Recorder::new(state, slots, former.as_slice(py), Verification::begin(py));
    let mut encoder = Encoder::new(py, stock, out(former.len(py)));
    // They were found to be current just now.
    let known = |class: &Arc<PlainClass>| (class.class.as_ptr().cast(), Described::Plain(Arc::clone(class)));
    encoder.seen.extend(recorder.state.classes().iter().map(known));
    let result = if recorder.state.fits_below.is_some() {
        encoder.object(value)
    } else {
        // SAFETY: the caller holds `value`.
        #[allow(unsafe_code)]
        unsafe {
            encoder.remembered(value.as_ptr(), 0, ROOT, &mut recorder)
        }
    };
    let ran_python = encoder.ran_python;
    let out = match encoded(stock, encoder, result, began)? {
        Ok(out) => out,
        Err(reason) => return Ok(Err(reason)),
    };
    let verification = recorder.verification.take();
    let (mut state, runs, tally) = recorder.finish();
    memory.count(&tally);
    if let Some(mut verification) = verification {
        let bytes = |place: usize, len: usize, all: &[u8]| all.get(place..place + len).unwrap_or_default().to_vec();
        for run in &runs {
            let earlier = bytes(run.from, run.len, former.as_slice(py));
            verification.add_bytes(py, &bytes(run.start, run.len, &out), &earlier);
        }
        let anew = || {
            let mut fresh = Encoder::new(py, stock, Vec::new());
            fresh.object(value).map_err(|fail| stock.encode_error(py, fail))?;
            Ok(PyBytes::new(py, &fresh.out).into_any())
        };
        verification.end(py, (!ran_python).then(|| (PyBytes::new(py, &out).into_any(), anew)))?;
    }
    if state.may_fit(out.len()) {
        state.fits_below = None;
    }
    let (result, source) = finish(out, &former, runs)?;
    if !state.is_empty() {
        state.source = source;
    }
    memory.put(py, key, state, forgotten);
    Ok(Ok(result))
}

/// The encoder's stock and slots, if they can be used.
fn live_stock(py: Python<'_>) -> PyResult<Result<(Arc<Stock>, Slots), &'static str>> {
    let stock = stock::current()?;
    if !stock.encoder_is_live(py) {
        return Ok(Err("stock's encoder was replaced"));
    }
    let slots = stock.slots;
    Ok(slots.map(|slots| (stock, slots)).ok_or(NOT_READ))
}

/// The bytes of `value` as msgpack; `Err` has the reason if stock has to do it.
pub fn encode_to_bytes<'py>(
    value: &Bound<'py, PyAny>,
    memory: &Memory,
    key: Key,
) -> PyResult<Result<Bound<'py, PyBytes>, &'static str>> {
    let py = value.py();
    let (stock, slots) = match live_stock(py)? {
        Ok(live) => live,
        Err(reason) => return Ok(Err(reason)),
    };
    // A bytes object of just the right size is filled faster than one that grows and shrinks.
    encode(
        value,
        (memory, key, slots),
        &stock,
        |_| buffer::take(),
        |out, _, _| {
            let bytes = PyBytes::new(py, &out);
            buffer::give_back(out);
            Ok((bytes.clone(), Source::Bytes(bytes.unbind())))
        },
    )
}

/// The bytes of `value` as msgpack, left in Rust; None if stock has to do it.
pub fn encode_to_blob(value: &Bound<'_, PyAny>, memory: &Memory, key: Key) -> PyResult<Option<Blob>> {
    let Ok((stock, slots)) = live_stock(value.py())? else { return Ok(None) };
    // Its buffer is kept, so it must not be much larger than what it is for; a state grows by little.
    let room = |len: usize| if len == 0 { buffer::take() } else { buffer::take_for(len + len / 16 + 1024) };
    let blob = encode(value, (memory, key, slots), &stock, room, |mut out, former, runs| {
        if out.capacity() > 2 * out.len() + buffer::MIN_POOLED {
            out.shrink_to_fit();
        }
        let bytes = Arc::new(match former {
            Source::Buffer(earlier) if !runs.is_empty() => Buffer::taken_from(out, earlier, runs),
            _ => Buffer::new(out),
        });
        Ok((Blob::shares(&bytes), Source::Buffer(bytes)))
    })?;
    Ok(blob.ok())
}

/// The object of these bytes, or with `each` the list of values that were encoded one by one; None if stock has to do it,
/// and then no Python code has run yet.
pub fn decode<'py>(
    py: Python<'py>,
    stock: &Stock,
    hook: &Bound<'py, PyAny>,
    source: Source,
    (memory, key): (&Memory, Key),
    each: bool,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let began = Instant::now();
    let data = source.as_slice(py);
    let mut decoder = Decoder::new(py, stock, hook);
    let Some(slots) = stock.slots else {
        let result = decoder.decode(data);
        return decoded(stock, decoder, result, data, began);
    };
    let (mut state, former, forgotten) = begin(py, memory, &key, |class| stock.may_build(py, class));
    if !state.may_fit(data.len()) {
        let result = decoder.decode(data);
        let object = decoded(stock, decoder, result, data, began);
        memory.put(py, key, state, forgotten);
        return object;
    }
    state.fits_below = None;
    decoder.seen.extend(state.classes().iter().map(Arc::clone));
    let mut recorder = Recorder::new(state, slots, former.as_slice(py), Verification::begin(py));
    let mut reader = Reader::new(data);
    let result = if each {
        decoder.remembered_each(&mut reader, data, &mut recorder)
    } else {
        decoder.remembered(&mut reader, 0, ROOT, data, &mut recorder)
    };
    let ran_python = decoder.ran_python;
    let object = decoded(stock, decoder, result, data, began)?;
    let verification = recorder.verification.take();
    let (mut state, _, tally) = recorder.finish();
    memory.count(&tally);
    if let (Some(object), Some(verification)) = (&object, verification) {
        let anew = || Decoder::new(py, stock, hook).decode(data).map_err(|fail| stock.decode_error(py, fail));
        verification.end(py, (!ran_python).then(|| (object.clone(), anew)))?;
    }
    if let Some(object) = &object
        && !state.is_empty()
    {
        // A list is found by its first element, which may be another one now.
        let key = if let Key::List { owner, .. } = key { long_list(object, owner) } else { Some(key) };
        if let Some(key) = key {
            state.source = source;
            memory.put(py, key, state, forgotten);
        }
    }
    Ok(object)
}
