//! Traces, as a collector sees them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use crate::common::{Answer, ask};

/// An OTLP receiver.
struct Collector {
    address: SocketAddr,
    bodies: Arc<Mutex<Vec<Bytes>>>,
}

impl Collector {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let bodies: Arc<Mutex<Vec<Bytes>>> = Arc::default();
        let received = Arc::clone(&bodies);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let received = Arc::clone(&received);
                let answer = service_fn(move |request: Request<Incoming>| {
                    let received = Arc::clone(&received);
                    async move {
                        assert_eq!(request.uri().path(), "/v1/traces");
                        assert_eq!(request.headers()["content-type"], "application/x-protobuf");
                        let body = request.into_body().collect().await?.to_bytes();
                        received.lock().unwrap().push(body);
                        Ok::<_, hyper::Error>(Response::new(Full::<Bytes>::default()))
                    }
                });
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        Self { address, bodies }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn spans(&self) -> Vec<Span> {
        let bodies = self.bodies.lock().unwrap();
        let requests = bodies.iter().map(|body| ExportTraceServiceRequest::decode(body.clone()).unwrap());
        let resources = requests.flat_map(|request| request.resource_spans);
        resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }
}

/// A program that serves, and is killed with this.
struct Program {
    process: Child,
    address: SocketAddr,
}

impl Program {
    async fn start(folder: &Path, otlp: &str) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_composio"))
            .args(["serve", "--listen", "127.0.0.1:0", "--json", "--log-format", "json", "--otlp", otlp, "--data"])
            .arg(folder)
            .env_clear()
            // Nobody reads the log before the end, and the pipe is small.
            .env("COMPOSIO_LOG", "warn")
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).await.unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        let address = said["listening"].as_str().unwrap().strip_prefix("http://").unwrap().parse().unwrap();
        Self { process, address }
    }

    async fn call(&self, method: &str, path: &str, body: Option<Value>, headers: &[(&'static str, &str)]) -> Answer {
        let mut request = crate::common::request(method, path, None, body);
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        ask(self.address, request).await.unwrap()
    }

    async fn session(&self, body: Value) -> String {
        let made = self.call("POST", "/api/v3.1/tool_router/session", Some(body), &[]).await.expect(201);
        made.json()["session_id"].as_str().unwrap().to_owned()
    }

    /// Ends it and answers its log.
    async fn end(mut self) -> String {
        let pid = self.process.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().await.unwrap().success());
        let mut log = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut log).await.unwrap();
        assert!(self.process.wait().await.unwrap().success(), "{log}");
        log
    }
}

fn text(span: &Span, name: &str) -> Option<String> {
    let attribute = span.attributes.iter().find(|attribute| attribute.key == name)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Any::StringValue(text) => Some(text.clone()),
        Any::IntValue(number) => Some(number.to_string()),
        other => panic!("{other:?}"),
    }
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "00f067aa0ba902b7";

#[cfg(unix)]
#[tokio::test]
async fn a_call_is_one_trace_through_two_servers() {
    let collector = Collector::start().await;
    let (near, far) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let upstream = Program::start(far.path(), &collector.url()).await;
    let session = upstream.session(json!({"user_id": "bob", "preload": {"tools": ["TIME_NOW"]}})).await;
    let config = format!(
        "[[mcp]]\nslug = 'far'\nurl = 'http://{}/tool_router/{session}/mcp'\n\n\
         [http]\nallow_hosts = ['{}']\n",
        upstream.address, upstream.address
    );
    std::fs::write(near.path().join("composio.toml"), config).unwrap();
    let server = Program::start(near.path(), &collector.url()).await;
    let session = server.session(json!({"user_id": "lovelace"})).await;
    let path = format!("/api/v3.1/tool_router/session/{session}/execute");
    let parent = format!("00-{TRACE}-{CALLER}-01");
    let execute = async |slug: &str, arguments: Value| {
        let body = json!({"tool_slug": slug, "arguments": arguments});
        server
            .call("POST", &path, Some(body), &[("traceparent", &parent), ("x-api-key", "ck_secret")])
            .await
            .expect(200)
    };
    let answer = execute("FAR_TIME_NOW", json!({"timezone": "Asia/Tokyo"})).await.json();
    assert_eq!(answer["result_type"], "completed", "{answer}");
    let failed = execute("TIME_NOW", json!({"timezone": "Mars/Secret"})).await.json();
    assert_eq!(failed["result_type"], "failed");
    let url = format!("http://{}/health/live?token=hidden", upstream.address);
    let got = execute("HTTP_REQUEST", json!({"url": url})).await.json();
    assert_eq!(got["result_type"], "completed", "{got}");
    server.end().await;
    upstream.end().await;

    let all = collector.spans();
    let trace: Vec<Span> = all.iter().filter(|span| hex(&span.trace_id) == TRACE).cloned().collect();
    let by_id: HashMap<String, &Span> = trace.iter().map(|span| (hex(&span.span_id), span)).collect();
    let chain = |last: &Span| {
        let mut names = vec![last.name.clone()];
        let mut parent = hex(&last.parent_span_id);
        while let Some(span) = by_id.get(&parent) {
            names.push(span.name.clone());
            parent = hex(&span.parent_span_id);
        }
        assert_eq!(parent, CALLER);
        names
    };
    let execute = "POST /api/v3.1/tool_router/session/{session_id}/execute";
    let mcp = "POST /tool_router/{session_id}/mcp";
    let of = |name: &str, ok: bool| {
        let fits =
            |span: &&Span| span.name == name && (span.status.as_ref().is_none_or(|status| status.code != 2)) == ok;
        trace.iter().find(fits).unwrap_or_else(|| panic!("{name}: {trace:#?}"))
    };
    let deepest = chain(of("execute_tool TIME_NOW", true));
    assert_eq!(deepest, ["execute_tool TIME_NOW", mcp, "tools/call TIME_NOW", "execute_tool FAR_TIME_NOW", execute]);
    assert_eq!(chain(of("execute_tool TIME_NOW", false)), ["execute_tool TIME_NOW", execute]);
    assert_eq!(chain(of("GET /health/live", true)), ["GET /health/live", "GET", "execute_tool HTTP_REQUEST", execute]);
    let request = trace.iter().find(|span| span.name == execute).unwrap();
    for (name, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/api/v3.1/tool_router/session/{session_id}/execute"),
        ("http.response.status_code", "200"),
        ("composio.project", "default"),
    ] {
        assert_eq!(text(request, name).as_deref(), Some(value), "{request:#?}");
    }
    // What was given, who gave it and what came back is in none.
    for body in collector.bodies.lock().unwrap().iter() {
        for secret in ["Tokyo", "Secret", "ck_secret", "hidden", "lovelace", session.as_str()] {
            assert!(!body.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

#[cfg(unix)]
#[tokio::test]
async fn a_collector_that_does_not_answer_holds_up_no_call() {
    // It takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // It takes none.
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for collector in [silent.local_addr().unwrap(), gone] {
        let folder = tempfile::tempdir().unwrap();
        let server = Program::start(folder.path(), &format!("http://{collector}")).await;
        // More than the queue has room for.
        for _ in 0..2_500 {
            server.call("GET", "/health/live", None, &[]).await.expect(200);
        }
        let log = tokio::time::timeout(Duration::from_secs(60), server.end()).await.unwrap();
        assert_eq!(log.matches("traces are lost").count(), 1, "{log}");
    }
}

#[test]
fn a_wrong_collector_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_composio"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--otlp", "collector:4318", "--data"]).arg(folder.path());
    let output = command.env_clear().current_dir(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--otlp"), "{output:?}");
}
