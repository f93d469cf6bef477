//! A session's MCP endpoint, with the client of the protocol's own library: in the stateless revision and in the last one
//! before it.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use composio_router::{Project, Router};
use composio_server::PublicUrl;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use rmcp::model::{
    CallToolRequestParams, CallToolResult, ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult,
    ElicitationAction, ErrorCode, ErrorData, Implementation, ProtocolVersion,
};
use rmcp::service::{
    ClientInitializeError, RequestContext, RoleClient, RunningService, ServiceError, serve_client_with_lifecycle,
};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientHandler, ClientLifecycleMode};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::common::{Server, request};
use crate::database;

pub(crate) const ERAS: [Era; 2] = [Era::Stateless, Era::Stateful];
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Clone, Copy, Debug)]
pub(crate) enum Era {
    Stateless,
    Stateful,
}

impl Era {
    pub(crate) fn lifecycle(self) -> ClientLifecycleMode {
        match self {
            Self::Stateless => ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::LATEST] },
            Self::Stateful => ClientLifecycleMode::Initialize,
        }
    }
}

/// A client whose user answers every question the same, or that has no user.
#[derive(Clone, Default)]
struct User {
    says: Option<(ElicitationAction, Value)>,
    asked: Arc<AtomicUsize>,
}

impl User {
    fn who(action: ElicitationAction, content: Value) -> Self {
        Self { says: Some((action, content)), asked: Arc::default() }
    }
}

impl ClientHandler for User {
    fn get_info(&self) -> ClientConfig {
        let capabilities = match self.says {
            Some(_) => ClientCapabilities::builder().enable_elicitation().build(),
            None => ClientCapabilities::default(),
        };
        ClientConfig::new(capabilities, Implementation::new("test", "1"))
            .with_protocol_version(ProtocolVersion::LATEST_WITH_INITIALIZE)
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let ElicitRequestParams::FormElicitationParams { message, requested_schema, .. } = request else {
            panic!("not a form")
        };
        assert!(message.contains("TIME_NOW"), "{message}");
        let schema = serde_json::to_value(requested_schema).unwrap();
        assert_eq!(schema["properties"]["decision"]["enum"], json!(["approve", "deny"]), "{schema}");
        self.asked.fetch_add(1, Ordering::SeqCst);
        let (action, content) = self.says.clone().unwrap();
        Ok(ElicitResult::new(action).with_content(content))
    }
}

type Client = RunningService<RoleClient, User>;

async fn connect(
    server: &Server,
    session: &str,
    headers: &[(&str, &str)],
    era: Era,
    user: User,
) -> Result<Client, ClientInitializeError> {
    let header =
        |(name, value): &(&str, &str)| (HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(composio_egress::tls().unwrap())
        .default_headers(headers.iter().map(header).collect::<HeaderMap>())
        .build()
        .unwrap();
    let url = format!("http://{}/tool_router/{session}/mcp", server.address);
    let transport =
        StreamableHttpClientTransport::with_client(client, StreamableHttpClientTransportConfig::with_uri(url));
    serve_client_with_lifecycle(user, transport, era.lifecycle()).await
}

async fn open(server: &Server, session: &str, era: Era) -> Client {
    connect(server, session, &[], era, User::default()).await.unwrap()
}

pub(crate) async fn session_with(server: &Server, key: Option<&str>, settings: Value) -> String {
    let mut body = settings;
    body["user_id"] = "ada".into();
    let reply = server.call("POST", "/tool_router/session", key, Some(body)).await.expect(201);
    reply.json()["session_id"].as_str().unwrap().to_owned()
}

async fn call(client: &Client, tool: &str, arguments: Value) -> Result<CallToolResult, ServiceError> {
    let arguments = arguments.as_object().unwrap().clone();
    client.call_tool(CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments)).await
}

fn structured(result: &CallToolResult) -> &Value {
    assert_eq!(result.is_error, Some(false), "{result:?}");
    let value = result.structured_content.as_ref().unwrap();
    let text: Value = serde_json::from_str(&result.content[0].as_text().unwrap().text).unwrap();
    assert_eq!(*value, text);
    value
}

fn refusal(result: &CallToolResult) -> &str {
    assert_eq!(result.is_error, Some(true), "{result:?}");
    &result.content[0].as_text().unwrap().text
}

