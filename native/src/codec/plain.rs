//! Model classes that are plain by structure, as Python has described them (`fast_langgraph/_stock_code/message_classes.py`):
//! their instances are read from `__dict__` and built without calling the class.
#![allow(unsafe_code)] // reads a type's version tag

use std::sync::Arc;

use fast_langgraph_msgpack::writer;
use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple, PyType};

use super::name_set::NameSet;

/// What a field may hold so that pydantic leaves it as it is, without a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// str, or a list of str and dict.
    Content,
    /// The empty str, which the class itself sets.
    EmptyContent,
    /// dict
    Dict,
    /// One of several str.
    Literal,
    /// One of several str, or None.
    OptionalLiteral,
    Str,
    OptionalStr,
    /// Anything plain.
    Any,
    ToolCalls,
    InvalidToolCalls,
    ToolCallChunks,
    Usage,
}

impl TryFrom<&str> for FieldKind {
    type Error = PyErr;

    fn try_from(name: &str) -> PyResult<Self> {
        Ok(match name {
            "content" => Self::Content,
            "empty content" => Self::EmptyContent,
            "dict" => Self::Dict,
            "literal" => Self::Literal,
            "optional literal" => Self::OptionalLiteral,
            "str" => Self::Str,
            "optional str" => Self::OptionalStr,
            "any" => Self::Any,
            "tool calls" => Self::ToolCalls,
            "invalid tool calls" => Self::InvalidToolCalls,
            "tool call chunks" => Self::ToolCallChunks,
            "usage" => Self::Usage,
            _ => return Err(PyValueError::new_err(format!("no such kind of field: {name}"))),
        })
    }
}

/// A str with its encoded form.
pub struct Text {
    pub object: Py<PyString>,
    pub encoded: Vec<u8>,
}

impl Text {
    pub fn new(text: &Bound<'_, PyString>) -> PyResult<Self> {
        let py = text.py();
        let mut encoded = Vec::new();
        writer::str(&mut encoded, text.to_str()?.as_bytes()).map_err(|_| PyValueError::new_err("too long"))?;
        Ok(Self { object: PyString::intern(py, text.to_str()?).unbind(), encoded })
    }

    /// The text without the header of its encoded form.
    pub fn bytes(&self) -> &[u8] {
        match self.encoded.first() {
            Some(0xa0..=0xbf) => self.encoded.get(1..),
            Some(0xd9) => self.encoded.get(2..),
            _ => self.encoded.get(3..),
        }
        .unwrap_or_default()
    }
}

pub struct Field {
    pub name: Text,
    pub kind: FieldKind,
    pub literals: Vec<Text>,
}

pub struct PlainClass {
    /// Kept alive, so that no other class can get its address.
    pub class: Py<PyType>,
    /// `(module, name)`, an entry of SAFE_MSGPACK_TYPES if the class is allowed.
    pub key: Py<PyTuple>,
    /// How every payload starts: an array of four, the module, the name.
    pub header: Vec<u8>,
    pub fields: Vec<Field>,
    /// The names of all fields, which is `model_fields_set` after validation of a whole dump.
    pub fields_set: NameSet,
    /// Whether extra fields are kept, in `__pydantic_extra__`.
    pub extra: bool,
    /// Why instances may not be built without calling the class; empty if its validators are known to leave plain
    /// payloads alone.
    pub indirect: String,
    pub rule: Rule,
}

/// Which fields have to go together so that the validators that look at several at once leave them alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    None,
    Ai,
    AiChunk,
}

/// The version of a class, which differs after every change to it or to one of its bases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    version: u32,
    qualified: *mut ffi::PyObject,
    name: *mut ffi::PyObject,
}

// SAFETY: the pointers are only compared.
unsafe impl Send for Stamp {}
// SAFETY: the pointers are only compared.
unsafe impl Sync for Stamp {}

