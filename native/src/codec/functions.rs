//! The codec's functions as Python calls them: `JsonPlusSerializer`'s two methods, and encoding to bytes left in Rust.
use std::time::Instant;

use fast_langgraph_msgpack::writer::Sink;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyString, PyTuple};

use super::bytes::{self, PyBytesSink};
use super::counters::{DECODED, ENCODED};
use super::decode::Decoder;
use super::encode::Encoder;
use super::outcome::{decoded, encoded};
use super::remember::calls;
use super::remember::memory::{Key, Memory};
use super::remember::state::Source;
use super::stock::{self, Stock};
use crate::buffer;

/// Writes `value` in stock's bytes and returns the sink. `Err` has the reason if stock has to do it; then no Python
/// code has run yet.
fn encode<S: Sink>(py: Python<'_>, value: &Bound<'_, PyAny>, out: S) -> PyResult<Result<S, &'static str>> {
    let stock = stock::current()?;
    if !stock.encoder_is_live(py) {
        return Ok(Err("stock's encoder was replaced"));
    }
    let began = Instant::now();
    let mut encoder = Encoder::new(py, &stock, out);
    // SAFETY: the caller holds `value`.
    #[allow(unsafe_code)]
    let result = unsafe { encoder.value(value.as_ptr()) };
    encoded(&stock, encoder, result, began)
}

/// Why stock has to decode what this hook belongs to.
fn why_not_decoded(py: Python<'_>, stock: &Stock, hook: &Bound<'_, PyAny>) -> Option<&'static str> {
    if !stock.made_hook(hook) {
        return Some("custom ext hook");
    }
    (!stock.decoder_is_live(py)).then_some("ormsgpack's decoder was replaced")
}

/// The object of `data` as stock makes it; None if stock has to do it, and then no Python code has run yet.
fn decode<'py>(
    py: Python<'py>,
    stock: &Stock,
    hook: &Bound<'py, PyAny>,
    data: &[u8],
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let began = Instant::now();
    let mut decoder = Decoder::new(py, stock, hook);
    let result = decoder.decode(data);
    decoded(stock, decoder, result, data, began)
}

/// `JsonPlusSerializer.dumps_typed`, or NotImplemented if stock has to do it. `memory` remembers the long list in it
/// for `owner`, a serializer.
#[pyfunction]
#[pyo3(signature = (value, memory=None, owner=0))]
pub fn dumps_typed<'py>(
    py: Python<'py>,
    value: &Bound<'py, PyAny>,
    memory: Option<&Bound<'py, Memory>>,
    owner: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let not_implemented = || Ok(py.NotImplemented().into_bound(py));
    if value.is_none() || value.is_instance_of::<PyBytes>() || value.is_instance_of::<PyByteArray>() {
        ENCODED.called();
        return not_implemented();
    }
    let list = memory.and_then(|memory| Some((memory.get(), calls::long_list(value, owner)?)));
    if let Some((memory, key)) = list {
        return match calls::encode_to_bytes(value, memory, key)? {
            Ok(bytes) => Ok(PyTuple::new(py, [intern!(py, "msgpack").as_any(), &bytes])?.into_any()),
            Err(reason) => {
                ENCODED.fell_back(reason)?;
                not_implemented()
            }
        };
    }
    let encoded = match bytes::bulk(value) {
        Some(size) => encode(py, value, PyBytesSink::new(py, size))?.map(PyBytesSink::finish),
        None => encode(py, value, buffer::take())?.map(|out| {
            let bytes = PyBytes::new(py, &out).into_any();
            buffer::give_back(out);
            Ok(bytes)
        }),
    };
    match encoded {
        Ok(bytes) => Ok(PyTuple::new(py, [intern!(py, "msgpack").as_any(), &bytes?])?.into_any()),
        Err(reason) => {
            ENCODED.fell_back(reason)?;
            not_implemented()
        }
    }
}

/// The bytes of `value` as msgpack, left in Rust; None if stock has to do it, or if they are not msgpack. `memory`
/// remembers it under the key: owner, thread and namespace.
#[pyfunction]
#[pyo3(signature = (value, memory=None, key=None))]
pub fn dumps_blob(
    py: Python<'_>,
    value: &Bound<'_, PyAny>,
    memory: Option<&Bound<'_, Memory>>,
    key: Option<&Bound<'_, PyAny>>,
) -> PyResult<Option<buffer::Blob>> {
    if value.is_none() || value.is_instance_of::<PyBytes>() || value.is_instance_of::<PyByteArray>() {
        return Ok(None);
    }
    if let (Some(memory), Some(key)) = (memory, key.and_then(Key::of_thread)) {
        return calls::encode_to_blob(value, memory.get(), key);
    }
    // A value that stock has to do is counted when its serializer is called.
    Ok(encode(py, value, buffer::take())?.ok().map(buffer::Blob::new))
}

/// `JsonPlusSerializer.loads_typed`, or NotImplemented if stock has to do it. `memory` remembers a state under the key,
/// and without a key a list that `dumps_typed` has made these bytes of; with `each` a list whose values were encoded one by
/// one.
#[pyfunction]
#[pyo3(signature = (serializer, data, memory=None, key=None, each=false))]
pub fn loads_typed<'py>(
    py: Python<'py>,
    serializer: &Bound<'py, PyAny>,
    data: &Bound<'py, PyAny>,
    memory: Option<&Bound<'py, Memory>>,
    key: Option<&Bound<'_, PyAny>>,
    each: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let not_implemented = || Ok(py.NotImplemented().into_bound(py));
    let Ok(pair) = data.cast_exact::<PyTuple>() else {
        DECODED.fell_back("not a tuple")?;
        return not_implemented();
    };
    let (Ok(kind), Ok(data), 2) = (pair.get_item(0), pair.get_item(1), pair.len()) else {
        DECODED.fell_back("not a pair")?;
        return not_implemented();
    };
    let Ok(kind) = kind.cast_exact::<PyString>() else {
        DECODED.fell_back("type is not a str")?;
        return not_implemented();
    };
    match kind.to_str() {
        Ok("msgpack") => {}
        Ok("null" | "bytes" | "bytearray") => {
            DECODED.called();
            return not_implemented();
        }
        _ => {
            DECODED.fell_back("not msgpack")?;
            return not_implemented();
        }
    }
    let hook = serializer.getattr(intern!(py, "_unpack_ext_hook"))?;
    let source = if let Ok(bytes) = data.cast_exact::<PyBytes>() {
        Source::Bytes(bytes.clone().unbind())
    } else if let Ok(blob) = data.cast_exact::<buffer::Blob>() {
        Source::Buffer(blob.get().shared())
    } else {
        DECODED.fell_back("data is not bytes")?;
        return not_implemented();
    };
    let stock = stock::current()?;
    if let Some(reason) = why_not_decoded(py, &stock, &hook) {
        DECODED.fell_back(reason)?;
        return not_implemented();
    }
    let key = key.and_then(Key::of_thread);
    let place =
        memory.map(Bound::get).and_then(|memory| Some((memory, key.or_else(|| memory.list_of(source.as_slice(py)))?)));
    let object = match place {
        Some((memory, key)) => calls::decode(py, &stock, &hook, source, (memory, key), each)?,
        None => decode(py, &stock, &hook, source.as_slice(py))?,
    };
    object.map_or_else(not_implemented, Ok)
}
