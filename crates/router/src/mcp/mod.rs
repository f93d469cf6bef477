//! MCP servers as sources of tools.
//!
//! A server is a child process or an HTTP endpoint, of the stateless protocol revision or of those before it. It is
//! started when it is first needed. If it ends by itself, the calls under way fail with what it last said, and the next
//! call starts it again: at once the first time, later only after a wait that doubles from one second to one minute.

mod accounts;
mod backoff;
mod client;
mod config;
mod failure;
mod hints;
mod http;
mod lines;
mod listeners;
mod outcome;
mod paging;
mod process;
mod redact;
mod repair;
pub(crate) mod sandbox;
mod scan;
mod session;
mod supervisor;
mod tools;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use composio_contract::{Error, ErrorKind, Result};
use composio_egress::TRACE_TARGET;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CancelledNotification, CancelledNotificationParam, ClientRequest,
    ErrorData, RequestId, ServerPeerInfo, ServerResult,
};
use rmcp::service::{PeerRequestOptions, RoleClient};
use rmcp::{Peer, ServiceError};
use serde_json::{Map, Value};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::time::{Instant, Timeout, timeout};
use tracing::Instrument as _;
use tracing::field::Empty;

pub use self::accounts::McpAccounts;
use self::backoff::Backoff;
pub use self::config::{McpServerConfig, McpTransport};
use self::failure::{Failure, Reporter};
pub use self::hints::Hints;
use self::paging::ListError;
pub use self::sandbox::{KnownSandbox, Sandbox, ServerLimits};
use self::session::Authorization;
use self::supervisor::{Link, Request, Server, Supervisor};
use crate::left_out::LeftOut;
use crate::source::{CallContext, Outcome, Pinning, Source, ToolDefinition, ToolkitInfo};
use crate::text;

/// Callers that may wait for the supervisor before further ones wait for room.
const WAITING_CALLERS: usize = 64;

/// How much of a server's instructions is its toolkit's description.
const DESCRIPTION_LENGTH: usize = 300;

/// The tools of one MCP server.
///
/// Its futures may be polled on any thread and any runtime, or none; the server's connection lives on the runtime that
/// it was made with. Dropping the source stops the server as [`Source::close`] does, but without waiting for it.
#[derive(Debug)]
pub struct McpSource {
    connection: Arc<Connection>,
    /// What is known of the toolkit without the server.
    configured: ToolkitInfo,
    /// What is known once the server has described itself.
    described: OnceLock<ToolkitInfo>,
    closing: watch::Sender<bool>,
}

/// The way to the server.
#[derive(Debug)]
struct Connection {
    server: Arc<Server>,
    listing: Mutex<Listing>,
    requests: mpsc::Sender<Request>,
    runtime: Handle,
}

/// What came of asking for the tools.
#[derive(Debug, Default)]
struct Listing {
    listed: Option<Listed>,
    /// A server that does not list its tools makes one caller wait; the others hear of it at once until it is asked again.
    backoff: Backoff,
    last_failure: Option<Failure>,
}

impl Listing {
    /// Those of this generation.
    fn tools(&self, generation: u64) -> Option<Arc<[ToolDefinition]>> {
        let listed = self.listed.as_ref().filter(|listed| listed.generation == generation)?;
        Some(Arc::clone(&listed.tools))
    }
}

/// The tools at one generation.
#[derive(Debug)]
struct Listed {
    generation: u64,
    tools: Arc<[ToolDefinition]>,
    left_out: Arc<LeftOut>,
}

impl McpSource {
    /// A source for a server, which is not started yet. Its connection will live on `runtime`.
    ///
    /// ```
    /// use composio_router::mcp::{McpServerConfig, McpSource};
    /// use composio_router::source::Source;
    ///
    /// let runtime = tokio::runtime::Runtime::new()?;
    /// let config: McpServerConfig =
    ///     serde_json::from_str(r#"{"slug": "time", "command": "uvx", "args": ["mcp-server-time"]}"#)?;
    /// let source = McpSource::new(config, runtime.handle().clone())?;
    /// assert_eq!(source.toolkit().slug, "time");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] where the slug, the command or the URL cannot be used.
    pub fn new(config: McpServerConfig, runtime: Handle) -> Result<Self> {
        Self::signed(config, Authorization::default(), runtime)
    }

    /// The same for one account.
    fn signed(config: McpServerConfig, authorization: Authorization, runtime: Handle) -> Result<Self> {
        config.check()?;
        let configured = ToolkitInfo {
            slug: config.slug.clone(),
            name: config.name.clone(),
            description: config.description.clone().unwrap_or_else(|| format!("Tools of {}.", config.name)),
        };
        let server = Arc::new(Server {
            reporter: Reporter::new(&config),
            config,
            generation: Default::default(),
            listeners: Default::default(),
            authorization,
            info: OnceLock::new(),
        });
        let (requests, receiver) = mpsc::channel(WAITING_CALLERS);
        let (closing, on_closing) = watch::channel(false);
        runtime.spawn(Supervisor::new(Arc::clone(&server), receiver, on_closing).run());
        let connection = Arc::new(Connection { server, listing: Mutex::default(), requests, runtime });
        Ok(Self { connection, configured, described: OnceLock::new(), closing })
    }

