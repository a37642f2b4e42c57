//! The set of field names that each instance has for itself, copied from one of its class with its whole table.
//!
//! Making each by `set(names)` takes a seventh of the time of decoding a message, because the table grows as names are
//! added.
#![allow(unsafe_code)] // reads and fills the tables of sets

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PySet, PyTuple};

/// A set that nothing else refers to, and that nothing was ever removed from.
pub struct NameSet(Py<PySet>);

impl NameSet {
    /// The names are added one by one, as pydantic does, so that copies iterate in the same order as its sets.
    pub fn new(names: &Bound<'_, PyTuple>) -> PyResult<Self> {
        Ok(Self(names.py().get_type::<PySet>().call1((names,))?.cast_into()?.unbind()))
    }

    /// A new set of the same names; None if memory is short.
    #[inline]
    pub fn copy<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        // SAFETY: sets of CPython's own type, laid out as its header cpython/setobject.h says, which `is_as_known`
        // tries out. The new one is empty and uses its small table, and nothing else refers to it. A larger table comes
        // from PyMem_Malloc and belongs to the set from then on; each key in it gets a reference.
        unsafe {
            let copy = Bound::from_owned_ptr_or_opt(py, ffi::PySet_New(std::ptr::null_mut()))?;
            let from = self.0.as_ptr().cast::<ffi::PySetObject>();
            let to = copy.as_ptr().cast::<ffi::PySetObject>();
            let size = (*from).mask.unsigned_abs() + 1;
            if size > ffi::PySet_MINSIZE {
                let table = ffi::PyMem_Malloc(size * size_of::<ffi::setentry>()).cast::<ffi::setentry>();
                if table.is_null() {
                    return None;
                }
                (*to).table = table;
            }
            std::ptr::copy_nonoverlapping((*from).table, (*to).table, size);
            for index in 0..size {
                ffi::Py_XINCREF((*(*to).table.add(index)).key);
            }
            (*to).fill = (*from).fill;
            (*to).used = (*from).used;
            (*to).mask = (*from).mask;
            Some(copy)
        }
    }
}

impl NameSet {
    /// Whether `set` is as a copy of this was made: nothing was added or removed since.
    ///
    /// # Safety
    /// `set` is a live set.
    #[inline]
    pub unsafe fn is_copy(&self, set: *mut ffi::PyObject) -> bool {
        // SAFETY: sets of CPython's own type, laid out as `copy` says. Tables of the same mask have the same size.
        unsafe {
            let own = self.0.as_ptr().cast::<ffi::PySetObject>();
            let other = set.cast::<ffi::PySetObject>();
            if ((*own).fill, (*own).used, (*own).mask) != ((*other).fill, (*other).used, (*other).mask) {
                return false;
            }
            let size = ((*own).mask.unsigned_abs() + 1) * size_of::<ffi::setentry>();
            let bytes = |set: *mut ffi::PySetObject| std::slice::from_raw_parts((*set).table.cast::<u8>(), size);
            bytes(own) == bytes(other)
        }
    }
}

/// Whether copies are equal to the sets that Python makes of the same names, with a small table and with larger ones.
pub fn is_as_known(py: Python<'_>) -> PyResult<bool> {
    for size in [0, 1, 4, 5, 12, 40] {
        let names = PyTuple::new(py, (0..size).map(|number| format!("name {number}")))?;
        let expected = py.get_type::<PySet>().call1((&names,))?;
        let made = NameSet::new(&names)?;
        let set = made.0.bind(py).as_ptr().cast::<ffi::PySetObject>();
        // SAFETY: a live set. If it is laid out in another way, these are other numbers within its own memory. The size
        // of its table is checked before the table is read.
        let (fill, used, mask) = unsafe { ((*set).fill, (*set).used, (*set).mask) };
        // SAFETY: as above. The address of the small table is only compared.
        let is_small = unsafe { std::ptr::eq((*set).table, &raw const (*set).smalltable as *const ffi::setentry) };
        let fits = (fill, used) == (size, size) && mask >= size && mask <= 8 * size + 7 && (mask + 1) & mask == 0;
        if !fits || is_small != (mask == 7) {
            return Ok(false);
        }
        let Some(copy) = made.copy(py) else { return Ok(false) };
        let in_order =
            |set: &Bound<'_, PyAny>| -> PyResult<Vec<String>> { set.try_iter()?.map(|name| name?.extract()).collect() };
        // SAFETY: a live set.
        let is_copy = |set: &Bound<'_, PyAny>| unsafe { made.is_copy(set.as_ptr()) };
        let seen = is_copy(&copy);
        let same =
            seen && copy.eq(&expected)? && in_order(&copy)? == in_order(&expected)? && copy.len()? == names.len();
        copy.call_method1("add", ("another",))?;
        copy.call_method1("discard", ("name 0",))?;
        let apart = made.0.bind(py).eq(&expected)? && !copy.contains("name 0")? && copy.contains("another")?;
        if !(same && apart) || is_copy(&copy) {
            return Ok(false);
        }
    }
    Ok(true)
}
