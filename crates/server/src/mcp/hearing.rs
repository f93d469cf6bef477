//! What is heard of a call while it runs, on its way to the client.

use std::sync::{Mutex, MutexGuard, PoisonError};

use composio_contract::RawJson;
use composio_router::source::{Listener, Progress};
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::{Peer, RoleServer};
use tokio::sync::mpsc;

/// Steps that may wait for a slow client; further ones are left out until it has caught up.
const WAITING: usize = 64;

/// Hears of one call.
#[derive(Debug, Default)]
pub(super) struct Hearing(Mutex<Heard>);

#[derive(Debug, Default)]
struct Heard {
    steps: Option<mpsc::Sender<Progress>>,
    result: Option<RawJson>,
}

/// The steps of a call for a client that wants to know of them.
#[derive(Debug)]
pub(super) struct Steps {
    token: ProgressToken,
    steps: mpsc::Receiver<Progress>,
}

impl Hearing {
    /// Hears of a call, and of its steps where the client has named a token for them.
    pub(super) fn new(token: Option<ProgressToken>) -> (Self, Option<Steps>) {
        let Some(token) = token else { return (Self::default(), None) };
        let (sender, steps) = mpsc::channel(WAITING);
        (Self(Mutex::new(Heard { steps: Some(sender), result: None })), Some(Steps { token, steps }))
    }

    /// The call has ended, and with it its steps; what the MCP server behind it answered.
    pub(super) fn end(&self) -> Option<RawJson> {
        let mut heard = self.lock();
        heard.steps = None;
        heard.result.take()
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Hearing {
    fn progress(&self, progress: Progress) {
        if let Some(steps) = &self.lock().steps {
            // A client that is too slow misses steps, not the result.
            let _ = steps.try_send(progress);
        }
    }

    fn answered(&self, result: RawJson) {
        self.lock().result = Some(result);
    }
}

/// Tells the client the steps until the call ends.
pub(super) async fn tell(steps: Option<Steps>, peer: &Peer<RoleServer>) {
    let Some(Steps { token, mut steps }) = steps else { return };
    while let Some(step) = steps.recv().await {
        let mut params = ProgressNotificationParam::new(token.clone(), step.progress);
        params.total = step.total;
        params.message = step.message;
        if let Err(error) = peer.notify_progress(params).await {
            // The call goes on: its result may still reach the client.
            tracing::debug!(%error, "a client could not be told how far a call has come");
        }
    }
}
