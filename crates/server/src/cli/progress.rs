//! What long work shows on a terminal. Elsewhere it shows nothing.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

const TICK: Duration = Duration::from_millis(100);
const BAR: &str = "{spinner} {msg} {wide_bar} {pos}/{len}";
const SPINNER: &str = "{spinner} {msg} ({elapsed})";

/// A line on standard error that is gone when this is dropped.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// For work of which is not known how much there is.
    pub(super) fn spinner(doing: &'static str) -> Self {
        Self::start(ProgressBar::no_length(), SPINNER, doing)
    }

    /// For work of so many parts.
    pub(super) fn bar(doing: &'static str, parts: usize) -> Self {
        Self::start(ProgressBar::new(u64::try_from(parts).unwrap_or(u64::MAX)), BAR, doing)
    }

    fn start(bar: ProgressBar, template: &str, doing: &'static str) -> Self {
        let is_dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
        if is_dumb || !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(doing);
        bar.enable_steady_tick(TICK);
        Self(bar)
    }

    /// One part is done.
    pub(super) fn step(&self) {
        self.0.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Waits for work, and says so.
pub(super) async fn waiting<T>(doing: &'static str, work: impl Future<Output = T>) -> T {
    let _progress = Progress::spinner(doing);
    work.await
}
