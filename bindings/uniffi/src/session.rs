//! Sessions, their custom tools, and the runs that mix those with the backend's.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use composio_binding::{PlannedRun, remote_execute, upload};
use composio_contract::RawJson;
use composio_core::{CustomToolSet, Upload};

use crate::convert::{NativeLocalCall, NativeLocalOutcome, NativeToolCall, parse, text};
use crate::errors::{Result, guard};
use crate::provider::NativeProvider;
use crate::runtime::{CancelToken, call};

type Cancel = Option<Arc<CancelToken>>;

/// The custom tools that a session is to have.
#[derive(Debug, uniffi::Object)]
pub struct NativeToolSet {
    tools: RawJson,
    toolkits: RawJson,
}

impl NativeToolSet {
    pub(crate) fn build(&self) -> Result<CustomToolSet> {
        guard(|| CustomToolSet::new(&self.tools, &self.toolkits))
    }
}

#[uniffi::export]
impl NativeToolSet {
    /// Takes definitions as `define_tool` completes them, and toolkits of them: JSON lists.
    #[uniffi::constructor]
    pub fn new(tools: String, toolkits: String) -> Result<Arc<Self>> {
        Ok(Arc::new(Self { tools: parse(tools)?, toolkits: parse(toolkits)? }))
    }
}

/// Where a session is served over MCP.
#[derive(Clone, Debug, uniffi::Record)]
pub struct NativeMcpServer {
    /// `http` or `sse`.
    pub kind: String,
    /// The endpoint.
    pub url: String,
    /// What authenticates there.
    pub headers: HashMap<String, String>,
}

/// A session. Objects are JSON.
#[derive(Debug, uniffi::Object)]
pub struct NativeSession(composio_core::Session);

impl NativeSession {
    pub(crate) fn new(core: composio_core::Session) -> Self {
        Self(core)
    }
}

#[uniffi::export]
impl NativeSession {
    /// The session's id.
    pub fn id(&self) -> String {
        self.0.id().to_owned()
    }

    /// Whom the session acts for.
    pub fn user_id(&self) -> String {
        self.0.user_id().to_owned()
    }

    /// The configuration.
    pub fn config(&self) -> String {
        text(&self.0.config())
    }

    /// The configuration's version.
    pub fn config_version(&self) -> i64 {
        self.0.config_version()
    }

    /// What the backend warned of.
    pub fn warnings(&self) -> String {
        text(&self.0.warnings())
    }

    /// Which tools are listed directly.
    pub fn preload(&self) -> Option<String> {
        self.0.preload().map(|preload| text(&preload))
    }

    /// Where the session is served over MCP.
    pub fn mcp(&self) -> Result<NativeMcpServer> {
        let mcp = guard(|| self.0.mcp())?;
        Ok(NativeMcpServer { kind: mcp.kind, url: mcp.url, headers: mcp.headers.into_iter().collect() })
    }

    /// Why `mcp` has no headers.
    pub fn mcp_warning(&self) -> Option<String> {
        self.0.mcp_warning().map(str::to_owned)
    }

    /// What the assistive prompt is.
    pub fn assistive_prompt(&self) -> Option<String> {
        self.0.assistive_prompt().map(str::to_owned)
    }

    /// The session's tools, before modifiers.
    pub async fn tools(&self, cancel: Cancel) -> Result<String> {
        let core = self.0.clone();
        call(cancel, async move { Ok(text(&core.tools().await?)) }).await
    }

    /// The session's tools as a provider takes them.
    pub async fn wrapped_tools(&self, provider: Arc<NativeProvider>, cancel: Cancel) -> Result<String> {
        let (core, format) = (self.0.clone(), provider.format());
        call(cancel, async move { Ok(text(&core.provider_tools(format).await?)) }).await
    }

    /// What the provider does not take of the tools' schemas as they are.
    pub async fn schema_report(&self, provider: Arc<NativeProvider>, cancel: Cancel) -> Result<String> {
        let (core, format) = (self.0.clone(), provider.format());
        call(cancel, async move { Ok(text(&core.schema_report(format).await?)) }).await
    }

