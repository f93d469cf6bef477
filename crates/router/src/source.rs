//! What the router can serve: sources of tools, one a toolkit.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use composio_contract::{ProxyExecuteRequest, RawJson, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::accounts::{AuthScheme, Credential};
use crate::left_out::LeftOut;
use crate::mcp::McpSource;
use crate::workspace::Workspace;

/// A hint about what a tool does, in the words of the contract.
///
/// They follow the MCP annotations of the same names; `createHint` and `updateHint` are the contract's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tag {
    /// Changes nothing.
    ReadOnly,
    /// Makes something new.
    Create,
    /// Changes what exists.
    Update,
    /// May remove or overwrite what exists.
    Destructive,
    /// The same call twice has the effect of one.
    Idempotent,
    /// Reaches beyond this machine or this user's data.
    OpenWorld,
}

impl Tag {
    /// Every tag.
    pub const ALL: [Self; 6] =
        [Self::ReadOnly, Self::Create, Self::Update, Self::Destructive, Self::Idempotent, Self::OpenWorld];

    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => "readOnlyHint",
            Self::Create => "createHint",
            Self::Update => "updateHint",
            Self::Destructive => "destructiveHint",
            Self::Idempotent => "idempotentHint",
            Self::OpenWorld => "openWorldHint",
        }
    }
}

/// A toolkit, known before any of its tools is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolkitInfo {
    /// The slug: lower case letters, digits and underscores.
    pub slug: String,
    /// The name for people.
    pub name: String,
    /// What its tools are about, a sentence.
    pub description: String,
}

/// A tool that a source serves.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolDefinition {
    /// `<TOOLKIT>_<OPERATION>`, upper snake, at most 64 characters; see [`crate::slug`]. It is a proposal: the router gives the
    /// tool another slug if this one belongs to another tool.
    pub slug: String,
    /// The source's own name of the operation.
    pub operation: String,
    /// The name for people.
    pub title: String,
    /// What it does, for a model.
    pub description: String,
    /// The JSON Schema of the arguments, of type `object`.
    pub input_schema: Value,
    /// The JSON Schema of the result, where the source has one.
    pub output_schema: Option<Value>,
    /// What kind of thing it does, as far as the source says.
    pub tags: Vec<Tag>,
    /// What rules that exclude tools, or ask the user first, take it for beside its tags. A source that cannot be trusted
    /// with its own hints has here what they would have to rule out.
    pub cautions: Vec<Tag>,
    /// What else of it must not change unnoticed: an MCP server's annotations, the method and path of an API's operation.
    pub facts: Value,
}

/// What an account lists: the hash of each tool's definition, by operation. See [`definition_hash`](crate::definition_hash).
pub type ToolListing = HashMap<String, [u8; 32]>;

/// Whether the definitions of a source's tools are pinned: remembered with the first sight of them, so that a change is
/// noticed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pinning {
    /// A changed definition is held back until an operator accepts it.
    #[default]
    Hold,
    /// A changed definition is accepted.
    Off,
}

/// How far a call has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// More each time.
    pub progress: f64,
    /// What it comes to at the end, where that is known.
    pub total: Option<f64>,
    /// What is being done, for people.
    pub message: Option<String>,
}

/// Who hears of a call while it runs. Its methods are called in between other work and must not wait.
pub trait Listener: fmt::Debug + Send + Sync {
    /// The call has come so far.
    fn progress(&self, progress: Progress);

    /// What an MCP server answered, as MCP has it: a `CallToolResult` with its content, of which the outcome holds what
    /// the contract can say. Called at most once, right before the outcome, and only with what is within the limits.
    fn answered(&self, result: RawJson);
}

/// What is told of a tool where it is shown whole. It is asked for one tool at a time: to have it for every tool of a large
/// toolkit would take far more memory than the tools themselves.
#[derive(Clone, Debug, Default)]
pub struct ToolDetails {
    /// The JSON Schema of the result, where the source has one.
    pub output_schema: Option<Value>,
    /// Whether the tool should not be used any more.
    pub deprecated: bool,
    /// The scopes that the account's token must have for it.
    pub scopes: Vec<String>,
}

impl ToolDetails {
    /// What the definition itself says.
    #[must_use]
    pub fn of(tool: &ToolDefinition) -> Self {
        Self { output_schema: tool.output_schema.clone(), ..Self::default() }
    }
}

/// Whether a tool's calls take a connected account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signing {
    /// They are never signed.
    Never,
    /// They are signed where the user has an account.
    Optional,
    /// They are not made without one.
    Always,
}

/// What an API answered to a raw call.
#[derive(Clone, Debug)]
pub struct ProxyResult {
    /// The HTTP status.
    pub status: u16,
    /// Headers that say something about the answer, by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: ProxyBody,
}

/// The body of an answer to a raw call.
#[derive(Clone, Debug)]
pub enum ProxyBody {
    /// None.
    None,
    /// JSON, or a text as a JSON string.
    Json(RawJson),
    /// What is no text, or too long, among the user's files.
    File(SavedFile),
}

/// An answer that was saved among the user's files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SavedFile {
    /// The path, relative to the user's folder.
    pub path: String,
    /// The size in bytes.
    pub size: u64,
    /// What it is.
    pub media_type: String,
}

/// For whom and within which bounds a call runs. It comes from the session, never from a model's arguments.
#[derive(Clone, Debug)]
pub struct CallContext {
    /// The session's user.
    pub user_id: String,
    /// The session.
    pub session_id: String,
    /// The user's folder.
    pub workspace: Arc<Workspace>,
    /// How long the call may take. The router enforces it by dropping the call's future; a source may use it to tell
    /// an upstream.
    pub time_limit: Duration,
    /// How many bytes the result may have, as JSON text.
    pub output_limit: usize,
    /// Who hears of the call while it runs, if anyone does.
    pub listener: Option<Arc<dyn Listener>>,
    /// What signs the call, where [`Source::signing`] asks for it. It is for the API alone: the router masks an echo of it in
    /// the result.
    pub credential: Option<Arc<Credential>>,
}

