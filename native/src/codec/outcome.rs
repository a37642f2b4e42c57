//! What comes of an encoding or a decoding that has ended: it is counted, and errors become stock's.
use std::time::Instant;

use fast_langgraph_msgpack::writer::Sink;
use pyo3::prelude::*;

use super::counters::{DECODED, ENCODED};
use super::decode::Decoder;
use super::encode::Encoder;
use super::fail::Fail;
use super::stock::Stock;

/// What comes of an encoding that has ended with `result`. `Err` has the reason if stock has to do it; then no Python
/// code has run yet.
pub fn encoded<S: Sink>(
    stock: &Stock,
    encoder: Encoder<'_, '_, S>,
    result: Result<(), Fail>,
    began: Instant,
) -> PyResult<Result<S, &'static str>> {
    let Encoder { py, out, ran_python, handed_over, .. } = encoder;
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

/// What comes of a decoding that has ended with `result`. None if stock has to do it, and then no Python code has run yet.
pub fn decoded<'py>(
    stock: &Stock,
    decoder: Decoder<'_, 'py>,
    result: Result<Bound<'py, PyAny>, Fail>,
    data: &[u8],
    began: Instant,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    // The collector is as it was before from here on.
    let Decoder { py, ran_python, handed_over, .. } = decoder;
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
