//! Sessions, their custom tools, and the runs that mix those with the backend's.

use std::collections::HashMap;
use std::path::PathBuf;

use composio_binding::{PlannedRun, remote_execute, upload};
use composio_contract::{RawJson, Result};
use composio_core::{CustomToolSet, LocalOutcome, Upload};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::convert::{decode, encode};
use crate::errors::guard;
use crate::provider::Provider;
use crate::runtime::{Call, Outcome, Place};

/// The custom tools that a session is to have.
#[pyclass(frozen, module = "composio._native")]
pub(crate) struct ToolSet {
    tools: RawJson,
    toolkits: RawJson,
}

impl ToolSet {
    pub(crate) fn build(&self, py: Python<'_>) -> PyResult<CustomToolSet> {
        guard(py, || CustomToolSet::new(&self.tools, &self.toolkits))
    }
}

#[pymethods]
impl ToolSet {
    /// Takes definitions as `define_tool` completes them, and toolkits of them.
    #[new]
    fn new(tools: &Bound<'_, PyAny>, toolkits: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self { tools: encode("custom_tools", tools)?, toolkits: encode("custom_toolkits", toolkits)? })
    }
}

/// A session.
#[pyclass(frozen, module = "composio._native")]
pub(crate) struct Session {
    core: composio_core::Session,
    place: Place,
}

impl Session {
    pub(crate) fn outcome(core: composio_core::Session, place: Place) -> Outcome {
        Outcome::Session(Self { core, place })
    }

    fn call<F>(&self, work: impl FnOnce(composio_core::Session) -> F) -> Call
    where
        F: Future<Output = Result<Outcome>> + Send + 'static,
    {
        Call::new(self.place, work(self.core.clone()))
    }
}

#[pymethods]
impl Session {
    #[getter]
    fn id(&self) -> &str {
        self.core.id()
    }

    #[getter]
    fn user_id(&self) -> &str {
        self.core.user_id()
    }