async fn until_logged(server: &Server, session: &str, error: &str) {
    for _ in 0..200 {
        server.router.store().flush().await.unwrap();
        let log = server.router.store().log_entries(&Project::default(), session, 10).await.unwrap();
        if log.iter().any(|entry| entry.error.as_deref() == Some(error)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{error:?} is not in the log");
}

#[tokio::test]
async fn the_list_is_that_of_the_session() {
    let server = Server::open().await;
    let settings =
        json!({"toolkits": ["time", "files", "slow"], "preload": {"tools": "all"}, "tags": ["readOnlyHint"]});
    let session = session_with(&server, None, settings).await;
    let path = format!("/tool_router/session/{session}/tools?limit=500");
    let listed = server.call("GET", &path, None, None).await.expect(200).json();
    for era in ERAS {
        let client = open(&server, &session, era).await;
        let info = client.peer_info().unwrap();
        assert!(info.instructions.as_ref().unwrap().contains("COMPOSIO_SEARCH_TOOLS"), "{info:?}");
        let tools = client.list_tools(None).await.unwrap();
        assert_eq!(tools.next_cursor, None);
        let names: Vec<&str> = tools.tools.iter().map(|tool| tool.name.as_ref()).collect();
        let slugs: Vec<&str> =
            listed["items"].as_array().unwrap().iter().map(|tool| tool["slug"].as_str().unwrap()).collect();
        assert_eq!(names, slugs, "{era:?}");
        assert!(names.contains(&"TIME_NOW") && !names.contains(&"FILES_WRITE") && !names.contains(&"SLOW_WAIT"));
        for (tool, item) in tools.tools.iter().zip(listed["items"].as_array().unwrap()) {
            assert_eq!(Value::Object((*tool.input_schema).clone()), item["input_parameters"], "{}", tool.name);
            assert_eq!(tool.description.as_deref(), item["description"].as_str());
            let read_only = item["tags"].as_array().unwrap().contains(&"readOnlyHint".into());
            let hint = tool.annotations.as_ref().and_then(|annotations| annotations.read_only_hint);
            assert_eq!(hint, read_only.then_some(true), "{}", tool.name);
        }
        client.cancel().await.unwrap();
    }
}

#[tokio::test]
async fn tools_and_meta_tools_are_called() {
    let server = Server::open().await;
    let session = session_with(&server, None, json!({"toolkits": ["time"]})).await;
    for era in ERAS {
        let client = open(&server, &session, era).await;
        let now = call(&client, "TIME_NOW", json!({"timezone": "Asia/Tokyo"})).await.unwrap();
        assert_eq!(structured(&now)["timezone"], "Asia/Tokyo");

        let query = json!({"queries": [{"use_case": "what time is it in Tokyo"}]});
        let found = call(&client, "COMPOSIO_SEARCH_TOOLS", query).await.unwrap();
        assert!(structured(&found).to_string().contains("TIME_NOW"));
        let tools = json!({"tools": [
            {"tool_slug": "TIME_NOW", "arguments": {"timezone": "Europe/Paris"}},
            {"tool_slug": "TIME_NOW", "arguments": {"timezone": "Asia/Tokyo"}},
        ]});
        let both = call(&client, "COMPOSIO_MULTI_EXECUTE_TOOL", tools).await.unwrap();
        let both = structured(&both).to_string();
        assert!(both.contains("Europe/Paris") && both.contains("Asia/Tokyo"), "{both}");
        client.cancel().await.unwrap();
    }
    server.router.store().flush().await.unwrap();
    let log = server.router.store().log_entries(&Project::default(), &session, 50).await.unwrap();
    assert!(log.iter().filter(|entry| entry.tool_slug == "TIME_NOW").count() >= 6, "{log:?}");
}

#[tokio::test]
async fn what_is_refused_says_why() {
    let server = Server::open().await;
    let settings = json!({"toolkits": ["time"], "search": false});
    let session = session_with(&server, None, settings).await;
    for era in ERAS {
        let client = open(&server, &session, era).await;
        let filtered = call(&client, "FILES_LIST", json!({})).await.unwrap();
        assert!(refusal(&filtered).contains("toolkits"), "{filtered:?}");
        let off = call(&client, "COMPOSIO_SEARCH_TOOLS", json!({"queries": [{"use_case": "x"}]})).await.unwrap();
        assert!(refusal(&off).contains("search.enable"), "{off:?}");
        let wrong = call(&client, "TIME_NOW", json!({"timezone": 7})).await.unwrap();
        assert!(refusal(&wrong).contains("timezone"), "{wrong:?}");
        let error = call(&client, "TIME_NWO", json!({})).await.unwrap_err();
        let ServiceError::McpError(error) = error else { panic!("{error:?}") };
        assert_eq!(error.code, ErrorCode::INVALID_PARAMS);
        assert!(error.message.contains("TIME_N"), "{error:?}");
        client.cancel().await.unwrap();
    }
}

/// The status of a request to a session's endpoint, and the answer's slug where it is an error.
async fn knock(server: &Server, session: &str, headers: &[(&str, &str)]) -> (u16, Option<String>) {
    let body = json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    });
    let mut request = request("POST", &format!("/tool_router/{session}/mcp"), None, Some(body));
    request.headers_mut().insert("accept", "application/json, text/event-stream".parse().unwrap());
    for (name, value) in headers {
        request.headers_mut().append(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
    }
    let answer = tokio::time::timeout(Duration::from_secs(20), server.send(request)).await.unwrap();
    (answer.status, (answer.status >= 400).then(|| answer.slug()))
}

#[tokio::test]
async fn a_key_opens_its_projects_sessions_only() {
    let server = Server::open().await;
    let (shop, bank) = (server.key("shop").await, server.key("bank").await);
    let session = session_with(&server, Some(&shop), json!({})).await;
    let refused = |status: u16, slug: &str| (status, Some(slug.to_owned()));
    assert_eq!(knock(&server, &session, &[]).await, refused(401, "InvalidApiKey"));
    assert_eq!(knock(&server, &session, &[("x-api-key", "ck_0_0")]).await, refused(401, "InvalidApiKey"));
    assert_eq!(knock(&server, &session, &[("x-api-key", &bank)]).await, refused(404, "NotFound"));
    assert_eq!(knock(&server, "trs_none", &[("x-api-key", &shop)]).await, refused(404, "NotFound"));
    assert_eq!(knock(&server, &session, &[("x-api-key", &shop)]).await, (200, None));
    let other_page = [("x-api-key", shop.as_str()), ("origin", "https://evil.example")];
    assert_eq!(knock(&server, &session, &other_page).await, refused(403, "ForbiddenOrigin"));
    for era in ERAS {
        assert!(connect(&server, &session, &[("x-api-key", &bank)], era, User::default()).await.is_err());
        let client = connect(&server, &session, &[("x-api-key", &shop)], era, User::default()).await.unwrap();
        structured(&call(&client, "TIME_NOW", json!({})).await.unwrap());
        client.cancel().await.unwrap();
    }
}

#[tokio::test]
async fn a_token_opens_one_session_until_that_is_deleted() {
    let server = Server::open().await;
    let shop = server.key("shop").await;
    let (first, second) = (server.session(Some(&shop)).await, server.session(Some(&shop)).await);
    let router = server.router.in_project(Project::new("shop").unwrap()).unwrap();
    let token = router.session_token(&first, DAY).await.unwrap().token;
    let lapsed = router.session_token(&first, Duration::ZERO).await.unwrap().token;
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    for era in ERAS {
        let client = connect(&server, &first, &headers, era, User::default()).await.unwrap();
        structured(&call(&client, "TIME_NOW", json!({})).await.unwrap());
        client.cancel().await.unwrap();
    }
    let refused = |slug: &str| (401, Some(slug.to_owned()));
    assert_eq!(knock(&server, &second, &headers).await, refused("InvalidSessionToken"));
    let lapsed = format!("Bearer {lapsed}");
    assert_eq!(knock(&server, &first, &[("authorization", &lapsed)]).await, refused("InvalidSessionToken"));
    // It is no key: nothing but the endpoint takes it.
    let mut rest = request("GET", &format!("/api/v3.1/tool_router/session/{first}"), None, None);
    rest.headers_mut().insert("authorization", bearer.parse().unwrap());
    server.send(rest).await.expect(401);
    server.call("GET", &format!("/tool_router/session/{first}"), Some(&token), None).await.expect(401);

    let client = connect(&server, &first, &headers, Era::Stateful, User::default()).await.unwrap();
    server.call("DELETE", &format!("/tool_router/session/{first}"), Some(&shop), None).await.expect(200);
    assert_eq!(knock(&server, &first, &headers).await, (404, Some("NotFound".to_owned())));
    assert!(call(&client, "TIME_NOW", json!({})).await.is_err(), "what was begun before ends too");
}

#[tokio::test]
async fn without_keys_any_credential_is_as_good_as_none() {
    let server = Server::open().await;
    let session = server.session(None).await;
    for headers in [&[][..], &[("x-api-key", "whatever")], &[("authorization", "Bearer whatever")]] {
        assert_eq!(knock(&server, &session, headers).await, (200, None));
    }
    assert_eq!(knock(&server, "trs_none", &[]).await, (404, Some("NotFound".to_owned())));
    assert_eq!(knock(&server, &session, &[("origin", "https://evil.example")]).await.0, 403);
}

#[tokio::test]
async fn a_body_may_be_no_larger_than_any_other() {
    let server = Server::with(|options| options.body_limit = 2_000).await;
    let session = server.session(None).await;
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"x": "y".repeat(3_000)}});
    let mut large = request("POST", &format!("/tool_router/{session}/mcp"), None, Some(body));
    large.headers_mut().insert("accept", "application/json, text/event-stream".parse().unwrap());
    server.send(large).await.expect(413);
    assert_eq!(knock(&server, &session, &[]).await.0, 200);
}

