//! A small API on loopback that writes down what it is asked, and a router that has it as the toolkit `pets`.

use std::sync::{Arc, Mutex};

use axum::Router as App;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use composio_contract::{
    Backend as _, CreateSession, ExecuteMetaRequest, ExecuteReply, ExecuteRequest, ProxyExecuteRequest, ProxyReply,
    RawJson, Result, Session, Settings, Tool,
};
use composio_router::openapi::{AccountChoice, DocumentPlace, OpenApiConfig, OpenApiSource};
use composio_router::{Router, RouterConfig};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A request that reached the API.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

type Log = Arc<Mutex<Vec<Seen>>>;

pub(crate) struct Pets {
    pub(crate) port: u16,
    pub(crate) seen: Log,
    pub(crate) router: Router,
    folder: TempDir,
    session: String,
}

const DOCUMENT: &str = include_str!("pets.yaml");

impl Pets {
    pub(crate) async fn start() -> Self {
        Self::with(json!({}), |_| {}).await
    }

    pub(crate) async fn with(settings: Value, change: impl FnOnce(&mut OpenApiConfig)) -> Self {
        let seen = Log::default();
        let app = App::new().fallback(answer).with_state(Arc::clone(&seen));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move { axum::serve(listener, app).await });
        let mut config = OpenApiConfig::new("pets", DocumentPlace::Text(DOCUMENT.into()));
        config.base_url = Some(format!("http://127.0.0.1:{port}/v1").parse().unwrap());
        config.accounts = AccountChoice::None;
        change(&mut config);
        let folder = tempfile::tempdir().unwrap();
        let mut options = RouterConfig::in_folder(folder.path());
        options.router.output_limit = 64 * 1024;
        let source = Arc::new(OpenApiSource::new(config).unwrap());
        let router = Router::builder().config(options).source(source).build().unwrap();
        let settings: Settings = serde_json::from_value(settings).unwrap();
        let create = CreateSession { user_id: "ada".into(), settings, ..CreateSession::default() };
        let session = router.create_session(&create).await.unwrap().session_id.clone();
        Self { port, seen, router, folder, session }
    }

    pub(crate) async fn tool(&self, slug: &str) -> Tool {
        self.router.get_tool(slug).await.unwrap().into_parts().1
    }

    pub(crate) async fn run(&self, slug: &str, arguments: Value) -> ExecuteReply {
        let request = ExecuteRequest {
            tool_slug: slug.to_owned(),
            arguments: Some(RawJson::from(arguments)),
            ..ExecuteRequest::default()
        };
        self.router.execute(&self.session, &request).await.unwrap().into_parts().1
    }

    /// The result of a run that completed.
    pub(crate) async fn done(&self, slug: &str, arguments: Value) -> Value {
        let reply = self.run(slug, arguments).await;
        assert_eq!(reply.error, None);
        reply.data.unwrap().decode("data").unwrap()
    }

    /// The error of a run that failed.
    pub(crate) async fn failed(&self, slug: &str, arguments: Value) -> String {
        self.run(slug, arguments).await.error.unwrap()
    }

    pub(crate) async fn proxy(&self, request: Value) -> Result<ProxyReply> {
        let request: ProxyExecuteRequest = serde_json::from_value(request).unwrap();
        Ok(self.router.proxy_execute(&self.session, &request).await?.into_parts().1)
    }

    /// What a model's raw call comes to.
    pub(crate) async fn raw(&self, arguments: Value) -> Result<ExecuteReply> {
        let arguments = Some(RawJson::from(arguments));
        self.meta(ExecuteMetaRequest { arguments, ..ExecuteMetaRequest::default() }).await
    }

    pub(crate) async fn meta(&self, request: ExecuteMetaRequest) -> Result<ExecuteReply> {
        let request = ExecuteMetaRequest { slug: "COMPOSIO_PROXY_EXECUTE".to_owned(), ..request };
        Ok(self.router.execute_meta(&self.session, &request).await?.into_parts().1)
    }

    pub(crate) async fn session(&self) -> Session {
        self.router.get_session(&self.session).await.unwrap().into_parts().1
    }

    pub(crate) fn last(&self) -> Seen {
        self.seen.lock().unwrap().last().cloned().unwrap_or_default()
    }

    pub(crate) fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    pub(crate) fn file(&self, path: &str) -> std::path::PathBuf {
        self.folder.path().join("workspaces/ada").join(path)
    }
}

async fn answer(State(log): State<Log>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let line = format!("{} {}", parts.method, parts.uri);
    let headers: Vec<(String, String)> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let earlier = {
        let mut log = log.lock().unwrap();
        let earlier = log.iter().filter(|seen| seen.line == line).count();
        log.push(Seen { line, headers: headers.clone(), body: String::from_utf8_lossy(&body).into_owned() });
        earlier
    };
    let json = |status: u16, value: Value| {
        let mut response = (StatusCode::from_u16(status).unwrap(), value.to_string()).into_response();
        response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
        response
    };
    match (parts.method.as_str(), parts.uri.path()) {
        ("GET", "/v1/pets") => {
            let mut response = json(200, json!([{"id": 1}]));
            let link =
                HeaderValue::from_static("</v1/pets?page=2&tag=a>; rel=\"next\", </v1/pets?page=9>; rel=\"last\"");
            response.headers_mut().insert("link", link);
            response.headers_mut().insert("x-powered-by", HeaderValue::from_static("noise"));
            response
        }
        ("GET", "/v1/pets/404") => json(404, json!({"message": "no such pet"})),
        ("GET", "/v1/pets/429") => {
            let mut response = json(429, json!({"error": {"message": "slow down"}}));
            response.headers_mut().insert("retry-after", HeaderValue::from_static("120"));
            response
        }
        ("GET" | "PATCH", "/v1/pets/503") if earlier == 0 => {
            let mut response = json(503, json!({}));
            response.headers_mut().insert("retry-after", HeaderValue::from_static("0"));
            response
        }
        ("GET", "/v1/pets/7/photo") => {
            let mut response = Body::from(&b"\x89PNG\r\n\x1a\n"[..]).into_response();
            response.headers_mut().insert("content-type", HeaderValue::from_static("image/png"));
            response
        }
        ("GET", "/v1/pets/long") => json(200, json!({"text": "x".repeat(100_000)})),
        ("GET", "/v1/pets/big") => {
            let mut response = Body::from("{\"id\": 12345678901234567890123}").into_response();
            response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
            response
        }
        ("GET", "/v1/pets/elsewhere") => {
            let mut response = StatusCode::FOUND.into_response();
            response.headers_mut().insert("location", HeaderValue::from_static("http://127.0.0.1:9/steal"));
            response
        }
        ("GET", "/v1/echo") => json(200, json!({"headers": headers, "uri": parts.uri.to_string()})),
        ("DELETE", _) => StatusCode::NO_CONTENT.into_response(),
        _ => json(200, json!({"id": 7})),
    }
}
