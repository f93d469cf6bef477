//! A server on a free port, a toolkit that waits, and short ways to send requests.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use composio_contract::{RawJson, Result};
use composio_router::accounts::{AuthScheme, KeyPlace};
use composio_router::source::{CallContext, Outcome, Source, ToolDefinition, ToolkitInfo};
use composio_router::{Project, Router, RouterConfig};
use composio_server::{App, Options, keys, serve};
use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use crate::database;

/// A toolkit with one tool, `SLOW_WAIT`, which ends when it is told to.
#[derive(Debug)]
pub(crate) struct Slow {
    info: ToolkitInfo,
    /// Told when a call has begun.
    pub(crate) begun: Notify,
    /// Tells a call to end.
    pub(crate) end: Notify,
}

impl Slow {
    fn new() -> Arc<Self> {
        let info = ToolkitInfo { slug: "slow".to_owned(), name: "Slow".to_owned(), description: "Waits.".to_owned() };
        Arc::new(Self { info, begun: Notify::new(), end: Notify::new() })
    }
}

#[async_trait]
impl Source for Slow {
    fn toolkit(&self) -> &ToolkitInfo {
        &self.info
    }

    async fn tools(&self) -> Result<Arc<[ToolDefinition]>> {
        let tool = |slug: &str| ToolDefinition {
            slug: slug.to_owned(),
            operation: slug.to_lowercase(),
            title: slug.to_owned(),
            description: "Waits until it is told to end.".to_owned(),
            input_schema: json!({"type": "object"}),
            output_schema: None,
            tags: Vec::new(),
            cautions: Vec::new(),
            facts: Value::Null,
        };
        Ok(vec![tool("SLOW_WAIT"), tool("SLOW_PANIC")].into())
    }

    fn generation(&self) -> u64 {
        0
    }

    async fn call(&self, tool: &ToolDefinition, _: Map<String, Value>, _: &CallContext) -> Result<Outcome> {
        assert!(tool.slug != "SLOW_PANIC", "a defect of a toolkit");
        self.begun.notify_one();
        self.end.notified().await;
        Ok(Outcome::Completed(RawJson::empty_object()))
    }

    async fn close(&self) {}
}

/// A toolkit whose one tool, `KEYED_SHOW`, shows the key it was called with.
#[derive(Debug)]
struct Keyed(ToolkitInfo, AuthScheme);

impl Keyed {
    fn new() -> Self {
        let info = ToolkitInfo { slug: "keyed".to_owned(), name: "Keyed".to_owned(), description: "Locks.".to_owned() };
        Self(info, AuthScheme::ApiKey { place: KeyPlace::Header, name: "x-key".to_owned() })
    }
}

#[async_trait]
impl Source for Keyed {
    fn toolkit(&self) -> &ToolkitInfo {
        &self.0
    }

    fn auth(&self) -> Option<&AuthScheme> {
        Some(&self.1)
    }

    async fn tools(&self) -> Result<Arc<[ToolDefinition]>> {
        let tool = ToolDefinition {
            slug: "KEYED_SHOW".to_owned(),
            operation: "show".to_owned(),
            title: "Show".to_owned(),
            description: "Shows the key.".to_owned(),
            input_schema: json!({"type": "object"}),
            output_schema: None,
            tags: Vec::new(),
            cautions: Vec::new(),
            facts: Value::Null,
        };
        Ok(vec![tool].into())
    }

    fn generation(&self) -> u64 {
        0
    }

    async fn call(&self, _: &ToolDefinition, _: Map<String, Value>, context: &CallContext) -> Result<Outcome> {
        let mut request = composio_egress::Request::get("https://api.example/")?;
        context.credential.as_ref().unwrap().sign(&mut request)?;
        Ok(Outcome::Completed(json!({"key": request.headers["x-key"].to_str().unwrap()}).into()))
    }

    async fn close(&self) {}
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The answer, if it has this status.
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// The error's slug; the answer must be an error in the contract's shape.
    pub(crate) fn slug(&self) -> String {
        let json = self.json();
        let error = &json["error"];
        assert!(error["message"].is_string() && error["code"].is_number(), "{json}");
        assert_eq!(error["status"], self.status, "{json}");
        assert_eq!(error["request_id"].as_str(), self.header("x-request-id"), "{json}");
        error["slug"].as_str().unwrap().to_owned()
    }
}

