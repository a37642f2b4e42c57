//! The parts of an instance of a model class, read and put together without calling the class.
#![allow(unsafe_code)] // reads and fills the slots of instances

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

/// Where the slots of pydantic's BaseModel lie, in bytes from the start of an instance.
#[derive(Clone, Copy, Debug)]
pub struct Slots {
    pub fields_set: isize,
    pub extra: isize,
    pub private: isize,
}

impl Slots {
    /// Takes them from the descriptors of `base_model`; None if it has no such slots.
    pub fn of(base_model: &Bound<'_, PyAny>) -> PyResult<Option<Self>> {
        let dict = base_model.getattr("__dict__")?;
        let offset = |name: &str| -> PyResult<Option<isize>> {
            let descriptor = dict.get_item(name)?;
            // SAFETY: the type of the descriptor is checked before its fields are read, and its member belongs to a
            // class that `base_model` keeps alive.
            unsafe {
                if ffi::Py_TYPE(descriptor.as_ptr()) != &raw mut ffi::PyMemberDescr_Type {
                    return Ok(None);
                }
                let member =
                    (*descriptor.as_ptr().cast::<ffi::PyMemberDescrObject>()).d_member.cast::<ffi::PyMemberDef>();
                if member.is_null() || (*member).type_code != ffi::Py_T_OBJECT_EX || (*member).offset <= 0 {
                    return Ok(None);
                }
                Ok(Some((*member).offset))
            }
        };
        let (Some(fields_set), Some(extra), Some(private)) =
            (offset("__pydantic_fields_set__")?, offset("__pydantic_extra__")?, offset("__pydantic_private__")?)
        else {
            return Ok(None);
        };
        Ok(Some(Self { fields_set, extra, private }))
    }

    /// The `__dict__` of `instance` and the content of its slots `fields_set` and `extra`: borrowed, NULL for an empty
    /// slot.
    ///
    /// # Safety
    /// `instance` is an instance of a class that derives from the one with these slots.
    #[inline]
    pub unsafe fn read<'py>(
        &self,
        py: Python<'py>,
        instance: *mut ffi::PyObject,
    ) -> Option<(Bound<'py, PyDict>, *mut ffi::PyObject, *mut ffi::PyObject)> {
        // SAFETY: such an instance, by the caller's promise, in which the slots lie at these offsets.
        unsafe {
            let dict = ffi::PyObject_GenericGetDict(instance, std::ptr::null_mut());
            let Ok(dict) = Bound::from_owned_ptr_or_err(py, dict) else { return None };
            let slot = |offset: isize| instance.byte_offset(offset).cast::<*mut ffi::PyObject>().read();
            Some((dict.cast_into_exact().ok()?, slot(self.fields_set), slot(self.extra)))
        }
    }

    /// A new instance of `class` with this object as its `__dict__`, and with these in its slots.
    ///
    /// # Safety
    /// `class` derives from the one with these slots and adds none.
    #[inline]
    pub unsafe fn build<'py>(
        &self,
        class: &Bound<'py, PyType>,
        dict: &Bound<'py, PyAny>,
        fields_set: Bound<'py, PyAny>,
        extra: Bound<'py, PyAny>,
    ) -> Option<Bound<'py, PyAny>> {
        // SAFETY: such a class, by the caller's promise. Its slots lie at these offsets and are empty in a new
        // instance; each takes over a reference.
        unsafe {
            let instance = ffi::PyType_GenericAlloc(class.as_type_ptr(), 0);
            let instance = Bound::from_owned_ptr_or_opt(class.py(), instance)?;
            if ffi::PyObject_GenericSetDict(instance.as_ptr(), dict.as_ptr(), std::ptr::null_mut()) != 0 {
                return None;
            }
            let slot = |offset: isize| instance.as_ptr().byte_offset(offset).cast::<*mut ffi::PyObject>();
            slot(self.fields_set).write(fields_set.into_ptr());
            slot(self.extra).write(extra.into_ptr());
            slot(self.private).write(ffi::Py_NewRef(ffi::Py_None()));
            Some(instance)
        }
    }
}