/// How a tool's run ended. A failure of the tool is an outcome, not an error: the model is to read it.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The result, an object.
    Completed(RawJson),
    /// The tool's reason, and what it returned all the same.
    Failed {
        /// Why, for a model: what was wrong and what to do.
        error: String,
        /// What it returned, an object.
        data: Option<RawJson>,
    },
}

impl Outcome {
    /// A failure that returned nothing else.
    #[must_use]
    pub fn failed(error: impl Into<String>) -> Self {
        Self::Failed { error: error.into(), data: None }
    }
}

/// A toolkit's tools and the way to run them.
///
/// Dropping the future of [`Source::call`] cancels the call, also upstream.
#[async_trait]
pub trait Source: fmt::Debug + Send + Sync {
    /// The toolkit.
    fn toolkit(&self) -> &ToolkitInfo;

    /// The toolkit's tools. The first call may start a server; later ones answer from memory until
    /// [`Source::generation`] changes.
    ///
    /// # Errors
    /// Where the source cannot be reached or started; the message says what was tried and what to mend.
    async fn tools(&self) -> Result<Arc<[ToolDefinition]>>;

    /// The tools that are left out of those of [`Source::tools`], as it answered last.
    fn left_out(&self) -> Arc<LeftOut> {
        Arc::default()
    }

    /// How its calls are signed, which takes a connected account of the user's; none where nothing is needed.
    fn auth(&self) -> Option<&AuthScheme> {
        None
    }

    /// Whether a tool's calls are signed as [`Source::auth`] says.
    fn signing(&self, tool: &ToolDefinition) -> Signing {
        let _ = tool;
        if self.auth().is_some() { Signing::Always } else { Signing::Never }
    }

    /// Whether each account has tools of its own. [`Source::tools`] then are those that accounts have listed so far, each
    /// definition of an operation among them, and a session sees those that [`Source::list_for`] names for the accounts of its
    /// user.
    fn lists_by_account(&self) -> bool {
        false
    }

    /// The tools that an account has.
    ///
    /// # Errors
    /// Those of [`Source::tools`], and [`ErrorKind::Authentication`](composio_contract::ErrorKind::Authentication) where the
    /// credential is refused.
    async fn list_for(&self, credential: &Credential) -> Result<Arc<ToolListing>> {
        let _ = credential;
        let tools = self.tools().await?;
        Ok(Arc::new(tools.iter().map(|tool| (tool.operation.clone(), crate::definition_hash(tool))).collect()))
    }

    /// Whether definitions are pinned; none where they come from the operator or from this program, which change them
    /// knowingly.
    fn pinning(&self) -> Option<Pinning> {
        None
    }

    /// What all calls of a pinned toolkit stand on, such as the servers they go to; none where nothing but the definitions
    /// matters. It is asked once the tools are known, and pinned as they are: while a change of it is held, neither raw calls
    /// are made nor tools offered that are new.
    fn ground(&self) -> Option<Value> {
        None
    }

    /// Lets go of what is kept for an account, as [`Credential`] names it, which was revoked or deleted.
    fn forget(&self, account: &str) {
        let _ = account;
    }

    /// Counts up when the tools may have changed.
    fn generation(&self) -> u64;

    /// Resolves once [`Source::generation`] is another than `seen`. A source whose tools never change has no need of it.
    async fn changed(&self, seen: u64) {
        let _ = seen;
        std::future::pending().await
    }

    /// The MCP server behind the toolkit, for what it has beside tools; none where there is no such server.
    fn mcp(&self) -> Option<&McpSource> {
        None
    }

    /// What is told of a tool where it is shown whole.
    fn details(&self, tool: &ToolDefinition) -> ToolDetails {
        ToolDetails::of(tool)
    }

    /// Whether there is an API behind the toolkit that [`Source::proxy`] sends raw requests to.
    fn has_api(&self) -> bool {
        false
    }

    /// Checks where a raw request would go, before an account is looked up for it.
    ///
    /// # Errors
    /// Those of [`Source::proxy`] that need no request to be sent.
    async fn check_proxy(&self, request: &ProxyExecuteRequest) -> Result<()> {
        let _ = request;
        Ok(())
    }

    /// Sends a raw request to the API behind the toolkit: a relative endpoint goes below its base URL, an absolute one must
    /// lie on its hosts.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](composio_contract::ErrorKind::Unsupported) where there is no API behind the toolkit,
    /// [`ErrorKind::BlockedUrl`](composio_contract::ErrorKind::BlockedUrl) for another host, and where the API cannot be
    /// reached. An error of the API is an answer.
    async fn proxy(&self, request: &ProxyExecuteRequest, context: &CallContext) -> Result<ProxyResult> {
        let _ = (request, context);
        Err(crate::openapi::no_api(&self.toolkit().slug))
    }

    /// Runs a tool of this source. The arguments have been checked against the tool's input schema.
    ///
    /// # Errors
    /// Where the source cannot be reached or broke while it ran the tool. What the tool itself says went wrong is an
    /// [`Outcome::Failed`]. [`composio_contract::ErrorKind::Authentication`] says that the API refused the credential and did
    /// nothing; the router then renews it once and calls again.
    async fn call(
        &self,
        tool: &ToolDefinition,
        arguments: Map<String, Value>,
        context: &CallContext,
    ) -> Result<Outcome>;

    /// Ends what the source started. No child process is left.
    async fn close(&self);
}
