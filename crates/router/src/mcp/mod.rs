//! MCP servers as sources of tools.
//!
//! A server is a child process or an HTTP endpoint, of the stateless protocol revision or of those before it. It is
//! started when it is first needed. If it ends by itself, the calls under way fail with what it last said, and the next
//! call starts it again: at once the first time, later only after a wait that doubles from one second to one minute.

mod backoff;
mod client;
mod config;
mod failure;
mod http;
mod outcome;
mod process;
mod redact;
mod session;
mod supervisor;
mod tools;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use composio_contract::{ErrorKind, Result};
use composio_egress::TRACE_TARGET;
use rmcp::ServiceError;
use rmcp::model::{CallToolRequestParams, CallToolResponse, ServerPeerInfo};
use serde_json::{Map, Value};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::time::{Timeout, timeout};
use tracing::Instrument as _;
use tracing::field::Empty;

pub use self::config::{McpServerConfig, McpTransport};
use self::failure::{Failure, Reporter};
use self::supervisor::{Link, Request, Server, Supervisor};
use crate::source::{CallContext, Outcome, Source, ToolDefinition, ToolkitInfo};

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
    server: Arc<Server>,
    /// What is known of the toolkit without the server.
    configured: ToolkitInfo,
    /// What is known once the server has described itself.
    described: OnceLock<ToolkitInfo>,
    listed: Mutex<Option<Listed>>,
    requests: mpsc::Sender<Request>,
    closing: watch::Sender<bool>,
    runtime: Handle,
}

/// The tools at one generation.
#[derive(Debug)]
struct Listed {
    generation: u64,
    tools: Arc<[ToolDefinition]>,
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
            info: OnceLock::new(),
        });
        let (requests, receiver) = mpsc::channel(WAITING_CALLERS);
        let (closing, on_closing) = watch::channel(false);
        runtime.spawn(Supervisor::new(Arc::clone(&server), receiver, on_closing).run());
        Ok(Self {
            server,
            configured,
            described: OnceLock::new(),
            listed: Mutex::new(None),
            requests,
            closing,
            runtime,
        })
    }

    /// The connection, once the server has started.
    async fn link(&self) -> Result<Link, Failure> {
        let (request, answer) = oneshot::channel();
        let closed = || self.server.reporter.closed();
        self.requests.send(request).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    async fn list(&self, link: Link) -> Result<Arc<[ToolDefinition]>, Failure> {
        let limit = self.server.config.start_timeout;
        match self.within(limit, link.peer.list_all_tools()).await {
            Ok(Ok(tools)) => Ok(tools::define(&self.server.config, tools)),
            Ok(Err(error)) => Err(self.failure(link, error).await),
            Err(_) => Err(self.server.reporter.not_ready(limit, None)),
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

#[async_trait]
impl Source for McpSource {
    fn toolkit(&self) -> &ToolkitInfo {
        let (None, Some(info)) = (&self.server.config.description, self.server.info.get()) else {
            return &self.configured;
        };
        self.described.get_or_init(|| ToolkitInfo {
            description: describe(info).unwrap_or_else(|| self.configured.description.clone()),
            ..self.configured.clone()
        })
    }

    async fn tools(&self) -> Result<Arc<[ToolDefinition]>> {
        let mut listed = self.listed.lock().await;
        if let Some(listed) = &*listed
            && listed.generation == self.generation()
        {
            return Ok(Arc::clone(&listed.tools));
        }
        let link = self.link().await?;
        // Taken before the list, so that a change while it is read makes for another reading.
        let generation = self.generation();
        let tools = self.list(link).await?;
        *listed = Some(Listed { generation, tools: Arc::clone(&tools) });
        Ok(tools)
    }

    fn generation(&self) -> u64 {
        self.server.generation.get()
    }

    async fn call(
        &self,
        tool: &ToolDefinition,
        arguments: Map<String, Value>,
        context: &CallContext,
    ) -> Result<Outcome> {
        let link = self.link().await?;
        let span = tracing::info_span!(
            target: TRACE_TARGET,
            "upstream",
            otel.name = %format_args!("tools/call {}", tool.operation),
            otel.kind = "client",
            otel.status_code = Empty,
            mcp.method.name = "tools/call",
            gen_ai.tool.name = tool.operation,
            composio.toolkit = self.server.config.slug,
        );
        let mut params = CallToolRequestParams::new(tool.operation.clone()).with_arguments(arguments);
        span.in_scope(|| session::tell_trace(&mut params));
        let call = link.peer.call_tool_once(params).instrument(span.clone());
        let reply = match self.server.config.call_timeout {
            None => call.await,
            Some(limit) => self.within(limit, call).await.map_err(|_| {
                span.record("otel.status_code", "ERROR");
                let what = format!("did not answer the call of {} within {} s", tool.slug, limit.as_secs_f32());
                self.server.reporter.failure(ErrorKind::Timeout, &what)
            })?,
        };
        if !matches!(&reply, Ok(CallToolResponse::Complete(result)) if result.is_error != Some(true)) {
            span.record("otel.status_code", "ERROR");
        }
        match reply {
            Ok(CallToolResponse::Complete(result)) => outcome::read(result, context.output_limit),
            Ok(_) => Ok(Outcome::failed(
                "The tool asks for input in the middle of its run, or goes on in the background. Neither can be served \
                 here; call it with all it needs to finish at once.",
            )),
            Err(ServiceError::McpError(error)) => Ok(Outcome::failed(error.message)),
            Err(error) => Err(self.failure(link, error).await.into()),
        }
    }

    async fn close(&self) {
        self.closing.send_replace(true);
        // The supervisor's end of the channel goes when all has ended.
        self.requests.closed().await;
    }
}

/// What a server says it is about: its description, else the first line of its instructions, else its title.
fn describe(info: &ServerPeerInfo) -> Option<String> {
    let implementation = info.server_info.as_ref();
    let first_line = |text: &String| Some(text.trim_start_matches(['#', ' ', '\n']).lines().next()?.to_owned());
    let mut text = None
        .or_else(|| implementation?.description.clone())
        .or_else(|| info.instructions.as_ref().and_then(first_line).filter(|line| !line.is_empty()))
        .or_else(|| implementation?.title.clone())?;
    outcome::truncate(&mut text, DESCRIPTION_LENGTH);
    Some(text)
}
