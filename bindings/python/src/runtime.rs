//! Where calls run: driven by the calling thread for blocking callers, in the background for asyncio.

use std::collections::HashMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use composio_binding::guarded;
use composio_contract::{Error, ErrorKind, RawJson, Result};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tokio::runtime::{Builder, Runtime};
use tokio::task::AbortHandle;

use crate::session::Session;
use crate::{convert, errors, exit};

/// How often the main thread looks for a pending signal while it waits.
const SIGNAL_SLICE: Duration = Duration::from_millis(25);

/// What a call answers with.
pub(crate) enum Outcome {
    Nothing,
    Json(RawJson),
    Bytes(Bytes),
    Path(PathBuf),
    Session(Session),
}

impl<'py> IntoPyObject<'py> for Outcome {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        match self {
            Self::Nothing => Ok(py.None().into_bound(py)),
            Self::Json(json) => convert::decode(py, json.as_str()),
            Self::Bytes(bytes) => Ok(PyBytes::new(py, &bytes).into_any()),
            Self::Path(path) => Ok(path.into_os_string().into_pyobject(py)?.into_any()),
            Self::Session(session) => Ok(Bound::new(py, session)?.into_any()),
        }
    }
}

/// The work of one call.
pub(crate) type Work = Pin<Box<dyn Future<Output = Result<Outcome>> + Send>>;

/// Which runtime a client's calls run on. A connection belongs to the runtime that opened it, so one client never
/// mixes them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// One thread's runtime that the waiting threads drive themselves: no hop between threads.
    Caller,
    /// Worker threads, which make progress on their own.
    Background,
}

struct Runtimes {
    caller: Runtime,
    background: Runtime,
}

static CURRENT: ArcSwapOption<Runtimes> = ArcSwapOption::const_empty();

/// Forgets the parent's runtimes in a forked child: their threads are gone, so they can be neither used nor dropped.
pub(crate) fn forget_parent() {
    CURRENT.store(None);
}

fn current() -> Result<Arc<Runtimes>> {
    if let Some(runtimes) = &*CURRENT.load() {
        return Ok(Arc::clone(runtimes));
    }
    let failed = |error| Error::new(ErrorKind::Internal, "cannot start the I/O runtime").with_source(error);
    let runtimes = Arc::new(Runtimes {
        caller: Builder::new_current_thread().enable_all().build().map_err(failed)?,
        background: Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("composio")
            .enable_all()
            .build()
            .map_err(failed)?,
    });
    // Two first calls at once: one wins, the other's idle runtimes are dropped.
    let before = CURRENT.compare_and_swap(&None::<Arc<Runtimes>>, Some(Arc::clone(&runtimes)));
    if let Some(winner) = &*before {
        return Ok(Arc::clone(winner));
    }
    // One reference is never given back, so that `forget_parent` and the end of the process drop nothing.
    std::mem::forget(Arc::clone(&runtimes));
    Ok(runtimes)
}

/// The runtime that makes progress on its own.
pub(crate) fn background() -> Result<tokio::runtime::Handle> {
    Ok(current()?.background.handle().clone())
}

/// A call that has not started: wait for it, or hand it to a [`Queue`].
#[pyclass(frozen, module = "composio._native")]
pub(crate) struct Call {
    place: Place,
    work: Mutex<Option<Work>>,
}

impl Call {
    pub(crate) fn new(place: Place, work: impl Future<Output = Result<Outcome>> + Send + 'static) -> Self {
        Self { place, work: Mutex::new(Some(Box::pin(work))) }
    }

    fn take(&self, py: Python<'_>) -> PyResult<Work> {
        let started = || errors::lower(py, &Error::validation("a call runs once and this one has been started"));
        lock(&self.work).take().ok_or_else(started)
    }
}

#[pymethods]
impl Call {
    /// Runs the call on the calling thread and gives its result.
    fn wait(&self, py: Python<'_>) -> PyResult<Outcome> {
        let runtimes = current().map_err(|error| errors::lower(py, &error))?;
        let runtime = match self.place {
            Place::Caller => &runtimes.caller,
            Place::Background => &runtimes.background,
        };
        let slice = if exit::is_main_thread(py) { SIGNAL_SLICE } else { Duration::MAX };
        let work = self.take(py)?;
        // Yielding first lets the driver notice connections that the server closed while nobody was waiting.
        let mut work = Box::pin(async move {
            tokio::task::yield_now().await;
            guarded(work).await
        });
        loop {
            let waited = exit::away(py, || runtime.block_on(async { tokio::time::timeout(slice, &mut work).await }));
            match waited {
                Ok(result) => return result.map_err(|error| errors::lower(py, &error)),
                // Leaving here drops the work, which cancels the request.
                Err(_elapsed) => py.check_signals()?,
            }
        }
    }
}