    /// What the server says of itself.
    pub(crate) async fn info(&self) -> Result<Option<Arc<ServerPeerInfo>>> {
        Ok(self.connection.link().await?.peer.peer_info())
    }

    /// Sends a request as it is. Dropping the future cancels it.
    pub(crate) async fn request(&self, request: ClientRequest) -> std::result::Result<ServerResult, UpstreamError> {
        let link = self.connection.link().await.map_err(Error::from)?;
        let handle = match link.peer.send_cancellable_request(request, PeerRequestOptions::no_options()).await {
            Ok(handle) => handle,
            Err(error) => return Err(Error::from(self.connection.failure(link, error).await).into()),
        };
        let mut abandoned =
            Abandoned { request: Some((link.peer.clone(), handle.id.clone())), runtime: &self.connection.runtime };
        let answer = handle.await_response().await;
        abandoned.request = None;
        match answer {
            Ok(result) => Ok(result),
            Err(ServiceError::McpError(error)) => Err(UpstreamError::Refused(error)),
            Err(error) => Err(Error::from(self.connection.failure(link, error).await).into()),
        }
    }
}

impl Connection {
    /// The connection, once the server has started.
    async fn link(&self) -> Result<Link, Failure> {
        let (request, answer) = oneshot::channel();
        let closed = || self.server.reporter.closed();
        self.requests.send(request).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    async fn tools(&self) -> Result<Arc<[ToolDefinition]>> {
        let mut listing = self.listing.lock().await;
        if let Some(tools) = listing.tools(self.server.generation.get()) {
            return Ok(tools);
        }
        if let (Some(wait), Some(last)) = (listing.backoff.remaining(), &listing.last_failure) {
            return Err(self.server.reporter.backing_off(last, wait).into());
        }
        let link = self.link().await?;
        // Taken before the list, so that a change while it is read makes for another reading.
        let generation = self.server.generation.get();
        let began = Instant::now();
        match self.list(link).await {
            Ok((tools, left_out)) => {
                let listed = Listed { generation, tools: Arc::clone(&tools), left_out: Arc::new(left_out) };
                *listing = Listing { listed: Some(listed), ..Listing::default() };
                Ok(tools)
            }
            Err(failure) => {
                // A connection that was lost is the supervisor's to wait for, and another credential may do at once.
                if matches!(failure.kind, ErrorKind::Timeout | ErrorKind::InvalidReply) {
                    listing.backoff.did_not_start(began.elapsed());
                    listing.last_failure = Some(failure.clone());
                }
                Err(failure.into())
            }
        }
    }

    async fn list(&self, link: Link) -> Result<(Arc<[ToolDefinition]>, LeftOut), Failure> {
        let limit = self.server.config.start_timeout;
        let config = &self.server.config;
        match self.within(limit, paging::list_tools(config, &link.peer, &self.runtime)).await {
            Ok(Ok((tools, mut left_out))) => Ok((tools::define(config, tools, &mut left_out), left_out)),
            Ok(Err(ListError::Service(error))) => Err(self.failure(link, error).await),
            Ok(Err(ListError::Bad(what))) => Err(self.server.reporter.failure(ErrorKind::InvalidReply, &what)),
            Err(_) => Err(self.server.reporter.not_listed(limit)),
        }
    }

    /// Limits a future's time by the source's own runtime, for the caller may be on none.
    fn within<F: Future>(&self, limit: Duration, future: F) -> Timeout<F> {
        let _context = self.runtime.enter();
        timeout(limit, future)
    }

    async fn failure(&self, link: Link, error: ServiceError) -> Failure {
        let is_process = matches!(self.server.config.transport, McpTransport::Stdio { .. });
        match error {
            ServiceError::TransportClosed if is_process || link.peer.is_transport_closed() => {
                self.server.reporter.lost(&link.end().await)
            }
            // Only the stream of this one answer.
            ServiceError::TransportClosed => self.server.reporter.lost("the connection ended before the answer did"),
            // A pipe that cannot be written to is that of a process which is ending.
            ServiceError::TransportSend(_) if is_process => self.server.reporter.lost(&link.end().await),
            error => self.server.reporter.request(&error),
        }
    }
}

/// Tells the server that nobody waits for the answer any more, where it is dropped with the request in it.
struct Abandoned<'a> {
    request: Option<(Peer<RoleClient>, RequestId)>,
    runtime: &'a Handle,
}

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        let Some((peer, id)) = self.request.take() else { return };
        let cancelled = CancelledNotification::new(CancelledNotificationParam::new(Some(id), None));
        // A server that has gone needs not be told.
        self.runtime.spawn(async move { peer.send_notification(cancelled.into()).await.ok() });
    }
}

