//! The HTTP side: connections, the `/__mock` control endpoints, and the way from a request to its run.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper::{Method, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use indexmap::IndexMap;
use tokio::net::{TcpListener, TcpStream};

use crate::bench::Bench;
use crate::json::Json;
use crate::run::{Received, Run, instructions};
use crate::vector::{self, Vectors};

type Reply = hyper::Response<Full<Bytes>>;

/// Closes the connection without an answer.
#[derive(Debug)]
struct Dropped;

impl std::fmt::Display for Dropped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the vector drops this connection")
    }
}

impl std::error::Error for Dropped {}

/// What all connections share.
pub(crate) struct Mock {
    host: String,
    vectors: Vectors,
    /// Each run has a folder of its own in this one.
    folder: PathBuf,
    bench: Option<Bench>,
    runs: Mutex<HashMap<String, Run>>,
    next_run: AtomicU64,
    open: AtomicU64,
    accepted: AtomicU64,
    served: AtomicU64,
    abandoned: AtomicU64,
}

impl Mock {
    pub(crate) fn new(host: String, vectors: Vectors, folder: PathBuf, bench: Option<Bench>) -> Arc<Self> {
        Arc::new(Self {
            host,
            vectors,
            folder,
            bench,
            runs: Mutex::default(),
            next_run: AtomicU64::new(1),
            open: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            served: AtomicU64::new(0),
            abandoned: AtomicU64::new(0),
        })
    }

    /// Answers connections until the future is dropped.
    pub(crate) async fn serve(self: Arc<Self>, listener: TcpListener) -> std::io::Result<Infallible> {
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(Arc::clone(&self).connection(stream));
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream) {
        self.accepted.fetch_add(1, Relaxed);
        self.open.fetch_add(1, Relaxed);
        let service = service_fn(|request| {
            let unanswered = Unanswered(Some(Arc::clone(&self)));
            let mock = Arc::clone(&self);
            async move {
                let reply = mock.handle(request).await;
                unanswered.answered();
                mock.served.fetch_add(1, Relaxed);
                reply
            }
        });
        // A connection that breaks is the client's affair; what it left undone shows in the run and the counters.
        let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
        self.open.fetch_sub(1, Relaxed);
    }

