//! What the MCP server behind a toolkit has beside tools, passed on as it is.

use composio_router::Upstream;
use composio_router::mcp::UpstreamError;
use rmcp::ErrorData;
use rmcp::model::{ClientRequest, PromptsCapability, ResourcesCapability, ServerCapabilities, ServerResult};

use super::outcome;
use super::target::Target;

impl Target {
    async fn upstream(&self) -> Result<Option<Upstream>, ErrorData> {
        let Some(toolkit) = &self.toolkit else { return Ok(None) };
        let upstream = self.router.upstream(&self.session_id, toolkit).await;
        upstream.map_err(|error| outcome::protocol_error(&error))
    }

    /// Adds what the server has of prompts, resources and completions. Subscriptions to resources are not passed on,
    /// and no list of these is watched.
    pub(super) async fn add_capabilities(&self, capabilities: &mut ServerCapabilities) -> Result<(), ErrorData> {
        let Some(upstream) = self.upstream().await? else { return Ok(()) };
        let info = self.within_limits(upstream.info()).await.map_err(|error| outcome::protocol_error(&error))?;
        let Some(info) = info else { return Ok(()) };
        capabilities.prompts = info.capabilities.prompts.as_ref().map(|_| PromptsCapability::default());
        capabilities.resources = info.capabilities.resources.as_ref().map(|_| ResourcesCapability::default());
        capabilities.completions.clone_from(&info.capabilities.completions);
        Ok(())
    }

    /// Sends a request on, and gives the answer.
    ///
    /// # Errors
    /// The server's own, or why it could not be asked.
    pub(super) async fn pass(&self, method: &'static str, request: ClientRequest) -> Result<ServerResult, ErrorData> {
        let Some(upstream) = self.upstream().await? else {
            return Err(ErrorData::new(rmcp::model::ErrorCode::METHOD_NOT_FOUND, method, None));
        };
        // An error of the server's own is an answer: only the rest is an error here.
        let passed = async {
            match upstream.request(request).await {
                Ok(result) => Ok(Ok(result)),
                Err(UpstreamError::Refused(error)) => Ok(Err(error)),
                Err(UpstreamError::Failed(error)) => Err(error),
            }
        };
        self.within_limits(passed).await.map_err(|error| outcome::protocol_error(&error))?
    }
}

/// The error about an answer that is not of the kind that was asked for.
pub(super) fn unexpected(result: &ServerResult) -> ErrorData {
    let message = match result {
        ServerResult::InputRequiredResult(_) => {
            "the server behind this asks for input before it answers, which is not passed on"
        }
        _ => "the server behind this sent an answer that does not fit the request",
    };
    ErrorData::internal_error(message, None)
}
