//! What an MCP server behind the router says reaches the MCP client before it, in both eras.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use composio_router::Project;
use composio_router::mcp::{McpServerConfig, McpSource, McpTransport};
use rmcp::ClientHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResult, ClientCapabilities, ClientConfig, ErrorCode, GetPromptRequestParams,
    Implementation, ProgressNotificationParam, ProtocolVersion, ReadResourceRequestParams, ServerNotification,
    SubscriptionFilter,
};
use rmcp::service::{NotificationContext, RoleClient, RunningService, ServiceError, serve_client_with_lifecycle};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::common::Server;
use crate::mcp::{ERAS, Era, session_with};

const DEADLINE: Duration = Duration::from_secs(20);

/// Keeps what it is told.
#[derive(Clone, Default)]
struct Ears {
    steps: Arc<Mutex<Vec<ProgressNotificationParam>>>,
    changed: Arc<Notify>,
}

impl ClientHandler for Ears {
    fn get_info(&self) -> ClientConfig {
        ClientConfig::new(ClientCapabilities::default(), Implementation::new("test", "1"))
            .with_protocol_version(ProtocolVersion::LATEST_WITH_INITIALIZE)
    }

    async fn on_progress(&self, step: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        self.steps.lock().unwrap().push(step);
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.changed.notify_one();
    }
}

/// A server with the fixture behind it.
async fn server() -> Server {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/server/conformance/fixture.py");
    let args = vec![script.to_str().unwrap().to_owned()];
    let transport = McpTransport::Stdio { command: "python3".to_owned(), args, env: BTreeMap::new(), cwd: None };
    let source = McpSource::new(McpServerConfig::new("fixture", transport), Handle::current()).unwrap();
    Server::with_sources(|_| {}, vec![Arc::new(source)]).await
}

/// A client of a path below the session's endpoint.
async fn connect(
    server: &Server,
    session: &str,
    below: &str,
    era: Era,
    ears: Ears,
) -> RunningService<RoleClient, Ears> {
    let client = reqwest::Client::builder().tls_backend_preconfigured(composio_egress::tls().unwrap()).build().unwrap();
    let url = format!("http://{}/tool_router/{session}/mcp{below}", server.address);
    let transport =
        StreamableHttpClientTransport::with_client(client, StreamableHttpClientTransportConfig::with_uri(url));
    serve_client_with_lifecycle(ears, transport, era.lifecycle()).await.unwrap()
}

async fn call(client: &RunningService<RoleClient, Ears>, tool: &str) -> CallToolResult {
    client.call_tool(CallToolRequestParams::new(tool.to_owned()).with_arguments(Default::default())).await.unwrap()
}

fn content(result: &CallToolResult) -> Value {
    serde_json::to_value(&result.content).unwrap()
}

#[tokio::test]
async fn a_result_reaches_the_client_as_it_came() {
    let server = server().await;
    let session = session_with(&server, None, json!({"toolkits": ["fixture"]})).await;
    for era in ERAS {
        let client = connect(&server, &session, "", era, Ears::default()).await;
        let mixed = call(&client, "FIXTURE_TEST_MULTIPLE_CONTENT_TYPES").await;
        let kinds: Vec<Value> = content(&mixed).as_array().unwrap().iter().map(|item| item["type"].clone()).collect();
        assert_eq!(kinds, ["text", "image", "resource"], "{era:?}");
        assert_eq!(mixed.structured_content, None, "it had none");
        assert_eq!(mixed.meta.unwrap()["example.org/mark"], "test_multiple_content_types");
        assert_eq!(content(&call(&client, "FIXTURE_TEST_AUDIO_CONTENT").await)[0]["mimeType"], "audio/wav");
        assert_eq!(content(&call(&client, "FIXTURE_TEST_RESOURCE_LINK").await)[0]["uri"], "test://static-text");
        let failed = call(&client, "FIXTURE_TEST_ERROR_HANDLING").await;
        assert_eq!(failed.is_error, Some(true));
        assert_eq!(content(&failed)[0]["text"], "This tool intentionally returns an error for testing");
        client.cancel().await.unwrap();
    }
    // Callers of the contract get what it can say.
    let reply = server.execute(&session, None, "FIXTURE_TEST_IMAGE_CONTENT", json!({})).await.expect(200).json();
    assert_eq!(reply["data"]["content"][0]["type"], "image", "{reply}");
}

