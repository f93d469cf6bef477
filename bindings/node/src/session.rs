//! Sessions, their custom tools, and the runs that mix those with the backend's.

use std::collections::HashMap;
use std::path::PathBuf;

use composio_binding::{PlannedRun, remote_execute, upload};
use composio_contract::RawJson;
use composio_core::{CustomToolSet, Upload};
use napi::Env;
use napi::bindgen_prelude::{Either, Uint8Array};
use napi_derive::napi;

use crate::convert::{LocalCall, LocalResult, ToolCall, parse};
use crate::errors::{Result, guard};
use crate::provider::Provider;
use crate::runtime::{Outcome, Queue};

/// The custom tools that a session is to have.
#[napi]
pub struct ToolSet {
    tools: RawJson,
    toolkits: RawJson,
}

impl ToolSet {
    pub(crate) fn build(&self) -> Result<CustomToolSet> {
        guard(|| CustomToolSet::new(&self.tools, &self.toolkits))
    }
}

#[napi]
impl ToolSet {
    /// Takes definitions as `defineTool` completes them, and toolkits of them, as JSON.
    #[napi(constructor)]
    pub fn new(tools: String, toolkits: String) -> Result<Self> {
        Ok(Self { tools: parse(tools)?, toolkits: parse(toolkits)? })
    }
}

/// Where a session is served over MCP.
#[napi(object, object_from_js = false)]
pub struct McpServer {
    /// `http` or `sse`.
    #[napi(js_name = "type")]
    pub kind: String,
    /// The endpoint.
    pub url: String,
    /// What authenticates there.
    pub headers: HashMap<String, String>,
}

/// A session. Objects are JSON; what answers later gives the number that the queue settles it by.
#[napi]
pub struct Session(composio_core::Session);

impl Session {
    pub(crate) fn new(core: composio_core::Session) -> Self {
        Self(core)
    }

    fn start<F>(&self, env: &Env, queue: &Queue, work: impl FnOnce(composio_core::Session) -> F) -> Result<u32>
    where
        F: Future<Output = composio_contract::Result<Outcome>> + Send + 'static,
    {
        queue.start(env, work(self.0.clone()))
    }
}

#[napi]
impl Session {
    /// The session's id.
    #[napi(getter)]
    pub fn id(&self) -> &str {
        self.0.id()
    }

    /// Whom the session acts for.
    #[napi(getter)]
    pub fn user_id(&self) -> &str {
        self.0.user_id()
    }

    /// The configuration.
    #[napi(getter)]
    pub fn config(&self) -> String {
        self.0.config().as_str().to_owned()
    }

    /// The configuration's version.
    #[napi(getter)]
    pub fn config_version(&self) -> i64 {
        self.0.config_version()
    }

    /// What the backend warned of.
    #[napi(getter)]
    pub fn warnings(&self) -> String {
        self.0.warnings().as_str().to_owned()
    }

    /// Which tools are listed directly.
    #[napi(getter)]
    pub fn preload(&self) -> Option<String> {
        self.0.preload().map(|preload| preload.as_str().to_owned())
    }

    /// Where the session is served over MCP.
    #[napi(getter)]
    pub fn mcp(&self) -> Result<McpServer> {
        let mcp = guard(|| self.0.mcp())?;
        Ok(McpServer { kind: mcp.kind, url: mcp.url, headers: mcp.headers.into_iter().collect() })
    }

    /// Why `mcp` has no headers.
    #[napi(getter)]
    pub fn mcp_warning(&self) -> Option<String> {
        self.0.mcp_warning().map(str::to_owned)
    }

    /// What the assistive prompt is.
    #[napi(getter)]
    pub fn assistive_prompt(&self) -> Option<&str> {
        self.0.assistive_prompt()
    }

    /// The session's tools, before modifiers.
    #[napi]
    pub fn tools(&self, env: Env, queue: &Queue) -> Result<u32> {
        self.start(&env, queue, |core| async move { core.tools().await.map(Outcome::Json) })
    }

