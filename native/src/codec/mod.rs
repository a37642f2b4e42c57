//! The codec: `JsonPlusSerializer`'s bytes and objects, without its Python.
//!
//! `encode` and `decode` walk values; `model` and `build` are the messages' short way, `short_ways` finds out whether the
//! interpreter allows it; `known` has the exts of known types; `stock` is what everything else is handed to.
use std::sync::LazyLock;
use std::time::Instant;

use fast_langgraph_msgpack::writer::Sink;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyString, PyTuple};

mod build;
mod bytes;
mod construct;
mod decode;
mod encode;
mod fail;
mod gc;
mod keys;
mod known;
mod model;
mod name_set;
mod plain;
mod short_ways;
mod slots;
mod stock;
mod text;

use crate::buffer;
use crate::counts::Counts;
use bytes::PyBytesSink;
use decode::Decoder;
use encode::Encoder;
use fail::Fail;
use stock::Stock;

static ENCODED: LazyLock<Counts> = LazyLock::new(|| Counts::new("JsonPlusSerializer.dumps_typed".to_owned()));
static DECODED: LazyLock<Counts> = LazyLock::new(|| Counts::new("JsonPlusSerializer.loads_typed".to_owned()));

/// Writes `value` in stock's bytes and gives the sink back; `Err` has the reason where stock has to do it,
/// and nothing has run yet.
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
    let Encoder { out, ran_python, handed_over, .. } = encoder;
    match result {
        Ok(()) => {
            ENCODED.coded(out.written(), began.elapsed(), handed_over);
            Ok(Ok(out))
        }
        Err(fail) if !ran_python && !matches!(fail, Fail::Python(_)) => Ok(Err(fail.reason())),
        Err(fail) => {
            ENCODED.coded(out.written(), began.elapsed(), handed_over);
            Err(stock.encode_error(py, fail))
        }
    }
}

/// The object of `data` as stock makes it; None where stock has to do it, and nothing has run yet.
fn decode<'py>(py: Python<'py>, hook: &Bound<'py, PyAny>, data: &[u8]) -> PyResult<Option<Bound<'py, PyAny>>> {
    let stock = stock::current()?;
    if !stock.made_hook(hook) {
        DECODED.fell_back("custom ext hook")?;
        return Ok(None);
    }
    if !stock.decoder_is_live(py) {
        DECODED.fell_back("ormsgpack's decoder was replaced")?;
        return Ok(None);
    }
    decode_with(py, &stock, hook, data)
}

fn decode_with<'py>(
    py: Python<'py>,
    stock: &Stock,
    hook: &Bound<'py, PyAny>,
    data: &[u8],
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let began = Instant::now();
    let mut decoder = Decoder::new(py, stock, hook);
    let result = decoder.decode(data);
    let Decoder { ran_python, handed_over, .. } = decoder;
    match result {
        Ok(object) => {
            DECODED.coded(data.len(), began.elapsed(), handed_over);
            Ok(Some(object))
        }
        // A length that the input can't hold: stock would allocate it, so it is not asked.
        Err(fail) if !ran_python && !matches!(fail, Fail::Python(_) | Fail::Eof) => {
            DECODED.fell_back(fail.reason())?;
            Ok(None)
        }
        Err(fail) => {
            DECODED.coded(data.len(), began.elapsed(), handed_over);
            Err(stock.decode_error(py, fail))
        }
    }
}

/// `JsonPlusSerializer.dumps_typed`, or NotImplemented where stock has to do it.
#[pyfunction]
fn dumps_typed<'py>(py: Python<'py>, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let not_implemented = || Ok(py.NotImplemented().into_bound(py));
    if value.is_none() || value.is_instance_of::<PyBytes>() || value.is_instance_of::<PyByteArray>() {
        ENCODED.called();
        return not_implemented();
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

/// The bytes of `value` as msgpack, left in Rust; None where stock has to do it, or where they are not
/// msgpack.
#[pyfunction]
fn dumps_blob(py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<Option<buffer::Blob>> {
    if value.is_none() || value.is_instance_of::<PyBytes>() || value.is_instance_of::<PyByteArray>() {
        return Ok(None);
    }
    // What stock has to do is counted where its serializer is then called.
    Ok(encode(py, value, buffer::take())?.ok().map(buffer::Blob::new))
}

/// `JsonPlusSerializer.loads_typed`, or NotImplemented where stock has to do it.
#[pyfunction]
fn loads_typed<'py>(
    py: Python<'py>,
    serializer: &Bound<'py, PyAny>,
    data: &Bound<'py, PyAny>,
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
    let decoded = if let Ok(bytes) = data.cast_exact::<PyBytes>() {
        decode(py, &hook, bytes.as_bytes())?
    } else if let Ok(blob) = data.cast_exact::<buffer::Blob>() {
        decode(py, &hook, blob.get().as_slice())?
    } else {
        DECODED.fell_back("data is not bytes")?;
        None
    };
    decoded.map_or_else(not_implemented, Ok)
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<buffer::Blob>()?;
    module.add("ENCODED", ENCODED.clone())?;
    module.add("DECODED", DECODED.clone())?;
    module.add_function(wrap_pyfunction!(stock::configure, module)?)?;
    module.add_function(wrap_pyfunction!(dumps_typed, module)?)?;
    module.add_function(wrap_pyfunction!(dumps_blob, module)?)?;
    module.add_function(wrap_pyfunction!(loads_typed, module)?)?;
    module.add_function(wrap_pyfunction!(keys::key_cache_misses, module)?)?;
    module.add_function(wrap_pyfunction!(short_ways::short_ways_off, module)?)?;
    Ok(())
}
