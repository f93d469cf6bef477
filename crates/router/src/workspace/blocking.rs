//! Work that may block, off the runtime, and told when nobody waits for it any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use composio_contract::{Error, ErrorKind, Result};

/// Whether the caller has gone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Whether the work should stop.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The error to stop with. Nobody sees it: the future that would have returned it is gone.
    pub(crate) fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(Error::new(ErrorKind::Closed, "the call was cancelled")) } else { Ok(()) }
    }
}

struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// Runs `work` on a thread for blocking work. When the returned future is dropped, the work's [`Cancel`] says so; long
/// work has to look.
pub(crate) async fn run<T, F>(work: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce(&Cancel) -> Result<T> + Send + 'static,
{
    let guard = CancelOnDrop(Cancel::default());
    let cancel = guard.0.clone();
    tokio::task::spawn_blocking(move || work(&cancel)).await.map_err(|error| {
        Error::new(ErrorKind::Internal, "a background task ended before its work did").with_source(error)
    })?
}