    /// The session's tools as a provider takes them, without a stop in JavaScript in between.
    #[napi]
    pub fn wrapped_tools(&self, env: Env, queue: &Queue, provider: &Provider) -> Result<u32> {
        let format = provider.format();
        self.start(&env, queue, |core| async move { core.provider_tools(format).await.map(Outcome::Json) })
    }

    /// What the provider does not take of the tools' schemas as they are.
    #[napi]
    pub fn schema_report(&self, env: Env, queue: &Queue, provider: &Provider) -> Result<u32> {
        let format = provider.format();
        self.start(&env, queue, |core| async move { core.schema_report(format).await.map(Outcome::Json) })
    }

    /// Runs one tool that is the backend's alone; none where a custom tool is to run. Saves `run` and its round trips.
    #[napi]
    pub fn execute(&self, env: Env, queue: &Queue, call: ToolCall) -> Result<Option<u32>> {
        let call = call.lift()?;
        let work = guard(|| remote_execute(&self.0, call))?;
        work.map(|work| queue.start(&env, async move { work.await.map(Outcome::Json) })).transpose()
    }

    /// Plans the run of tools. `tool_call` says that a model called them: custom tools within a multi execute then run
    /// here.
    #[napi]
    pub fn run(&self, calls: Vec<ToolCall>, tool_call: bool) -> Result<Run> {
        let calls = calls.into_iter().map(ToolCall::lift).collect::<Result<Vec<_>>>()?;
        Ok(Run(guard(|| PlannedRun::plan(&self.0, calls, tool_call))?))
    }

    /// Runs a meta tool at the backend.
    #[napi]
    pub fn execute_meta(&self, env: Env, queue: &Queue, call: ToolCall) -> Result<u32> {
        let call = call.lift()?;
        self.start(&env, queue, |core| async move {
            core.execute_meta(call).await?.as_execute_response().map(Outcome::Json)
        })
    }

    /// Calls a toolkit's API.
    #[napi]
    pub fn proxy_execute(&self, env: Env, queue: &Queue, options: String) -> Result<u32> {
        let options = parse(options)?;
        self.start(&env, queue, |core| async move { core.proxy_execute(&options).await.map(Outcome::Json) })
    }

    /// Finds tools by use case.
    #[napi]
    pub fn search(&self, env: Env, queue: &Queue, query: String, model: Option<String>) -> Result<u32> {
        self.start(&env, queue, |core| async move { core.search(&query, model.as_deref()).await.map(Outcome::Json) })
    }

    /// A page of toolkits.
    #[napi]
    pub fn toolkits(&self, env: Env, queue: &Queue, options: String) -> Result<u32> {
        let options = parse(options)?;
        self.start(&env, queue, |core| async move { core.toolkits(&options).await.map(Outcome::Json) })
    }

    /// Starts connecting an account.
    #[napi]
    pub fn authorize(&self, env: Env, queue: &Queue, options: String) -> Result<u32> {
        let options = parse(options)?;
        self.start(&env, queue, |core| async move { core.authorize(&options).await.map(Outcome::Json) })
    }

    /// Changes the configuration.
    #[napi]
    pub fn update(&self, env: Env, queue: &Queue, options: String) -> Result<u32> {
        let options = parse(options)?;
        self.start(&env, queue, |core| async move { core.update(&options).await.map(Outcome::Json) })
    }

    /// A page of earlier configurations.
    #[napi]
    pub fn config_history(&self, env: Env, queue: &Queue, options: String) -> Result<u32> {
        let options = parse(options)?;
        self.start(&env, queue, |core| async move { core.config_history(&options).await.map(Outcome::Json) })
    }

    /// Deletes the session.
    #[napi]
    pub fn delete(&self, env: Env, queue: &Queue) -> Result<u32> {
        self.start(&env, queue, |core| async move { core.delete().await.map(Outcome::Json) })
    }

    /// A page of files.
    #[napi]
    pub fn list_files(&self, env: Env, queue: &Queue, mount_id: String, options: String) -> Result<u32> {
        let options = parse(options)?;
        self.start(&env, queue, |core| async move { core.files().list(&mount_id, &options).await.map(Outcome::Json) })
    }

