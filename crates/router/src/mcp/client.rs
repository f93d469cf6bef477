//! This side of the protocol: the handshake, and answers to what a server asks.

#![expect(deprecated, reason = "servers of earlier revisions ask for roots, and are to be told that there are none")]

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rmcp::model::{
    ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult, ElicitationCreateRequestMethod, ErrorData,
    Implementation, ListRootsRequestMethod, ListRootsResult, ProtocolVersion, SubscriptionFilter,
};
use rmcp::service::{ClientInitializeError, RequestContext, RoleClient, RunningService, serve_client_with_lifecycle};
use rmcp::transport::IntoTransport;
use rmcp::{ClientHandler, ClientLifecycleMode, Peer};
use tokio::sync::watch;
use tokio::time::Instant;

use super::listeners::Listeners;

/// How long to wait before asking again for notifications that a server has stopped sending.
const LISTEN_AGAIN: Duration = Duration::from_secs(30);

/// Changes that a server tells of within this time count as one: each has its tools read again.
const CHANGES_TOGETHER: Duration = Duration::from_millis(500);

/// Counts up when the server's tools may have changed.
#[derive(Clone, Debug, Default)]
pub(super) struct Generation {
    number: watch::Sender<u64>,
    told: Arc<Mutex<Told>>,
}

/// When the server last told of a change.
#[derive(Debug, Default)]
struct Told {
    last: Option<Instant>,
    /// Whether what was told since is going to count.
    is_pending: bool,
}

impl Generation {
    pub(super) fn get(&self) -> u64 {
        *self.number.borrow()
    }

    pub(super) fn bump(&self) {
        self.number.send_modify(|generation| *generation += 1);
    }

    /// The server tells of a change: the first counts at once, those that follow soon after count as one. Must be called
    /// within a runtime.
    pub(super) fn told(&self) {
        let now = Instant::now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        match told.last.map(|last| last + CHANGES_TOGETHER).filter(|end| *end > now) {
            Some(_) if told.is_pending => {}
            Some(end) => {
                told.is_pending = true;
                let generation = self.clone();
                tokio::spawn(async move {
                    tokio::time::sleep_until(end).await;
                    let mut told = generation.told.lock().unwrap_or_else(PoisonError::into_inner);
                    *told = Told { last: Some(Instant::now()), is_pending: false };
                    generation.bump();
                });
            }
            None => {
                told.last = Some(now);
                self.bump();
            }
        }
    }

    /// Waits until it is another than `seen`.
    pub(super) async fn changed(&self, seen: u64) {
        // The sender is as old as the receiver, so that waiting does not fail.
        let _ = self.number.subscribe().wait_for(|generation| *generation != seen).await;
    }
}

/// Connects to a server of any revision: tries the stateless one first, then the handshake of those before it.
pub(super) async fn connect<T, E, A>(
    transport: T,
    generation: Generation,
    listeners: &Listeners,
) -> Result<RunningService<RoleClient, Client>, ClientInitializeError>
where
    T: IntoTransport<RoleClient, E, A>,
    E: std::error::Error + Send + Sync + 'static,
{
    let lifecycle = ClientLifecycleMode::Auto {
        preferred_versions: vec![ProtocolVersion::LATEST],
        legacy_version: Some(ProtocolVersion::LATEST_WITH_INITIALIZE),
    };
    let transport = listeners.beside(transport.into_transport(), generation);
    serve_client_with_lifecycle(Client, transport, lifecycle).await
}

/// Hears of changed tools where the server tells only those that ask, as stateless ones do. Ends with the connection.
pub(super) async fn listen(peer: Peer<RoleClient>, generation: Generation) {
    while !peer.is_transport_closed() {
        match peer.listen(SubscriptionFilter::builder().tools_list_changed().build()).await {
            Ok(mut subscription) => {
                // The changes themselves are heard at the transport.
                while let Ok(Some(_)) = subscription.next().await {}
                // Changes from here to the next subscription are not heard of.
                generation.bump();
            }
            Err(error) => tracing::debug!(%error, "an MCP server does not tell when its tools change"),
        }
        tokio::time::sleep(LISTEN_AGAIN).await;
    }
}

/// Answers a server's requests: pings, and nothing else, as its empty capabilities say.
#[derive(Debug)]
pub(super) struct Client;

impl ClientHandler for Client {
    fn get_info(&self) -> ClientConfig {
        ClientConfig::new(ClientCapabilities::default(), Implementation::new("composio", env!("CARGO_PKG_VERSION")))
    }

    async fn create_elicitation(
        &self,
        _: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        Err(ErrorData::method_not_found::<ElicitationCreateRequestMethod>())
    }

    async fn list_roots(&self, _: RequestContext<RoleClient>) -> Result<ListRootsResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListRootsRequestMethod>())
    }
}
