//! Who hears of the progress of which call.
//!
//! Progress is read off the transport, in the order in which a server tells it. The protocol library hands each
//! notification to a task of its own, which the answer to the call may overtake.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::model::{
    CallToolRequestParams, ClientRequest, GetMeta as _, JsonRpcMessage, ProgressNotificationParam, ProgressToken,
    RequestMetaObject, ServerNotification,
};
use rmcp::service::{RoleClient, RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use serde_json::Value;

use super::client::Generation;
use super::repair::Repair;
use crate::source::{Listener, Progress};

/// Marks a request with its listener on its way from the caller to the transport, where the mark is taken off again.
const MARK: &str = "composio/listener";

/// How many requests of a server are being answered at the same time. The protocol library starts a task for each.
const MAX_ASKED: usize = 64;

/// The listeners of a server's calls.
#[derive(Clone, Debug, Default)]
pub(super) struct Listeners(Arc<Mutex<Calls>>);

#[derive(Debug, Default)]
struct Calls {
    next: u64,
    /// By mark.
    heard: HashMap<u64, Arc<dyn Listener>>,
    /// The marks by the tokens under which the calls went out.
    marks: HashMap<ProgressToken, u64>,
}

/// Hears of a call until it is dropped.
#[derive(Debug)]
pub(super) struct Hearing {
    of: Listeners,
    mark: u64,
}

impl Drop for Hearing {
    fn drop(&mut self) {
        let mut calls = self.of.lock();
        calls.heard.remove(&self.mark);
        calls.marks.retain(|_, mark| *mark != self.mark);
    }
}

impl Listeners {
    /// Has a listener hear of the call that these are for.
    pub(super) fn hear(&self, params: &mut CallToolRequestParams, listener: &Arc<dyn Listener>) -> Hearing {
        let mut calls = self.lock();
        let mark = calls.next;
        calls.next += 1;
        calls.heard.insert(mark, Arc::clone(listener));
        params.meta.get_or_insert_with(RequestMetaObject::default).insert(MARK.to_owned(), mark.into());
        Hearing { of: self.clone(), mark }
    }

    /// A transport that they listen at.
    pub(super) fn beside<T: Transport<RoleClient> + 'static>(
        &self,
        transport: T,
        generation: Generation,
    ) -> impl Transport<RoleClient, Error = T::Error> + 'static {
        Tap { transport, listeners: self.clone(), generation, repair: Repair::default(), asked: 0 }
    }

    fn lock(&self) -> MutexGuard<'_, Calls> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn on_sent(&self, message: &mut TxJsonRpcMessage<RoleClient>) {
        let JsonRpcMessage::Request(request) = message else { return };
        let ClientRequest::CallToolRequest(call) = &mut request.request else { return };
        let Some(meta) = &mut call.params.meta else { return };
        let Some(mark) = meta.remove(MARK).as_ref().and_then(Value::as_u64) else { return };
        if meta.is_empty() {
            call.params.meta = None;
        }
        if let Some(token) = request.request.get_meta().get_progress_token() {
            let mut calls = self.lock();
            if calls.heard.contains_key(&mark) {
                calls.marks.insert(token, mark);
            }
        }
    }

    fn on_progress(&self, told: ProgressNotificationParam) {
        let listener = {
            let calls = self.lock();
            calls.marks.get(&told.progress_token).and_then(|mark| calls.heard.get(mark)).map(Arc::clone)
        };
        if let Some(listener) = listener {
            listener.progress(Progress { progress: told.progress, total: told.total, message: told.message });
        }
    }
}

struct Tap<T> {
    transport: T,
    listeners: Listeners,
    generation: Generation,
    repair: Repair,
    /// Requests of the server that are not answered yet.
    asked: usize,
}

impl<T> Tap<T> {
    /// Whether the protocol library needs to see it. It starts a task for each notification, so that a flood of them would
    /// take memory without end; those that are heard here, or that nobody hears, go no further.
    fn passes(&mut self, message: RxJsonRpcMessage<RoleClient>) -> Option<RxJsonRpcMessage<RoleClient>> {
        if let JsonRpcMessage::Request(_) = message {
            if self.asked >= MAX_ASKED {
                tracing::debug!("a request of an MCP server is dropped: it does not read the answers to those before");
                return None;
            }
            self.asked += 1;
        }
        let JsonRpcMessage::Notification(notification) = message else { return Some(message) };
        match notification.notification {
            ServerNotification::ProgressNotification(progress) => self.listeners.on_progress(progress.params),
            ServerNotification::ToolListChangedNotification(_) => self.generation.told(),
            ServerNotification::CancelledNotification(_)
            | ServerNotification::SubscriptionsAcknowledgedNotification(_) => {
                return Some(JsonRpcMessage::Notification(notification));
            }
            _ => {}
        }
        None
    }
}

impl<T: Transport<RoleClient>> Transport<RoleClient> for Tap<T> {
    type Error = T::Error;

    fn send(
        &mut self,
        mut item: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        if matches!(item, JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_)) {
            self.asked = self.asked.saturating_sub(1);
        }
        self.listeners.on_sent(&mut item);
        self.repair.on_sent(&item);
        self.transport.send(item)
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        loop {
            let mut message = self.transport.receive().await?;
            self.repair.on_received(&mut message);
            if let Some(message) = self.passes(message) {
                return Some(message);
            }
            // Other connections on this thread go on in a flood.
            tokio::task::consume_budget().await;
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.transport.close().await
    }
}
