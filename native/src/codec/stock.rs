//! Stock's own functions and classes, and whether they are still those that this codec stands in for.
#![allow(unsafe_code)] // compares pointers of Python objects

use std::sync::{Arc, Mutex};

use fast_langgraph_msgpack::reader::{Reader, Token};
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple, PyType};

use super::ext_codes::METHOD;
use super::fail::Fail;
use super::known_types::KnownTypes;
use super::plain::{Described, PlainClass, Stamp};
use super::short_ways;
use super::slots::Slots;
use crate::sync::lock;

pub struct Stock {
    /// The namespace of `langgraph.checkpoint.serde.jsonplus`.
    jsonplus: Py<PyDict>,
    /// The namespace of `langgraph.checkpoint.serde._msgpack`, if this release has it.
    allowlist: Option<Py<PyDict>>,
    /// The namespace of `ormsgpack`.
    ormsgpack: Py<PyDict>,
    /// The parts of stock's encoder, by their names in `jsonplus`.
    encoding: [(Py<PyString>, Py<PyAny>); 3],
    encoder: Py<PyAny>,
    packb: Py<PyAny>,
    unpackb: Py<PyAny>,
    /// The code object that all of stock's ext hooks share.
    hook_code: Py<PyAny>,
    encode_error: Py<PyType>,
    decode_error: Py<PyType>,
    /// `enum.EnumMeta`: members of enums go to the hook.
    pub enum_meta: Py<PyType>,
    sys_modules: Py<PyDict>,
    /// `fast_langgraph._stock_code.message_classes.describe`
    describe: Py<PyAny>,
    pub slots: Option<Slots>,
    pub types: KnownTypes,
    described: Mutex<Vec<Remembered>>,
}

/// A class that was described, and its version at that time.
struct Remembered {
    /// Kept alive, so that no other class can get its address.
    class: Py<PyType>,
    stamp: Stamp,
    described: Described,
}

/// At most so many classes are remembered; others are described at each call.
const MAX_REMEMBERED: usize = 256;
/// Why messages are encoded and built only through their class.
pub const NOT_READ: &str = "instances are not read directly in this interpreter";
/// The package of the plain classes.
const PLAIN_PACKAGE: &str = "langchain_core.";

static STOCK: Mutex<Option<Arc<Stock>>> = Mutex::new(None);

/// What `configure` was last called with.
pub fn current() -> PyResult<Arc<Stock>> {
    lock(&STOCK)
        .clone()
        .ok_or_else(|| PyRuntimeError::new_err("fast_langgraph's codec is not configured; call fast_langgraph.patch()"))
}