    /// Runs one tool that is the backend's alone; none where a custom tool is to run. Saves `run` and its round trips.
    pub async fn execute(&self, tool_call: NativeToolCall, cancel: Cancel) -> Result<Option<String>> {
        let tool_call = tool_call.lift()?;
        match guard(|| remote_execute(&self.0, tool_call))? {
            Some(work) => call(cancel, async move { Ok(Some(text(&work.await?))) }).await,
            None => Ok(None),
        }
    }

    /// Plans the run of tools. `by_model` says that a model called them: custom tools within a multi execute then run
    /// here.
    pub fn run(&self, calls: Vec<NativeToolCall>, by_model: bool) -> Result<Arc<NativeRun>> {
        let calls = calls.into_iter().map(NativeToolCall::lift).collect::<Result<Vec<_>>>()?;
        Ok(Arc::new(NativeRun(guard(|| PlannedRun::plan(&self.0, calls, by_model))?)))
    }

    /// Runs a meta tool at the backend.
    pub async fn execute_meta(&self, tool_call: NativeToolCall, cancel: Cancel) -> Result<String> {
        let (core, tool_call) = (self.0.clone(), tool_call.lift()?);
        call(cancel, async move { Ok(text(&core.execute_meta(tool_call).await?.as_execute_response()?)) }).await
    }

    /// Calls a toolkit's API.
    pub async fn proxy_execute(&self, options: String, cancel: Cancel) -> Result<String> {
        let (core, options) = (self.0.clone(), parse(options)?);
        call(cancel, async move { Ok(text(&core.proxy_execute(&options).await?)) }).await
    }

    /// Finds tools by use case.
    pub async fn search(&self, query: String, model: Option<String>, cancel: Cancel) -> Result<String> {
        let core = self.0.clone();
        call(cancel, async move { Ok(text(&core.search(&query, model.as_deref()).await?)) }).await
    }

    /// A page of toolkits.
    pub async fn toolkits(&self, options: String, cancel: Cancel) -> Result<String> {
        let (core, options) = (self.0.clone(), parse(options)?);
        call(cancel, async move { Ok(text(&core.toolkits(&options).await?)) }).await
    }

    /// Starts connecting an account.
    pub async fn authorize(&self, options: String, cancel: Cancel) -> Result<String> {
        let (core, options) = (self.0.clone(), parse(options)?);
        call(cancel, async move { Ok(text(&core.authorize(&options).await?)) }).await
    }

    /// Changes the configuration.
    pub async fn update(&self, options: String, cancel: Cancel) -> Result<String> {
        let (core, options) = (self.0.clone(), parse(options)?);
        call(cancel, async move { Ok(text(&core.update(&options).await?)) }).await
    }

    /// A page of earlier configurations.
    pub async fn config_history(&self, options: String, cancel: Cancel) -> Result<String> {
        let (core, options) = (self.0.clone(), parse(options)?);
        call(cancel, async move { Ok(text(&core.config_history(&options).await?)) }).await
    }

    /// Deletes the session.
    pub async fn delete(&self, cancel: Cancel) -> Result<String> {
        let core = self.0.clone();
        call(cancel, async move { Ok(text(&core.delete().await?)) }).await
    }

    /// The custom tools with their final slugs, in the order of the set.
    pub fn custom_tools(&self, toolkit: Option<String>) -> Result<String> {
        guard(|| Ok(text(&self.0.custom_tools(toolkit.as_deref())?)))
    }

    /// The custom toolkits with their tools.
    pub fn custom_toolkits(&self) -> Result<String> {
        guard(|| Ok(text(&self.0.custom_toolkits()?)))
    }
}

