//! What an MCP client is answered.

use std::future::Future;

use axum::http::request::Parts;
use composio_contract::{Backend as _, Error, ErrorKind, ExecuteReply, ExecuteRequest, RawJson, ResultType};
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, DiscoverResult, Extensions, Implementation, InitializeRequestParams,
    InitializeResult, ListToolsResult, PaginatedRequestParams, ProtocolVersion, ServerCapabilities, ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use tracing::{Instrument as _, Span};

use super::target::Target;
use super::{outcome, questions, tools};

/// Answers the requests of clients. Over HTTP each brings the session it is for.
#[derive(Clone, Debug, Default)]
pub(super) struct Handler {
    /// The session of a client that has no other.
    only: Option<Target>,
}

impl Handler {
    /// For a client whose requests are all for one session.
    pub(super) fn of(target: Target) -> Self {
        Self { only: Some(target) }
    }

    fn target(&self, extensions: &Extensions) -> Result<Target, ErrorData> {
        let of_request = || extensions.get::<Parts>()?.extensions.get::<Target>();
        self.only
            .as_ref()
            .or_else(of_request)
            .cloned()
            .ok_or_else(|| outcome::protocol_error(&Error::new(ErrorKind::Internal, "a request has no session")))
    }

    /// What the server is, with the session's own advice to a model.
    async fn introduce(&self, extensions: &Extensions) -> Result<Option<String>, ErrorData> {
        let target = self.target(extensions)?;
        let session = target.router.get_session(&target.session_id).await;
        let session = session.map_err(|error| outcome::protocol_error(&error))?;
        Ok(session.experimental.as_ref().and_then(|experimental| experimental.assistive_prompt.clone()))
    }
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        let server = Implementation::new("composio", env!("CARGO_PKG_VERSION"));
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build()).with_server_info(server)
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        context.peer.set_peer_info(request.clone());
        let mut info = self.negotiate_initialize(&request)?;
        info.instructions = self.introduce(&context.extensions).await?;
        Ok(info)
    }

    async fn discover(&self, context: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        let mut info = self.get_info();
        info.instructions = self.introduce(&context.extensions).await?;
        Ok(DiscoverResult::from_server_info(self.supported_protocol_versions().into_owned(), info))
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        if request.is_some_and(|request| request.cursor.is_some()) {
            return Err(ErrorData::invalid_params("the list has one page, and this cursor is of none", None));
        }
        let target = self.target(&context.extensions)?;
        let listing = tools::list(&target.router, &target.session_id);
        let tools = target.within_limits(listing).await.map_err(|error| outcome::protocol_error(&error))?;
        Ok(ListToolsResult::with_all_items(tools))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let target = self.target(&context.extensions)?;
        let cancelled = context.ct.clone();
        // The MCP library answers on another task than the request's.
        let of_request = || context.extensions.get::<Parts>()?.extensions.get::<Span>().cloned();
        let span = of_request().unwrap_or_else(Span::none);
        tokio::select! {
            // What the call was doing ends with it.
            () = cancelled.cancelled() => Err(ErrorData::internal_error("the request was cancelled", None)),
            answer = call(&target, request, &context).instrument(span) => match answer {
                Ok(response) => Ok(response),
                Err(error) => outcome::of_error(&error).map(CallToolResponse::from),
            },
        }
    }
}

/// Makes a call, and asks the user where it waits for that.
async fn call(
    target: &Target,
    params: CallToolRequestParams,
    context: &RequestContext<RoleServer>,
) -> composio_contract::Result<CallToolResponse> {
    let mut request = ExecuteRequest {
        tool_slug: params.name.into_owned(),
        arguments: params.arguments.as_ref().map(RawJson::encode).transpose()?,
        input_responses: params.input_responses.as_ref().map(RawJson::encode).transpose()?,
        request_state: params.request_state,
        ..ExecuteRequest::default()
    };
    let can_ask = questions::can_ask(context.client_capabilities().as_ref());
    let asks_in_result = context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28);
    let mut reply = target.execute(&request).await?;
    if waits(&reply) {
        if !can_ask {
            return Ok(outcome::refused(format!(
                "{} waits for the user's approval, and this client cannot ask for it: it has not declared elicitation. \
                 The tool did not run.",
                request.tool_slug
            ))
            .into());
        }
        if asks_in_result {
            return questions::as_result(&reply).map(CallToolResponse::from);
        }
        request.input_responses = Some(questions::ask(&context.peer, &reply).await?);
        request.request_state = reply.request_state.take();
        reply = target.execute(&request).await?;
        if waits(&reply) {
            return Ok(
                outcome::refused("the user's answer came too late, and the tool did not run; call it again").into()
            );
        }
    }
    outcome::of_reply(&reply).map(CallToolResponse::from)
}

fn waits(reply: &ExecuteReply) -> bool {
    reply.result_type == Some(ResultType::InputRequired)
}

impl Target {
    async fn execute(&self, request: &ExecuteRequest) -> composio_contract::Result<ExecuteReply> {
        // Meta tools go this way too: the router knows them by their slugs.
        let reply = self.within_limits(self.router.execute(&self.session_id, request)).await?;
        Ok(reply.into_parts().1)
    }

    /// A call takes one of the caller's places and has the time of any other request. The user's answer is not waited
    /// for in here.
    async fn within_limits<T>(
        &self,
        call: impl Future<Output = composio_contract::Result<T>>,
    ) -> composio_contract::Result<T> {
        let Some((app, identity)) = &self.caller else { return call.await };
        let limits = app.options();
        let _slot = app.slots().take(&identity.key).map_err(|_| {
            let message = format!("{} calls run already, and no more may at the same time", limits.concurrency);
            Error::new(ErrorKind::RateLimit, message).with_suggested_fix("wait until one has ended")
        })?;
        tokio::time::timeout(limits.request_timeout, call).await.unwrap_or_else(|_| {
            let seconds = limits.request_timeout.as_secs_f64();
            Err(Error::new(ErrorKind::Timeout, format!("the call took longer than {seconds} seconds and was stopped")))
        })
    }
}