/// Sets the stock module that the codec stands in for.
///
/// `jsonplus` is `langgraph.checkpoint.serde.jsonplus`; `describe(cls)` returns the structure of a
/// class that is plain, a str that says why it is not, or None for one that is not known; `base_model` is
/// pydantic's. Without `short_ways` the long ways are taken, as on an interpreter that the short ones don't fit.
#[pyfunction]
#[pyo3(signature = (jsonplus, describe, base_model, short_ways=true))]
pub fn configure(
    py: Python<'_>,
    jsonplus: &Bound<'_, PyAny>,
    describe: Bound<'_, PyAny>,
    base_model: Option<Bound<'_, PyAny>>,
    short_ways: bool,
) -> PyResult<()> {
    let short_ways_on = short_ways::switch(py, short_ways);
    let ormsgpack = py.import("ormsgpack")?;
    let namespace: Bound<'_, PyDict> = jsonplus.getattr("__dict__")?.cast_into()?;
    // Releases before 4.1 have one hook and no allowlist.
    let hook = match jsonplus.getattr_opt("_create_msgpack_ext_hook")? {
        Some(create) => create.call1((py.None(),))?,
        None => jsonplus.getattr("_msgpack_ext_hook")?,
    };
    let allowlist = match jsonplus.getattr_opt("_lg_msgpack")? {
        Some(module) => Some(module.getattr("__dict__")?.cast_into::<PyDict>()?.unbind()),
        None => None,
    };
    let part = |name: &str| -> PyResult<(Py<PyString>, Py<PyAny>)> {
        Ok((PyString::intern(py, name).unbind(), jsonplus.getattr(name)?.unbind()))
    };
    let stock = Arc::new(Stock {
        encoding: [part("_msgpack_enc")?, part("_msgpack_default")?, part("_option")?],
        encoder: jsonplus.getattr("_msgpack_enc")?.unbind(),
        packb: ormsgpack.getattr("packb")?.unbind(),
        unpackb: ormsgpack.getattr("unpackb")?.unbind(),
        ormsgpack: ormsgpack.dict().unbind(),
        jsonplus: namespace.unbind(),
        allowlist,
        hook_code: hook.getattr("__code__")?.unbind(),
        encode_error: ormsgpack.getattr("MsgpackEncodeError")?.cast_into()?.unbind(),
        decode_error: ormsgpack.getattr("MsgpackDecodeError")?.cast_into()?.unbind(),
        enum_meta: py.import("enum")?.getattr("EnumMeta")?.cast_into()?.unbind(),
        sys_modules: py.import("sys")?.getattr("modules")?.cast_into()?.unbind(),
        describe: describe.unbind(),
        slots: base_model.filter(|_| short_ways_on).map(|model| Slots::of(&model)).transpose()?.flatten(),
        types: KnownTypes::new(jsonplus)?,
        described: Mutex::new(Vec::new()),
    });
    let former = lock(&STOCK).replace(stock);
    // Dropping it may run Python code, which may encode: so it is dropped without the lock.
    drop(former);
    Ok(())
}

fn is_live(namespace: &Bound<'_, PyDict>, name: &Bound<'_, PyString>, expected: &Py<PyAny>) -> bool {
    matches!(namespace.get_item(name), Ok(Some(live)) if live.is(expected))
}

impl Stock {
    /// Whether nobody has replaced stock's encoder, its default hook, its options, or ormsgpack's encoder.
    pub fn encoder_is_live(&self, py: Python<'_>) -> bool {
        let jsonplus = self.jsonplus.bind(py);
        self.encoding.iter().all(|(name, expected)| is_live(jsonplus, name.bind(py), expected))
            && is_live(self.ormsgpack.bind(py), intern!(py, "packb"), &self.packb)
    }

    pub fn decoder_is_live(&self, py: Python<'_>) -> bool {
        is_live(self.ormsgpack.bind(py), intern!(py, "unpackb"), &self.unpackb)
    }

    /// Whether stock's `_create_msgpack_ext_hook` made `hook`.
    pub fn made_hook(&self, hook: &Bound<'_, PyAny>) -> bool {
        // SAFETY: the type is checked before the code of the function, a borrowed reference, is compared.
        unsafe {
            ffi::PyFunction_Check(hook.as_ptr()) != 0
                && ffi::PyFunction_GetCode(hook.as_ptr()) == self.hook_code.as_ptr()
        }
    }

