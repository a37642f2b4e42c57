//! Stock's own functions, and whether they are still the ones that this codec stands in for.
#![allow(unsafe_code)] // compares pointers of Python objects

use std::sync::{Arc, Mutex, PoisonError};

use fast_langgraph_msgpack::reader::{Reader, Token};
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple, PyType};

use super::fail::Fail;
use super::known::{KnownTypes, METHOD};
use super::plain::{PlainClass, Slots, Stamp};

pub struct Stock {
    /// The namespace of `langgraph.checkpoint.serde.jsonplus`.
    jsonplus: Py<PyDict>,
    /// The namespace of `langgraph.checkpoint.serde._msgpack`, where it has one.
    allowlist: Option<Py<PyDict>>,
    /// The namespace of `ormsgpack`.
    ormsgpack: Py<PyDict>,
    /// What stock's encoder is made of, by name, in the first of these namespaces.
    encoding: [(Py<PyString>, Py<PyAny>); 3],
    encoder: Py<PyAny>,
    packb: Py<PyAny>,
    unpackb: Py<PyAny>,
    /// The code object that all ext hooks made by stock share.
    hook_code: Py<PyAny>,
    encode_error: Py<PyType>,
    decode_error: Py<PyType>,
    /// `enum.EnumMeta`: instances of its instances go through the hook.
    pub enum_meta: Py<PyType>,
    sys_modules: Py<PyDict>,
    /// `fast_langgraph._plain.describe`
    describe: Py<PyAny>,
    pub slots: Option<Slots>,
    pub types: KnownTypes,
    known: Mutex<Vec<Known>>,
}

/// A class that was looked over, and what it looked like then.
struct Known {
    /// Held, so that no other class can come to live at its address.
    class: Py<PyType>,
    stamp: Stamp,
    plain: Option<Arc<PlainClass>>,
}

/// At most this many classes are remembered; others are looked over at each call.
const KNOWN: usize = 256;
/// Where plain classes live.
const HOME: &str = "langchain_core.";

static STOCK: Mutex<Option<Arc<Stock>>> = Mutex::new(None);

/// What `configure` was last given.
pub fn current() -> PyResult<Arc<Stock>> {
    STOCK
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
        .ok_or_else(|| PyRuntimeError::new_err("fast_langgraph's codec is not configured; call fast_langgraph.patch()"))
}

/// Names the stock module that the codec stands in for.
///
/// `jsonplus` is `langgraph.checkpoint.serde.jsonplus`; `describe(cls)` returns the structure of a
/// class that is plain, or None; `base_model` is pydantic's.
#[pyfunction]
pub fn configure(
    py: Python<'_>,
    jsonplus: &Bound<'_, PyAny>,
    describe: Bound<'_, PyAny>,
    base_model: Option<Bound<'_, PyAny>>,
) -> PyResult<()> {
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
        slots: base_model.map(|model| Slots::of(&model)).transpose()?.flatten(),
        types: KnownTypes::new(jsonplus)?,
        known: Mutex::new(Vec::new()),
    });
    *STOCK.lock().unwrap_or_else(PoisonError::into_inner) = Some(stock);
    Ok(())
}

fn is_live(namespace: &Bound<'_, PyDict>, name: &Bound<'_, PyString>, expected: &Py<PyAny>) -> bool {
    matches!(namespace.get_item(name), Ok(Some(live)) if live.is(expected))
}

impl Stock {
    /// Stock's encoder is live: nobody has replaced it, its default hook, its options or ormsgpack's.
    pub fn encoder_is_live(&self, py: Python<'_>) -> bool {
        let jsonplus = self.jsonplus.bind(py);
        self.encoding.iter().all(|(name, expected)| is_live(jsonplus, name.bind(py), expected))
            && is_live(self.ormsgpack.bind(py), intern!(py, "packb"), &self.packb)
    }

    pub fn decoder_is_live(&self, py: Python<'_>) -> bool {
        is_live(self.ormsgpack.bind(py), intern!(py, "unpackb"), &self.unpackb)
    }

    /// `hook` is one that `_create_msgpack_ext_hook` made.
    pub fn made_hook(&self, hook: &Bound<'_, PyAny>) -> bool {
        // SAFETY: the type is checked before the function's code, a borrowed reference, is compared.
        unsafe {
            ffi::PyFunction_Check(hook.as_ptr()) != 0
                && ffi::PyFunction_GetCode(hook.as_ptr()) == self.hook_code.as_ptr()
        }
    }

