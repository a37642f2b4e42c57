//! Whether the short ways can be taken on this interpreter: strs are read in place, instances are read and built by
//! their slots, the version of a class tells of changes, sets are copied with their tables.
//!
//! Whenever the codec is configured, this is tried out with a few objects and compared with what Python says of them.
//! On an interpreter whose objects are laid out in another way, the long ways are taken: CPython's functions, and
//! stock's code.
#![allow(unsafe_code)] // reads and builds instances by their slots

use std::sync::Mutex;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};

use super::name_set;
use super::plain::Stamp;
use super::slots::Slots;
use super::text;
use crate::sync::lock;

/// Why the short ways are off; None if they are on.
static OFF: Mutex<Option<String>> = Mutex::new(None);

/// Why messages and text go the long way in this process; None if they don't.
#[pyfunction]
pub fn short_ways_off() -> Option<String> {
    lock(&OFF).clone()
}

/// Switches the short ways on if they are `wanted` and possible on this interpreter. Returns whether they are on.
pub fn switch(py: Python<'_>, wanted: bool) -> bool {
    let reason = if wanted { obstacle(py) } else { Some("they were switched off".to_owned()) };
    let on = reason.is_none();
    text::read_in_place(on);
    *lock(&OFF) = reason;
    on
}

fn obstacle(py: Python<'_>) -> Option<String> {
    let other = |what: &str| Some(format!("{what} are not laid out in this interpreter as in the known ones"));
    let tried = [
        ("strs", text::is_as_known as fn(Python<'_>) -> PyResult<bool>),
        ("classes and instances", instances_are_as_known),
        ("sets", name_set::is_as_known),
    ];
    tried.into_iter().find_map(|(what, is_as_known)| match is_as_known(py) {
        Ok(true) => None,
        Ok(false) => other(what),
        Err(error) => Some(error.to_string()),
    })
}

fn new_class<'py>(
    name: &str,
    bases: &Bound<'py, PyTuple>,
    namespace: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    bases.py().get_type::<PyType>().call1((name, bases, namespace))
}

/// Reads and builds an instance of a class like pydantic's, and changes its base and its names.
fn instances_are_as_known(py: Python<'_>) -> PyResult<bool> {
    let names = ["__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__"];
    let [_, fields_set, extra, private] = names;
    let namespace = PyDict::new(py);
    namespace.set_item("__slots__", names)?;
    let base = new_class("Base", &PyTuple::empty(py), &namespace)?;
    let class = new_class("Model", &PyTuple::new(py, [&base])?, &PyDict::new(py))?;
    let Some(slots) = Slots::of(&base)? else { return Ok(false) };
    let (one, two) = (PyDict::new(py).into_any(), PyDict::new(py).into_any());

    let instance = class.call0()?;
    // SAFETY: an instance of a class that derives from the one with these slots.
    let read = || unsafe { slots.read(py, instance.as_ptr()) };
    let empty = read().is_some_and(|(dict, one, two)| dict.is_empty() && one.is_null() && two.is_null());
    instance.setattr("field", &one)?;
    instance.setattr(fields_set, &one)?;
    instance.setattr(extra, &two)?;
    let Some((dict, first, second)) = read() else { return Ok(false) };
    let field = dict.get_item("field")?;
    let is_read = empty
        && instance.getattr("__dict__")?.is(&dict)
        && (dict.len(), field.is_some_and(|field| field.is(&one))) == (1, true)
        && (first, second) == (one.as_ptr(), two.as_ptr());

    if !is_read {
        // The slots may lie elsewhere, so nothing is written.
        return Ok(false);
    }
    let dict = PyDict::new(py).into_any();
    let class: Bound<'_, PyType> = class.cast_into()?;
    // SAFETY: a class that derives from the one with these slots and adds none.
    let built = unsafe { slots.build(&class, &dict, one.clone(), two.clone()) };
    let Some(built) = built else { return Ok(false) };
    built.setattr("field", &one)?;
    let is_built = built.get_type().is(&class)
        && built.getattr("__dict__")?.is(&dict)
        && dict.get_item("field")?.is(&one)
        && built.getattr(fields_set)?.is(&one)
        && built.getattr(extra)?.is(&two)
        && built.getattr(private)?.is_none()
        && py.import("gc")?.call_method1("is_tracked", (&built,))?.is_truthy()?;

    let tells_of = |owner: &Bound<'_, PyAny>, attribute: &str| {
        // The interpreter gives a class a version when an attribute is looked up.
        class.getattr(private)?;
        let before = Stamp::of(&class);
        owner.setattr(attribute, "another")?;
        class.getattr(private)?;
        PyResult::Ok(before.is_none() || Stamp::of(&class) != before)
    };
    let tells = tells_of(&base, "attribute")? && tells_of(&class, "__name__")? && tells_of(&class, "__qualname__")?;
    Ok(is_read && is_built && tells)
}