#[tokio::test]
async fn what_a_client_began_at_one_session_is_not_there_at_another() {
    let server = Server::open().await;
    let (first, second) = (server.session(None).await, server.session(None).await);
    let began = {
        let body = json!({
            "jsonrpc": "2.0", "id": 1, "method": "initialize",
            "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
        });
        let mut request = request("POST", &format!("/tool_router/{first}/mcp"), None, Some(body));
        request.headers_mut().insert("accept", "application/json, text/event-stream".parse().unwrap());
        server.send(request).await.expect(200).header("mcp-session-id").unwrap().to_owned()
    };
    let end = async |session: &str| {
        let mut request = request("DELETE", &format!("/tool_router/{session}/mcp"), None, None);
        request.headers_mut().insert("mcp-session-id", began.parse().unwrap());
        server.send(request).await.status
    };
    assert_eq!(end(&second).await, 404);
    assert_eq!(end(&first).await, 204);
}

#[tokio::test]
async fn the_user_is_asked_where_the_client_can_ask() {
    let server = Server::open().await;
    let settings = json!({"toolkits": ["time"], "tags": {"require_approval": ["readOnlyHint"]}});
    let session = session_with(&server, None, settings).await;
    let multi = json!({"tools": [
        {"tool_slug": "TIME_NOW", "arguments": {"timezone": "Europe/Paris"}},
        {"tool_slug": "TIME_NOW", "arguments": {"timezone": "Asia/Tokyo"}},
    ]});
    for era in ERAS {
        let user = User::who(ElicitationAction::Accept, json!({"decision": "approve"}));
        let client = connect(&server, &session, &[], era, user.clone()).await.unwrap();
        let now = call(&client, "TIME_NOW", json!({"timezone": "Asia/Tokyo"})).await.unwrap();
        assert_eq!(structured(&now)["timezone"], "Asia/Tokyo", "{era:?}");
        assert_eq!(user.asked.load(Ordering::SeqCst), 1);
        let both = call(&client, "COMPOSIO_MULTI_EXECUTE_TOOL", multi.clone()).await.unwrap();
        assert!(structured(&both).to_string().contains("Europe/Paris"));
        assert_eq!(user.asked.load(Ordering::SeqCst), 3);
        client.cancel().await.unwrap();

        let user = User::who(ElicitationAction::Accept, json!({"decision": "deny"}));
        let client = connect(&server, &session, &[], era, user).await.unwrap();
        let declined = call(&client, "TIME_NOW", json!({})).await.unwrap();
        assert!(refusal(&declined).contains("declined"), "{declined:?}");
        client.cancel().await.unwrap();

        // A client that accepts what its user never filled in.
        for content in [json!({}), json!({"decision": null}), json!({"approve": true})] {
            let user = User::who(ElicitationAction::Accept, content);
            let client = connect(&server, &session, &[], era, user).await.unwrap();
            let done = call(&client, "TIME_NOW", json!({})).await;
            let told = done.as_ref().map_or_else(ToString::to_string, |result| refusal(result).to_owned());
            assert!(told.contains("has no decision, and the tool did not run"), "{era:?}: {told}");
            client.cancel().await.unwrap();
        }

        let client = open(&server, &session, era).await;
        let waits = call(&client, "TIME_NOW", json!({})).await.unwrap();
        assert!(refusal(&waits).contains("waits for the user's approval"), "{waits:?}");
        client.cancel().await.unwrap();
    }
}

