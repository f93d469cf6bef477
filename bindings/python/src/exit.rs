//! Threads, signals, and the end of the interpreter.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use pyo3::prelude::*;

use crate::runtime;

thread_local! {
    /// Whether this is Python's main thread, once known.
    static IS_MAIN: Cell<Option<bool>> = const { Cell::new(None) };
}

static EXITING: AtomicBool = AtomicBool::new(false);
/// Threads between the end of their wait and having the GIL again.
static RETURNING: AtomicUsize = AtomicUsize::new(0);

/// Hooks into forks and the end of the interpreter.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let os = py.import("os")?;
    if os.hasattr("register_at_fork")? {
        let hook = pyo3::types::PyDict::new(py);
        hook.set_item("after_in_child", pyo3::wrap_pyfunction!(after_fork, module)?)?;
        os.call_method("register_at_fork", (), Some(&hook))?;
    }
    py.import("atexit")?.call_method1("register", (pyo3::wrap_pyfunction!(at_exit, module)?,))?;
    Ok(())
}

/// The forking thread is the child's only one, and so its main thread.
#[pyfunction]
fn after_fork() {
    runtime::forget_parent();
    composio_core::fork::bump();
    RETURNING.store(0, Ordering::SeqCst);
    IS_MAIN.set(Some(true));
}

/// From now on a daemon thread that ends its wait parks for good: taking the GIL of an interpreter that is going away
/// would unwind the thread through Rust frames, which aborts the process. Those already on their way are let in first.
#[pyfunction]
fn at_exit(py: Python<'_>) {
    EXITING.store(true, Ordering::SeqCst);
    py.detach(|| {
        while RETURNING.load(Ordering::SeqCst) > 0 {
            std::thread::sleep(Duration::from_micros(200));
        }
    });
}

/// Runs `wait` without the GIL.
pub(crate) fn away<T: Send>(py: Python<'_>, wait: impl FnOnce() -> T + Send) -> T {
    let main = is_main_thread(py);
    let result = py.detach(|| {
        let result = wait();
        RETURNING.fetch_add(1, Ordering::SeqCst);
        if EXITING.load(Ordering::SeqCst) && !main {
            RETURNING.fetch_sub(1, Ordering::SeqCst);
            loop {
                std::thread::park();
            }
        }
        result
    });
    RETURNING.fetch_sub(1, Ordering::SeqCst);
    result
}

/// Whether this is the thread that Python runs signal handlers on, and that ends the interpreter.
pub(crate) fn is_main_thread(py: Python<'_>) -> bool {
    let ask = || -> PyResult<bool> {
        let threading = py.import("threading")?;
        threading.call_method0("get_ident")?.eq(threading.call_method0("main_thread")?.getattr("ident")?)
    };
    IS_MAIN.get().unwrap_or_else(|| {
        let answer = ask().unwrap_or(true);
        IS_MAIN.set(Some(answer));
        answer
    })
}
