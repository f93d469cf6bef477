//! Where calls run, and how they are stopped.

use std::future::Future;
use std::sync::Arc;

use composio_binding::guarded;
use composio_contract::{Error, ErrorKind};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::errors::{NativeError, Result, guard};

/// Stops the call that it was given to. Swift's tasks do not drop a call when they are cancelled; they cancel this.
#[derive(Debug, uniffi::Object)]
pub struct CancelToken(watch::Sender<bool>);

#[uniffi::export]
impl CancelToken {
    /// A token for one call.
    #[uniffi::constructor]
    pub fn new() -> Arc<Self> {
        Arc::new(Self(watch::Sender::new(false)))
    }

    /// Stops the call: its request is dropped. A second time, or after the call, it does nothing.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }
}

impl CancelToken {
    async fn cancelled(token: Option<Arc<Self>>) {
        if let Some(token) = token {
            // The token outlives this wait, so that the channel stays open.
            let _ = token.0.subscribe().wait_for(|cancelled| *cancelled).await;
        } else {
            std::future::pending().await
        }
    }
}

/// A task that stops when nobody waits for it any more.
struct Task<T>(JoinHandle<composio_contract::Result<T>>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Runs the work in the background until it is done, cancelled, or nobody waits for it.
pub(crate) async fn call<T: Send + 'static>(
    cancel: Option<Arc<CancelToken>>,
    work: impl Future<Output = composio_contract::Result<T>> + Send + 'static,
) -> Result<T> {
    let mut task = Task(guard(|| composio_binding::spawn(guarded(work)))?);
    tokio::select! {
        biased;
        ended = &mut task.0 => match ended {
            Ok(result) => result.map_err(NativeError::from),
            Err(error) => {
                let error = Error::new(ErrorKind::Internal, "the call was broken off").with_source(error);
                Err(error.into())
            }
        },
        () = CancelToken::cancelled(cancel) => Err(NativeError::Cancelled),
    }
}