    /// Stock's encoding of this one value, or the error that stock has for it.
    pub fn encode<'py>(&self, value: &Bound<'py, PyAny>) -> Result<Bound<'py, PyBytes>, Fail> {
        let py = value.py();
        let said = match self.encoder.bind(py).call1((value,)) {
            Ok(bytes) => return bytes.cast_into().map_err(|error| Fail::Said(error.to_string().into())),
            Err(error) => error,
        };
        // ormsgpack turns whatever a hook raises, KeyboardInterrupt included, into a MsgpackEncodeError.
        if said.is_instance(py, self.encode_error.bind(py)) {
            return Err(Fail::Said(said.value(py).to_string().into()));
        }
        Err(Fail::Type(type_name(value).into()))
    }

    pub fn encode_error(&self, py: Python<'_>, fail: Fail) -> PyErr {
        match fail {
            Fail::Python(error) => *error,
            fail => PyErr::from_type(self.encode_error.bind(py).clone(), fail.text().into_owned()),
        }
    }

    pub fn decode_error(&self, py: Python<'_>, fail: Fail) -> PyErr {
        match fail {
            Fail::Python(error) => *error,
            fail => PyErr::from_type(self.decode_error.bind(py).clone(), fail.text().into_owned()),
        }
    }

    /// The description of `class`, made again if the class has changed.
    fn describe(&self, class: &Bound<'_, PyType>) -> Described {
        let stamp = Stamp::of(class);
        if stamp.is_some() {
            let known = lock(&self.described);
            if let Some(known) = known.iter().find(|known| known.class.is(class) && Some(known.stamp) == stamp) {
                return known.described.clone();
            }
        }
        let described = match self.describe.bind(class.py()).call1((class,)) {
            Ok(description) => Described::of(class, &description),
            Err(error) => Described::Changed(error.to_string().into()),
        };
        // Describing it has looked up its attributes, which is when the interpreter gives a class a version.
        let Some(stamp) = Stamp::of(class) else { return Described::Changed("it changes all the time".into()) };
        let mut known = lock(&self.described);
        let old = known.iter().position(|known| known.class.is(class)).map(|index| known.swap_remove(index));
        if known.len() < MAX_REMEMBERED {
            known.push(Remembered { class: class.clone().unbind(), stamp, described: described.clone() });
        }
        drop(known);
        drop(old);
        described
    }

    /// The description of the type at `address`, for a value that is to be encoded.
    ///
    /// # Safety
    /// `address` is a live type.
    pub unsafe fn described(&self, py: Python<'_>, address: *mut ffi::PyTypeObject) -> Described {
        // SAFETY: a live type, by the caller's promise.
        let class = unsafe {
            if ffi::PyType_HasFeature(address, ffi::Py_TPFLAGS_HEAPTYPE) == 0 {
                return Described::Unknown;
            }
            Bound::from_borrowed_ptr(py, address.cast()).cast_into_unchecked::<PyType>()
        };
        let may_be_plain = class
            .getattr(intern!(py, "__module__"))
            .is_ok_and(|module| module.cast_exact::<PyString>().is_ok_and(|module| is_plain_package(module.to_str())));
        if may_be_plain { self.describe(&class) } else { Described::Unknown }
    }

    /// Whether this is what is known of its class at the moment.
    pub fn is_current(&self, py: Python<'_>, plain: &Arc<PlainClass>) -> bool {
        matches!(self.describe(plain.class.bind(py)), Described::Plain(current) if Arc::ptr_eq(&current, plain))
    }

    /// Whether instances of this class may be built without calling it at the moment.
    pub fn may_build(&self, py: Python<'_>, plain: &Arc<PlainClass>) -> bool {
        self.payload_class(py, &plain.header).is_some_and(|current| Arc::ptr_eq(&current, plain))
    }

    /// The class that stock would call for the payload of a model, if it is one that may be plain.
    fn named_class<'py>(&self, py: Python<'py>, payload: &[u8]) -> Option<Bound<'py, PyType>> {
        let (module, name) = class_name(payload)?;
        if !module.starts_with(PLAIN_PACKAGE) {
            return None;
        }
        let module = self.sys_modules.bind(py).get_item(module).ok()??;
        let namespace: Bound<'_, PyDict> = module.getattr(intern!(py, "__dict__")).ok()?.cast_into().ok()?;
        namespace.get_item(name).ok()??.cast_into().ok()
    }

    /// Whether stock would call this class without an event or a warning.
    fn is_safe(&self, py: Python<'_>, plain: &PlainClass) -> Option<bool> {
        let Some(allowlist) = &self.allowlist else { return Some(true) };
        let safe = allowlist.bind(py).get_item(intern!(py, "SAFE_MSGPACK_TYPES")).ok()??;
        safe.contains(&plain.key).ok()
    }

    /// The plain class that stock would call for the payload of a model, if its instances may be built without calling
    /// it.
    pub fn payload_class(&self, py: Python<'_>, payload: &[u8]) -> Option<Arc<PlainClass>> {
        let Described::Plain(plain) = self.describe(&self.named_class(py, payload)?) else { return None };
        let fits = plain.indirect.is_empty() && payload.starts_with(&plain.header) && self.is_safe(py, &plain)?;
        fits.then_some(plain)
    }

    /// Why `payload_class` has no class for the payload of a model: `Err` for a class that is known to be plain but is
    /// not so here, else what about the payload or its class does not fit.
    pub fn why_not_built(&self, py: Python<'_>, payload: &[u8]) -> Result<&'static str, Arc<str>> {
        match self.named_class(py, payload).map(|class| self.describe(&class)) {
            None | Some(Described::Unknown) => Ok("a class that is not known"),
            Some(Described::Changed(reason)) => Err(reason),
            Some(Described::Plain(_)) if self.slots.is_none() => Err(NOT_READ.into()),
            Some(Described::Plain(plain)) if !plain.indirect.is_empty() => Err(plain.indirect.as_str().into()),
            Some(Described::Plain(_)) => {
                Ok("a content that its class may change, or a class that is not on the allowlist")
            }
        }
    }
}

