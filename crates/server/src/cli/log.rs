//! The program's log.

use clap::ValueEnum;
use composio_contract::{Error, ErrorKind, Result};
use tracing_subscriber::EnvFilter;

/// Says what is logged, as `info` or `composio_router=debug,info`.
const LOG_VARIABLE: &str = "COMPOSIO_LOG";
/// The MCP library tells of every message at `info`, and of each client that leaves a stream as of an error.
const DEFAULT: &str = "info,rmcp=warn,rmcp::service=off";

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum LogFormat {
    /// A line for people.
    Text,
    /// An object a line, for programs.
    Json,
}

/// Writes what the program and its libraries log to standard error.
pub(super) fn to_stderr(format: LogFormat) -> Result<()> {
    let wrong = |error: &dyn std::fmt::Display| {
        Error::new(ErrorKind::Configuration, format!("{LOG_VARIABLE} cannot be read: {error}"))
    };
    let filter = match std::env::var(LOG_VARIABLE) {
        Ok(text) => EnvFilter::try_new(text).map_err(|error| wrong(&error))?,
        Err(_) => EnvFilter::new(DEFAULT),
    };
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let set = match format {
        LogFormat::Text => log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    set.map_err(|error| wrong(&error))
}
