//! Making objects of known types from their exts, as stock's hook makes them.
use fast_langgraph_msgpack::reader::{Reader, Token};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};

use super::decode::{Decoder, Exts, MAX_LEVELS};
use super::ext_codes::{DELTA_SNAPSHOT, METHOD, POS_ARGS, SINGLE_ARG};

impl<'py> Decoder<'_, 'py> {
    /// The object that stock's hook makes of this ext; None if its type is not known or not allowed, or if making it
    /// fails: then stock's hook has to do it.
    pub fn constructed(&mut self, code: i8, data: &[u8], level: u16) -> Option<Bound<'py, PyAny>> {
        let code = u8::try_from(code).ok()?;
        let mut reader = Reader::new(data);
        if code == DELTA_SNAPSHOT {
            let class = self.stock().types.delta_snapshot.as_ref()?.bind(self.py).clone();
            let value = self.value(&mut reader, deeper(level, 1)?, Exts::Known).ok()?;
            return self.calling_python(|_| class.call1((value,)).ok());
        }
        let parts = match code {
            SINGLE_ARG | POS_ARGS => 3,
            METHOD => 4,
            _ => return None,
        };
        if reader.token() != Ok(Token::Array(parts)) {
            return None;
        }
        let (Ok(Token::Str(module)), Ok(Token::Str(name))) = (reader.token(), reader.token()) else { return None };
        let (module, name) = (std::str::from_utf8(module).ok()?, std::str::from_utf8(name).ok()?);
        let class = self.stock().types.constructor(code, module, name)?.bind(self.py).clone();
        if !self.stock().allows(&class, code, module, name) {
            return None;
        }
        let argument = self.value(&mut reader, deeper(level, 2)?, Exts::Known).ok()?;
        if code == METHOD && reader.token() != Ok(Token::Str(b"fromisoformat")) {
            return None;
        }
        // A set of unhashable items, say, or a UUID of something else than hex: stock has an answer of its own.
        self.calling_python(|py| match code {
            METHOD => class.call_method1(intern!(py, "fromisoformat"), (argument.cast_exact::<PyString>().ok()?,)).ok(),
            POS_ARGS => class.call1(PyTuple::new(py, argument.cast_exact::<PyList>().ok()?).ok()?).ok(),
            _ => class.call1((argument,)).ok(),
        })
    }
}

/// The level that lies so much deeper, if it is within the limit.
fn deeper(level: u16, by: u16) -> Option<u16> {
    level.checked_add(by).filter(|level| *level < MAX_LEVELS)
}
