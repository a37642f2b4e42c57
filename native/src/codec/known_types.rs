//! The classes of the standard library and of LangGraph whose ext stock writes and reads in one known way.
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::ext_codes::{METHOD, POS_ARGS, SINGLE_ARG};

/// The classes, as they were when the codec was configured.
pub struct KnownTypes {
    pub uuid: Py<PyType>,
    pub decimal: Py<PyType>,
    pub deque: Py<PyType>,
    pub path: Py<PyType>,
    pub datetime: Py<PyType>,
    pub date: Py<PyType>,
    pub time: Py<PyType>,
    pub timedelta: Py<PyType>,
    pub timezone: Py<PyType>,
    pub delta_snapshot: Option<Py<PyType>>,
    /// What stock calls to make them from an ext: ext code, module, name, class.
    constructors: Vec<(u8, String, String, Py<PyType>)>,
}

impl KnownTypes {
    pub fn new(jsonplus: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = jsonplus.py();
        let class = |module: &str, name: &str| -> PyResult<Py<PyType>> {
            Ok(py.import(module)?.getattr(name)?.cast_into::<PyType>()?.unbind())
        };
        let delta_snapshot = jsonplus.getattr_opt("_DeltaSnapshot")?;
        let path = py.import("pathlib")?.getattr("Path")?.call0()?.get_type().unbind();
        let constructors = [
            (SINGLE_ARG, class("uuid", "UUID")?),
            (SINGLE_ARG, class("decimal", "Decimal")?),
            (SINGLE_ARG, class("builtins", "set")?),
            (SINGLE_ARG, class("builtins", "frozenset")?),
            (SINGLE_ARG, class("collections", "deque")?),
            (POS_ARGS, class("datetime", "timedelta")?),
            (POS_ARGS, class("datetime", "date")?),
            (POS_ARGS, path.clone_ref(py)),
            (METHOD, class("datetime", "datetime")?),
        ];
        let constructors = constructors
            .into_iter()
            .map(|(code, class)| {
                let bound = class.bind(py);
                Ok((code, bound.getattr("__module__")?.extract()?, bound.getattr("__name__")?.extract()?, class))
            })
            .collect::<PyResult<_>>()?;
        Ok(Self {
            uuid: class("uuid", "UUID")?,
            decimal: class("decimal", "Decimal")?,
            deque: class("collections", "deque")?,
            path,
            datetime: class("datetime", "datetime")?,
            date: class("datetime", "date")?,
            time: class("datetime", "time")?,
            timedelta: class("datetime", "timedelta")?,
            timezone: class("datetime", "timezone")?,
            constructors,
            delta_snapshot: delta_snapshot.map(|class| class.cast_into::<PyType>()).transpose()?.map(Bound::unbind),
        })
    }

    /// The class that stock finds in `module` under `name` for an ext of this code.
    pub fn constructor(&self, code: u8, module: &str, name: &str) -> Option<&Py<PyType>> {
        let (.., class) =
            self.constructors.iter().find(|known| (known.0, &*known.1, &*known.2) == (code, module, name))?;
        Some(class)
    }
}
