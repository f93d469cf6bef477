//! The client: which backend, and the calls that need no session.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use composio_binding::{ClientSpec, Opened, manage, seconds};
use composio_contract::Result;
use composio_core::ClientOptions;
use pyo3::prelude::*;

use crate::convert::encode;
use crate::errors;
use crate::runtime::{Call, Outcome, Place, background};
use crate::session::{Session, ToolSet};

/// A client of one backend. Nothing is opened or sent before the first call.
#[pyclass(frozen, module = "composio._native")]
pub(crate) struct Client {
    core: composio_core::Client,
    place: Place,
    data_dir: Option<PathBuf>,
}

impl Client {
    fn call<F>(&self, work: impl FnOnce(composio_core::Client) -> F) -> Call
    where
        F: Future<Output = Result<Outcome>> + Send + 'static,
    {
        Call::new(self.place, work(self.core.clone()))
    }
}

#[pymethods]
impl Client {
    /// `blocking` says that calls are waited for, not awaited. `timeout` is in seconds. `config` is the embedded router's:
    /// an object, or the path of a file.
    #[new]
    #[pyo3(signature = (*, blocking, backend = None, api_key = None, base_url = None, timeout = None, max_retries = None, default_headers = Vec::new(), config = None, uploads = None))]
    #[allow(clippy::too_many_arguments, reason = "keyword arguments of a Python constructor")]
    fn new(
        py: Python<'_>,
        blocking: bool,
        backend: Option<String>,
        api_key: Option<String>,
        base_url: Option<String>,
        timeout: Option<f64>,
        max_retries: Option<u32>,
        default_headers: Vec<(String, String)>,
        config: Option<&Bound<'_, PyAny>>,
        uploads: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let timeout = timeout.map(|timeout| errors::guard(py, || seconds("timeout", timeout))).transpose()?;
        let api_key = api_key.map(Into::into);
        let spec = ClientSpec {
            options: ClientOptions { backend, api_key, base_url, timeout, max_retries, default_headers },
            config: config.map(|config| encode("config", config)).transpose()?,
            uploads: uploads.map(|uploads| encode("uploads", uploads)).transpose()?,
        };
        let Opened { client: core, data_dir } = errors::guard(py, || spec.open(background))?;
        // The embedded router's connections to its upstreams must go on between calls.
        let place = if blocking && data_dir.is_none() { Place::Caller } else { Place::Background };
        Ok(Self { core, place, data_dir })
    }

    /// Where the embedded router keeps its data; none where a hosted backend answers.
    #[getter]
    fn data_dir(&self) -> Option<&OsStr> {
        self.data_dir.as_deref().map(Path::as_os_str)
    }

    /// Creates a session from the arguments of create.
    fn create(&self, options: &Bound<'_, PyAny>, tools: &ToolSet) -> PyResult<Call> {
        let (options, tools, place) = (encode("create", options)?, tools.build(options.py())?, self.place);
        Ok(self.call(|core| async move { Ok(Session::outcome(core.create(&options, tools).await?, place)) }))
    }

    /// Takes up a session that exists.
    #[pyo3(name = "use")]
    fn use_session(&self, py: Python<'_>, session_id: String, tools: &ToolSet, mcp: bool) -> PyResult<Call> {
        let (tools, place) = (tools.build(py)?, self.place);
        Ok(self
            .call(|core| async move { Ok(Session::outcome(core.use_session(&session_id, tools, mcp).await?, place)) }))
    }

    /// Deletes a session.
    fn delete(&self, session_id: String) -> Call {
        self.call(|core| async move { core.delete_session(&session_id).await.map(Outcome::Json) })
    }

    /// A call about connected accounts or auth configs, by its name.
    fn manage(&self, call: String, id: String, options: &Bound<'_, PyAny>) -> PyResult<Call> {
        let options = encode(&call, options)?;
        Ok(self.call(|core| async move { manage(&core, &call, &id, &options).await.map(Outcome::Json) }))
    }

    /// One toolkit.
    fn toolkit(&self, slug: String) -> Call {
        self.call(|core| async move { core.toolkit(&slug).await.map(Outcome::Json) })
    }

    /// A page of toolkits.
    fn toolkits(&self, query: &Bound<'_, PyAny>) -> PyResult<Call> {
        let query = encode("query", query)?;
        Ok(self.call(|core| async move { core.toolkits(&query).await.map(Outcome::Json) }))
    }

    /// One tool.
    fn tool(&self, slug: String) -> Call {
        self.call(|core| async move { core.tool(&slug).await.map(Outcome::Json) })
    }

    /// A page of tools.
    fn tools(&self, query: &Bound<'_, PyAny>) -> PyResult<Call> {
        let query = encode("query", query)?;
        Ok(self.call(|core| async move { core.tools(&query).await.map(Outcome::Json) }))
    }

    /// Waits until a connected account is active. `timeout` is in seconds.
    #[pyo3(signature = (id, timeout))]
    fn wait_for_connection(&self, py: Python<'_>, id: String, timeout: Option<f64>) -> PyResult<Call> {
        let timeout = timeout.map(|timeout| errors::guard(py, || seconds("timeout", timeout))).transpose()?;
        Ok(self.call(|core| async move { core.wait_for_connection(&id, timeout).await.map(Outcome::Json) }))
    }

    /// Lets go of what the backend holds.
    fn close(&self) -> Call {
        self.call(|core| async move { core.close().await.map(|()| Outcome::Nothing) })
    }
}
