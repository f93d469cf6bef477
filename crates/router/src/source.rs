//! What the router can serve: sources of tools, one a toolkit.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use composio_contract::{RawJson, Result};
use serde_json::{Map, Value};

use crate::accounts::{AuthScheme, Credential};
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
#[derive(Clone, Debug)]
pub struct ToolDefinition {
    /// `<TOOLKIT>_<OPERATION>`, upper snake, at most 64 characters; see [`crate::slug`].
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
    /// What kind of thing it does.
    pub tags: Vec<Tag>,
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
    /// What signs the call, where [`Source::auth`] asks for it. It is for the API alone: the router masks an echo of it in
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

    /// How its calls are signed, which takes a connected account of the user's; none where nothing is needed.
    fn auth(&self) -> Option<&AuthScheme> {
        None
    }

    /// Counts up when the tools may have changed.
    fn generation(&self) -> u64;

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
