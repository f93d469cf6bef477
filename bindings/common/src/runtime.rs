//! The threads that calls run on, for languages that cannot fork a running process.

use std::sync::OnceLock;

use composio_contract::{Error, ErrorKind, Result};
use tokio::runtime::{Builder, Handle, Runtime};

/// Two worker threads, started with the first call and there for the rest of the process.
///
/// # Errors
/// [`ErrorKind::Internal`] where the system gives no threads.
pub fn runtime() -> Result<Handle> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime.handle().clone());
    }
    let built = Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("composio")
        .enable_all()
        .build()
        .map_err(|error| Error::new(ErrorKind::Internal, "cannot start the I/O runtime").with_source(error))?;
    // Two first calls at once: the loser's runtime is idle and ends without waiting.
    if let Err(spare) = RUNTIME.set(built) {
        spare.shutdown_background();
    }
    RUNTIME.get().map(|runtime| runtime.handle().clone()).ok_or_else(|| Error::new(ErrorKind::Internal, "no runtime"))
}
