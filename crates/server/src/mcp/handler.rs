//! What an MCP client is answered.

use std::future::Future;
use std::sync::Arc;

use axum::http::request::Parts;
use composio_contract::{Backend as _, Error, ErrorKind, ExecuteReply, ExecuteRequest, RawJson};
use composio_router::source::Listener;
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ClientRequest, CompleteRequestParams, CompleteResult, DiscoverResult,
    Extensions, GetPromptRequestParams, GetPromptResponse, Implementation, InitializeRequestParams, InitializeResult,
    ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse, Request, RequestOptionalParam, ResultType,
    ServerCapabilities, ServerConfig, ServerResult, SubscriptionFilter,
};
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer};
use tracing::{Instrument as _, Span};

use super::changes::{self, Watch};
use super::hearing::{self, Hearing};
use super::target::Target;
use super::{clean, outcome, questions, tools, upstream};

/// Answers the requests of clients. Over HTTP each brings the session it is for.
#[derive(Clone, Debug, Default)]
pub(super) struct Handler {
    /// The session of a client that has no other.
    only: Option<Target>,
    watch: Watch,
}

impl Handler {
    /// For a client whose requests are all for one session.
    pub(super) fn of(target: Target) -> Self {
        Self { only: Some(target), watch: Watch::default() }
    }

    pub(super) fn target(&self, extensions: &Extensions) -> Result<Target, ErrorData> {
        let of_request = || extensions.get::<Parts>()?.extensions.get::<Target>();
        self.only
            .as_ref()
            .or_else(of_request)
            .cloned()
            .ok_or_else(|| outcome::protocol_error(&Error::new(ErrorKind::Internal, "a request has no session")))
    }

    /// The session's own advice to a model. It speaks of the meta tools, which a toolkit by itself has not.
    async fn advice(target: &Target) -> Result<Option<String>, ErrorData> {
        let session = target.router.get_session(&target.session_id).await;
        let session = session.map_err(|error| outcome::protocol_error(&error))?;
        let experimental = session.experimental.as_ref().filter(|_| target.toolkit.is_none());
        Ok(experimental.and_then(|experimental| experimental.assistive_prompt.clone()))
    }
}

/// What a server behind this answers, as that kind of result alone.
macro_rules! passed {
    ($passed:expr, $kind:ident) => {
        match $passed.await? {
            ServerResult::$kind(mut result) => {
                // The library leaves it out where the client's revision does not know it.
                result.result_type = Some(ResultType::COMPLETE);
                Ok(result.into())
            }
            other => Err(upstream::unexpected(&other)),
        }
    };
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        let server = Implementation::new("composio", env!("CARGO_PKG_VERSION"));
        let capabilities = ServerCapabilities::builder().enable_tools().enable_tool_list_changed().build();
        ServerConfig::new(capabilities).with_server_info(server)
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        context.peer.set_peer_info(request.clone());
        let mut info = self.negotiate_initialize(&request)?;
        let target = self.target(&context.extensions)?;
        info.instructions = Self::advice(&target).await?;
        target.add_capabilities(&mut info.capabilities).await?;
        let seen = target.listing_state().await.map_err(|error| outcome::protocol_error(&error))?;
        self.watch.begin(target, seen, context.peer);
        Ok(info)
    }

    async fn discover(&self, context: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        let mut info = self.get_info();
        let target = self.target(&context.extensions)?;
        info.instructions = Self::advice(&target).await?;
        target.add_capabilities(&mut info.capabilities).await?;
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
        let listing = async {
            match &target.toolkit {
                Some(toolkit) => tools::of_toolkit(&target.router, &target.session_id, toolkit).await,
                None => tools::list(&target.router, &target.session_id).await,
            }
        };
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

    fn accepted_subscription_filter(&self, _: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(changes::accepted())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let target = self.target(&context.request_context().extensions)?;
        changes::tell(&target, &context).await.map_err(|error| outcome::protocol_error(&error))
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let request = ClientRequest::ListPromptsRequest(page(request));
        let list = passed!(self.target(&context.extensions)?.pass("prompts/list", request), ListPromptsResult);
        list.map(clean::prompts)
    }

    async fn get_prompt(
        &self,
        mut request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        request.meta = None;
        let request = ClientRequest::GetPromptRequest(Request::new(request));
        passed!(self.target(&context.extensions)?.pass("prompts/get", request), GetPromptResult)
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let request = ClientRequest::ListResourcesRequest(page(request));
        let list = passed!(self.target(&context.extensions)?.pass("resources/list", request), ListResourcesResult);
        list.map(clean::resources)
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let request = ClientRequest::ListResourceTemplatesRequest(page(request));
        let list = passed!(
            self.target(&context.extensions)?.pass("resources/templates/list", request),
            ListResourceTemplatesResult
        );
        list.map(clean::templates)
    }

    async fn read_resource(
        &self,
        mut request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        request.meta = None;
        let request = ClientRequest::ReadResourceRequest(Request::new(request));
        passed!(self.target(&context.extensions)?.pass("resources/read", request), ReadResourceResult)
    }

    async fn complete(
        &self,
        mut request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        request.meta = None;
        let request = ClientRequest::CompleteRequest(Request::new(request));
        passed!(self.target(&context.extensions)?.pass("completion/complete", request), CompleteResult)
    }
}

