//! `composio._native`: the core as Python sees it. Each function lifts its arguments, calls the core, and lowers the
//! reply; the `composio` package on top gives it Python's shapes.

mod client;
mod convert;
mod errors;
mod exit;
mod provider;
mod runtime;
mod session;

use std::alloc::System;
use std::ffi::OsString;
use std::path::PathBuf;

use composio_contract::RawJson;
use pyo3::prelude::*;
use zeroizing_alloc::ZeroAlloc;

/// Overwrites what is freed: the libraries that send and receive a credential keep copies of it that nothing else clears.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

#[pymodule]
mod _native {
    use super::*;

    #[pymodule_export]
    use super::client::Client;
    #[pymodule_export]
    use super::provider::Provider;
    #[pymodule_export]
    use super::runtime::{Call, Queue};
    #[pymodule_export]
    use super::session::{Run, Session, ToolSet};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let kinds: Vec<_> = composio_contract::ErrorKind::ALL.iter().map(|kind| kind.name()).collect();
        module.add("ERROR_KINDS", pyo3::types::PyTuple::new(module.py(), kinds)?)?;
        exit::register(module)
    }

    /// Checks and completes the definition of a custom tool.
    #[pyfunction]
    fn define_tool<'py>(py: Python<'py>, draft: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let draft = convert::encode("custom tool", draft)?;
        let definition = errors::guard(py, || RawJson::encode(&composio_core::custom::define(&draft)?))?;
        convert::decode(py, definition.as_str())
    }

    /// The bytes behind a download URL that belongs to no session.
    #[pyfunction]
    fn file_content(download_url: String) -> runtime::Call {
        let work = async move { composio_core::files::content(&download_url).await.map(runtime::Outcome::Bytes) };
        runtime::Call::new(runtime::Place::Background, work)
    }

    /// Saves what is behind a download URL that belongs to no session; gives the path.
    #[pyfunction]
    #[pyo3(signature = (download_url, mount_path, to))]
    fn save_file(download_url: String, mount_path: String, to: Option<PathBuf>) -> runtime::Call {
        runtime::Call::new(runtime::Place::Background, async move {
            composio_core::files::save(&download_url, &mount_path, to).await.map(runtime::Outcome::Path)
        })
    }

    /// Encodes a Python object as JSON text.
    #[pyfunction]
    fn encode(value: &Bound<'_, PyAny>) -> PyResult<String> {
        Ok(convert::encode("value", value)?.as_str().to_owned())
    }

    /// Decodes JSON text.
    #[pyfunction]
    fn decode<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
        convert::decode(py, text)
    }

    /// Runs the program `composio` with these arguments, of which the first is its name; gives its exit code.
    #[pyfunction]
    fn run_program(py: Python<'_>, arguments: Vec<OsString>) -> PyResult<u8> {
        errors::guard(py, || py.detach(|| composio_binding::run_program(arguments)))
    }
}