    /// Stock's encoding of this one value, with the error that stock would have for it.
    pub fn encode<'py>(&self, value: &Bound<'py, PyAny>) -> Result<Bound<'py, PyBytes>, Fail> {
        let py = value.py();
        let said = match self.encoder.bind(py).call1((value,)) {
            Ok(bytes) => return bytes.cast_into().map_err(|error| Fail::Said(error.to_string().into())),
            Err(error) => error,
        };
        // Whatever a hook raises, KeyboardInterrupt included, ormsgpack makes a MsgpackEncodeError of.
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

    /// What `class` was found to be, looked over anew if it has changed since.
    fn look_over(&self, class: &Bound<'_, PyType>) -> Option<Arc<PlainClass>> {
        let stamp = Stamp::of(class);
        if stamp.is_some() {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = known.iter().find(|known| known.class.is(class) && Some(known.stamp) == stamp) {
                return known.plain.clone();
            }
        }
        let description = self.describe.bind(class.py()).call1((class,)).ok()?;
        let plain = if description.is_none() { None } else { PlainClass::new(class, &description).ok().map(Arc::new) };
        // Looking it over has looked its attributes up, which is when the interpreter stamps a class.
        let stamp = Stamp::of(class)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let old = known.iter().position(|known| known.class.is(class)).map(|index| known.swap_remove(index));
        if known.len() < KNOWN {
            known.push(Known { class: class.clone().unbind(), stamp, plain: plain.clone() });
        }
        drop(known);
        drop(old);
        plain
    }

    /// The plain class that is the type at `address`, if it is one.
    ///
    /// # Safety
    /// `address` is a live type.
    pub unsafe fn plain_class(&self, py: Python<'_>, address: *mut ffi::PyTypeObject) -> Option<Arc<PlainClass>> {
        // SAFETY: a live type by the caller's word; its dict is borrowed from it.
        let class = unsafe {
            if (*address).tp_flags & ffi::Py_TPFLAGS_HEAPTYPE == 0 {
                return None;
            }
            Bound::from_borrowed_ptr(py, address.cast()).cast_into_unchecked::<PyType>()
        };
        let module = class.getattr(intern!(py, "__module__")).ok()?;
        let module = module.cast_exact::<PyString>().ok()?;
        if !module.to_str().is_ok_and(|module| module.starts_with(HOME)) {
            return None;
        }
        self.look_over(&class)
    }

    /// The plain class that stock would call for this ext payload, if its instances may be built without
    /// calling it.
    pub fn payload_class(&self, py: Python<'_>, payload: &[u8]) -> Option<Arc<PlainClass>> {
        let mut reader = Reader::new(payload);
        let (Ok(Token::Array(4)), Ok(Token::Str(module)), Ok(Token::Str(name))) =
            (reader.token(), reader.token(), reader.token())
        else {
            return None;
        };
        let module = std::str::from_utf8(module).ok().filter(|module| module.starts_with(HOME))?;
        let name = std::str::from_utf8(name).ok()?;
        let module = self.sys_modules.bind(py).get_item(module).ok()??;
        let namespace: Bound<'_, PyDict> = module.getattr(intern!(py, "__dict__")).ok()?.cast_into().ok()?;
        let class: Bound<'_, PyType> = namespace.get_item(name).ok()??.cast_into().ok()?;
        let plain = self.look_over(&class).filter(|plain| plain.direct && payload.starts_with(&plain.header))?;
        let Some(allowlist) = &self.allowlist else { return Some(plain) };
        let safe = allowlist.bind(py).get_item(intern!(py, "SAFE_MSGPACK_TYPES")).ok()??;
        safe.contains(&plain.key).ok()?.then_some(plain)
    }
}

impl Stock {
    /// Whether stock would find just this class there, and call it without an event or a warning: with the
    /// constructor, or for an ext of METHOD with `fromisoformat`.
    pub fn allows(&self, class: &Bound<'_, PyType>, code: u8, module: &str, name: &str) -> bool {
        self.allowed(class, code, module, name).unwrap_or(false)
    }

    fn allowed(&self, class: &Bound<'_, PyType>, code: u8, module: &str, name: &str) -> PyResult<bool> {
        let py = class.py();
        let Some(home) = self.sys_modules.bind(py).get_item(module)? else { return Ok(false) };
        if !home.getattr_opt(name)?.is_some_and(|live| live.is(class)) {
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

/// A type's name as C has it: dotted for a builtin, bare for a class.
pub fn type_name(value: &Bound<'_, PyAny>) -> String {
    // SAFETY: every type has a name, a C string that lives as long as the type.
    unsafe { std::ffi::CStr::from_ptr((*ffi::Py_TYPE(value.as_ptr())).tp_name) }.to_string_lossy().into_owned()
}