    /// Uploads bytes, or the file at a path or URL.
    #[napi]
    pub fn upload_file(
        &self,
        env: Env,
        queue: &Queue,
        mount_id: String,
        source: Either<Uint8Array, String>,
        remote_path: Option<String>,
        mimetype: Option<String>,
    ) -> Result<u32> {
        let source = match source {
            Either::A(content) => Upload::Content(content.to_vec().into()),
            Either::B(text) => upload(text),
        };
        self.start(&env, queue, |core| async move {
            let (remote_path, mimetype) = (remote_path.as_deref(), mimetype.as_deref());
            core.files().upload(&mount_id, source, remote_path, mimetype).await.map(Outcome::Json)
        })
    }

    /// Where to download a file from.
    #[napi]
    pub fn download_file(&self, env: Env, queue: &Queue, mount_id: String, path: String) -> Result<u32> {
        self.start(&env, queue, |core| async move { core.files().download(&mount_id, &path).await.map(Outcome::Json) })
    }

    /// Removes a file.
    #[napi]
    pub fn delete_file(&self, env: Env, queue: &Queue, mount_id: String, path: String) -> Result<u32> {
        self.start(&env, queue, |core| async move { core.files().delete(&mount_id, &path).await.map(Outcome::Json) })
    }

    /// The bytes behind a download URL.
    #[napi]
    pub fn file_content(&self, env: Env, queue: &Queue, download_url: String) -> Result<u32> {
        self.start(&env, queue, |core| async move { core.files().content(&download_url).await.map(Outcome::Bytes) })
    }

    /// Saves what is behind a download URL; answers with the path.
    #[napi]
    pub fn save_file(
        &self,
        env: Env,
        queue: &Queue,
        download_url: String,
        mount_path: String,
        to: Option<String>,
    ) -> Result<u32> {
        let to = to.map(PathBuf::from);
        self.start(&env, queue, |core| async move {
            let saved = core.files().save(&download_url, &mount_path, to).await?;
            Ok(Outcome::Text(saved.to_string_lossy().into_owned()))
        })
    }

    /// The custom tools with their final slugs, in the order of the set.
    #[napi]
    pub fn custom_tools(&self, toolkit: Option<String>) -> Result<String> {
        guard(|| Ok(self.0.custom_tools(toolkit.as_deref())?.as_str().to_owned()))
    }

    /// The custom toolkits with their tools.
    #[napi]
    pub fn custom_toolkits(&self) -> Result<String> {
        guard(|| Ok(self.0.custom_toolkits()?.as_str().to_owned()))
    }
}

/// Tools that run at the same time, here and at the backend.
#[napi]
pub struct Run(PlannedRun);

#[napi]
impl Run {
    /// The custom tools to run.
    #[napi(getter)]
    pub fn local_calls(&self) -> Vec<LocalCall> {
        self.0.local_calls().iter().map(LocalCall::lower).collect()
    }

    /// The files that the backend's part is going to upload by itself, for modifiers to judge first; none where there can
    /// be none.
    #[napi]
    pub fn uploads(&self, env: Env, queue: &Queue) -> Result<Option<u32>> {
        let work = self.0.uploads();
        work.map(|work| queue.start(&env, async move { work.await.map(Outcome::Json) })).transpose()
    }

    /// Takes a list with `id` and `path` of each upload, as JSON; a path of null refuses it.
    #[napi]
    pub fn answer_uploads(&self, answers: String) -> Result<()> {
        let answers = parse(answers)?;
        guard(|| self.0.answer_uploads(&answers))
    }

    /// Does the backend's part, for the custom tools to run meanwhile; none where there is none.
    #[napi]
    pub fn remote(&self, env: Env, queue: &Queue) -> Result<Option<u32>> {
        let work = self.0.remote();
        work.map(|work| queue.start(&env, async move { work.await.map(|()| Outcome::Nothing) })).transpose()
    }

    /// Joins the results, one a call.
    #[napi]
    pub fn finish(&self, outcomes: Vec<LocalResult>) -> Result<Vec<String>> {
        let outcomes = outcomes.into_iter().map(LocalResult::lift).collect::<Result<Vec<_>>>()?;
        let results = guard(|| self.0.finish(outcomes))?;
        Ok(results.into_iter().map(|json| json.as_str().to_owned()).collect())
    }
}
