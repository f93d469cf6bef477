//! The task that owns a server: starts it when it is first needed, hands out the connection, notices its end, starts it
//! again, and stops it.
//!
//! One task makes each of these happen once however many callers ask at the same time, and lets the callers be on any
//! runtime or thread: they hold only channels.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use composio_contract::ErrorKind;
use rmcp::Peer;
use rmcp::model::ServerPeerInfo;
use rmcp::service::{QuitReason, RoleClient, RunningService, RunningServiceCancellationToken};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, timeout};

use super::backoff::Backoff;
use super::client::{self, Client, Generation};
use super::config::{McpServerConfig, McpTransport};
use super::failure::{Failure, Reporter};
use super::http;
use super::lines::Lines;
use super::listeners::Listeners;
use super::process::Process;
use super::session::Authorization;

/// How long a connection may take to end in good order.
const DISCONNECT: Duration = Duration::from_secs(5);

/// How long to read on what a server wrote before its process ended.
const DRAIN: Duration = Duration::from_millis(500);

/// Asks the supervisor for the connection.
pub(super) type Request = oneshot::Sender<Result<Link, Failure>>;

/// A connection, for as long as it lasts.
#[derive(Clone, Debug)]
pub(super) struct Link {
    /// The server.
    pub(super) peer: Peer<RoleClient>,
    end: watch::Receiver<Option<Arc<str>>>,
}

impl Link {
    /// Waits for the end of a connection that is known to have ended or to be about to, and says what ended it.
    pub(super) async fn end(mut self) -> Arc<str> {
        match self.end.wait_for(Option::is_some).await {
            Ok(report) => report.clone().unwrap_or_default(),
            Err(_) => "its supervisor has ended".into(),
        }
    }
}

/// What the supervisor and its source share.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) config: McpServerConfig,
    pub(super) reporter: Reporter,
    pub(super) generation: Generation,
    pub(super) listeners: Listeners,
    pub(super) authorization: Authorization,
    /// What the server said of itself when it first started.
    pub(super) info: OnceLock<Arc<ServerPeerInfo>>,
}

/// The task's state.
pub(super) struct Supervisor {
    server: Arc<Server>,
    requests: mpsc::Receiver<Request>,
    closing: watch::Receiver<bool>,
    running: Option<Running>,
    backoff: Backoff,
    last_failure: Option<Failure>,
}

impl Supervisor {
    pub(super) fn new(server: Arc<Server>, requests: mpsc::Receiver<Request>, closing: watch::Receiver<bool>) -> Self {
        Self { server, requests, closing, running: None, backoff: Backoff::default(), last_failure: None }
    }

    /// Works until the source closes or is dropped, and stops the server then.
    pub(super) async fn run(mut self) {
        loop {
            tokio::select! {
                () = closed(&mut self.closing) => break,
                () = ended(&mut self.running) => self.bury().await,
                request = self.requests.recv() => match request {
                    Some(request) => self.answer(request).await,
                    None => break,
                },
            }
        }
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }

    async fn answer(&mut self, request: Request) {
        if request.is_closed() {
            return;
        }
        // The connection of a process that was just killed may not have ended yet, but a call on it would be lost.
        if self.running.as_mut().is_some_and(Running::has_ended) {
            self.bury().await;
        }
        let link = match &self.running {
            Some(running) => Ok(running.link.clone()),
            None => self.start().await,
        };
        // A caller that has left needs no answer.
        let _ = request.send(link);
    }

    async fn start(&mut self) -> Result<Link, Failure> {
        let reporter = &self.server.reporter;
        if let (Some(wait), Some(last)) = (self.backoff.remaining(), &self.last_failure) {
            return Err(reporter.backing_off(last, wait));
        }
        let began = Instant::now();
        let started = tokio::select! {
            () = closed(&mut self.closing) => return Err(reporter.closed()),
            started = Running::start(&self.server) => started,
        };
        match started {
            Ok(running) => {
                if self.server.info.get().is_some() {
                    // Another run of the server may have other tools.
                    self.server.generation.bump();
                }
                if let Some(info) = running.link.peer.peer_info() {
                    let _ = self.server.info.set(info);
                }
                Ok(self.running.insert(running).link.clone())
            }
            Err(failure) => {
                // With another credential the next try may succeed at once.
                if failure.kind != ErrorKind::Authentication {
                    tracing::warn!(error = %failure.message, "an MCP server did not start");
                    self.backoff.did_not_start(began.elapsed());
                    self.last_failure = Some(failure.clone());
                }
                Err(failure)
            }
        }
    }

