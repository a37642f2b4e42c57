//! The codec's functions as Python calls them: `JsonPlusSerializer`'s two methods, and encoding to bytes left in Rust.
use std::time::Instant;

use fast_langgraph_msgpack::writer::Sink;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyString, PyTuple};

use super::bytes::{self, PyBytesSink};
use super::counters::{DECODED, ENCODED};
use super::decode::Decoder;
use super::encode::Encoder;
use super::fail::Fail;
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

/// The object of `data` as stock makes it; None if stock has to do it, and then no Python code has run yet.
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
        // `Eof` may be a length that the input can't hold. Stock would allocate it, so stock is not called.
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

/// `JsonPlusSerializer.dumps_typed`, or NotImplemented if stock has to do it.
#[pyfunction]
pub fn dumps_typed<'py>(py: Python<'py>, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
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

/// The bytes of `value` as msgpack, left in Rust; None if stock has to do it, or if they are not msgpack.
#[pyfunction]
pub fn dumps_blob(py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<Option<buffer::Blob>> {
    if value.is_none() || value.is_instance_of::<PyBytes>() || value.is_instance_of::<PyByteArray>() {
        return Ok(None);
    }
    // A value that stock has to do is counted when its serializer is called.
    Ok(encode(py, value, buffer::take())?.ok().map(buffer::Blob::new))
}

/// `JsonPlusSerializer.loads_typed`, or NotImplemented if stock has to do it.
#[pyfunction]
pub fn loads_typed<'py>(
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