#[tokio::test]
async fn a_call_that_is_cancelled_stops() {
    let server = Server::open().await;
    for era in ERAS {
        let session = server.session(None).await;
        let client = open(&server, &session, era).await;
        tokio::select! {
            _ = call(&client, "SLOW_WAIT", json!({})) => panic!("it waits"),
            () = server.slow.begun.notified() => {}
        }
        until_logged(&server, &session, "cancelled by the caller").await;
        client.cancel().await.unwrap();
    }
}

#[tokio::test]
async fn a_stateless_call_stops_with_its_connection() {
    let server = Server::open().await;
    let session = server.session(None).await;
    let body = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "SLOW_WAIT", "arguments": {}, "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        }},
    });
    let mut request = request("POST", &format!("/tool_router/{session}/mcp"), None, Some(body));
    for (name, value) in [
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "SLOW_WAIT"),
    ] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    tokio::select! {
        answer = server.send(request) => panic!("it waits: {answer:?}"),
        () = server.slow.begun.notified() => {}
    }
    until_logged(&server, &session, "cancelled by the caller").await;
}

#[tokio::test]
async fn the_servers_limits_hold() {
    let server = Server::with(|options| {
        options.concurrency = 1;
        options.request_timeout = Duration::from_millis(500);
    })
    .await;
    let session = server.session(None).await;
    let client = open(&server, &session, Era::Stateful).await;
    let (slow, busy) = tokio::join!(call(&client, "SLOW_WAIT", json!({})), async {
        server.slow.begun.notified().await;
        let error = client.list_all_tools().await.unwrap_err().to_string();
        assert!(error.contains("run already"), "{error}");
        call(&client, "TIME_NOW", json!({})).await.unwrap()
    });
    assert!(refusal(&busy).contains("run already"), "{busy:?}");
    let slow = slow.unwrap();
    assert!(refusal(&slow).contains("0.5 seconds"), "{slow:?}");
    structured(&call(&client, "TIME_NOW", json!({})).await.unwrap());
    client.cancel().await.unwrap();
}