    #[getter]
    fn config<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        decode(py, self.core.config().as_str())
    }

    #[getter]
    fn config_version(&self) -> i64 {
        self.core.config_version()
    }

    #[getter]
    fn warnings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        decode(py, self.core.warnings().as_str())
    }

    #[getter]
    fn preload<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.core.preload().map(|preload| decode(py, preload.as_str())).transpose()
    }

    /// Where the session is served over MCP: `type`, `url`, `headers`.
    #[getter]
    fn mcp<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let mcp = guard(py, || self.core.mcp())?;
        let server = PyDict::new(py);
        server.set_item("type", &mcp.kind)?;
        server.set_item("url", &mcp.url)?;
        server.set_item("headers", mcp.headers.iter().cloned().collect::<HashMap<_, _>>())?;
        Ok(server)
    }

    /// Why `mcp` has no headers, for the log.
    #[getter]
    fn mcp_warning(&self) -> Option<&str> {
        self.core.mcp_warning()
    }

    #[getter]
    fn assistive_prompt(&self) -> Option<&str> {
        self.core.assistive_prompt()
    }

    /// The session's tools, before modifiers.
    fn tools(&self) -> Call {
        self.call(|core| async move { core.tools().await.map(Outcome::Json) })
    }

    /// The session's tools as a provider takes them: the same as `provider.format_tools(tools())`, without a stop in
    /// Python in between.
    fn wrapped_tools(&self, provider: &Provider) -> Call {
        let format = provider.format();
        self.call(|core| async move { core.provider_tools(format).await.map(Outcome::Json) })
    }

    /// What the provider does not take of the tools' schemas as they are.
    fn schema_report(&self, provider: &Provider) -> Call {
        let format = provider.format();
        self.call(|core| async move { core.schema_report(format).await.map(Outcome::Json) })
    }

    /// Runs one tool that is the backend's alone; None where a custom tool is to run. Saves `run` and its round trips.
    fn execute(&self, py: Python<'_>, call: &Bound<'_, PyDict>) -> PyResult<Option<Call>> {
        let call = lift_call(call)?;
        let work = guard(py, || remote_execute(&self.core, call))?;
        Ok(work.map(|work| Call::new(self.place, async move { work.await.map(Outcome::Json) })))
    }

    /// Plans the run of tools, each given as a dict with `slug` and what else `execute` takes. `tool_call` says that a
    /// model called them: custom tools within a multi execute then run here.
    fn run(&self, py: Python<'_>, calls: Vec<Bound<'_, PyDict>>, tool_call: bool) -> PyResult<Run> {
        let calls = calls.iter().map(lift_call).collect::<PyResult<Vec<_>>>()?;
        Ok(Run { core: guard(py, || PlannedRun::plan(&self.core, calls, tool_call))?, place: self.place })
    }

    /// Runs a meta tool at the backend.
    fn execute_meta(&self, call: &Bound<'_, PyDict>) -> PyResult<Call> {
        let call = lift_call(call)?;
        Ok(self.call(|core| async move { core.execute_meta(call).await?.as_execute_response().map(Outcome::Json) }))
    }

    fn proxy_execute(&self, options: &Bound<'_, PyAny>) -> PyResult<Call> {
        let options = encode("proxy_execute", options)?;
        Ok(self.call(|core| async move { core.proxy_execute(&options).await.map(Outcome::Json) }))
    }

    #[pyo3(signature = (query, model))]
    fn search(&self, query: String, model: Option<String>) -> Call {
        self.call(|core| async move { core.search(&query, model.as_deref()).await.map(Outcome::Json) })
    }

    fn toolkits(&self, options: &Bound<'_, PyAny>) -> PyResult<Call> {
        let options = encode("toolkits", options)?;
        Ok(self.call(|core| async move { core.toolkits(&options).await.map(Outcome::Json) }))
    }

    fn authorize(&self, options: &Bound<'_, PyAny>) -> PyResult<Call> {
        let options = encode("authorize", options)?;
        Ok(self.call(|core| async move { core.authorize(&options).await.map(Outcome::Json) }))
    }

    fn update(&self, options: &Bound<'_, PyAny>) -> PyResult<Call> {
        let options = encode("update", options)?;
        Ok(self.call(|core| async move { core.update(&options).await.map(Outcome::Json) }))
    }

    fn config_history(&self, options: &Bound<'_, PyAny>) -> PyResult<Call> {
        let options = encode("list_config_history", options)?;
        Ok(self.call(|core| async move { core.config_history(&options).await.map(Outcome::Json) }))
    }

    fn delete(&self) -> Call {
        self.call(|core| async move { core.delete().await.map(Outcome::Json) })
    }

    /// A page of files.
    fn list_files(&self, mount_id: String, options: &Bound<'_, PyAny>) -> PyResult<Call> {
        let options = encode("list", options)?;
        Ok(self.call(|core| async move { core.files().list(&mount_id, &options).await.map(Outcome::Json) }))
    }

    /// Uploads bytes, or the file at a path or URL.
    #[pyo3(signature = (mount_id, source, remote_path, mimetype))]
    fn upload_file(
        &self,
        mount_id: String,
        source: Source,
        remote_path: Option<String>,
        mimetype: Option<String>,
    ) -> Call {
        let source = match source {
            Source::Content(content) => Upload::Content(content.into()),
            Source::Text(text) => upload(text),
            Source::Path(path) => Upload::Path(path),
        };
        self.call(|core| async move {
            let (remote_path, mimetype) = (remote_path.as_deref(), mimetype.as_deref());
            core.files().upload(&mount_id, source, remote_path, mimetype).await.map(Outcome::Json)
        })
    }

    /// Where to download a file from.
    fn download_file(&self, mount_id: String, path: String) -> Call {
        self.call(|core| async move { core.files().download(&mount_id, &path).await.map(Outcome::Json) })
    }

    fn delete_file(&self, mount_id: String, path: String) -> Call {
        self.call(|core| async move { core.files().delete(&mount_id, &path).await.map(Outcome::Json) })
    }

    /// The bytes behind a download URL.
    fn file_content(&self, download_url: String) -> Call {
        self.call(|core| async move { core.files().content(&download_url).await.map(Outcome::Bytes) })
    }

    /// Saves what is behind a download URL; gives the path.
    #[pyo3(signature = (download_url, mount_path, to))]
    fn save_file(&self, download_url: String, mount_path: String, to: Option<PathBuf>) -> Call {
        self.call(|core| async move { core.files().save(&download_url, &mount_path, to).await.map(Outcome::Path) })
    }

    /// The custom tools with their final slugs, in the order of the set.
    #[pyo3(signature = (toolkit = None))]
    fn custom_tools<'py>(&self, py: Python<'py>, toolkit: Option<&str>) -> PyResult<Bound<'py, PyAny>> {
        decode(py, guard(py, || self.core.custom_tools(toolkit))?.as_str())
    }

    fn custom_toolkits<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        decode(py, guard(py, || self.core.custom_toolkits())?.as_str())
    }
}

