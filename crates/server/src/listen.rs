//! Connections, from the first to the graceful end.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::app::App;

/// What lies above the server's own limit is refused by the HTTP layer, without a body; this is how far above.
const HEADER_ROOM: usize = 4;
/// Accepting fails where the process has no more files; waiting lets some go.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers connections until `stop` resolves; then takes no new ones, lets calls in flight end within the grace of the
/// options, and closes the router.
///
/// # Errors
/// What closing the router fails with.
pub async fn serve(listener: TcpListener, app: App, stop: impl Future<Output = ()>) -> composio_contract::Result<()> {
    let connections = Arc::new(Semaphore::new(app.options().connections));
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
            // The semaphore is never closed.
            let Ok(permit) = Arc::clone(&connections).acquire_owned().await else { return };
            let stream = next(&listener).await;
            let connection = http.serve_connection(TokioIo::new(stream), service.clone());
            let connection = graceful.watch(connection);
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
                    _ = serving.changed() => {}
                }
                drop(permit);
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

async fn next(listener: &TcpListener) -> TcpStream {
    loop {
        match accepted(listener).await {
            Ok(stream) => return stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn accepted(listener: &TcpListener) -> io::Result<TcpStream> {
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
