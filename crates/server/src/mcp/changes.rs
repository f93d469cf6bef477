//! Telling clients that a session's list of tools has changed.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::request::Parts;
use composio_contract::{Error, ErrorKind, Result};
use composio_router::ListingState;
use rmcp::model::SubscriptionFilter;
use rmcp::service::{SubscriptionContext, SubscriptionSink};
use rmcp::{Peer, RoleServer};
use tokio::task::JoinSet;

use super::target::Target;

/// The method of a subscription.
pub(super) const LISTEN: &str = "subscriptions/listen";
/// Stands before a caller's name where it is the streams that are counted. No key's id has a space.
const STREAMS: &str = "listening ";

/// Tells the client of a conversation, as the older revisions have them, for as long as this is there.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch(Arc<Mutex<JoinSet<()>>>);

impl Watch {
    /// Tells of every change since `seen`.
    pub(super) fn begin(&self, target: Target, seen: ListingState, peer: Peer<RoleServer>) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.abort_all();
        tasks.spawn(async move {
            let told = target.each_change(seen, Told::Conversation(peer)).await;
            if let Err(error) = told {
                tracing::debug!(%error, "a client is no longer told of changed tools");
            }
        });
    }
}

/// The kinds of change that a client can be told of.
pub(super) fn accepted() -> SubscriptionFilter {
    SubscriptionFilter::builder().tools_list_changed().build()
}

/// Tells a client of the stateless revision for as long as it listens and the server runs. The transport has noted how the
/// list was when the request came: the MCP library acknowledges a subscription before it hands it over, and what changes
/// after that is news to the client.
///
/// # Errors
/// Where the caller listens too often already, or the session is deleted.
pub(super) async fn tell(target: &Target, subscription: &SubscriptionContext) -> Result<()> {
    let _slot = match &target.caller {
        Some((app, identity)) => Some(app.slot(&format!("{STREAMS}{}", identity.key)).map_err(|_| {
            let message = format!("{} streams are open already, and no more may be", app.options().concurrency);
            Error::new(ErrorKind::RateLimit, message).with_suggested_fix("close those that are done")
        })?),
        None => None,
    };
    let stopped = async {
        match &target.caller {
            Some((app, _)) => app.stopped().await,
            None => std::future::pending().await,
        }
    };
    let extensions = &subscription.request_context().extensions;
    let of_request = || extensions.get::<Parts>()?.extensions.get::<ListingState>();
    let seen = match extensions.get::<ListingState>().or_else(of_request) {
        Some(noted) => noted.clone(),
        None => target.listing_state().await?,
    };
    let changes = target.each_change(seen, Told::Subscription(subscription.sink().clone()));
    tokio::select! {
        told = changes => told,
        () = subscription.cancelled() => Ok(()),
        () = stopped => Ok(()),
    }
}

/// Who is told.
enum Told {
    Conversation(Peer<RoleServer>),
    Subscription(SubscriptionSink),
}

impl Told {
    async fn tell(&self) -> Result<()> {
        let unheard = |error: &dyn fmt::Display| {
            Error::new(ErrorKind::Connection, format!("the client could not be told of changed tools: {error}"))
        };
        match self {
            Self::Conversation(peer) => peer.notify_tool_list_changed().await.map_err(|error| unheard(&error)),
            Self::Subscription(sink) => sink.notify_tool_list_changed().await.map_err(|error| unheard(&error)),
        }
    }
}

impl Target {
    /// What the session's list depends on, as it is now.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if the session is deleted.
    pub(super) async fn listing_state(&self) -> Result<ListingState> {
        self.router.listing_state(&self.session_id).await
    }

    async fn each_change(&self, mut seen: ListingState, told: Told) -> Result<()> {
        loop {
            seen = self.router.listing_change(&self.session_id, seen).await?;
            told.tell().await?;
        }
    }
}