/// The calls that one event loop waits for, and the results that have come in since the loop last looked.
#[pyclass(frozen, module = "composio._native")]
pub(crate) struct Queue {
    waiting: Mutex<HashMap<u64, (Py<PyAny>, AbortHandle)>>,
    last: AtomicU64,
    done: Arc<Done>,
}

struct Done {
    results: Mutex<Vec<(u64, Result<Outcome>)>>,
    waker: Waker,
}

impl Done {
    fn push(&self, id: u64, result: Result<Outcome>) {
        let mut results = lock(&self.results);
        let first = results.is_empty();
        results.push((id, result));
        drop(results);
        if first {
            self.waker.wake();
        }
    }
}

/// How a worker thread tells the loop that there are results.
enum Waker {
    /// A socket the loop watches; waking it needs no GIL.
    #[cfg(unix)]
    Socket { ours: std::os::unix::net::UnixStream, watched: std::os::unix::net::UnixStream },
    /// A Python function, for loops that cannot watch sockets.
    Function(Py<PyAny>),
}

impl Waker {
    fn wake(&self) {
        match self {
            // A full socket is a loop that has been told already.
            #[cfg(unix)]
            Self::Socket { ours, .. } => drop(std::io::Write::write(&mut &*ours, &[1])),
            // A closed loop raises; nobody waits for the results then.
            Self::Function(wake) => drop(Python::try_attach(|py| wake.call0(py).map(drop))),
        }
    }

    fn clear(&self) {
        #[cfg(unix)]
        if let Self::Socket { watched, .. } = self {
            let mut bytes = [0; 64];
            while std::io::Read::read(&mut &*watched, &mut bytes).is_ok_and(|count| count == bytes.len()) {}
        }
    }
}

#[pymethods]
impl Queue {
    /// `wake` is called from other threads when results came in; without it the loop watches `fileno()`.
    #[new]
    #[pyo3(signature = (wake = None))]
    fn new(wake: Option<Py<PyAny>>) -> PyResult<Self> {
        let waker = match wake {
            Some(function) => Waker::Function(function),
            #[cfg(unix)]
            None => {
                let (ours, watched) = std::os::unix::net::UnixStream::pair()?;
                ours.set_nonblocking(true)?;
                watched.set_nonblocking(true)?;
                Waker::Socket { ours, watched }
            }
            #[cfg(not(unix))]
            None => return Err(pyo3::exceptions::PyNotImplementedError::new_err("sockets cannot be watched here")),
        };
        let done = Arc::new(Done { results: Mutex::default(), waker });
        Ok(Self { waiting: Mutex::default(), last: AtomicU64::new(0), done })
    }

    /// The descriptor to watch; readable while there are results. -1 where a function is called instead.
    fn fileno(&self) -> i32 {
        match &self.done.waker {
            #[cfg(unix)]
            Waker::Socket { watched, .. } => std::os::fd::AsRawFd::as_raw_fd(watched),
            Waker::Function(_) => -1,
        }
    }

    /// Starts a call whose result `drain()` will set on `future`; gives the number to cancel it by.
    fn submit(&self, py: Python<'_>, call: &Call, future: Py<PyAny>) -> PyResult<u64> {
        let runtimes = current().map_err(|error| errors::lower(py, &error))?;
        let work = call.take(py)?;
        let id = self.last.fetch_add(1, Ordering::Relaxed);
        let done = Arc::clone(&self.done);
        let task = runtimes.background.spawn(async move { done.push(id, guarded(work).await) });
        lock(&self.waiting).insert(id, (future, task.abort_handle()));
        Ok(id)
    }

    /// Stops a call: its request is dropped and its future forgotten.
    fn cancel(&self, id: u64) {
        let waiting = lock(&self.waiting).remove(&id);
        if let Some((_, task)) = waiting {
            task.abort();
        }
    }

    /// Sets the results that have come in on their futures.
    fn drain(&self, py: Python<'_>) -> PyResult<()> {
        self.done.waker.clear();
        let results = std::mem::take(&mut *lock(&self.done.results));
        for (id, result) in results {
            let Some((future, _)) = lock(&self.waiting).remove(&id) else { continue };
            let future = future.bind(py);
            if future.call_method0("done")?.is_truthy()? {
                continue;
            }
            match result.map_err(|error| errors::lower(py, &error)).and_then(|outcome| outcome.into_pyobject(py)) {
                Ok(value) => future.call_method1("set_result", (value,))?,
                Err(error) => future.call_method1("set_exception", (error,))?,
            };
        }
        Ok(())
    }
}

/// What a panicking thread leaves behind is still whole: every critical section here is a single step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