/// Why a server did not answer a request that was passed on to it.
#[derive(Debug)]
pub enum UpstreamError {
    /// The server's own error, as it came.
    Refused(ErrorData),
    /// It could not be asked.
    Failed(Error),
}

impl From<Error> for UpstreamError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

#[async_trait]
impl Source for McpSource {
    fn toolkit(&self) -> &ToolkitInfo {
        let (None, Some(info)) = (&self.connection.server.config.description, self.connection.server.info.get()) else {
            return &self.configured;
        };
        self.described.get_or_init(|| ToolkitInfo {
            description: describe(info).unwrap_or_else(|| self.configured.description.clone()),
            ..self.configured.clone()
        })
    }

    async fn tools(&self) -> Result<Arc<[ToolDefinition]>> {
        // Not awaited: while it is held, the list is being read anew.
        let at_hand = self.connection.listing.try_lock().ok().and_then(|listing| listing.tools(self.generation()));
        if let Some(tools) = at_hand {
            return Ok(tools);
        }
        // On a task of its own, so that a caller that leaves early does not make the next one begin anew.
        let connection = Arc::clone(&self.connection);
        let reading = self.connection.runtime.spawn(async move { connection.tools().await }.in_current_span());
        reading.await.map_err(|_| Error::from(self.connection.server.reporter.closed()))?
    }

    fn left_out(&self) -> Arc<LeftOut> {
        let listing = self.connection.listing.try_lock().ok();
        listing.and_then(|listing| Some(Arc::clone(&listing.listed.as_ref()?.left_out))).unwrap_or_default()
    }

    fn pinning(&self) -> Option<Pinning> {
        Some(self.connection.server.config.pin)
    }

    fn generation(&self) -> u64 {
        self.connection.server.generation.get()
    }

    async fn changed(&self, seen: u64) {
        self.connection.server.generation.changed(seen).await;
    }

    fn mcp(&self) -> Option<&McpSource> {
        Some(self)
    }

    async fn call(
        &self,
        tool: &ToolDefinition,
        arguments: Map<String, Value>,
        context: &CallContext,
    ) -> Result<Outcome> {
        let link = self.connection.link().await?;
        let span = tracing::info_span!(
            target: TRACE_TARGET,
            "upstream",
            otel.name = %format_args!("tools/call {}", tool.operation),
            otel.kind = "client",
            otel.status_code = Empty,
            mcp.method.name = "tools/call",
            gen_ai.tool.name = tool.operation,
            composio.toolkit = self.connection.server.config.slug,
        );
        let mut params = CallToolRequestParams::new(tool.operation.clone()).with_arguments(arguments);
        span.in_scope(|| session::tell_trace(&mut params));
        let listener = context.listener.as_ref();
        let _hearing = listener.map(|listener| self.connection.server.listeners.hear(&mut params, listener));
        let call = link.peer.call_tool_once(params).instrument(span.clone());
        let reply = match self.connection.server.config.call_timeout {
            None => call.await,
            Some(limit) => self.connection.within(limit, call).await.map_err(|_| {
                span.record("otel.status_code", "ERROR");
                let what = format!("did not answer the call of {} within {} s", tool.slug, limit.as_secs_f32());
                self.connection.server.reporter.failure(ErrorKind::Timeout, &what)
            })?,
        };
        if !matches!(&reply, Ok(CallToolResponse::Complete(result)) if result.is_error != Some(true)) {
            span.record("otel.status_code", "ERROR");
        }
        match reply {
            Ok(CallToolResponse::Complete(result)) => {
                if let Some(listener) = listener {
                    outcome::tell(&result, context.output_limit, listener.as_ref())?;
                }
                outcome::read(result, context.output_limit)
            }
            Ok(_) => Ok(Outcome::failed(
                "The tool asks for input in the middle of its run, or goes on in the background. Neither can be served \
                 here; call it with all it needs to finish at once.",
            )),
            Err(ServiceError::McpError(error)) => {
                let mut message = error.message.into_owned();
                outcome::truncate(&mut message, context.output_limit);
                Ok(Outcome::failed(message))
            }
            Err(error) => Err(self.connection.failure(link, error).await.into()),
        }
    }

    async fn close(&self) {
        self.closing.send_replace(true);
        // The supervisor's end of the channel goes when all has ended.
        self.connection.requests.closed().await;
    }
}

/// What a server says it is about: its description, else the first line of its instructions, else its title.
fn describe(info: &ServerPeerInfo) -> Option<String> {
    let implementation = info.server_info.as_ref();
    let first_line = |text: &String| Some(text.trim_start_matches(['#', ' ', '\n']).lines().next()?.to_owned());
    let text = None
        .or_else(|| implementation?.description.clone())
        .or_else(|| info.instructions.as_ref().and_then(first_line).filter(|line| !line.is_empty()))
        .or_else(|| implementation?.title.clone())?;
    Some(text::prose(&text, DESCRIPTION_LENGTH))
}
