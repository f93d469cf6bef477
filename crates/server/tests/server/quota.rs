//! Quotas: what one user, project or key may take of a server.

use composio_router::RouterConfig;
use composio_router::config::{QuotaOptions, RateOptions};
use serde_json::{Value, json};

use crate::common::{Answer, Server, request};
use crate::files::{path_of, put, url};

async fn server(quota: QuotaOptions) -> Server {
    Server::configured(RouterConfig { quota, ..RouterConfig::default() }, |_| {}).await
}

/// What is so slow that a test sees none of it.
fn rate(burst: u32) -> RateOptions {
    RateOptions { requests_per_second: Some(0.01), burst: Some(burst) }
}

async fn refusals(server: &Server, limit: &str) -> u64 {
    let text = server.router.quotas().refusals().find(|(name, _)| *name == limit);
    text.unwrap().1
}

fn refused(answer: &Answer, slug: &str) {
    assert_eq!((answer.status, answer.slug().as_str()), (429, slug), "{}", String::from_utf8_lossy(&answer.body));
    assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    assert!(answer.json()["error"]["suggested_fix"].is_string());
}

/// Why a tool failed.
async fn failure(server: &Server, session: &str, slug: &str, arguments: Value) -> String {
    let reply = server.execute(session, None, slug, arguments).await.expect(200).json();
    assert_eq!(reply["result_type"], "failed", "{reply}");
    reply["error"].as_str().unwrap().to_owned()
}

async fn completed(server: &Server, session: &str, slug: &str, arguments: Value) {
    let reply = server.execute(session, None, slug, arguments).await.expect(200).json();
    assert_eq!(reply["result_type"], "completed", "{reply}");
}

#[tokio::test]
async fn a_key_and_its_project_send_only_so_much() {
    let server = server(QuotaOptions { key: rate(3), project: rate(4), ..QuotaOptions::default() }).await;
    let (one, two, bank) = (server.key("shop").await, server.key("shop").await, server.key("bank").await);
    let call = async |key: &str| server.call("GET", "/toolkits", Some(key), None).await;
    for _ in 0..3 {
        call(&one).await.expect(200);
    }
    let answer = call(&one).await;
    refused(&answer, "TooManyRequests");
    assert_eq!(answer.header("retry-after"), Some("100"));
    assert_eq!(answer.header("x-should-retry"), None);
    // The project has one left, another project has its own.
    call(&two).await.expect(200);
    refused(&call(&two).await, "TooManyRequests");
    call(&bank).await.expect(200);
    // Who made a key up is no one, and counts nowhere.
    call("ck_0_0").await.expect(401);
    let metrics = server.send(request("GET", "/metrics", Some(&bank), None)).await.expect(200);
    let text = String::from_utf8(metrics.body.to_vec()).unwrap();
    assert!(text.contains("composio_refusals_total{limit=\"requests\"} 2"), "{text}");
}

#[tokio::test]
async fn a_user_sends_only_so_much_over_every_way() {
    let server = server(QuotaOptions { user: rate(2), ..QuotaOptions::default() }).await;
    let (first, second) = (server.session(None).await, server.session(None).await);
    let now = || json!({"timezone": "UTC"});
    completed(&server, &first, "TIME_NOW", now()).await;
    completed(&server, &second, "TIME_NOW", now()).await;
    refused(&server.execute(&first, None, "TIME_NOW", now()).await, "TooManyRequests");
    // Over MCP it is the same user, and the model is told.
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "TIME_NOW", "arguments": now(), "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    }});
    let mut call = request("POST", &format!("/tool_router/{second}/mcp"), None, Some(call));
    for (name, value) in [
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "TIME_NOW"),
    ] {
        call.headers_mut().insert(name, value.parse().unwrap());
    }
    let answer = server.send(call).await.expect(200);
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(text.contains("\"isError\":true") && text.contains("requests a second"), "{text}");
}

#[tokio::test]
async fn a_project_has_only_so_many_sessions() {
    let server = server(QuotaOptions { sessions: Some(2), ..QuotaOptions::default() }).await;
    let (shop, bank) = (server.key("shop").await, server.key("bank").await);
    let first = server.session(Some(&shop)).await;
    server.session(Some(&shop)).await;
    let create =
        async |key: &str| server.call("POST", "/tool_router/session", Some(key), Some(json!({"user_id": "ada"}))).await;
    refused(&create(&shop).await, "SessionQuota");
    create(&bank).await.expect(201);
    server.call("DELETE", &format!("/tool_router/session/{first}"), Some(&shop), None).await.expect(200);
    create(&shop).await.expect(201);
    refused(&create(&shop).await, "SessionQuota");
    assert_eq!(refusals(&server, "sessions").await, 2);
}

