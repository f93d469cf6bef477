//! Servers over streamable HTTP: with sessions, and stateless.

use std::borrow::Cow;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use composio_contract::ErrorKind;
use composio_router::mcp::{McpServerConfig, McpTransport};
use composio_router::source::Source;
use futures_util::future::join_all;
use rmcp::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ErrorData, ListToolsResult, PaginatedRequestParams,
    ProtocolVersion, ServerCapabilities, ServerConfig, SubscriptionFilter, Tool,
};
use rmcp::service::{RequestContext, RoleServer, SubscriptionContext};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::{completed, context, installed, io_counter, object, source, tool, until, within};

fn http(url: &str, headers: &[(&str, &str)]) -> McpServerConfig {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    McpServerConfig::new("remote", McpTransport::Http { url: url.parse().unwrap(), headers })
}

/// The reference server over HTTP, ended with the test.
struct Everything {
    process: Child,
    port: u16,
    url: String,
}

impl Everything {
    async fn start() -> Self {
        loop {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            // Another process may take the port before the server does.
            if let Some(process) = Self::spawn(port).await {
                return Self { process, port, url: format!("http://127.0.0.1:{port}/mcp") };
            }
        }
    }

    async fn restart(&mut self) {
        self.end();
        self.process = Self::spawn(self.port).await.unwrap();
    }

    fn end(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// None where the server ends instead of listening.
    async fn spawn(port: u16) -> Option<Child> {
        let script = installed("node_modules/@modelcontextprotocol/server-everything/dist/index.js");
        let mut process = Command::new("node")
            .args([&script, "streamableHttp"])
            .env("PORT", port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
        let (listens, log) =
            tokio::task::spawn_blocking(move || (log.any(|line| line.contains("listening on port")), log))
                .await
                .unwrap();
        if !listens {
            process.wait().unwrap();
            return None;
        }
        // What it says later must not fill the pipe.
        std::thread::spawn(|| log.for_each(drop));
        Some(process)
    }
}

impl Drop for Everything {
    fn drop(&mut self) {
        self.end();
    }
}

#[tokio::test]
async fn everything_over_http() {
    let server = Everything::start().await;
    let source = source(http(&server.url, &[]));
    assert_eq!(tool(&source, "echo").await.slug, "REMOTE_ECHO");
    let sums = join_all((0..50).map(|n| completed(&source, "get-sum", json!({"a": n, "b": 1000})))).await;
    for (n, sum) in sums.iter().enumerate() {
        assert!(sum["text"].as_str().unwrap().contains(&format!(" {}.", n + 1000)), "{n}: {sum}");
    }
    within(source.close()).await;
}

#[tokio::test]
async fn a_server_that_goes_away_is_an_error() {
    let server = Everything::start().await;
    let source = source(http(&server.url, &[]));
    let long = tool(&source, "trigger-long-running-operation").await;
    let url = server.url.clone();
    let pid = server.process.id();
    let before = io_counter(pid, "wchar");
    let context = context();
    let call = source.call(&long, object(json!({"duration": 600, "steps": 600})), &context);
    let (result, ()) = tokio::join!(within(call), async {
        // More than a line of its log, less than the head of a response.
        until("the stream of the answer is open", || io_counter(pid, "wchar") > before + 200).await;
        drop(server);
    });
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert!(error.message().contains(&url), "{error}");
    within(source.close()).await;
}

/// A server of the newest revision, which has neither a handshake nor sessions.
#[derive(Clone, Default)]
struct Stateless {
    has_more: Arc<AtomicBool>,
    changed: Arc<Notify>,
}

impl ServerHandler for Stateless {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().enable_tool_list_changed().build())
            .with_instructions("Counts.")
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        self.changed.notified().await;
        let _ = context.sink().notify_tool_list_changed().await;
        context.cancelled().await;
        Ok(())
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(&[ProtocolVersion::V_2026_07_28])
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let names = if self.has_more.load(Ordering::SeqCst) { vec!["echo", "more"] } else { vec!["echo"] };
        let schema = Arc::new(object(json!({"type": "object"})));
        let tools = names.into_iter().map(|name| Tool::new(name, "", Arc::clone(&schema))).collect();
        Ok(ListToolsResult::with_all_items(tools))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        Ok(CallToolResult::structured(Value::Object(request.arguments.unwrap_or_default())).into())
    }
}