#[tokio::test]
async fn replies_say_where_a_session_is_served_and_what_opens_it() {
    let server = Server::open().await;
    let shop = server.key("shop").await;
    let key = Some(shop.as_str());
    let created = server.call("POST", "/tool_router/session", key, Some(json!({"user_id": "ada"}))).await.json();
    let id = created["session_id"].as_str().unwrap();
    let mcp = &created["mcp"];
    assert_eq!(mcp["type"], "http");
    assert_eq!(mcp["url"], format!("http://{}/tool_router/{id}/mcp", server.address));
    let path = format!("/tool_router/session/{id}");
    assert_eq!(server.call("GET", &path, key, None).await.json()["mcp"], *mcp);
    assert_eq!(server.call("PATCH", &path, key, Some(json!({"search": false}))).await.json()["mcp"], *mcp);
    assert_eq!(server.call("POST", &format!("{path}/attach"), key, Some(json!({}))).await.json()["mcp"], *mcp);

    let bearer = mcp["headers"]["Authorization"].as_str().unwrap().to_owned();
    let headers = [("authorization", bearer.as_str())];
    assert_eq!(knock(&server, id, &headers).await, (200, None));
    let other = server.session(key).await;
    assert_eq!(knock(&server, &other, &headers).await, (401, Some("InvalidSessionToken".to_owned())));
    server.router.in_project(Project::new("shop").unwrap()).unwrap().revoke_session_token(id, None).await.unwrap();
    assert_eq!(knock(&server, id, &headers).await, (401, Some("InvalidSessionToken".to_owned())));
    let again = server.call("GET", &path, key, None).await.json();
    let bearer = again["mcp"]["headers"]["Authorization"].as_str().unwrap().to_owned();
    assert_eq!(knock(&server, id, &[("authorization", &bearer)]).await, (200, None));

    let public = PublicUrl::parse("https://tools.example/base").unwrap();
    let server = Server::with(|options| options.public_url = Some(public)).await;
    let created = server.call("POST", "/tool_router/session", None, Some(json!({"user_id": "ada"}))).await.json();
    let id = created["session_id"].as_str().unwrap();
    assert_eq!(created["mcp"]["url"], format!("https://tools.example/base/tool_router/{id}/mcp"));
}