    /// Clears away a server that ended by itself.
    async fn bury(&mut self) {
        let Some(running) = self.running.take() else { return };
        let uptime = running.since.elapsed();
        let end = running.end.clone();
        let report = running.stop().await;
        let failure = self.server.reporter.lost(&report);
        tracing::warn!(error = %failure.message, "an MCP server ended");
        self.backoff.crashed(uptime);
        self.last_failure = Some(failure);
        // Last, so that whoever hears of it finds the supervisor ready to start the server again.
        end.send_replace(Some(report.into()));
    }
}

/// Waits until the source wants the server closed, or is gone.
async fn closed(closing: &mut watch::Receiver<bool>) {
    let _ = closing.wait_for(|closing| *closing).await;
}

async fn ended(running: &mut Option<Running>) {
    match running {
        Some(running) => running.ended().await,
        None => std::future::pending().await,
    }
}

/// A started server.
struct Running {
    link: Link,
    end: watch::Sender<Option<Arc<str>>>,
    service: JoinHandle<Result<QuitReason, JoinError>>,
    cancel: RunningServiceCancellationToken,
    listener: Option<JoinHandle<()>>,
    process: Option<Process>,
    since: Instant,
}

impl Running {
    async fn start(server: &Server) -> Result<Self, Failure> {
        let Server { config, reporter, generation, listeners, authorization, .. } = server;
        let limit = config.start_timeout;
        let (connected, process) = match &config.transport {
            McpTransport::Stdio { cwd, .. } => {
                let (process, pipes) = Process::start(&config.slug, &config.transport, reporter.redactor())
                    .map_err(|error| reporter.not_run(&error, cwd.as_ref().is_some_and(|cwd| !cwd.is_dir())))?;
                (timeout(limit, client::connect(Lines::new(pipes), generation.clone(), listeners)).await, Some(process))
            }
            McpTransport::Http { url, headers } => {
                let transport = http::transport(url, headers, authorization.clone())
                    .map_err(|error| reporter.failure(ErrorKind::Configuration, &format!("cannot be used: {error}")))?;
                (timeout(limit, client::connect(transport, generation.clone(), listeners)).await, None)
            }
        };
        if let Ok(Ok(service)) = connected {
            return Ok(Self::new(service, process, generation));
        }
        let report = match process {
            Some(process) => Some(process.stop().await),
            None => None,
        };
        Err(match connected {
            Ok(Err(error)) => reporter.not_connected(&error, report.as_deref()),
            _ => reporter.not_ready(limit, report.as_deref()),
        })
    }

    fn new(service: RunningService<RoleClient, Client>, process: Option<Process>, generation: &Generation) -> Self {
        let peer = service.peer().clone();
        let tells_on_request = peer.peer_info().is_some_and(|info| {
            !info.protocol_version.has_initialize()
                && info.capabilities.tools.as_ref().is_some_and(|tools| tools.list_changed == Some(true))
        });
        let listener = tells_on_request.then(|| tokio::spawn(client::listen(peer.clone(), generation.clone())));
        let (end, ended) = watch::channel(None);
        Self {
            link: Link { peer, end: ended },
            end,
            cancel: service.cancellation_token(),
            service: tokio::spawn(service.waiting()),
            listener,
            process,
            since: Instant::now(),
        }
    }

    fn has_ended(&mut self) -> bool {
        self.service.is_finished() || self.process.as_mut().is_some_and(Process::has_ended)
    }

    /// Waits until the connection or the process has ended. Safe to drop and to call again.
    async fn ended(&mut self) {
        if self.service.is_finished() {
            return;
        }
        match &mut self.process {
            Some(process) => tokio::select! {
                _ = &mut self.service => {}
                () = process.ended() => {}
            },
            None => {
                let _ = (&mut self.service).await;
            }
        }
    }

    /// Closes the connection, and with it the server's standard input, then ends the process. Says how it ended.
    async fn stop(mut self) -> String {
        if let Some(listener) = &self.listener {
            listener.abort();
        }
        if self.process.as_mut().is_some_and(Process::has_ended) && !self.service.is_finished() {
            // The service ends by itself once it has read all.
            let _ = timeout(DRAIN, &mut self.service).await;
        }
        self.cancel.cancel();
        if !self.service.is_finished() && timeout(DISCONNECT, &mut self.service).await.is_err() {
            tracing::warn!("the connection to an MCP server did not end in time");
            self.service.abort();
        }
        match self.process {
            Some(process) => process.stop().await,
            None => "the server closed the connection".to_owned(),
        }
    }
}
