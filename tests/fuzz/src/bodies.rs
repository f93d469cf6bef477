//! JSON bodies, of every call that takes one.

use std::sync::LazyLock;

use axum::body::Body;
use axum::http::{Request, header};
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
    let request = request
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_vec()))
        .unwrap();
    let (status, body) = server.runtime.block_on(async {
        let Ok(response) = server.service.clone().oneshot(request).await;
        (response.status().as_u16(), response.into_body().collect().await.unwrap().to_bytes())
    });
    let answer: Value = serde_json::from_slice(&body).unwrap();
    assert!(status < 500, "{status}: {answer}");
    if status >= 400 {
        let error = &answer["error"];
        assert!(error["message"].is_string() && error["slug"].is_string() && error["status"] == status, "{answer}");
    }
}
