//! What an MCP server behind the router answers.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use composio_router::mcp::{McpServerConfig, McpSource, McpTransport};
use composio_router::source::{CallContext, Outcome, Source as _, ToolDefinition};
use composio_router::text::is_hidden;
use composio_router::workspace::Workspace;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::time::timeout;

/// Far longer than any answer takes that ends.
const DEADLINE: Duration = Duration::from_secs(60);
const OUTPUT_LIMIT: usize = 64 * 1024;

struct Server {
    runtime: Runtime,
    url: String,
    workspace: Arc<Workspace>,
    _folder: TempDir,
}

/// The results of `tools/list` and `tools/call`.
static ANSWERS: Mutex<(Vec<u8>, Vec<u8>)> = Mutex::new((Vec::new(), Vec::new()));

static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let service = axum::Router::new().route("/mcp", post(answer).get(|| async { StatusCode::METHOD_NOT_ALLOWED }));
    runtime.spawn(async { axum::serve(listener, service).await });
    let workspace = Arc::new(Workspace::open(folder.path()).unwrap());
    Server { runtime, url, workspace, _folder: folder }
});

async fn answer(body: Bytes) -> Response {
    let Ok(message) = serde_json::from_slice::<Value>(&body) else { return StatusCode::BAD_REQUEST.into_response() };
    let Some(id) = message.get("id") else { return StatusCode::ACCEPTED.into_response() };
    let answers = ANSWERS.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let (member, what) = match message["method"].as_str() {
        Some("initialize") => {
            let result = json!({
                "protocolVersion": "2025-06-18",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "fuzzed", "version": "1"},
            });
            ("result", result.to_string().into_bytes())
        }
        Some("tools/list") => ("result", answers.0),
        Some("tools/call") => ("result", answers.1),
        _ => ("error", br#"{"code":-32601,"message":"Method not found"}"#.to_vec()),
    };
    let body = [format!(r#"{{"jsonrpc":"2.0","id":{id},"{member}":"#).as_bytes(), &what, b"}"].concat();
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// Has a server list its tools with the first line as its result, and answer a call of the first of them with the rest. The router
/// offers only what is safe to show, and each answer ends as a result or as an error that says something.
///
/// # Panics
/// If it does not.
pub fn mcp_server(data: &[u8]) {
    let mut lines = data.splitn(2, |byte| *byte == b'\n');
    let (Some(list), call) = (lines.next(), lines.next().unwrap_or_default()) else { return };
    *ANSWERS.lock().unwrap_or_else(PoisonError::into_inner) = (list.to_vec(), call.to_vec());
    let server = &*SERVER;
    let transport = McpTransport::Http { url: server.url.parse().unwrap(), headers: Default::default() };
    let source = McpSource::new(McpServerConfig::new("fuzzed", transport), server.runtime.handle().clone()).unwrap();
    let work = async {
        match source.tools().await {
            Ok(tools) => {
                tools.iter().for_each(check);
                if let Some(tool) = tools.first() {
                    run(&source, tool).await;
                }
            }
            Err(error) => assert!(error.message().contains("`fuzzed`"), "{error}"),
        }
        source.close().await;
    };
    server.runtime.block_on(async { timeout(DEADLINE, work).await.unwrap() });
}

fn check(tool: &ToolDefinition) {
    let ToolDefinition { slug, operation, title, description, input_schema, .. } = tool;
    assert!(slug.len() <= 64 && slug.starts_with("FUZZED_"), "{slug}");
    assert!(!operation.is_empty() && title.chars().count() <= 128 && description.chars().count() <= 4_000, "{tool:?}");
    assert!(!format!("{operation}{title}").contains(|c: char| is_hidden(c) || c == '\n'), "{tool:?}");
    assert!(!description.contains(is_hidden), "{tool:?}");
    let schema = input_schema.to_string();
    assert!(schema.len() <= 64 * 1024, "{} bytes", schema.len());
    assert!(!schema.contains(['\u{202e}', '\u{200b}', '\u{e0041}']), "{schema}");
}

async fn run(source: &McpSource, tool: &ToolDefinition) {
    let context = CallContext {
        user_id: "fuzz".to_owned(),
        session_id: "session".to_owned(),
        workspace: Arc::clone(&SERVER.workspace),
        time_limit: DEADLINE,
        output_limit: OUTPUT_LIMIT,
        listener: None,
        credential: None,
    };
    match source.call(tool, Default::default(), &context).await {
        Ok(Outcome::Completed(data)) => {
            let data: Value = data.decode("a result").unwrap();
            assert!(data.is_object(), "{data}");
        }
        Ok(Outcome::Failed { error, .. }) => assert!(!error.is_empty() && error.len() <= 2 * OUTPUT_LIMIT, "{error}"),
        Err(error) => assert!(error.message().contains("`fuzzed`"), "{error}"),
    }
}