#[tokio::test]
async fn a_folder_holds_only_so_much() {
    let limits = QuotaOptions { workspace_bytes: Some(500_000), workspace_files: Some(6), ..QuotaOptions::default() };
    let server = server(limits).await;
    let session = server.session(None).await;
    let write = |path: &str, size: usize| json!({"path": path, "content": "x".repeat(size)});
    completed(&server, &session, "FILES_WRITE", write("a", 100_000)).await;
    completed(&server, &session, "FILES_WRITE", write("b", 300_000)).await;
    let error = failure(&server, &session, "FILES_WRITE", write("c", 200_000)).await;
    assert!(error.contains("500000") && error.contains("delete files") && error.contains("quota.workspace_bytes"));
    // It takes the place of what was there, so that this is no more than before.
    completed(&server, &session, "FILES_WRITE", write("b", 390_000)).await;
    let mut append = write("b", 20_000);
    append["if_exists"] = "append".into();
    failure(&server, &session, "FILES_WRITE", append).await;
    // An upload is refused before it is sent, and one that does not say its size while it is; its URL still serves.
    let up = url(&server, &session, None, "upload_url", "c").await;
    refused(&put(&server, &up, vec![0; 200_000]).await, "WorkspaceQuota");
    refused(&chunked(&server, &up, 200_000).await, "WorkspaceQuota");
    completed(&server, &session, "FILES_DELETE", json!({"path": "b"})).await;
    put(&server, &up, vec![0; 200_000]).await.expect(200);
    // Folders count as files do: `a`, `c`, and these.
    completed(&server, &session, "FILES_WRITE", write("d/e/f", 1)).await;
    completed(&server, &session, "FILES_WRITE", write("g", 1)).await;
    let error = failure(&server, &session, "FILES_WRITE", write("h", 1)).await;
    assert!(error.contains("6 files and folders") && error.contains("quota.workspace_files"), "{error}");
    failure(&server, &session, "FILES_MOVE", json!({"from": "g", "to": "i/g"})).await;
    completed(&server, &session, "FILES_WRITE", write("g", 2)).await;
    completed(&server, &session, "FILES_DELETE", json!({"path": "d", "recursive": true})).await;
    completed(&server, &session, "FILES_MOVE", json!({"from": "g", "to": "i/g"})).await;
    // What another program did is seen before anything is refused.
    completed(&server, &session, "FILES_WRITE", write("j", 190_000)).await;
    failure(&server, &session, "FILES_WRITE", write("k", 100_000)).await;
    std::fs::remove_file(server.folder.path().join("workspaces/ada/j")).unwrap();
    completed(&server, &session, "FILES_WRITE", write("k", 100_000)).await;
    assert!(refusals(&server, "workspace_bytes").await >= 4 && refusals(&server, "workspace_files").await >= 2);
}

/// An upload that does not say how large it is.
async fn chunked(server: &Server, url: &str, size: usize) -> Answer {
    use http_body_util::StreamBody;
    use hyper::body::Frame;

    let pieces = futures_util::stream::iter(
        (0..size / 1_000)
            .map(|_| Ok::<_, std::convert::Infallible>(Frame::data(bytes::Bytes::from_static(&[0; 1_000])))),
    );
    let request = hyper::Request::put(path_of(server, url)).body(StreamBody::new(pieces)).unwrap();
    crate::common::ask(server.address, request).await.unwrap()
}