impl Stamp {
    /// None as long as the interpreter has given the class no version: then changes would not be noticed.
    pub fn of(class: &Bound<'_, PyType>) -> Option<Self> {
        // SAFETY: `class` is a type, and its names are read only if it is a heap type. The interpreter is attached, so
        // no other thread changes it meanwhile.
        unsafe {
            let pointer = class.as_type_ptr();
            let heap = ffi::PyType_HasFeature(pointer, ffi::Py_TPFLAGS_HEAPTYPE) != 0;
            #[cfg(not(Py_3_13))]
            let valid = ffi::PyType_HasFeature(pointer, ffi::Py_TPFLAGS_VALID_VERSION_TAG) != 0;
            #[cfg(Py_3_13)]
            let valid = true;
            let version = (*pointer).tp_version_tag;
            if !heap || !valid || version == 0 {
                return None;
            }
            let heap_type = pointer.cast::<ffi::PyHeapTypeObject>();
            Some(Self { version, qualified: (*heap_type).ht_qualname, name: (*heap_type).ht_name })
        }
    }
}

/// Module, name, fields (name, kind, literals), keeps extra fields, why it may not be built directly, rule.
type Description<'py> = (
    Bound<'py, PyString>,
    Bound<'py, PyString>,
    Vec<(Bound<'py, PyString>, String, Vec<Bound<'py, PyString>>)>,
    bool,
    String,
    String,
);

/// What is known of a class.
#[derive(Clone)]
pub enum Described {
    /// It is not one of the known classes. Stock's code handles it, which is no loss.
    Unknown,
    /// It is known to be plain, but is not so here, for this reason.
    Changed(Arc<str>),
    Plain(Arc<PlainClass>),
}

impl Described {
    /// `description` is what `describe` in Python returns.
    pub fn of(class: &Bound<'_, PyType>, description: &Bound<'_, PyAny>) -> Self {
        if description.is_none() {
            return Self::Unknown;
        }
        if let Ok(reason) = description.extract::<String>() {
            return Self::Changed(reason.into());
        }
        match PlainClass::new(class, description) {
            Ok(plain) => Self::Plain(Arc::new(plain)),
            Err(error) => Self::Changed(error.to_string().into()),
        }
    }
}

impl PlainClass {
    /// `description` is what `describe` in Python returns.
    pub fn new(class: &Bound<'_, PyType>, description: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = class.py();
        let (module, name, fields, extra, indirect, rule): Description<'_> = description.extract()?;
        let module = Text::new(&module)?;
        let name = Text::new(&name)?;
        let mut header = vec![0x94];
        header.extend_from_slice(&module.encoded);
        header.extend_from_slice(&name.encoded);
        let fields = fields
            .iter()
            .map(|(name, kind, literals)| {
                let literals = literals.iter().map(Text::new).collect::<PyResult<_>>()?;
                Ok(Field { name: Text::new(name)?, kind: kind.as_str().try_into()?, literals })
            })
            .collect::<PyResult<Vec<Field>>>()?;
        let fields_set = NameSet::new(&PyTuple::new(py, fields.iter().map(|field| &field.name.object))?)?;
        let rule = match rule.as_str() {
            "" => Rule::None,
            "ai" => Rule::Ai,
            "ai chunk" => Rule::AiChunk,
            _ => return Err(PyValueError::new_err(format!("no such rule: {rule}"))),
        };
        let key = PyTuple::new(py, [&module.object, &name.object])?.unbind();
        Ok(Self { class: class.clone().unbind(), key, header, fields, fields_set, extra, indirect, rule })
    }

    /// The field with this name. The one at index `expected` is tried first.
    #[inline]
    pub fn field(
        &self,
        expected: usize,
        key: *mut ffi::PyObject,
        text: impl FnOnce() -> Option<&'static [u8]>,
    ) -> Option<&Field> {
        if let Some(field) = self.fields.get(expected)
            && field.name.object.as_ptr() == key
        {
            return Some(field);
        }
        if let Some(field) = self.fields.iter().find(|field| field.name.object.as_ptr() == key) {
            return Some(field);
        }
        let text = text()?;
        self.fields.iter().find(|field| field.name.bytes() == text)
    }
}