#[tokio::test]
async fn a_client_hears_how_far_a_call_has_come() {
    let server = server().await;
    let session = session_with(&server, None, json!({"toolkits": ["fixture"]})).await;
    for era in ERAS {
        let ears = Ears::default();
        let client = connect(&server, &session, "", era, ears.clone()).await;
        call(&client, "FIXTURE_TEST_TOOL_WITH_PROGRESS").await;
        tokio::time::timeout(DEADLINE, async {
            // The library hands each to a task of its own.
            while ears.steps.lock().unwrap().len() < 3 {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
        let mut steps = ears.steps.lock().unwrap().clone();
        steps.sort_by(|one, other| one.progress.total_cmp(&other.progress));
        let told: Vec<_> = steps.iter().map(|step| (step.progress, step.total, step.message.clone())).collect();
        let said = |done: f64| (done, Some(100.0), Some(format!("{done} of 100")));
        assert_eq!(told, [said(0.0), said(50.0), said(100.0)], "{era:?}");
        assert!(steps.iter().all(|step| step.progress_token == steps[0].progress_token));
        client.cancel().await.unwrap();
    }
}

/// Listens as the era has it, changes the list, and waits to be told.
async fn hears_of(server: &Server, session: &str, below: &str, era: Era, change: impl AsyncFnOnce()) {
    let ears = Ears::default();
    let client = connect(server, session, below, era, ears.clone()).await;
    assert_eq!(client.peer_info().unwrap().capabilities.tools.clone().unwrap().list_changed, Some(true));
    let told = async {
        match era {
            Era::Stateful => {
                change().await;
                ears.changed.notified().await;
            }
            Era::Stateless => {
                let filter = SubscriptionFilter::builder().tools_list_changed().build();
                let mut subscription = client.listen(filter).await.unwrap();
                change().await;
                let told = subscription.next().await.unwrap();
                assert!(matches!(told, Some(ServerNotification::ToolListChangedNotification(_))), "{told:?}");
            }
        }
    };
    tokio::time::timeout(DEADLINE, told).await.unwrap_or_else(|_| panic!("{era:?} hears nothing"));
    client.cancel().await.unwrap();
}

#[tokio::test]
async fn a_client_hears_of_changed_tools() {
    let server = server().await;
    let settings = json!({"toolkits": ["fixture"], "preload": {"tools": "all"}});
    let session = session_with(&server, None, settings).await;
    for (era, below) in ERAS.into_iter().zip(["", "/fixture"]) {
        // Started, so that its end of the news is there.
        server.execute(&session, None, "FIXTURE_TEST_SIMPLE_TEXT", json!({})).await.expect(200);
        hears_of(&server, &session, below, era, async || {
            server.execute(&session, None, "FIXTURE_TEST_TRIGGER_TOOL_CHANGE", json!({})).await.expect(200);
        })
        .await;
        hears_of(&server, &session, below, era, async || {
            let path = format!("/tool_router/session/{session}");
            server.call("PATCH", &path, None, Some(json!({"search": false}))).await.expect(200);
            server.call("PATCH", &path, None, Some(json!({"search": true}))).await.expect(200);
        })
        .await;
    }
}

#[tokio::test]
async fn one_that_listens_does_not_hold_up_the_end() {
    let mut server = server().await;
    let session = session_with(&server, None, json!({"toolkits": ["fixture"]})).await;
    let client = connect(&server, &session, "", Era::Stateless, Ears::default()).await;
    let _subscription = client.listen(SubscriptionFilter::builder().tools_list_changed().build()).await.unwrap();
    server.tell_to_stop();
    tokio::time::timeout(DEADLINE, server.ended()).await.unwrap();
}

#[tokio::test]
async fn a_toolkit_by_itself_has_its_servers_own_names() {
    let server = server().await;
    let session = session_with(&server, None, json!({"toolkits": ["fixture", "time"]})).await;
    for era in ERAS {
        let client = connect(&server, &session, "/fixture", era, Ears::default()).await;
        assert_eq!(client.peer_info().unwrap().instructions, None, "the advice speaks of meta tools");
        let tools = client.list_all_tools().await.unwrap();
        let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_ref()).collect();
        assert!(
            names.contains(&"test_simple_text") && !names.iter().any(|name| name.contains("COMPOSIO")),
            "{names:?}"
        );
        call(&client, "test_simple_text").await;
        for unknown in ["test_simple_txt", "TIME_NOW", "FIXTURE_TEST_SIMPLE_TEXT"] {
            let error = client.call_tool(CallToolRequestParams::new(unknown)).await.unwrap_err();
            let ServiceError::McpError(error) = error else { panic!("{error:?}") };
            assert_eq!(error.code, ErrorCode::INVALID_PARAMS, "{error:?}");
        }
        let prompts = client.list_all_prompts().await.unwrap();
        assert_eq!(prompts[0].name, "test_simple_prompt");
        let prompt = client.get_prompt(GetPromptRequestParams::new("test_prompt_with_image")).await.unwrap();
        assert_eq!(prompt.messages.len(), 2);
        let read = client.read_resource(ReadResourceRequestParams::new("test://static-text")).await.unwrap();
        assert_eq!(read.contents.len(), 1);
        let error = client.read_resource(ReadResourceRequestParams::new("test://none")).await.unwrap_err();
        assert!(error.to_string().contains("Resource not found"), "the server's own error: {error}");
        client.cancel().await.unwrap();
    }
    server.router.store().flush().await.unwrap();
    let log = server.router.store().log_entries(&Project::default(), &session, 50).await.unwrap();
    assert!(log.iter().any(|entry| entry.tool_slug == "FIXTURE_TEST_SIMPLE_TEXT"), "{log:?}");
}

#[tokio::test]
async fn a_toolkit_that_is_narrowed_has_its_allowed_tools_alone() {
    let server = server().await;
    let settings = json!({"toolkits": ["fixture"], "tools": {"fixture": ["FIXTURE_TEST_SIMPLE_TEXT"]}});
    let session = session_with(&server, None, settings).await;
    for era in ERAS {
        let client = connect(&server, &session, "/fixture", era, Ears::default()).await;
        let info = client.peer_info().unwrap();
        assert!(info.capabilities.prompts.is_none() && info.capabilities.resources.is_none(), "{info:?}");
        let tools = client.list_all_tools().await.unwrap();
        assert_eq!(tools.iter().map(|tool| tool.name.as_ref()).collect::<Vec<_>>(), ["test_simple_text"]);
        let refused = call(&client, "test_image_content").await;
        assert!(content(&refused)[0]["text"].as_str().unwrap().contains("tools.fixture.enable"), "{refused:?}");
        assert!(client.read_resource(ReadResourceRequestParams::new("test://static-text")).await.is_err());
        client.cancel().await.unwrap();
    }
    server.get(&format!("/tool_router/{session}/mcp/time")).await.expect(403);
    server.get(&format!("/tool_router/{session}/mcp/none")).await.expect(404);
}
