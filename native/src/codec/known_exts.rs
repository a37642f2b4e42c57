//! The exts of values whose types are in `known_types`, written as stock writes them.
//!
//! Exact types only: stock tests for attributes, which for these types, though not for their subclasses, always leads
//! to the same ext.
use fast_langgraph_msgpack::writer::{self, Sink};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyFrozenSet, PySet, PyString, PyType};

use super::encode::Encoder;
use super::ext_codes::{DELTA_SNAPSHOT, KW_ARGS, METHOD, POS_ARGS, SINGLE_ARG};
use super::fail::Fail;

impl<'py, S: Sink> Encoder<'_, 'py, S> {
    /// Writes `object` if its exact type is known; false if it is not.
    pub fn known_ext(&mut self, object: &Bound<'py, PyAny>, class: *mut ffi::PyTypeObject) -> Result<bool, Fail> {
        let types = &self.stock().types;
        let is = |known: &Py<PyType>| known.as_ptr() == class.cast();
        if object.is_exact_instance_of::<PySet>() || object.is_exact_instance_of::<PyFrozenSet>() || is(&types.deque) {
            self.constructor(object, SINGLE_ARG, |encoder| encoder.items(object))?;
        } else if is(&types.uuid) {
            self.attribute(object, SINGLE_ARG, intern!(self.py, "hex"))?;
        } else if is(&types.decimal) {
            self.constructor(object, SINGLE_ARG, |encoder| encoder.object(object.str()?.as_any()))?;
        } else if is(&types.datetime) {
            let zone = object.getattr(intern!(self.py, "tzinfo"))?;
            // The offset of another zone comes from code that may be a user's.
            if !zone.is_none() && !zone.get_type().is(&types.timezone) {
                return Ok(false);
            }
            self.ext(object, METHOD, |encoder| {
                encoder.array(4, |encoder| {
                    encoder.class(object)?;
                    encoder.object(&object.call_method0(intern!(encoder.py, "isoformat"))?)?;
                    Ok(writer::str(&mut encoder.out, b"fromisoformat")?)
                })
            })?;
        } else if is(&types.date) {
            self.constructor(object, POS_ARGS, |encoder| encoder.attributes(object, &["year", "month", "day"]))?;
        } else if is(&types.timedelta) {
            self.constructor(object, POS_ARGS, |encoder| {
                encoder.attributes(object, &["days", "seconds", "microseconds"])
            })?;
        } else if is(&types.time) {
            if !object.getattr(intern!(self.py, "tzinfo"))?.is_none() {
                return Ok(false);
            }
            const PARTS: [&str; 6] = ["hour", "minute", "second", "microsecond", "tzinfo", "fold"];
            self.constructor(object, KW_ARGS, |encoder| {
                writer::map_len(&mut encoder.out, PARTS.len())?;
                for part in PARTS {
                    writer::str(&mut encoder.out, part.as_bytes())?;
                    encoder.object(&object.getattr(part)?)?;
                }
                Ok(())
            })?;
        } else if is(&types.path) {
            self.attribute(object, POS_ARGS, intern!(self.py, "parts"))?;
        } else if types.delta_snapshot.as_ref().is_some_and(is) {
            self.ext(object, DELTA_SNAPSHOT, |encoder| encoder.object(&object.get_item(0)?))?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Writes an ext of module, name and argument.
    fn constructor(
        &mut self,
        object: &Bound<'py, PyAny>,
        code: u8,
        argument: impl FnOnce(&mut Self) -> Result<(), Fail>,
    ) -> Result<(), Fail> {
        self.ext(object, code, |encoder| {
            encoder.array(3, |encoder| {
                encoder.class(object)?;
                argument(encoder)
            })
        })
    }

    /// Writes an ext whose argument is one attribute.
    fn attribute(
        &mut self,
        object: &Bound<'py, PyAny>,
        code: u8,
        attribute: &Bound<'py, PyString>,
    ) -> Result<(), Fail> {
        self.constructor(object, code, |encoder| encoder.object(&object.getattr(attribute)?))
    }

    fn attributes(&mut self, object: &Bound<'py, PyAny>, names: &[&str]) -> Result<(), Fail> {
        self.array(names.len(), |encoder| names.iter().try_for_each(|name| encoder.object(&object.getattr(*name)?)))
    }

    /// Writes the items of a builtin iterable in its order.
    fn items(&mut self, object: &Bound<'py, PyAny>) -> Result<(), Fail> {
        let items: Vec<Bound<'py, PyAny>> = object.try_iter()?.collect::<PyResult<_>>()?;
        self.array(items.len(), |encoder| items.iter().try_for_each(|item| encoder.object(item)))
    }

    /// Writes the module and the name of the object's class.
    fn class(&mut self, object: &Bound<'py, PyAny>) -> Result<(), Fail> {
        let class = object.get_type();
        self.object(&class.getattr(intern!(self.py, "__module__"))?)?;
        self.object(&class.getattr(intern!(self.py, "__name__"))?)
    }
}
