//! The program's log.

use std::sync::OnceLock;
use std::time::Duration;

use clap::ValueEnum;
use composio_contract::{Error, ErrorKind, Result};
use composio_egress::TRACE_TARGET;
use tracing::Level;
use tracing_subscriber::filter::{FilterExt as _, ParseError, filter_fn};
use tracing_subscriber::layer::{Filter, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry};

use super::lines::Lines;
use crate::trace::{self, Traces};

/// Says what is logged, as `info` or `composio_router=debug,info`.
const LOG_VARIABLE: &str = "COMPOSIO_LOG";
/// The MCP library tells of every message at `info`, and of each client that leaves a stream as of an error.
const DEFAULT: &str = "info,rmcp=warn,rmcp::service=off";
/// Libraries that write what they send and receive.
const WIRE: &[&str] = &["h2", "hyper", "hyper_util", "reqwest", "rmcp", "rustls", "sqlx", "tungstenite"];

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
        let filter = filter(std::env::var(LOG_VARIABLE).ok().as_deref()).map_err(|error| wrong(&error))?;
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

/// The filter that a text asks for.
///
/// Libraries of the wire write whole messages at `debug` and `trace`: arguments, results, headers, keys. Whatever is asked for,
/// these are not among the lines.
fn filter(text: Option<&str>) -> std::result::Result<impl Filter<Registry> + use<>, ParseError> {
    let filter = EnvFilter::try_new(text.unwrap_or(DEFAULT))?;
    let filter = filter.add_directive(format!("{TRACE_TARGET}=off").parse()?);
    Ok(filter.and(filter_fn(|metadata| !is_wire(metadata.target()) || *metadata.level() <= Level::INFO)))
}

/// Whether a target is a library that writes what it sends and receives.
fn is_wire(target: &str) -> bool {
    let library = target.split("::").next().unwrap_or_default();
    WIRE.contains(&library)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(text: Option<&str>) -> String {
        let written = Written::default();
        let writer = written.clone();
        let layer = tracing_subscriber::fmt::layer().with_writer(move || writer.clone());
        let set = tracing_subscriber::registry().with(layer.with_filter(filter(text).unwrap()));
        tracing::subscriber::with_default(set, || {
            tracing::trace!(target: "rmcp::service", "arguments tok_SECRET");
            tracing::debug!(target: "rmcp::transport::worker", "arguments tok_SECRET");
            tracing::trace!(target: "hyper::proto::h1::io", "authorization tok_SECRET");
            tracing::trace!(target: "h2::codec::framed_write", "authorization tok_SECRET");
            tracing::debug!(target: "reqwest::connect", "tok_SECRET");
            tracing::debug!(target: "sqlx::query", "tok_SECRET");
            tracing::info!(target: "rmcp", "served");
            tracing::debug!(target: "composio_router", "ours");
            tracing::debug!(target: "hyperspace", "another's");
        });
        let bytes = written.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn no_level_has_messages_of_the_wire() {
        for text in ["trace", "debug", "rmcp=trace,trace", "rmcp::service=trace,hyper=trace,h2=trace", "[]=trace"] {
            let logged = logged(Some(text));
            assert!(!logged.contains("SECRET"), "{text}: {logged}");
        }
        let all = logged(Some("trace"));
        assert!(all.contains("served") && all.contains("ours") && all.contains("another's"), "{all}");
        assert_eq!(logged(None), "");
    }
}
