//! How long a call of an OpenAPI document's tool takes: prints the median in microseconds. The document describes one
//! operation of the server at BASE_URL, which `bench-floor` calls with reqwest alone.
//!
//! With `signed` a connected account of the user signs each call, else the configuration does.
//!
//!     cargo run --release -p composio-router --example openapi_call -- BASE_URL CALLS [signed]

use std::time::Instant;

use composio_contract::{Backend as _, CreateSession, ExecuteRequest};
use composio_router::{Router, RouterConfig};
use serde_json::json;

const USAGE: &str = "usage: openapi_call BASE_URL CALLS [signed]";
const PROOF: &str = r#""body":{"result_type":"completed""#;
const PATH: &str = "/api/v3.1/tool_router/session/trs_bench/execute";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (base, calls, signed) = match arguments.as_slice() {
        [base, calls] => (base, calls, false),
        [base, calls, signed] if signed == "signed" => (base, calls, true),
        _ => return Err(USAGE.into()),
    };
    let calls: usize = calls.parse()?;

    let folder = tempfile::tempdir()?;
    let document = folder.path().join("issues.json");
    std::fs::write(&document, described(base).to_string())?;
    let connect = signed.then(|| json!({"scheme": "api_key", "header": "x-api-key"}));
    let headers = if signed { json!({}) } else { json!({"x-api-key": "k"}) };
    let text = json!({
        "router": {"data_dir": folder.path().join("data")},
        "toolkit": [{
            "slug": "issues",
            "openapi": document,
            "allow_hosts": ["127.0.0.1"],
            "connect": connect,
            "headers": headers,
        }],
    });
    let config: RouterConfig = serde_json::from_value(text)?;
    let router = Router::builder().config(config).build()?;
    if signed {
        let state = json!({"authScheme": "API_KEY", "val": {"api_key": "a-key-of-the-user"}});
        let account = json!({"auth_config": {"id": "ac_issues"}, "connection": {"user_id": "bench", "state": state}});
        router.create_connected_account(&serde_json::from_value(account)?).await?;
    }
    let user = CreateSession { user_id: "bench".to_owned(), ..CreateSession::default() };
    let session = router.create_session(&user).await?.session_id.clone();
    let arguments =
        json!({"tool_slug": "GITHUB_CREATE_ISSUE", "arguments": {"title": "It is broken", "labels": ["bug"]}});
    let request = ExecuteRequest {
        tool_slug: "ISSUES_EXECUTE".to_owned(),
        arguments: Some(arguments.into()),
        ..ExecuteRequest::default()
    };
    let mut times = Vec::with_capacity(calls);
    for call in 0..calls + calls / 10 {
        let start = Instant::now();
        let reply = router.execute(&session, &request).await?;
        if call >= calls / 10 {
            times.push(start.elapsed().as_secs_f64() * 1e6);
        }
        if !reply.data.as_ref().is_some_and(|data| data.as_str().contains(PROOF)) {
            return Err(format!("the answer has no {PROOF}: {reply:?}").into());
        }
    }
    router.close().await?;
    times.sort_by(f64::total_cmp);
    println!("{}", times.get(times.len() / 2).copied().unwrap_or(f64::NAN));
    Ok(())
}

fn described(base: &str) -> serde_json::Value {
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Issues", "version": "1"},
        "servers": [{"url": base}],
        "paths": {PATH: {"post": {
            "operationId": "execute",
            "summary": "Executes a tool",
            "requestBody": {"required": true, "content": {"application/json": {"schema": {
                "type": "object",
                "required": ["tool_slug"],
                "properties": {"tool_slug": {"type": "string"}, "arguments": {"type": "object"}},
            }}}},
            "responses": {"200": {"description": "What came of it", "content": {"application/json": {}}}},
        }}},
    })
}