fn is_plain_package(module: PyResult<&str>) -> bool {
    module.is_ok_and(|module| module.starts_with(PLAIN_PACKAGE))
}

/// The module and the name at the start of an ext's payload.
pub fn class_name(payload: &[u8]) -> Option<(&str, &str)> {
    let mut reader = Reader::new(payload);
    let (Ok(Token::Array(_)), Ok(Token::Str(module)), Ok(Token::Str(name))) =
        (reader.token(), reader.token(), reader.token())
    else {
        return None;
    };
    Some((std::str::from_utf8(module).ok()?, std::str::from_utf8(name).ok()?))
}

impl Stock {
    /// Whether stock would find exactly this class under the name and call it without an event or a warning: the class
    /// itself, or its `fromisoformat` for an ext of METHOD.
    pub fn allows(&self, class: &Bound<'_, PyType>, code: u8, module: &str, name: &str) -> bool {
        self.allowed(class, code, module, name).unwrap_or(false)
    }

    fn allowed(&self, class: &Bound<'_, PyType>, code: u8, module: &str, name: &str) -> PyResult<bool> {
        let py = class.py();
        let Some(module_object) = self.sys_modules.bind(py).get_item(module)? else { return Ok(false) };
        if !module_object.getattr_opt(name)?.is_some_and(|live| live.is(class)) {
            return Ok(false);
        }
        let Some(allowlist) = &self.allowlist else { return Ok(true) };
        let (safe, key) = if code == METHOD {
            ("SAFE_MSGPACK_METHODS", PyTuple::new(py, [module, name, "fromisoformat"])?)
        } else {
            ("SAFE_MSGPACK_TYPES", PyTuple::new(py, [module, name])?)
        };
        match allowlist.bind(py).get_item(safe)? {
            Some(safe) => safe.contains(key),
            None => Ok(false),
        }
    }
}

/// The name of a type in C: dotted for a builtin, bare for a class.
pub fn type_name(value: &Bound<'_, PyAny>) -> String {
    // SAFETY: every type has a name, a C string that lives as long as the type.
    unsafe { std::ffi::CStr::from_ptr((*ffi::Py_TYPE(value.as_ptr())).tp_name) }.to_string_lossy().into_owned()
}

/// The module and the name of a value's class, for `status()`.
pub fn full_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().fully_qualified_name().map_or_else(|_| type_name(value), |name| name.to_string())
}