/// The file mount.
#[uniffi::export]
impl NativeSession {
    /// A page of files.
    pub async fn list_files(&self, mount_id: String, options: String, cancel: Cancel) -> Result<String> {
        let (core, options) = (self.0.clone(), parse(options)?);
        call(cancel, async move { Ok(text(&core.files().list(&mount_id, &options).await?)) }).await
    }

    /// Uploads the bytes, or else the file at the path or URL `source`.
    pub async fn upload_file(
        &self,
        mount_id: String,
        content: Option<Vec<u8>>,
        source: String,
        remote_path: Option<String>,
        mimetype: Option<String>,
        cancel: Cancel,
    ) -> Result<String> {
        let core = self.0.clone();
        let source = content.map_or_else(|| upload(source), |content| Upload::Content(content.into()));
        call(cancel, async move {
            let (remote_path, mimetype) = (remote_path.as_deref(), mimetype.as_deref());
            Ok(text(&core.files().upload(&mount_id, source, remote_path, mimetype).await?))
        })
        .await
    }

    /// Where to download a file from.
    pub async fn download_file(&self, mount_id: String, path: String, cancel: Cancel) -> Result<String> {
        let core = self.0.clone();
        call(cancel, async move { Ok(text(&core.files().download(&mount_id, &path).await?)) }).await
    }

    /// Removes a file.
    pub async fn delete_file(&self, mount_id: String, path: String, cancel: Cancel) -> Result<String> {
        let core = self.0.clone();
        call(cancel, async move { Ok(text(&core.files().delete(&mount_id, &path).await?)) }).await
    }

    /// The bytes behind a download URL.
    pub async fn file_content(&self, download_url: String, cancel: Cancel) -> Result<Vec<u8>> {
        let core = self.0.clone();
        call(cancel, async move { Ok(core.files().content(&download_url).await?.to_vec()) }).await
    }

    /// Saves what is behind a download URL; gives the path.
    pub async fn save_file(
        &self,
        download_url: String,
        mount_path: String,
        to: Option<String>,
        cancel: Cancel,
    ) -> Result<String> {
        let (core, to) = (self.0.clone(), to.map(PathBuf::from));
        call(cancel, async move {
            let saved = core.files().save(&download_url, &mount_path, to).await?;
            Ok(saved.to_string_lossy().into_owned())
        })
        .await
    }
}

/// Tools that run at the same time, here and at the backend.
#[derive(Debug, uniffi::Object)]
pub struct NativeRun(PlannedRun);

#[uniffi::export]
impl NativeRun {
    /// The custom tools to run.
    pub fn local_calls(&self) -> Vec<NativeLocalCall> {
        self.0.local_calls().iter().map(NativeLocalCall::lower).collect()
    }

    /// The files that the backend's part is going to upload by itself, for modifiers to judge first: a JSON list of
    /// objects with `id`, `path`, `source`, `tool` and `toolkit`. None where there can be none.
    pub async fn uploads(&self, cancel: Cancel) -> Result<Option<String>> {
        match self.0.uploads() {
            Some(work) => call(cancel, async move { Ok(Some(text(&work.await?))) }).await,
            None => Ok(None),
        }
    }

    /// Takes a JSON list with `id` and `path` of each upload; a path of null refuses it.
    pub fn answer_uploads(&self, answers: String) -> Result<()> {
        let answers = parse(answers)?;
        guard(|| self.0.answer_uploads(&answers))
    }

    /// Does the backend's part, if there is one, for the custom tools to run meanwhile.
    pub async fn remote(&self, cancel: Cancel) -> Result<()> {
        match self.0.remote() {
            Some(work) => call(cancel, work).await,
            None => Ok(()),
        }
    }

    /// Joins the results, one a call.
    pub fn finish(&self, outcomes: Vec<NativeLocalOutcome>) -> Result<Vec<String>> {
        let outcomes = outcomes.into_iter().map(NativeLocalOutcome::lift).collect::<Result<Vec<_>>>()?;
        let results = guard(|| self.0.finish(outcomes))?;
        Ok(results.iter().map(text).collect())
    }
}
