//! The MCP server behind a toolkit, as a session may use it: its tools under its own names, and what it has beside tools.

use std::fmt;
use std::sync::Arc;

use composio_contract::{Error, ErrorKind, Result, Tool};
use rmcp::model::{ClientRequest, ServerPeerInfo, ServerResult};

use crate::mcp::{McpSource, UpstreamError};
use crate::router::Router;
use crate::source::Source;

/// A tool under the name that its source has for it.
#[derive(Clone, Debug)]
pub struct NamedTool {
    /// The source's own name.
    pub name: String,
    /// The tool as the contract has it.
    pub tool: Tool,
}

/// The MCP server behind a toolkit.
#[derive(Clone)]
pub struct Upstream(Arc<dyn Source>);

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Upstream").field(&self.0.toolkit().slug).finish()
    }
}

impl Upstream {
    fn source(&self) -> Result<&McpSource> {
        self.0.mcp().ok_or_else(|| Error::new(ErrorKind::Internal, "a toolkit has lost its MCP server"))
    }

    /// What the server says of itself; starts it where it does not run.
    ///
    /// # Errors
    /// Where it cannot be started or reached.
    pub async fn info(&self) -> Result<Option<Arc<ServerPeerInfo>>> {
        self.source()?.info().await
    }

    /// Sends the server a request, and gives its answer. Dropping the future cancels the request.
    ///
    /// # Errors
    /// [`UpstreamError::Refused`] with the server's own error, or why it could not be asked.
    pub async fn request(&self, request: ClientRequest) -> std::result::Result<ServerResult, UpstreamError> {
        self.source()?.request(request).await
    }
}

impl Router {
    /// The tools of one toolkit that a session may run, under the names that the toolkit's source has for them.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] or [`ErrorKind::PermissionDenied`] where the session has no such toolkit, or why its
    /// tools could not be read.
    pub async fn toolkit_tools(&self, session_id: &str, toolkit: &str) -> Result<Vec<NamedTool>> {
        let session = self.called(session_id).await?;
        let slug = &self.catalog.toolkit(toolkit)?.slug;
        session.policy.toolkit(slug).map_err(|denial| denial.error(slug))?;
        self.list_by_account(&session, |toolkit| toolkit == slug).await?;
        let mut named = Vec::new();
        for loaded in self.catalog.load(|toolkit| toolkit.slug == *slug).await {
            let tools = loaded.tools?;
            let allowed = tools.iter().filter(|tool| session.policy.decide(&tool.subject()).is_ok());
            named.extend(
                allowed.map(|tool| NamedTool { name: tool.definition.operation.clone(), tool: tool.on_the_wire() }),
            );
        }
        Ok(named)
    }

    /// The slug of the tool that a toolkit's source calls `name`, whether the session may run it or not: running it
    /// says why not.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where the toolkit has no such tool, or why its tools could not be read.
    pub async fn slug_of(&self, toolkit: &str, name: &str) -> Result<String> {
        let slug = &self.catalog.toolkit(toolkit)?.slug;
        let Some(loaded) = self.catalog.load(|toolkit| toolkit.slug == *slug).await.into_iter().next() else {
            return Err(self.catalog.unknown_toolkit(toolkit, ErrorKind::NotFound));
        };
        let tools = loaded.tools?;
        if let Some(tool) = tools.iter().find(|tool| tool.definition.operation == name) {
            return Ok(tool.slug().to_owned());
        }
        let held = self.catalog.all_held().into_iter().find(|held| held.toolkit == *slug && held.operation == name);
        if let Some(held) = held.filter(|_| self.catalog.source(slug).is_ok_and(|source| !source.lists_by_account())) {
            return Err(held.error());
        }
        // What an account lists is for its user alone.
        let shared = tools.iter().filter(|tool| !tool.source.lists_by_account());
        let close = composio_schema::closest(name, shared.map(|tool| tool.definition.operation.as_str()));
        let error = Error::new(ErrorKind::NotFound, format!("the toolkit `{slug}` has no tool `{name}`"));
        let error = error.with_status(404);
        if close.is_empty() {
            return Err(error);
        }
        Err(error.with_suggested_fix(format!("did you mean {}?", close.join(" or "))))
    }

    /// The MCP server behind a toolkit, where there is one and the session has the whole of the toolkit: filters,
    /// permissions and approvals name tools, and there is no telling what of the rest they would leave out.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] or [`ErrorKind::PermissionDenied`] where the session has no such toolkit.
    pub async fn upstream(&self, session_id: &str, toolkit: &str) -> Result<Option<Upstream>> {
        let session = self.session(session_id).await?;
        let slug = &self.catalog.toolkit(toolkit)?.slug;
        session.policy.toolkit(slug).map_err(|denial| denial.error(slug))?;
        let source = self.catalog.sources().find(|source| source.toolkit().slug == *slug && source.mcp().is_some());
        Ok(source.filter(|_| session.policy.has_whole(slug)).map(|source| Upstream(Arc::clone(source))))
    }
}