/// A request for a page of a list, without what the client said in it of itself.
fn page<M: Default>(request: Option<PaginatedRequestParams>) -> RequestOptionalParam<M, PaginatedRequestParams> {
    let cursor = request.and_then(|request| request.cursor);
    RequestOptionalParam {
        params: cursor.map(|cursor| PaginatedRequestParams::default().with_cursor(Some(cursor))),
        method: M::default(),
        extensions: Extensions::default(),
    }
}

/// Makes a call, asks the user where it waits for that, and tells the client how far it has come.
async fn call(
    target: &Target,
    params: CallToolRequestParams,
    context: &RequestContext<RoleServer>,
) -> composio_contract::Result<CallToolResponse> {
    let (hearing, steps) = Hearing::new(context.meta.get_progress_token());
    let hearing = Arc::new(hearing);
    let made = async {
        let reply = make(target, params, context, &hearing).await;
        (reply, hearing.end())
    };
    let ((made, heard), ()) = tokio::join!(made, hearing::tell(steps, &context.peer));
    match (made?, heard) {
        (Made::Ended(reply), heard) => {
            let of_server = heard.map(|result| outcome::of_server(&result, &reply)).transpose()?.flatten();
            of_server.map_or_else(|| outcome::of_reply(&reply), Ok).map(CallToolResponse::from)
        }
        (Made::Answered(response), _) => Ok(response),
    }
}

/// What came of a call.
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and it is taken apart at once")]
enum Made {
    /// It ran, or was refused.
    Ended(Box<ExecuteReply>),
    /// The user must answer first, or cannot.
    Answered(CallToolResponse),
}

async fn make(
    target: &Target,
    params: CallToolRequestParams,
    context: &RequestContext<RoleServer>,
    hearing: &Arc<Hearing>,
) -> composio_contract::Result<Made> {
    let tool_slug = match &target.toolkit {
        Some(toolkit) => target.router.slug_of(toolkit, &params.name).await?,
        None => params.name.into_owned(),
    };
    let mut request = ExecuteRequest {
        tool_slug,
        arguments: params.arguments.as_ref().map(RawJson::encode).transpose()?,
        input_responses: params.input_responses.as_ref().map(RawJson::encode).transpose()?,
        request_state: params.request_state,
        ..ExecuteRequest::default()
    };
    let can_ask = questions::can_ask(context.client_capabilities().as_ref());
    let asks_in_result = context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28);
    let mut reply = target.execute(&request, hearing).await?;
    if waits(&reply) {
        if !can_ask {
            let refused = outcome::refused(format!(
                "{} waits for the user's approval, and this client cannot ask for it: it has not declared elicitation. \
                 The tool did not run.",
                request.tool_slug
            ));
            return Ok(Made::Answered(refused.into()));
        }
        if asks_in_result {
            return questions::as_result(&reply).map(|questions| Made::Answered(questions.into()));
        }
        request.input_responses = Some(questions::ask(&context.peer, &reply).await?);
        request.request_state = reply.request_state.take();
        reply = target.execute(&request, hearing).await?;
        if waits(&reply) {
            let late = outcome::refused("the user's answer came too late, and the tool did not run; call it again");
            return Ok(Made::Answered(late.into()));
        }
    }
    Ok(Made::Ended(Box::new(reply)))
}

fn waits(reply: &ExecuteReply) -> bool {
    reply.result_type == Some(composio_contract::ResultType::InputRequired)
}

impl Target {
    async fn execute(
        &self,
        request: &ExecuteRequest,
        hearing: &Arc<Hearing>,
    ) -> composio_contract::Result<ExecuteReply> {
        // Meta tools go this way too: the router knows them by their slugs.
        let listener: Arc<dyn Listener> = Arc::clone(hearing) as _;
        self.within_limits(self.router.execute_heard(&self.session_id, request, Some(listener))).await
    }

    /// A call takes one of the caller's places and has the time of any other request. The user's answer is not waited
    /// for in here.
    pub(super) async fn within_limits<T>(
        &self,
        call: impl Future<Output = composio_contract::Result<T>>,
    ) -> composio_contract::Result<T> {
        let Some((app, identity)) = &self.caller else { return call.await };
        let limits = app.options();
        let _slot = app.slot(&identity.key).map_err(|_| {
            let message = format!("{} calls run already, and no more may at the same time", limits.concurrency);
            Error::new(ErrorKind::RateLimit, message).with_suggested_fix("wait until one has ended")
        })?;
        tokio::time::timeout(limits.request_timeout, call).await.unwrap_or_else(|_| {
            let seconds = limits.request_timeout.as_secs_f64();
            Err(Error::new(ErrorKind::Timeout, format!("the call took longer than {seconds} seconds and was stopped")))
        })
    }
}
