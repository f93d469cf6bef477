//! Requests to a server: JSON bodies of every call that takes one, MCP messages, and what stands in signed URLs and forms.

use std::sync::LazyLock;

use axum::body::{Body, Bytes};
use axum::http::request::Builder;
use axum::http::{HeaderValue, Request, header};
use composio_contract::{Backend as _, CreateSession};
use composio_router::{Router, RouterConfig};
use composio_server::{App, Options};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

/// What follows a session's path, and the method.
const CALLS: [(&str, &str); 8] = [
    ("PATCH", ""),
    ("POST", "/attach"),
    ("POST", "/search"),
    ("POST", "/execute"),
    ("POST", "/execute_meta"),
    ("POST", "/proxy_execute"),
    ("POST", "/link"),
    ("POST", "/mounts/files/upload_url"),
];

struct Server {
    runtime: Runtime,
    service: axum::Router,
    session: String,
    _folder: TempDir,
}

static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let (service, session) = runtime.block_on(async {
        // Without the toolkit that would send what comes along out into the world.
        let config = "[toolkits.http]\nenabled = false\n";
        let mut config = RouterConfig::from_toml(config, folder.path().join("composio.toml")).unwrap();
        config.router.data_dir = Some(folder.path().to_owned());
        let router = Router::builder().config(config).build().unwrap();
        let request = CreateSession { user_id: "fuzz".to_owned(), ..CreateSession::default() };
        let session = router.create_session(&request).await.unwrap().session_id.clone();
        let app = App::new(router, Options::new(([127, 0, 0, 1], 80).into())).await.unwrap();
        (app.service(), session)
    });
    Server { runtime, service, session, _folder: folder }
});

/// Sends a body: its first byte says to which call, the rest is sent. The answer must be JSON, never the server's own
/// failure, and an error must have the contract's shape.
///
/// # Panics
/// Where it is anything else.
pub fn json_body(data: &[u8]) {
    let Some((call, body)) = data.split_first() else { return };
    let server = &*SERVER;
    let request = match CALLS.get(usize::from(*call) % (CALLS.len() + 1)) {
        Some((method, path)) => {
            Request::builder().method(*method).uri(format!("/api/v3.1/tool_router/session/{}{path}", server.session))
        }
        None => Request::post("/api/v3.1/tool_router/session"),
    };
    let (status, body) = send(request, "application/json", body);
    let answer: Value = serde_json::from_slice(&body).unwrap();
    assert!(status < 500, "{status}: {answer}");
    if status >= 400 {
        let error = &answer["error"];
        assert!(error["message"].is_string() && error["slug"].is_string() && error["status"] == status, "{answer}");
    }
}

/// Sends a message to a session's MCP endpoint.
///
/// # Panics
/// If the server fails.
pub fn mcp_message(data: &[u8]) {
    let request = Request::post(format!("/tool_router/{}/mcp", SERVER.session))
        .header(header::ACCEPT, "application/json, text/event-stream");
    let (status, body) = send(request, "application/json", data);
    assert!(status < 500, "{status}: {}", String::from_utf8_lossy(&body));
}

/// Redeems a text as the ticket of a file, both ways, as a session's token, and as a connect link with the rest as its form. Nothing
/// that was not signed here opens anything.
///
/// # Panics
/// If it does, or the server fails.
pub fn signed_text(data: &[u8]) {
    let mut lines = data.splitn(2, |byte| *byte == b'\n');
    let (Some(text), form) = (lines.next(), lines.next().unwrap_or_default()) else { return };
    let escaped: String = text.iter().map(|byte| format!("%{byte:02X}")).collect();
    let mut requests = vec![
        (Request::get(format!("/files/{escaped}")), &b""[..]),
        (Request::put(format!("/files/{escaped}")), form),
        (Request::get(format!("/connect/{escaped}")), &b""[..]),
        (Request::post(format!("/connect/{escaped}")), form),
    ];
    if let Ok(token) = HeaderValue::from_bytes(&[b"Bearer ", text].concat()) {
        let request = Request::post(format!("/tool_router/{}/mcp", SERVER.session));
        requests.push((request.header(header::AUTHORIZATION, token), form));
    }
    for (request, body) in requests {
        let (status, body) = send(request, "application/x-www-form-urlencoded", body);
        assert!((400..500).contains(&status), "{status}: {}", String::from_utf8_lossy(&body));
    }
}

fn send(request: Builder, kind: &str, body: &[u8]) -> (u16, Bytes) {
    let request = request
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, kind)
        .body(Body::from(body.to_vec()))
        .unwrap();
    SERVER.runtime.block_on(async {
        let Ok(response) = SERVER.service.clone().oneshot(request).await;
        (response.status().as_u16(), response.into_body().collect().await.unwrap().to_bytes())
    })
}
