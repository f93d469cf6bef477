//! This side of the protocol: the handshake, and answers to what a server asks.

#![expect(deprecated, reason = "servers of earlier revisions ask for roots, and are to be told that there are none")]

use std::time::Duration;

use rmcp::model::{
    ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult, ElicitationCreateRequestMethod, ErrorData,
    Implementation, ListRootsRequestMethod, ListRootsResult, ProtocolVersion, ServerNotification, SubscriptionFilter,
};
use rmcp::service::{
    ClientInitializeError, NotificationContext, RequestContext, RoleClient, RunningService, serve_client_with_lifecycle,
};
use rmcp::transport::IntoTransport;
use rmcp::{ClientHandler, ClientLifecycleMode, Peer};
use tokio::sync::watch;

use super::listeners::Listeners;

/// How long to wait before asking again for notifications that a server has stopped sending.
const LISTEN_AGAIN: Duration = Duration::from_secs(30);

/// Counts up when the server's tools may have changed.
#[derive(Clone, Debug, Default)]
pub(super) struct Generation(watch::Sender<u64>);

impl Generation {
    pub(super) fn get(&self) -> u64 {
        *self.0.borrow()
    }

    pub(super) fn bump(&self) {
        self.0.send_modify(|generation| *generation += 1);
    }

    /// Waits until it is another than `seen`.
    pub(super) async fn changed(&self, seen: u64) {
        // The sender is as old as the receiver, so that waiting does not fail.
        let _ = self.0.subscribe().wait_for(|generation| *generation != seen).await;
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
    let transport = listeners.beside(transport.into_transport());
    serve_client_with_lifecycle(Client { generation }, transport, lifecycle).await
}

/// Hears of changed tools where the server tells only those that ask, as stateless ones do. Ends with the connection.
pub(super) async fn listen(peer: Peer<RoleClient>, generation: Generation) {
    while !peer.is_transport_closed() {
        match peer.listen(SubscriptionFilter::builder().tools_list_changed().build()).await {
            Ok(mut subscription) => {
                while let Ok(Some(notification)) = subscription.next().await {
                    if matches!(notification, ServerNotification::ToolListChangedNotification(_)) {
                        generation.bump();
                    }
                }
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
pub(super) struct Client {
    generation: Generation,
}

impl ClientHandler for Client {
    fn get_info(&self) -> ClientConfig {
        ClientConfig::new(ClientCapabilities::default(), Implementation::new("composio", env!("CARGO_PKG_VERSION")))
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.generation.bump();
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
