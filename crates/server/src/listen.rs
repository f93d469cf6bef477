//! Connections, from the first to the graceful end.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::app::App;
use crate::pace::{Paced, Stalled};

/// What lies above the server's own limit is refused by the HTTP layer, without a body; this is how far above.
const HEADER_ROOM: usize = 4;
/// Accepting fails where the process has no more files; waiting lets some go.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// What is said to who comes when everybody else is being served.
const REFUSED: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// Answers connections until `stop` resolves; then takes no new ones, lets calls in flight end within the grace of the
/// options, and closes the router.
///
/// # Errors
/// What closing the router fails with.
pub async fn serve(listener: TcpListener, app: App, stop: impl Future<Output = ()>) -> composio_contract::Result<()> {
    let connections = app.connections();
    let graceful = GracefulShutdown::new();
    // Connections end with it at the latest.
    let (_serving, serving) = watch::channel(());
    let service = TowerToHyperService::new(app.service());
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(app.options().header_timeout)
        .max_buf_size((app.options().header_limit * HEADER_ROOM).max(8 << 10));
    let accept = async {
        loop {
            connections.room().await;
            let (stream, address) = next(&listener).await;
            let is_shared = app.options().trusted_proxies.contains(&address.to_canonical());
            let Some((place, left)) = connections.enter(address, is_shared, Instant::now()) else {
                app.metrics().broken("refused");
                // Whether it is heard or not, the connection ends.
                let _ = stream.try_write(REFUSED);
                continue;
            };
            for _ in 0..left {
                app.metrics().broken("crowded_out");
            }
            let stream = Paced::new(stream, Arc::clone(place.peer()), app.options().progress_timeout);
            let (peer, service) = (Arc::clone(place.peer()), service.clone());
            let service = service_fn(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(Arc::clone(&peer));
                service.call(request)
            });
            let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
            let mut serving = serving.clone();
            let app = app.clone();
            tokio::spawn(async move {
                tokio::select! {
                    ended = connection => {
                        // A connection that breaks is the client's affair.
                        if let Err(error) = ended {
                            note(&app, &error);
                        }
                    }
                    () = place.dismissed() => {}
                    _ = serving.changed() => {}
                }
            });
        }
    };
    tokio::select! {
        () = accept => {}
        () = stop => {}
    }
    app.stop();
    drop(listener);
    tracing::info!("stopping; calls in flight may end");
    if tokio::time::timeout(app.options().grace, graceful.shutdown()).await.is_err() {
        tracing::warn!(grace = ?app.options().grace, "calls were still running and are cut off");
    }
    app.mcp().end();
    composio_contract::Backend::close(app.router()).await
}

/// Counts a connection that ended otherwise than by its rules. What was no HTTP never came to be a request, so that this is
/// all there is of it.
fn note(app: &App, error: &hyper::Error) {
    let reason = if error.is_parse() {
        "malformed"
    } else if error.is_timeout() {
        "timeout"
    } else if Stalled::is_cause(error) {
        "stalled"
    } else {
        "lost"
    };
    app.metrics().broken(reason);
    if error.is_parse() {
        tracing::info!(%error, "a connection sent what is no request");
    } else {
        tracing::debug!(%error, "a connection broke");
    }
}

async fn next(listener: &TcpListener) -> (TcpStream, IpAddr) {
    loop {
        match accepted(listener).await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn accepted(listener: &TcpListener) -> io::Result<(TcpStream, IpAddr)> {
    let (stream, address) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, address.ip()))
}