    async fn handle(&self, request: hyper::Request<Incoming>) -> Result<Reply, Dropped> {
        if let Some(reply) = self.bench.as_ref().and_then(|bench| bench.answer(request.method(), request.uri().path()))
        {
            // Reading the body to its end keeps the connection alive.
            let _ = request.into_body().collect().await;
            return Ok(reply);
        }
        if self.bench.is_some() && Bench::is_stuck(request.uri().path()) {
            return std::future::pending().await;
        }
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let path = parts.uri.path();
        if let Some(rest) = path.strip_prefix("/__mock/") {
            return Ok(self.control(&parts.method, rest, &body));
        }
        let Some((id, rest)) = path.strip_prefix("/r/").map(|rest| rest.split_once('/').unwrap_or((rest, ""))) else {
            return Ok(mismatch("no run's base URL begins like this path"));
        };
        let mut query: IndexMap<String, Vec<String>> = IndexMap::new();
        for (name, value) in form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
            query.entry(name.into_owned()).or_default().push(value.into_owned());
        }
        let received = Received {
            method: parts.method.to_string(),
            path: format!("/{rest}"),
            query,
            headers: parts.headers,
            body,
        };
        let answer = match self.runs().get_mut(id) {
            Some(run) => run.answer(received),
            None => Err(format!("there is no run {id:?}")),
        };
        let response = match answer {
            Ok(response) => response,
            Err(problem) => return Ok(mismatch(&problem)),
        };
        if let Some(delay) = response.delay_ms {
            tokio::time::sleep(Duration::from_millis(delay)).await;
        }
        if let Some(run) = self.runs().get_mut(id) {
            run.answered();
        }
        if response.drop_connection { Err(Dropped) } else { Ok(reply(response)) }
    }

    fn control(&self, method: &Method, path: &str, body: &[u8]) -> Reply {
        let segments: Vec<&str> = path.split('/').collect();
        match (method, segments.as_slice()) {
            (&Method::GET, ["vectors"]) => json(StatusCode::OK, &self.vectors.names()),
            (&Method::GET, ["stats"]) => json(
                StatusCode::OK,
                &IndexMap::from([
                    ("open_connections", &self.open),
                    ("accepted_connections", &self.accepted),
                    ("requests_served", &self.served),
                    ("requests_abandoned", &self.abandoned),
                ]),
            ),
            (&Method::POST, ["runs"]) => self.start(body),
            (&Method::GET, ["runs", id]) => match self.runs().get(*id) {
                Some(run) => json(StatusCode::OK, &run.verdict()),
                None => refuse(&format!("there is no run {id:?}")),
            },
            (&Method::POST, ["runs", id, "steps", step]) => {
                let outcome = std::str::from_utf8(body).ok().and_then(|text| Json::parse(text).ok());
                match (self.runs().get_mut(*id), step.parse(), outcome) {
                    (Some(run), Ok(step), Some(outcome)) => {
                        let problems = run.report(step, &outcome);
                        json(StatusCode::OK, &IndexMap::from([("problems", problems)]))
                    }
                    _ => refuse("expected an existing run, a step's number, and JSON"),
                }
            }
            _ => refuse("no such control endpoint"),
        }
    }

    fn start(&self, body: &[u8]) -> Reply {
        let request = std::str::from_utf8(body).ok().and_then(|text| Json::parse(text).ok()).unwrap_or_default();
        let Some(name) = request.get("vector").and_then(Json::as_str) else {
            return refuse(r#"expected {"vector": "<file stem>/<name>"}"#);
        };
        let id = self.next_run.fetch_add(1, Relaxed).to_string();
        let base_url = format!("http://{}/r/{id}", self.host);
        let folder = self.folder.join(&id);
        match self.vectors.instantiate(name, &self.host, &base_url, &folder) {
            Ok(vector) => {
                let run = Run::new(vector, folder);
                let reply = json(StatusCode::CREATED, &instructions(&id, &base_url, &run));
                self.runs().insert(id, run);
                reply
            }
            Err(error) => refuse(&error),
        }
    }

    fn runs(&self) -> MutexGuard<'_, HashMap<String, Run>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a request as abandoned where its future is dropped before the answer.
struct Unanswered(Option<Arc<Mock>>);

impl Unanswered {
    fn answered(mut self) {
        self.0 = None;
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if let Some(mock) = &self.0 {
            mock.abandoned.fetch_add(1, Relaxed);
        }
    }
}

pub(crate) fn json<T: serde::Serialize + ?Sized>(status: StatusCode, value: &T) -> Reply {
    let mut reply = Reply::new(Full::new(serde_json::to_vec(value).unwrap_or_default().into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
    reply
}

fn refuse(message: &str) -> Reply {
    json(StatusCode::BAD_REQUEST, &IndexMap::from([("error", message)]))
}

/// A status that no client retries, so that a wrong request fails at once.
fn mismatch(problem: &str) -> Reply {
    let error =
        serde_json::json!({ "message": format!("mock: {problem}"), "code": 0, "slug": "MockMismatch", "status": 418 });
    json(StatusCode::IM_A_TEAPOT, &IndexMap::from([("error", error)]))
}

fn reply(response: vector::Response) -> Reply {
    let (content_type, mut body) = match (response.body, response.body_text, response.body_base64) {
        (Some(body), _, _) => (Some("application/json"), body.to_string().into_bytes()),
        (_, Some(text), _) => (Some("text/plain; charset=utf-8"), text.into_bytes()),
        (_, _, Some(text)) => match BASE64_STANDARD.decode(text) {
            Ok(bytes) => (Some("application/octet-stream"), bytes),
            Err(error) => return mismatch(&format!("the vector's body_base64: {error}")),
        },
        _ => (None, Vec::new()),
    };
    let mut reply = hyper::Response::builder().status(response.status.unwrap_or(200));
    if let Some(content_type) = content_type.filter(|_| !response.headers.contains_key("content-type")) {
        reply = reply.header(CONTENT_TYPE, content_type);
    }
    if response.gzip {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        match encoder.write_all(&body).and_then(|()| encoder.finish()) {
            Ok(packed) => body = packed,
            Err(error) => return mismatch(&format!("gzip: {error}")),
        }
        reply = reply.header(CONTENT_ENCODING, "gzip");
    }
    for (name, value) in &response.headers {
        reply = reply.header(name, value);
    }
    reply.body(Full::new(body.into())).unwrap_or_else(|error| mismatch(&format!("the vector's response: {error}")))
}