/// Serves until the test's runtime ends. Says where, and what the requests' methods and tokens were.
async fn serve(stateless: Stateless) -> (String, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let service: StreamableHttpService<Stateless, LocalSessionManager> = StreamableHttpService::new(
        move || Ok(stateless.clone()),
        Default::default(),
        StreamableHttpServerConfig::default().with_sse_keep_alive(None),
    );
    let guard = from_fn({
        let seen = Arc::clone(&seen);
        move |request: Request, next: Next| {
            let token = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
            let method = request.headers().get("mcp-method").map(|value| value.to_str().unwrap().to_owned());
            seen.lock().unwrap().push(format!("{} {}", request.method(), method.unwrap_or_default()));
            async move {
                if token.as_deref() != Some("Bearer sk-very-secret") {
                    return unauthorized();
                }
                next.run(request).await
            }
        }
    });
    let router = axum::Router::new().nest_service("/mcp", service).layer(guard);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, seen)
}

fn unauthorized() -> Response {
    (axum::http::StatusCode::UNAUTHORIZED, [("www-authenticate", "Bearer")], "no").into_response()
}

#[tokio::test]
async fn a_stateless_server_needs_no_handshake() {
    let (url, seen) = serve(Stateless::default()).await;
    let source = source(http(&url, &[("Authorization", "Bearer sk-very-secret")]));
    let big = json!({"n": 9_007_199_254_740_993_u64});
    assert_eq!(completed(&source, "echo", big.clone()).await, big);
    assert_eq!(source.toolkit().description, "Counts.");
    let seen = seen.lock().unwrap().clone();
    assert_eq!(seen[0], "POST server/discover");
    assert!(seen.contains(&"POST tools/call".to_owned()), "{seen:?}");
    assert!(!seen.iter().any(|request| request.contains("initialize")), "{seen:?}");
    within(source.close()).await;
}

#[tokio::test]
async fn a_stateless_server_is_asked_to_tell_of_changed_tools() {
    let server = Stateless::default();
    let (url, seen) = serve(server.clone()).await;
    let source = source(http(&url, &[("Authorization", "Bearer sk-very-secret")]));
    assert_eq!(source.tools().await.unwrap().len(), 1);
    until("it is asked", || seen.lock().unwrap().contains(&"POST subscriptions/listen".to_owned())).await;
    let generation = source.generation();

    server.has_more.store(true, Ordering::SeqCst);
    server.changed.notify_one();
    until("the generation counts up", || source.generation() > generation).await;
    assert_eq!(source.tools().await.unwrap().len(), 2);
    within(source.close()).await;
}

#[tokio::test]
async fn a_server_that_comes_back_is_used_again() {
    let mut server = Everything::start().await;
    let source = source(http(&server.url, &[]));
    let echo = tool(&source, "echo").await;
    server.restart().await;
    // Its session is not known any more; a new one is begun without the caller's doing.
    within(source.call(&echo, object(json!({"message": "x"})), &context())).await.unwrap();
    within(source.close()).await;
}

#[tokio::test]
async fn a_missing_token_is_said_to_be_missing() {
    let (url, _) = serve(Stateless::default()).await;
    for headers in [&[][..], &[("Authorization", "Bearer sk-another-secret")][..]] {
        let source = source(http(&format!("{url}?key=sk-in-the-url"), headers));
        let error = within(source.tools()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
        assert!(error.to_string().contains("authorization") && error.to_string().contains("`headers`"), "{error}");
        assert!(!format!("{error:?}{source:?}").contains("sk-"), "{error:?}");
        within(source.close()).await;
    }
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_named() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let source = source(http(&format!("http://127.0.0.1:{port}/mcp?key=sk-in-the-url"), &[]));
    let error = within(source.tools()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert!(error.message().contains(&format!("http://127.0.0.1:{port}/mcp) cannot be reached")), "{error}");
    assert!(error.message().contains("refused") && !error.message().contains("sk-"), "{error}");
    within(source.close()).await;
}

#[tokio::test]
async fn a_redirect_to_another_origin_does_not_get_the_headers() {
    let hits = Arc::new(AtomicUsize::new(0));
    let other = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://{}/mcp", other.local_addr().unwrap());
    let counter = Arc::clone(&hits);
    let count = move || {
        counter.fetch_add(1, Ordering::SeqCst);
        std::future::ready(axum::http::StatusCode::OK)
    };
    tokio::spawn(async move { axum::serve(other, axum::Router::new().fallback(count)).await });
    let first = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", first.local_addr().unwrap());
    let redirect = move || std::future::ready(axum::response::Redirect::temporary(&target));
    tokio::spawn(async move { axum::serve(first, axum::Router::new().fallback(redirect)).await });

    let source = source(http(&url, &[("X-Key", "sk-very-secret")]));
    assert_eq!(call_error(&source).await, ErrorKind::Connection);
    assert_eq!(hits.load(Ordering::SeqCst), 0);
    within(source.close()).await;
}

async fn call_error(source: &composio_router::mcp::McpSource) -> ErrorKind {
    within(source.tools()).await.map(|_| ()).unwrap_err().kind()
}
