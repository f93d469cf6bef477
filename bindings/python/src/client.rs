//! The client: which backend, and the calls that need no session.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use composio_contract::{Backend, Error, RawJson, Result};
use composio_core::{Choice, ClientOptions, HttpBackend, UploadGuard};
use pyo3::prelude::*;

use crate::convert::encode;
use crate::errors;
use crate::runtime::{Call, Outcome, Place};
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
        let uploads = uploads.map(|uploads| encode("uploads", uploads)).transpose()?;
        let uploads = errors::guard(py, || uploads.as_ref().map(UploadGuard::read).transpose())?.unwrap_or_default();
        let config = config.map(|config| encode("config", config)).transpose()?;
        let timeout = timeout.map(|seconds| errors::guard(py, || duration("timeout", seconds))).transpose()?;
        let api_key = api_key.map(Into::into);
        let options = ClientOptions { backend, api_key, base_url, timeout, max_retries, default_headers };
        let choice = errors::guard(py, || options.choose())?;
        let backend = errors::guard(py, || lazy(choice, config.as_ref()))?;
        let Lazy { build, data_dir } = backend;
        // The embedded router's connections to its upstreams must go on between calls.
        let place = if blocking && data_dir.is_none() { Place::Caller } else { Place::Background };
        Ok(Self { core: composio_core::Client::guarded(build, uploads), place, data_dir })
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

    /// One connected account.
    fn connected_account(&self, id: String) -> Call {
        self.call(|core| async move { core.connected_account(&id).await.map(Outcome::Json) })
    }

    /// A page of connected accounts.
    fn connected_accounts(&self, query: &Bound<'_, PyAny>) -> PyResult<Call> {
        let query = encode("query", query)?;
        Ok(self.call(|core| async move { core.connected_accounts(&query).await.map(Outcome::Json) }))
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
        let timeout = timeout.map(|seconds| errors::guard(py, || duration("timeout", seconds))).transpose()?;
        Ok(self.call(|core| async move { core.wait_for_connection(&id, timeout).await.map(Outcome::Json) }))
    }

    /// Lets go of what the backend holds.
    fn close(&self) -> Call {
        self.call(|core| async move { core.close().await.map(|()| Outcome::Nothing) })
    }
}

fn duration(what: &str, seconds: f64) -> Result<Duration> {
    let invalid = || Error::validation(format!("{what}: expected a number of seconds above 0, got {seconds}"));
    Duration::try_from_secs_f64(seconds).ok().filter(|duration| !duration.is_zero()).ok_or_else(invalid)
}

/// A backend that is built on first use, and again in a forked child; what was given is checked now.
struct Lazy {
    build: Box<dyn Fn() -> Result<Arc<dyn Backend>> + Send + Sync>,
    /// Where the embedded router keeps its data.
    data_dir: Option<PathBuf>,
}

fn lazy(choice: Choice, config: Option<&RawJson>) -> Result<Lazy> {
    match choice {
        Choice::Embedded => embedded(config),
        Choice::Http(_) if config.is_some() => Err(Error::validation("config: is for the embedded router")
            .with_suggested_fix("leave out config, or pass backend=\"embedded\"")),
        Choice::Http(options) => {
            HttpBackend::new(options.clone())?;
            let build = move || Ok(Arc::new(HttpBackend::new(options.clone())?) as Arc<dyn Backend>);
            Ok(Lazy { build: Box::new(build), data_dir: None })
        }
    }
}

/// The embedded router, configured by an object, the path of a file, or what it finds by itself.
#[cfg(feature = "router")]
fn embedded(config: Option<&RawJson>) -> Result<Lazy> {
    use composio_router::{Router, RouterConfig};

    let config = match config.map(|config| config.decode("config")).transpose()? {
        None => RouterConfig::load(None)?,
        Some(serde_json::Value::String(path)) => RouterConfig::load(Some(path.as_ref()))?,
        Some(object) => RouterConfig::from_json(object)?,
    };
    let data_dir = Some(config.data_dir()?);
    let build = move || {
        let router = Router::builder().config(config.clone()).runtime(crate::runtime::background()?).build()?;
        Ok(Arc::new(router) as Arc<dyn Backend>)
    };
    Ok(Lazy { build: Box::new(build), data_dir })
}

#[cfg(not(feature = "router"))]
fn embedded(_config: Option<&RawJson>) -> Result<Lazy> {
    Err(Error::new(composio_contract::ErrorKind::Unsupported, "this build has no embedded router")
        .with_suggested_fix("pass api_key or set COMPOSIO_API_KEY to use the hosted backend"))
}
