//! The program's log.

use std::sync::OnceLock;
use std::time::Duration;

use clap::ValueEnum;
use composio_contract::{Error, ErrorKind, Result};
use composio_egress::TRACE_TARGET;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use super::lines::Lines;
use crate::trace::{self, Traces};

/// Says what is logged, as `info` or `composio_router=debug,info`.
const LOG_VARIABLE: &str = "COMPOSIO_LOG";
/// The MCP library tells of every message at `info`, and of each client that leaves a stream as of an error.
const DEFAULT: &str = "info,rmcp=warn,rmcp::service=off";

/// How long the end of the process waits for whoever reads the log.
const PATIENCE: Duration = Duration::from_secs(5);

/// The process has one log, as it has one standard error.
static LINES: OnceLock<Lines> = OnceLock::new();

/// Writes the lines that are left, for at most five seconds.
pub(super) fn flush() {
    if let Some(lines) = LINES.get() {
        lines.flush(PATIENCE);
    }
}

/// The lines of the log, which are written before a panic is told: it may be the end.
fn lines() -> Result<Lines> {
    if let Some(lines) = LINES.get() {
        return Ok(lines.clone());
    }
    let lines = Lines::start(std::io::stderr())
        .map_err(|error| Error::new(ErrorKind::Internal, format!("the log has no thread to write it: {error}")))?;
    if LINES.set(lines.clone()).is_ok() {
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            flush();
            tell(panic);
        }));
    }
    Ok(lines)
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum LogFormat {
    /// A line for people.
    Text,
    /// An object a line, for programs.
    Json,
}

/// What the program and its libraries log, and the traces of what they do.
pub(super) struct Log {
    traces: Option<Traces>,
}

impl Log {
    /// Writes to standard error, and sends traces where there is a collector.
    pub(super) fn start(format: LogFormat, otlp: Option<&str>) -> Result<Self> {
        let wrong = |error: &dyn std::fmt::Display| {
            Error::new(ErrorKind::Configuration, format!("{LOG_VARIABLE} cannot be read: {error}"))
        };
        let filter = match std::env::var(LOG_VARIABLE) {
            Ok(text) => EnvFilter::try_new(text).map_err(|error| wrong(&error))?,
            Err(_) => EnvFilter::new(DEFAULT),
        };
        let no_spans = format!("{TRACE_TARGET}=off").parse().map_err(|error| wrong(&error))?;
        let filter = filter.add_directive(no_spans);
        let lines = tracing_subscriber::fmt::layer().with_writer(lines()?);
        let lines = match format {
            LogFormat::Text => {
                let has_colours = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
                lines.with_ansi(has_colours).with_filter(filter).boxed()
            }
            LogFormat::Json => lines.json().flatten_event(true).with_filter(filter).boxed(),
        };
        let mut layers = vec![lines];
        let traces = match trace::collector(otlp)? {
            Some(collector) => {
                let (traces, layer) = Traces::start(&collector)?;
                layers.push(layer.boxed());
                Some(traces)
            }
            None => None,
        };
        // Each has a filter, so that a span which nothing takes is not made.
        let set = tracing_subscriber::registry().with(layers).try_init();
        set.map_err(|error| wrong(&error))?;
        Ok(Self { traces })
    }

    /// Sends the traces and writes the lines that are left.
    pub(super) async fn end(self) {
        if let Some(traces) = self.traces {
            traces.end().await;
        }
        // Nothing else runs any more that could be held up.
        flush();
    }
}