/// What to upload: bytes first, since a path can be bytes as well.
#[derive(FromPyObject)]
enum Source {
    Content(Vec<u8>),
    Text(String),
    Path(PathBuf),
}

fn lift_call(fields: &Bound<'_, PyDict>) -> PyResult<composio_core::Call> {
    let text = |name: &str| fields.get_item(name)?.filter(|value| !value.is_none()).map(|v| v.extract()).transpose();
    let json = |name: &str| {
        let value = fields.get_item(name)?.filter(|value| !value.is_none());
        value.map(|value| encode(name, &value)).transpose()
    };
    Ok(composio_core::Call {
        slug: text("slug")?.unwrap_or_default(),
        arguments: json("arguments")?,
        account: text("account")?,
        input_responses: json("input_responses")?,
        request_state: text("request_state")?,
        problem: text("problem")?,
    })
}

/// Tools that run at the same time, here and at the backend.
#[pyclass(frozen, module = "composio._native")]
pub(crate) struct Run {
    core: PlannedRun,
    place: Place,
}

#[pymethods]
impl Run {
    /// The custom tools to run: id, final slug and arguments of each.
    #[getter]
    fn local_calls<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let calls = self.core.local_calls().iter();
        let calls = calls.map(|call| Ok((call.id, &*call.slug, decode(py, call.arguments.as_str())?)));
        PyList::new(py, calls.collect::<PyResult<Vec<_>>>()?)
    }

    /// The files that the backend's part is going to upload by itself, for modifiers to judge first; None where there
    /// can be none.
    fn uploads(&self) -> Option<Call> {
        let work = self.core.uploads()?;
        Some(Call::new(self.place, async move { work.await.map(Outcome::Json) }))
    }

    /// Takes `id` and `path` of each upload; a path of None refuses it.
    fn answer_uploads(&self, answers: &Bound<'_, PyAny>) -> PyResult<()> {
        let json = encode("answers to uploads", answers)?;
        guard(answers.py(), || self.core.answer_uploads(&json))
    }

    /// Does the backend's part, for the custom tools to run meanwhile; None where there is none.
    fn remote(&self) -> Option<Call> {
        let work = self.core.remote()?;
        Some(Call::new(self.place, async move { work.await.map(|()| Outcome::Nothing) }))
    }

    /// Joins the results, one a call. Takes id, returned value and error message of each custom tool.
    fn finish<'py>(&self, py: Python<'py>, outcomes: Vec<Finished<'py>>) -> PyResult<Bound<'py, PyList>> {
        let outcomes = outcomes.into_iter().map(|(id, data, error)| lift_outcome(id, &data, error)).collect();
        let results = guard(py, || self.core.finish(outcomes))?;
        let results = results.into_iter().map(|json| decode(py, json.as_str()));
        PyList::new(py, results.collect::<PyResult<Vec<_>>>()?)
    }
}

type Finished<'py> = (usize, Bound<'py, PyAny>, Option<String>);

/// A returned value that has no JSON form is a failure of that tool alone.
fn lift_outcome(id: usize, data: &Bound<'_, PyAny>, error: Option<String>) -> LocalOutcome {
    match (error, encode("the tool's result", data)) {
        (Some(error), _) => LocalOutcome { id, data: None, error: Some(error) },
        (None, Ok(data)) => LocalOutcome { id, data: Some(data), error: None },
        (None, Err(refused)) => LocalOutcome { id, data: None, error: Some(refused.value(data.py()).to_string()) },
    }
}
