//! `composio serve`

use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use composio_contract::{Error, ErrorKind, Result};
use composio_router::Router;
use serde_json::json;
use tokio::net::{TcpListener, TcpSocket};

use super::log::{Log, LogFormat};
use super::{Place, say};
use crate::{App, Options, PublicUrl};

/// Bytes that the system holds for a client before it has read them; systems double it, and else let it grow to megabytes.
const SEND_BUFFER: u32 = 256 << 10;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;
/// Open files beside the connections: those of users, of the store, and of MCP servers.
const FILES: usize = 1_024;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Where to listen. Any other than a loopback address needs a key.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The URL by which clients reach the server, where that is another one, as behind a proxy.
    #[arg(long, value_name = "URL", value_parser = PublicUrl::parse)]
    public_url: Option<PublicUrl>,
    /// A further host name that requests may be for; can be given several times.
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
    /// Bytes that a JSON body may have.
    #[arg(long, value_name = "BYTES")]
    body_limit: Option<usize>,
    /// Bytes that a file may have.
    #[arg(long, value_name = "BYTES")]
    file_limit: Option<usize>,
    /// Bytes that a request's URL and headers may have together.
    #[arg(long, value_name = "BYTES")]
    header_limit: Option<usize>,
    /// Seconds that a request may take.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    request_timeout: Option<Duration>,
    /// Calls of one key that may run at the same time.
    #[arg(long, value_name = "CALLS")]
    concurrency: Option<usize>,
    /// Seconds that a client may read or send nothing, or next to nothing, before its connection ends.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    progress_timeout: Option<Duration>,
    /// Connections that may be open. A quarter of them is kept for callers with a key.
    #[arg(long, value_name = "CONNECTIONS")]
    connections: Option<usize>,
    /// Connections that one address may have without a key; half of all where nothing is said.
    #[arg(long, value_name = "CONNECTIONS")]
    connections_per_address: Option<usize>,
    /// The address of a proxy that adds its client's address to `x-forwarded-for`; can be given several times. The limit for
    /// one address does not hold for it.
    #[arg(long, value_name = "ADDRESS")]
    trusted_proxy: Vec<IpAddr>,
    /// Seconds that calls in flight may take once the server is told to stop.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    grace: Option<Duration>,
    /// Sends traces to this collector, over OTLP with HTTP; else to the one of OTEL_EXPORTER_OTLP_ENDPOINT, else to none.
    #[arg(long, value_name = "URL")]
    otlp: Option<String>,
    /// Says where it listens as an object.
    #[arg(long)]
    json: bool,
    /// How log lines are written to standard error.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
}

fn seconds(text: &str) -> std::result::Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

impl Arguments {
    fn options(&self) -> Options {
        let defaults = Options::new(self.listen);
        Options {
            public_url: self.public_url.clone(),
            allow_hosts: self.allow_host.clone(),
            body_limit: self.body_limit.unwrap_or(defaults.body_limit),
            file_limit: self.file_limit.unwrap_or(defaults.file_limit),
            header_limit: self.header_limit.unwrap_or(defaults.header_limit),
            request_timeout: self.request_timeout.unwrap_or(defaults.request_timeout),
            concurrency: self.concurrency.unwrap_or(defaults.concurrency),
            grace: self.grace.unwrap_or(defaults.grace),
            progress_timeout: self.progress_timeout.unwrap_or(defaults.progress_timeout),
            connections: self.connections.unwrap_or(defaults.connections),
            connections_per_address: self.connections_per_address,
            trusted_proxies: self.trusted_proxy.iter().map(IpAddr::to_canonical).collect(),
            ..defaults
        }
    }
}

pub(super) async fn run(place: &Place, arguments: Arguments) -> Result<ExitCode> {
    let log = Log::start(arguments.log_format, arguments.otlp.as_deref())?;
    let done = serve(place, arguments).await;
    log.end().await;
    done
}

async fn serve(place: &Place, arguments: Arguments) -> Result<ExitCode> {
    let mut config = place.load()?;
    config.quota = config.quota.for_server();
    config.retention = config.retention.for_server();
    let mut options = arguments.options();
    options.connections = possible_connections(options.connections);
    let router = Router::builder().config(config).build()?;
    let signing = router.check_signing_key().await;
    let app = App::new(router, options).await?;
    if let Err(error) = signing {
        tracing::error!(%error, "session tokens and URLs of files can neither be made nor read");
    }
    let listener = listen(arguments.listen).map_err(|error| {
        Error::new(ErrorKind::Configuration, format!("cannot listen on {}: {error}", arguments.listen))
            .with_suggested_fix("give another address with `--listen`")
    })?;
    let stop = stop_signal()?;
    if app.is_open().await? {
        tracing::warn!(
            "there is no key, so every program on this machine can use this server; `composio keys create` makes one"
        );
    }
    let address = listener.local_addr().unwrap_or(arguments.listen);
    let url = format!("http://{address}");
    if arguments.json {
        say(&format!("{}\n", json!({"listening": url})))?;
    } else {
        say(&format!("listening on {url}\n"))?;
    }
    crate::serve(listener, app, stop).await?;
    Ok(ExitCode::SUCCESS)
}

/// Listens so that what a client does not read takes little of the system's memory.
fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    // Accepted connections have the same.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// How many of these connections the process can have. Each is an open file, of which systems let a process have few where
/// nobody asks for more.
fn possible_connections(wanted: usize) -> usize {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

        let needed = wanted.saturating_add(FILES) as u64;
        let limit = getrlimit(Resource::Nofile);
        let allowed = |limit: Option<u64>| limit.unwrap_or(u64::MAX);
        if allowed(limit.current) < needed {
            let current = Some(needed.min(allowed(limit.maximum)));
            if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current, maximum: limit.maximum }) {
                tracing::warn!(%error, "the process cannot have more open files");
            }
        }
        let files = usize::try_from(allowed(getrlimit(Resource::Nofile).current)).unwrap_or(usize::MAX);
        // Half of them, where there are so few.
        let possible = files.saturating_sub(FILES).max(files / 2);
        if possible < wanted {
            tracing::warn!(connections = possible, files, "fewer connections: the process may have few open files");
        }
        wanted.min(possible)
    }
    #[cfg(not(unix))]
    {
        wanted
    }
}

/// Resolves when the process is asked to end. A second time it ends at once, as the system does without a handler.
pub(super) fn stop_signal() -> Result<impl Future<Output = ()>> {
    let failed = |error: std::io::Error| Error::new(ErrorKind::Internal, format!("signals cannot be heard: {error}"));
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};

        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        Ok(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tokio::spawn(async move {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                super::log::flush();
                std::process::exit(1);
            });
        })
    }
    #[cfg(not(unix))]
    {
        let mut interrupt = tokio::signal::windows::ctrl_c().map_err(failed)?;
        Ok(async move {
            interrupt.recv().await;
        })
    }
}
