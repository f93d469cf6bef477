//! A router's sessions over MCP from within its own process.

use std::net::TcpStream;
use std::sync::Arc;

use composio_contract::{Backend, CreateSession, ErrorKind, McpServer};
use composio_core::{Client, CustomToolSet};
use composio_router::Router;
use composio_server::Loopback;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use rmcp::ServiceExt as _;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Handle;

use crate::database;

fn router() -> (Router, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let builder = Router::builder().config(database::config(folder.path()));
    (builder.session_server(Arc::new(Loopback::new(Handle::current()))).build().unwrap(), folder)
}

async fn session(router: &Router) -> String {
    let request = CreateSession { user_id: "ada".to_owned(), ..CreateSession::default() };
    router.create_session(&request).await.unwrap().session_id.clone()
}

fn http(headers: &[(String, String)]) -> reqwest::Client {
    let header =
        |(name, value): &(String, String)| (name.parse::<HeaderName>().unwrap(), HeaderValue::try_from(value).unwrap());
    reqwest::Client::builder()
        .tls_backend_preconfigured(composio_egress::tls().unwrap())
        .default_headers(headers.iter().map(header).collect::<HeaderMap>())
        .build()
        .unwrap()
}

async fn tools(url: &str, headers: &[(String, String)]) -> Option<Vec<String>> {
    let config = StreamableHttpClientTransportConfig::with_uri(url);
    let client = ().serve(StreamableHttpClientTransport::with_client(http(headers), config)).await.ok()?;
    let tools = client.list_all_tools().await.unwrap();
    client.cancel().await.unwrap();
    Some(tools.into_iter().map(|tool| tool.name.into_owned()).collect())
}

fn headers(server: &McpServer) -> Vec<(String, String)> {
    server.headers.clone().into_iter().collect()
}

#[tokio::test]
async fn a_session_is_served_to_whoever_has_its_token() {
    let (router, _folder) = router();
    let (first, second) = (session(&router).await, session(&router).await);
    let (of_first, of_second) = (router.serve_mcp(&first).unwrap(), router.serve_mcp(&second).unwrap());
    assert!(of_first.url.starts_with("http://127.0.0.1:"), "{}", of_first.url);
    assert_eq!(router.serve_mcp(&first).unwrap(), of_first, "once or often");
    let listed = tools(&of_first.url, &headers(&of_first)).await.unwrap();
    assert!(listed.contains(&"COMPOSIO_SEARCH_TOOLS".to_owned()), "{listed:?}");
    assert!(tools(&format!("{}/time", of_first.url), &headers(&of_first)).await.unwrap().contains(&"now".to_owned()));
    // Nothing else opens it, and it opens nothing else.
    assert_eq!(tools(&of_first.url, &[]).await, None);
    assert_eq!(tools(&of_first.url, &[("x-api-key".to_owned(), "x".to_owned())]).await, None);
    assert_eq!(tools(&of_first.url, &headers(&of_second)).await, None);
    let (base, _) = of_first.url.split_once("/tool_router").unwrap();
    for path in ["/api/v3.1/tool_router/session", "/openapi.json", "/metrics", "/api/v3.1/tools"] {
        let answer = http(&headers(&of_first)).get(format!("{base}{path}")).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
    }
    let evil = http(&headers(&of_first)).post(&of_first.url).header("host", "evil.example").send().await.unwrap();
    assert_eq!(evil.status(), 403);

    let address = base.strip_prefix("http://").unwrap().to_owned();
    router.close().await.unwrap();
    assert!(TcpStream::connect(&address).is_err(), "closing ends it");
    assert_eq!(router.serve_mcp(&first).unwrap_err().kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn a_client_of_core_finds_it_when_it_asks() {
    let (router, _folder) = router();
    let shared: Arc<dyn Backend> = Arc::new(router.clone());
    let client = Client::new(move || Ok(Arc::clone(&shared)));
    let session = client.create(&json!({"user_id": "ada"}).into(), CustomToolSet::default()).await.unwrap();
    let server = session.mcp().unwrap();
    assert!(tools(&server.url, &server.headers).await.is_some());
    router.close().await.unwrap();
}

#[tokio::test]
async fn a_router_without_a_server_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let router = Router::builder().config(database::config(folder.path())).build().unwrap();
    let id = session(&router).await;
    let error = router.serve_mcp(&id).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.suggested_fix().unwrap().contains("composio serve"), "{error}");
}