#[tokio::test]
async fn a_database_has_only_so_many_bytes() {
    let limits =
        QuotaOptions { workspace_bytes: Some(1 << 20), database_bytes: Some(256 << 10), ..QuotaOptions::default() };
    let server = server(limits).await;
    let session = server.session(None).await;
    let sql = |path: &str, sql: &str| json!({"path": path, "sql": sql});
    completed(&server, &session, "SQLITE_EXECUTE", sql("a.db", "CREATE TABLE t (b BLOB)")).await;
    completed(&server, &session, "SQLITE_EXECUTE", sql("a.db", "INSERT INTO t VALUES (zeroblob(100000))")).await;
    let flood = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000) \
                 INSERT INTO t SELECT zeroblob(1000) FROM n";
    let error = failure(&server, &session, "SQLITE_EXECUTE", sql("a.db", flood)).await;
    assert!(error.contains("262144 bytes") && error.contains("quota.database_bytes"), "{error}");
    // Nothing of it is there, and there is still room for a little.
    completed(&server, &session, "SQLITE_EXECUTE", sql("a.db", "INSERT INTO t VALUES (zeroblob(50000))")).await;
    // Databases are files of the folder too.
    completed(&server, &session, "FILES_WRITE", json!({"path": "f", "content": "x".repeat(800_000)})).await;
    completed(&server, &session, "SQLITE_EXECUTE", sql("b.db", "CREATE TABLE t (b BLOB)")).await;
    failure(&server, &session, "SQLITE_EXECUTE", sql("b.db", flood)).await;
    failure(&server, &session, "FILES_WRITE", json!({"path": "g", "content": "x".repeat(100_000)})).await;
    assert_eq!(refusals(&server, "database_bytes").await, 2);
}

#[tokio::test]
async fn a_user_has_only_so_many_links_that_nobody_followed() {
    let config = RouterConfig {
        quota: QuotaOptions { pending_links: Some(3), ..QuotaOptions::default() },
        ..RouterConfig::default()
    };
    let server = Server::keyed_with(config).await;
    let link = async |user: &str| {
        let body = json!({"auth_config_id": "ac_keyed", "user_id": user});
        server.call("POST", "/connected_accounts/link", None, Some(body)).await.expect(201).json()
    };
    let ids = async |user: &str| -> Vec<String> {
        let path = format!("/connected_accounts?user_ids={user}&limit=100");
        let list = server.call("GET", &path, None, None).await.expect(200).json();
        let items = list["items"].as_array().unwrap().iter();
        items.map(|account| account["id"].as_str().unwrap().to_owned()).collect()
    };
    let state = json!({"authScheme": "API_KEY", "val": {"api_key": "k"}});
    let connection = json!({"auth_config": {"id": "ac_keyed"}, "connection": {"user_id": "ada", "state": state}});
    let active = server.call("POST", "/connected_accounts", None, Some(connection)).await.expect(201).json();
    let other = link("bea").await;
    let mut made = Vec::new();
    for _ in 0..20 {
        made.push(link("ada").await);
    }
    let left = ids("ada").await;
    assert_eq!(left.len(), 4, "the newest three, and the one that is connected: {left:?}");
    assert!(left.iter().any(|id| *id == active["id"]));
    for reply in &made[17..] {
        assert!(left.iter().any(|id| *id == reply["connected_account_id"]));
    }
    // The link of one that had to make room opens nothing; another's does.
    let page = |reply: &Value| {
        let url = reply["redirect_url"].as_str().unwrap();
        url.strip_prefix(&format!("http://{}", server.address)).unwrap().to_owned()
    };
    assert_ne!(server.get(&page(&made[0])).await.status, 200);
    server.get(&page(&other)).await.expect(200);
    server.get(&page(&made[19])).await.expect(200);
    assert_eq!(refusals(&server, "pending_links").await, 17);
}

#[tokio::test]
async fn a_programs_own_router_has_no_quota_and_a_server_has_all() {
    let given = RouterConfig::from_toml(
        "[quota]\nsessions = 0\npending_links = 5\n[quota.user]\nrequests_per_second = 0\n[quota.key]\nburst = 7\n",
        "composio.toml",
    )
    .unwrap();
    assert_eq!(RouterConfig::default().quota, QuotaOptions::default());
    let quota = given.quota.for_server();
    assert_eq!((quota.sessions, quota.pending_links, quota.workspace_files), (Some(0), Some(5), Some(10_000)));
    assert_eq!((quota.user.requests_per_second, quota.key.burst), (Some(0.0), Some(7)));
    for (text, place) in [
        ("[quota]\nsession = 1\n", "2:1: `quota`: there is no key `session`; did you mean `sessions`?"),
        ("[quota.user]\nrequests_per_second = -1\n", "2:23: `quota.user.requests_per_second`: -1 is not a rate"),
        ("[quota.key]\nburst = 0\n", "2:9: `quota.key.burst`: is 0"),
    ] {
        let error = RouterConfig::from_toml(text, "composio.toml").unwrap_err().to_string();
        assert!(error.starts_with(&format!("composio.toml:{place}")), "{error}");
    }
}
