//! Errors of the core as Python exceptions. The one table from kind to class is `BY_KIND` in `composio/exceptions.py`.

use composio_contract::{Error, RawJson, Result};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert;

/// The Python exception for an error.
pub(crate) fn lower(py: Python<'_>, error: &Error) -> PyErr {
    build(py, error).unwrap_or_else(|raised| raised)
}

fn build(py: Python<'_>, error: &Error) -> PyResult<PyErr> {
    let decode = |json: Option<&RawJson>| json.map(|json| convert::decode(py, json.as_str())).transpose();
    let class = py.import("composio.exceptions")?.getattr("BY_KIND")?.get_item(error.kind().name())?;
    let fields = PyDict::new(py);
    fields.set_item("kind", error.kind().name())?;
    fields.set_item("status", error.status())?;
    fields.set_item("code", decode(error.code())?)?;
    fields.set_item("slug", error.slug())?;
    fields.set_item("suggested_fix", error.suggested_fix())?;
    fields.set_item("request_id", error.request_id())?;
    fields.set_item("retryable", error.is_retryable())?;
    fields.set_item("details", decode(error.details())?)?;
    Ok(PyErr::from_value(class.call((error.message(),), Some(&fields))?))
}

/// Runs core code so that a panic becomes an error: unwinding must not cross into Python as a `PanicException`, which
/// no `except Exception` catches.
pub(crate) fn guard<T>(py: Python<'_>, work: impl FnOnce() -> Result<T>) -> PyResult<T> {
    composio_binding::guard(work).map_err(|error| lower(py, &error))
}
