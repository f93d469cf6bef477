//! When a session's list of tools may be another than before.

use std::sync::Arc;

use composio_contract::Result;
use futures_util::future::select_all;
use tokio::sync::watch;

use crate::router::Router;
use crate::source::Source;

/// Counts the changes that this process has made to sessions.
#[derive(Debug, Default)]
pub(crate) struct SessionChanges(watch::Sender<u64>);

impl SessionChanges {
    pub(crate) fn note(&self) {
        self.0.send_modify(|changes| *changes += 1);
    }

    fn get(&self) -> u64 {
        *self.0.borrow()
    }

    async fn after(&self, seen: u64) {
        // The sender is as old as the receiver, so that waiting does not fail.
        let _ = self.0.subscribe().wait_for(|changes| *changes != seen).await;
    }
}

/// What a session's list of tools depends on, as it was at one time.
#[derive(Clone, Debug)]
pub struct ListingState {
    changes: u64,
    revision: i64,
    /// The toolkits of the session that say when their tools change.
    generations: Vec<(Arc<dyn Source>, u64)>,
}

impl ListingState {
    fn is_as(&self, other: &Self) -> bool {
        let generations = |state: &Self| state.generations.iter().map(|(_, seen)| *seen).collect::<Vec<_>>();
        self.revision == other.revision && generations(self) == generations(other)
    }
}

impl Router {
    /// What the session's list of tools depends on, as it is now.
    ///
    /// # Errors
    /// [`composio_contract::ErrorKind::NotFound`] where there is no such session.
    pub async fn listing_state(&self, session_id: &str) -> Result<ListingState> {
        // Read first: a change after this makes for another look.
        let changes = self.session_changes.get();
        let session = self.session(session_id).await?;
        let sources = self.catalog.sources().filter(|source| session.policy.toolkit(&source.toolkit().slug).is_ok());
        let generations = sources.map(|source| (Arc::clone(source), source.generation())).collect();
        Ok(ListingState { changes, revision: session.revision(), generations })
    }

    /// Waits until the list may be another than it was at `seen`, because a source has other tools or this process has
    /// changed the session, and says what it depends on then. Changes by another process are not heard of.
    ///
    /// # Errors
    /// [`composio_contract::ErrorKind::NotFound`] once the session is deleted.
    pub async fn listing_change(&self, session_id: &str, mut seen: ListingState) -> Result<ListingState> {
        loop {
            {
                let sources = seen.generations.iter().map(|(source, generation)| source.changed(*generation));
                let session: std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>> =
                    Box::pin(self.session_changes.after(seen.changes));
                select_all(sources.chain([session])).await;
            }
            let now = self.listing_state(session_id).await?;
            if !now.is_as(&seen) {
                return Ok(now);
            }
            seen = now;
        }
    }
}