/// A server with a folder of its own.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) router: Router,
    pub(crate) slow: Arc<Slow>,
    pub(crate) folder: TempDir,
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<Result<()>>>,
}

impl Server {
    /// With the default options, and no key.
    pub(crate) async fn open() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Options)) -> Self {
        Self::build(RouterConfig::default(), change, Vec::new()).await
    }

    pub(crate) async fn configured(config: RouterConfig, change: impl FnOnce(&mut Options)) -> Self {
        Self::build(config, change, Vec::new()).await
    }

    pub(crate) async fn with_sources(change: impl FnOnce(&mut Options), sources: Vec<Arc<dyn Source>>) -> Self {
        Self::build(RouterConfig::default(), change, sources).await
    }

    /// With a toolkit `keyed` that wants an API key.
    pub(crate) async fn keyed() -> Self {
        Self::keyed_with(RouterConfig::default()).await
    }

    pub(crate) async fn keyed_with(config: RouterConfig) -> Self {
        Self::build(config, |_| {}, vec![Arc::new(Keyed::new())]).await
    }

    async fn build(mut config: RouterConfig, change: impl FnOnce(&mut Options), sources: Vec<Arc<dyn Source>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        config.router.data_dir = Some(folder.path().to_owned());
        config.router.database = database::of(folder.path()).map(Into::into);
        let slow = Slow::new();
        let builder = Router::builder().config(config).source(Arc::clone(&slow) as _);
        let router = sources.into_iter().fold(builder, |builder, source| builder.source(source)).build().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut options = Options::new(address);
        change(&mut options);
        let app = App::new(router.clone(), options).await.unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(serve(listener, app, async {
            let _ = stopped.await;
        }));
        Self { address, router, slow, folder, stop: Some(stop), task: Some(task) }
    }

    /// A key for a project.
    pub(crate) async fn key(&self, project: &str) -> String {
        let (row, key) = keys::make(Project::new(project).unwrap(), "test").unwrap();
        self.router.store().add_key(row).await.unwrap();
        key
    }

    pub(crate) fn tell_to_stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    pub(crate) async fn ended(mut self) {
        self.task.take().unwrap().await.unwrap().unwrap();
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        self.try_send(request).await.unwrap()
    }

    /// One request on a connection of its own; none where the connection ends without an answer.
    pub(crate) async fn try_send(&self, request: Request<Full<Bytes>>) -> Option<Answer> {
        ask(self.address, request).await
    }

    /// A call of the contract, by its path without the prefix.
    pub(crate) async fn call(&self, method: &str, path: &str, key: Option<&str>, body: Option<Value>) -> Answer {
        self.send(request(method, &format!("/api/v3.1{path}"), key, body)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(request("GET", path, None, None)).await
    }

    /// The id of a new session of `ada`.
    pub(crate) async fn session(&self, key: Option<&str>) -> String {
        let reply = self.call("POST", "/tool_router/session", key, Some(json!({"user_id": "ada"}))).await.expect(201);
        reply.json()["session_id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn execute(&self, session: &str, key: Option<&str>, slug: &str, arguments: Value) -> Answer {
        let body = json!({"tool_slug": slug, "arguments": arguments});
        self.call("POST", &format!("/tool_router/session/{session}/execute"), key, Some(body)).await
    }
}

/// One request on a connection of its own; none where the connection ends without an answer.
pub(crate) async fn ask<B>(address: SocketAddr, mut request: Request<B>) -> Option<Answer>
where
    B: hyper::body::Body<Data = Bytes, Error = std::convert::Infallible> + Send + 'static,
{
    let stream = TcpStream::connect(address).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    if !request.headers().contains_key("host") {
        request.headers_mut().insert("host", address.to_string().parse().unwrap());
    }
    let response = sender.send_request(request).await.ok()?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = response.into_body().collect().await.ok()?.to_bytes();
    Some(Answer { status, headers, body })
}

pub(crate) fn request(method: &str, path: &str, key: Option<&str>, body: Option<Value>) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(key) = key {
        request = request.header("x-api-key", key);
    }
    if body.is_some() {
        request = request.header("content-type", "application/json");
    }
    request.body(Full::new(body.map(|body| body.to_string()).unwrap_or_default().into())).unwrap()
}