#[tokio::test]
async fn a_client_that_only_listens_does_not_hold_up_the_end() {
    let mut server = Server::open().await;
    let session = server.session(None).await;
    let client = open(&server, &session, Era::Stateful).await;
    structured(&call(&client, "TIME_NOW", json!({})).await.unwrap());
    server.tell_to_stop();
    tokio::time::timeout(Duration::from_secs(10), server.ended()).await.unwrap();
    drop(client);
}

/// `composio mcp` with a folder of its own, as a client starts it.
async fn start(folder: &Path, arguments: &[&str], era: Era) -> (Client, Child) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_composio"));
    program.envs(database::of(folder).map(|url| ("COMPOSIO_DATABASE", url)));
    let mut program = program
        .arg("mcp")
        .args(arguments)
        .args(["--data".as_ref(), folder.as_os_str()])
        .env_remove("COMPOSIO_CONFIG")
        .env_remove("COMPOSIO_LOG")
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let pipes = (program.stdout.take().unwrap(), program.stdin.take().unwrap());
    let client = serve_client_with_lifecycle(User::default(), pipes, era.lifecycle()).await.unwrap();
    (client, program)
}

async fn ends(mut program: Child) {
    let status = tokio::time::timeout(Duration::from_secs(20), program.wait()).await.unwrap().unwrap();
    assert!(status.success(), "{status}");
}

async fn sessions(folder: &Path) -> usize {
    let router = Router::builder().config(database::config(folder)).build().unwrap();
    router.store().sessions(&Project::default(), 10).await.unwrap().len()
}

#[tokio::test]
async fn a_client_that_starts_the_program_has_a_session_of_its_own() {
    for era in ERAS {
        let folder = tempfile::tempdir().unwrap();
        let (client, program) = start(folder.path(), &["--user", "ada", "--toolkits", "time,files"], era).await;
        let listed = client.list_all_tools().await.unwrap();
        assert!(listed.iter().all(|tool| tool.name.starts_with("COMPOSIO_")), "{listed:?}");
        let now = call(&client, "TIME_NOW", json!({"timezone": "Asia/Tokyo"})).await.unwrap();
        assert_eq!(structured(&now)["timezone"], "Asia/Tokyo");
        let filtered = call(&client, "SQLITE_QUERY", json!({"path": "a.db", "sql": "select 1"})).await.unwrap();
        assert!(refusal(&filtered).contains("toolkits"), "{filtered:?}");
        assert_eq!(sessions(folder.path()).await, 1);
        client.cancel().await.unwrap();
        ends(program).await;
        assert_eq!(sessions(folder.path()).await, 0, "the session was for this client");
    }
}

#[tokio::test]
async fn a_session_that_is_there_is_taken_up_and_stays() {
    let server = Server::open().await;
    let session = session_with(&server, None, json!({"toolkits": ["time"], "preload": {"tools": "all"}})).await;
    let (client, program) = start(server.folder.path(), &["--session", &session], Era::Stateful).await;
    let listed = client.list_all_tools().await.unwrap();
    assert!(listed.iter().any(|tool| tool.name == "TIME_NOW"), "{listed:?}");
    client.cancel().await.unwrap();
    ends(program).await;
    server.call("GET", &format!("/tool_router/session/{session}"), None, None).await.expect(200);
}

#[cfg(unix)]
#[tokio::test]
async fn the_program_ends_when_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let (client, program) = start(folder.path(), &["--user", "ada"], Era::Stateful).await;
    let told = Command::new("kill").args(["-TERM", &program.id().unwrap().to_string()]).status().await.unwrap();
    assert!(told.success());
    ends(program).await;
    assert_eq!(sessions(folder.path()).await, 0);
    drop(client);
}
