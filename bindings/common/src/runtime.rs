//! The threads that calls run on, for languages that cannot fork a running process.

use std::future::Future;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use composio_contract::{Error, ErrorKind, Result};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

/// How long a thread looks out for the answer to the only call, and then for the next call, before it sleeps: a thread whose
/// processor has gone to rest takes tens of microseconds to wake. A server nearby answers sooner than that, and callers often
/// have the next call at hand when they have read the last result.
const ANSWER: Duration = Duration::from_micros(150);
const NEXT: Duration = Duration::from_micros(50);

/// Calls that have not ended.
static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);
/// How often a call has begun or ended.
static CHANGES: AtomicUsize = AtomicUsize::new(0);
/// Whether a thread looks out already.
static LOOKING_OUT: AtomicBool = AtomicBool::new(false);

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

/// Runs a call on those threads.
///
/// # Errors
/// As [`runtime`].
pub fn spawn<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Result<JoinHandle<T>> {
    let call = UnderWay::begin();
    Ok(runtime()?.spawn(async move {
        let _call = call;
        look_out();
        work.await
    }))
}

struct UnderWay;

impl UnderWay {
    fn begin() -> Self {
        UNDER_WAY.fetch_add(1, Ordering::Relaxed);
        CHANGES.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        UNDER_WAY.fetch_sub(1, Ordering::Relaxed);
        CHANGES.fetch_add(1, Ordering::Relaxed);
        look_out();
    }
}

/// Where there is one call at most; several keep the threads awake by themselves.
fn look_out() {
    if UNDER_WAY.load(Ordering::Relaxed) <= 1
        && let Ok(runtime) = Handle::try_current()
        && !LOOKING_OUT.swap(true, Ordering::Relaxed)
    {
        runtime.spawn(async {
            let mut seen = CHANGES.load(Ordering::Relaxed);
            let mut since = Instant::now();
            loop {
                let patience = match UNDER_WAY.load(Ordering::Relaxed) {
                    0 => NEXT,
                    1 => ANSWER,
                    _ => break,
                };
                let changes = CHANGES.load(Ordering::Relaxed);
                if changes != seen {
                    (seen, since) = (changes, Instant::now());
                } else if since.elapsed() > patience {
                    break;
                }
                // Whoever makes the answer or the next call may need this processor for it.
                std::thread::yield_now();
                tokio::task::yield_now().await;
            }
            LOOKING_OUT.store(false, Ordering::Relaxed);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_end_and_the_lookout_ends_too() {
        let runtime = runtime().unwrap();
        let done = spawn(async { 7 }).unwrap();
        assert_eq!(runtime.block_on(done).unwrap(), 7);
        let stuck = spawn(std::future::pending::<()>()).unwrap();
        stuck.abort();
        assert!(runtime.block_on(stuck).unwrap_err().is_cancelled());
        runtime.block_on(async {
            while UNDER_WAY.load(Ordering::Relaxed) > 0 || LOOKING_OUT.load(Ordering::Relaxed) {
                tokio::task::yield_now().await;
            }
        });
    }
}
