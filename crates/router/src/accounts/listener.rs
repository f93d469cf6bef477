//! The router's own listener for callbacks and link pages, on this machine only (RFC 8252). It is there while links wait.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use composio_contract::{Error, ErrorKind, Result};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{HOST, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;

use super::connect::{ConnectReply, PATH};
use crate::router::Router;

/// Bytes of what a user types.
const BODY: usize = 64 << 10;
const HEADERS_WITHIN: Duration = Duration::from_secs(10);
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A listener that starts with the first link and ends when the last one has lapsed.
pub(super) struct Listener {
    /// The port that is wanted; 0 for any.
    port: u16,
    /// Held by whoever starts it, so that two do not want one port.
    starting: tokio::sync::Mutex<()>,
    running: Arc<Mutex<Option<Running>>>,
}

struct Running {
    base: String,
    /// When it ends.
    until: watch::Sender<Instant>,
}

impl Listener {
    pub(super) fn new(port: u16) -> Self {
        Self { port, starting: tokio::sync::Mutex::default(), running: Arc::default() }
    }

    /// The listener's URL, without a slash at its end. It is there for so long at least.
    pub(super) async fn base(&self, router: &Router, lifetime: Duration) -> Result<String> {
        let end = Instant::now() + lifetime;
        let _alone = self.starting.lock().await;
        if let Some(base) = self.extend(end) {
            return Ok(base);
        }
        let port = self.port;
        let failed = |error: std::io::Error| {
            Error::new(ErrorKind::Configuration, format!("cannot listen on 127.0.0.1:{port} for callbacks: {error}"))
                .with_suggested_fix("set `accounts.callback_port` to another port, or to 0 for any")
                .with_source(error)
        };
        // Bound on the runtime that outlives this call.
        let bind = router.accounts.runtime.spawn(TcpListener::bind(("127.0.0.1", port)));
        let listener = bind.await.map_err(|error| failed(std::io::Error::other(error)))?.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (until, ends) = watch::channel(end);
        let base = format!("http://{address}");
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(Running { base: base.clone(), until });
        let place = Arc::clone(&self.running);
        let serving = serve(listener, router.clone(), address.to_string().into(), ends, place);
        router.accounts.runtime.spawn(serving);
        Ok(base)
    }

    fn extend(&self, end: Instant) -> Option<String> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let running = running.as_ref()?;
        running.until.send_modify(|until| *until = end.max(*until));
        Some(running.base.clone())
    }

    pub(super) fn close(&self) {
        if let Some(running) = self.running.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            running.until.send_replace(Instant::now());
        }
    }
}

async fn serve(
    listener: TcpListener,
    router: Router,
    host: Arc<str>,
    mut ends: watch::Receiver<Instant>,
    place: Arc<Mutex<Option<Running>>>,
) {
    loop {
        let end = *ends.borrow_and_update();
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(tokio::spawn(converse(stream, router.clone(), Arc::clone(&host)))),
                // There are no more open files, say: the next try would fail at once too.
                Err(error) => {
                    tracing::warn!(%error, "a browser could not be let in");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            changed = ends.changed() => if changed.is_err() { return },
            () = tokio::time::sleep_until(end) => {
                let mut running = place.lock().unwrap_or_else(PoisonError::into_inner);
                // A link that came at this very moment wants it for longer.
                if *ends.borrow() <= Instant::now() {
                    drop(running.take());
                    return;
                }
            }
        }
    }
}

async fn converse(stream: TcpStream, router: Router, host: Arc<str>) {
    let service = service_fn(|request| answer(request, &router, &host));
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a browser went away");
    }
}

async fn answer(request: Request<Incoming>, router: &Router, host: &str) -> Result<Response<Full<Bytes>>, Infallible> {
    let plain = |status: StatusCode| {
        let mut response = Response::new(Full::new(Bytes::from(status.as_str().to_owned())));
        *response.status_mut() = status;
        response
    };
    // Another name that was made to resolve to this machine is not served.
    if request.headers().get(HOST).and_then(|value| value.to_str().ok()) != Some(host) {
        return Ok(plain(StatusCode::FORBIDDEN));
    }
    let is_post = request.method() == Method::POST;
    if !is_post && request.method() != Method::GET {
        return Ok(plain(StatusCode::METHOD_NOT_ALLOWED));
    }
    let uri = request.uri().clone();
    let Some(rest) = uri.path().strip_prefix(PATH) else { return Ok(plain(StatusCode::NOT_FOUND)) };
    let headers = request.headers().clone();
    let body = match Limited::new(request.into_body(), BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return Ok(plain(StatusCode::PAYLOAD_TOO_LARGE)),
    };
    let reply = router.connect(is_post, rest, uri.query().unwrap_or_default(), &headers, &body).await;
    Ok(response(&reply))
}

fn response(reply: &ConnectReply) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(reply.body.clone())));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in reply.headers() {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}
