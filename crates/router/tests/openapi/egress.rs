//! Whoever sends a request for a user, it does not reach this machine, however that is written. What the configuration itself
//! names, a document's URL or an MCP server's, is reached there and nowhere else; see guard.rs and the tests of MCP.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use composio_contract::{
    Backend as _, CreateSession, ExecuteRequest, LinkRequest, PageQuery, ProxyExecuteRequest, Result,
};
use composio_router::{Router, RouterConfig};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Each of them is this machine.
const FORMS: [&str; 8] =
    ["127.0.0.1", "localhost", "127.1", "0x7f.0.0.1", "2130706433", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]"];

/// The router, with every part that sends requests pointed at a place.
struct Pointed {
    router: Router,
    session: String,
    place: String,
    _folder: tempfile::TempDir,
}

impl Pointed {
    async fn new(place: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let document = |slug: &str, scheme: Value| {
            let text = json!({
                "openapi": "3.1.0", "info": {"title": slug, "version": "1"}, "servers": [{"url": place}],
                "paths": {"/": {"get": {"operationId": "look", "security": if scheme.is_null() { json!([]) } else { json!([{"it": []}]) }, "responses": {}}}},
                "components": {"securitySchemes": if scheme.is_null() { json!({}) } else { json!({"it": scheme}) }},
            });
            let path = folder.path().join(format!("{slug}.json"));
            std::fs::write(&path, text.to_string()).unwrap();
            json!({"slug": slug, "openapi": path})
        };
        let openid =
            json!({"type": "openIdConnect", "openIdConnectUrl": format!("{place}/.well-known/openid-configuration")});
        let flow = |flow: &str| {
            json!({"type": "oauth2", "flows": {flow: {
                "tokenUrl": format!("{place}/token"), "deviceAuthorizationUrl": format!("{place}/device"), "scopes": {},
            }}})
        };
        let config = json!({
            "router": {"data_dir": folder.path(), "database": ":memory:"},
            "mcp": [{"slug": "guarded", "url": format!("{place}/mcp"), "connect": {"scheme": "oauth2"}}],
            "toolkit": [
                document("api", Value::Null),
                document("openid", openid),
                document("program", flow("clientCredentials")),
                document("device", flow("deviceAuthorization")),
            ],
            "auth": [
                {"toolkit": "program", "client_id": "app", "client_secret": "s"},
                {"toolkit": "device", "client_id": "app", "flow": "device", "device_url": format!("{place}/device")},
            ],
        });
        let router = Router::builder().config(RouterConfig::from_json(config).unwrap()).build().unwrap();
        let session = router.create_session(&CreateSession { user_id: "ada".into(), ..Default::default() }).await;
        let session = session.unwrap().session_id.clone();
        Self { router, session, place: place.to_owned(), _folder: folder }
    }

    /// What a tool says.
    async fn run(&self, slug: &str, arguments: Value) -> String {
        let request = ExecuteRequest {
            tool_slug: slug.to_owned(),
            arguments: Some(arguments.into()),
            ..ExecuteRequest::default()
        };
        self.router.execute(&self.session, &request).await.map_or_else(
            |error| error.to_string(),
            |reply| reply.error.clone().unwrap_or_else(|| format!("{slug} has reached it")),
        )
    }

    async fn link(&self, toolkit: &str) -> String {
        let request = LinkRequest { toolkit: toolkit.to_owned(), ..LinkRequest::default() };
        said(self.router.link(&self.session, &request).await)
    }

    /// What each of them says, by its name.
    async fn all(&self) -> Vec<(&'static str, String)> {
        let proxied = ProxyExecuteRequest {
            toolkit_slug: "api".to_owned(),
            endpoint: format!("{}/other", self.place),
            method: "GET".to_owned(),
            ..ProxyExecuteRequest::default()
        };
        let relative = ProxyExecuteRequest { endpoint: "/other".to_owned(), ..proxied.clone() };
        vec![
            ("the http toolkit", self.run("HTTP_REQUEST", json!({"url": self.place})).await),
            ("an API's tool", self.run("API_LOOK", json!({})).await),
            ("a raw call", said(self.router.proxy_execute(&self.session, &proxied).await)),
            ("a relative raw call", said(self.router.proxy_execute(&self.session, &relative).await)),
            ("an issuer", self.link("openid").await),
            ("a token endpoint", self.link("program").await),
            ("a device's endpoint", self.link("device").await),
            ("an MCP server's issuer", self.link("guarded").await),
        ]
    }
}

fn said<T>(answer: Result<T>) -> String {
    answer.map_or_else(|error| error.to_string(), |_| "it has been reached".to_owned())
}

#[tokio::test]
async fn nothing_reaches_this_machine() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let reached = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&reached);
    let accepting = tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    for form in FORMS {
        let pointed = Pointed::new(&format!("http://{form}:{port}")).await;
        for (sender, answer) in pointed.all().await {
            assert!(answer.contains("is blocked"), "{sender}, {form}: {answer}");
        }
        // Listing what there is must not reach it either.
        let query = PageQuery { limit: Some(500), cursor: None };
        pointed.router.session_tools(&pointed.session, &query).await.unwrap();
        pointed.router.close().await.unwrap();
    }
    assert_eq!(reached.load(Ordering::SeqCst), 0);
    accepting.abort();
}
