//! Every reply fits the contract: those of what is served, and the refusals of the rest.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::common::{Answer, Server, request};

fn file(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/contract").join(name)).unwrap()
}

struct Contract {
    document: Value,
    checked: Mutex<BTreeSet<String>>,
}

impl Contract {
    fn read() -> Self {
        Self { document: serde_json::from_str(&file("openapi-v3.1.json")).unwrap(), checked: Mutex::default() }
    }

    /// Checks a reply against the schema of the operation's success, or of its failure.
    fn check(&self, method: &str, path: &str, answer: &Answer) -> Value {
        let operation = format!("{method} {path}");
        let responses = &self.document["paths"][format!("/api/v3.1{path}")][method.to_lowercase()]["responses"];
        let kind = if answer.status < 300 { "2XX" } else { "default" };
        let mut schema = responses[kind]["content"]["application/json"]["schema"].clone();
        assert!(schema.is_object(), "{operation} is not in the contract");
        schema["components"] = self.document["components"].clone();
        let validator = jsonschema::options().offline().build(&schema).unwrap();
        let reply = answer.json();
        let problems: Vec<String> =
            validator.iter_errors(&reply).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(problems.is_empty(), "{operation}: {problems:#?}\n{reply:#}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{operation}");
        if answer.status < 300 {
            self.checked.lock().unwrap().insert(operation);
        }
        reply
    }
}

const SESSION: &str = "/tool_router/session/{session_id}";

#[tokio::test]
async fn every_route_answers_as_the_contract_says() {
    let contract = Contract::read();
    let server = Server::open().await;
    let run = async |method: &str, path: &str, query: &str, session: &str, body: Option<Value>, status: u16| {
        let at = path
            .replace("{session_id}", session)
            .replace("{mount_id}", "files")
            .replace("{slug}", "time")
            .replace("{tool_slug}", "TIME_NOW")
            .replace("{nanoid}", "ca_none");
        let answer = server.call(method, &format!("{at}{query}"), None, body).await.expect(status);
        contract.check(method, path, &answer)
    };
    let at = |rest: &str| format!("{SESSION}{rest}");
    let custom = json!({"custom_tools": [
        {"slug": "add", "name": "Add", "description": "Adds.", "input_schema": {"type": "object"}, "preload": true},
    ]});
    let options = json!({
        "user_id": "ada",
        "toolkits": {"enable": ["time", "files"], "require_approval": []},
        "tools": {"files": {"disable": ["FILES_DELETE"]}},
        "tags": {"require_approval": ["createHint"]},
        "manage_connections": {"enable": true},
        "workbench": {"enable": false},
        "multi_account": {"enable": false},
        "proxy_execute": {"enable": false},
        "preload": {"tools": "all"},
        "experimental": custom,
    });
    let made = run("POST", "/tool_router/session", "", "", Some(options), 201).await;
    let id = made["session_id"].as_str().unwrap();
    run("GET", SESSION, "", id, None, 200).await;
    run("POST", &at("/attach"), "", id, Some(json!({"experimental": custom})), 200).await;
    run("PATCH", SESSION, "", id, Some(json!({"search": {"enable": true}})), 200).await;
    run("PATCH", SESSION, "", id, Some(json!({"expected_config_version": 9})), 409).await;
    run("GET", &at("/config_history"), "?limit=1", id, None, 200).await;
    run("GET", &at("/tools"), "?limit=500", id, None, 200).await;
    run("GET", &at("/tools"), "?limit=501", id, None, 400).await;
    run("GET", &at("/toolkits"), "?toolkits=time&toolkits=files&is_connected=false&limit=50", id, None, 200).await;
    run("POST", &at("/search"), "", id, Some(json!({"queries": [{"use_case": "what time is it"}]})), 200).await;
    run("POST", &at("/search"), "", id, Some(json!({"queries": "time"})), 400).await;
    let now = json!({"tool_slug": "TIME_NOW", "arguments": {"timezone": "Asia/Tokyo"}});
    let done = run("POST", &at("/execute"), "", id, Some(now), 200).await;
    assert_eq!(done["result_type"], "completed");
    let mars = json!({"tool_slug": "TIME_NOW", "arguments": {"timezone": "Mars"}});
    assert_eq!(run("POST", &at("/execute"), "", id, Some(mars), 200).await["result_type"], "failed");
    run("POST", &at("/execute"), "", id, Some(json!({"tool_slug": "TIME_NOPE"})), 404).await;
    let meta = json!({"slug": "COMPOSIO_MULTI_EXECUTE_TOOL", "arguments": {"tools": [{"tool_slug": "TIME_NOW"}]}});
    run("POST", &at("/execute_meta"), "", id, Some(meta), 200).await;
    let raw = json!({"toolkit_slug": "time", "endpoint": "/", "method": "GET"});
    // The session was made without raw calls.
    run("POST", &at("/proxy_execute"), "", id, Some(raw), 403).await;
    run("POST", &at("/link"), "", id, Some(json!({"toolkit": "time"})), 400).await;
    let file = json!({"mount_relative_path": "a.txt"});
    run("POST", &at("/mounts/{mount_id}/upload_url"), "", id, Some(file.clone()), 200).await;
    std::fs::create_dir_all(server.folder.path().join("workspaces/ada")).unwrap();
    std::fs::write(server.folder.path().join("workspaces/ada/a.txt"), "a").unwrap();
    run("GET", &at("/mounts/{mount_id}/items"), "", id, None, 200).await;
    run("POST", &at("/mounts/{mount_id}/download_url"), "", id, Some(file.clone()), 200).await;
    run("POST", &at("/mounts/{mount_id}/delete"), "", id, Some(file.clone()), 200).await;
    run("POST", &at("/mounts/{mount_id}/delete"), "", id, Some(file), 404).await;
    for path in ["/toolkits", "/tools", "/connected_accounts", "/auth_configs"] {
        run("GET", path, "?limit=3", id, None, 200).await;
    }
    run("GET", "/toolkits/{slug}", "", id, None, 200).await;
    run("GET", "/tools/{tool_slug}", "", id, None, 200).await;
    run("GET", "/connected_accounts/{nanoid}", "", id, None, 404).await;
    run("GET", "/auth_configs/{nanoid}", "", id, None, 404).await;
    run("DELETE", SESSION, "", id, None, 200).await;
    run("DELETE", SESSION, "", id, None, 404).await;

    accounts(&contract).await;

    // What the document has and was not answered with success above.
    let mut left: BTreeSet<String> = served(&server).await;
    for operation in contract.checked.lock().unwrap().iter() {
        assert!(left.remove(operation), "{operation} is served and not in the document");
    }
    let never = ["POST /connected_accounts/complete_auth", "POST /tool_router/session/{session_id}/proxy_execute"];
    assert_eq!(left, never.map(str::to_owned).into());
}

/// An account, from its link to its end.
async fn accounts(contract: &Contract) {
    const ACCOUNT: &str = "/connected_accounts/{nanoid}";
    let server = Server::keyed().await;
    let session = server.session(None).await;
    let run = async |method: &str, path: &str, query: &str, id: &str, body: Option<Value>, status: u16| {
        let at = path.replace("{session_id}", &session).replace("{nanoid}", id).replace("{nanoId}", id);
        let answer = server.call(method, &format!("{at}{query}"), None, body).await.expect(status);
        contract.check(method, path, &answer)
    };
    let link = json!({"toolkit": "keyed", "alias": "home"});
    let made = run("POST", "/tool_router/session/{session_id}/link", "", "", Some(link), 201).await;
    let id = made["connected_account_id"].as_str().unwrap();
    assert_eq!(run("GET", ACCOUNT, "", id, None, 200).await["status"], "INITIATED");
    let url = made["redirect_url"].as_str().unwrap();
    let base = format!("http://{}", server.address);
    let page = url.strip_prefix(&base).unwrap_or_else(|| panic!("{url} is not at {base}"));
    let answer = server.get(page).await.expect(200);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let mut form = request("POST", page, None, None);
    form.headers_mut().insert("origin", base.parse().unwrap());
    *form.body_mut() = "key=s3cret-key".into();
    server.send(form.clone()).await.expect(200);
    server.send(form).await.expect(404);
    assert_eq!(run("GET", ACCOUNT, "", id, None, 200).await["status"], "ACTIVE");
    let done = server.execute(&session, None, "KEYED_SHOW", json!({})).await.expect(200).json();
    assert_eq!(done["data"], json!({"key": "***"}));

    let all =
        run("GET", "/connected_accounts", "?user_ids=ada&statuses=ACTIVE&toolkit_slugs=keyed", "", None, 200).await;
    assert_eq!((&all["total_items"], &all["items"][0]["alias"]), (&json!(1), &json!("home")));
    assert_eq!(run("GET", "/connected_accounts", "?user_ids=eve", "", None, 200).await["total_items"], 0);
    let configs = run("GET", "/auth_configs", "?toolkit_slug=keyed", "", None, 200).await;
    assert_eq!(configs["items"][0]["no_of_connections"], 1);
    run("GET", "/auth_configs/{nanoid}", "", configs["items"][0]["id"].as_str().unwrap(), None, 200).await;
    let toolkits = run("GET", "/tool_router/session/{session_id}/toolkits", "?is_connected=true", "", None, 200).await;
    assert_eq!(toolkits["items"][0]["connected_account"]["id"], id);

    run("PATCH", ACCOUNT, "", id, Some(json!({"alias": null})), 200).await;
    run("PATCH", "/connected_accounts/{nanoId}/status", "", id, Some(json!({"enabled": false})), 200).await;
    assert_eq!(run("GET", ACCOUNT, "", id, None, 200).await["status"], "INACTIVE");
    run("POST", &format!("{ACCOUNT}/refresh"), "", id, Some(json!({})), 400).await;
    let callback = json!({"session_uri": "https://a.example/?code=c&state=s", "user_id": "ada"});
    run("POST", "/connected_accounts/complete_auth", "", "", Some(callback), 404).await;
    let revoked = run("POST", &format!("{ACCOUNT}/revoke"), "", id, None, 200).await;
    assert_eq!(revoked["connected_account"]["status"], "REVOKED");
    assert_eq!(run("GET", ACCOUNT, "", id, None, 200).await["status"], "REVOKED");
    for (body, query) in [(None, "?redirect_url=http://localhost/"), (Some(json!({})), "")] {
        let again = run("POST", &format!("{ACCOUNT}/refresh"), query, id, body, 200).await;
        assert_eq!((&again["id"], &again["status"]), (&json!(id), &json!("INITIATED")));
    }
    let outside =
        |state: Value| json!({"auth_config": {"id": "ac_keyed"}, "connection": {"user_id": "bea", "state": state}});
    let state = json!({"authScheme": "API_KEY", "val": {"status": "ACTIVE", "api_key": "s3cret-key"}});
    let key = run("POST", "/connected_accounts", "", "", Some(outside(state)), 201).await;
    assert_eq!(key["status"], "ACTIVE");
    let link = run("POST", "/connected_accounts", "", "", Some(outside(Value::Null)), 201).await;
    assert!(link["redirect_url"].as_str().unwrap().starts_with(&base));
    let asked = |config: &str| json!({"auth_config_id": config, "user_id": "bea", "alias": "work"});
    let link = run("POST", "/connected_accounts/link", "", "", Some(asked("ac_keyed")), 201).await;
    run("GET", ACCOUNT, "", link["connected_account_id"].as_str().unwrap(), None, 200).await;
    run("POST", "/connected_accounts/link", "", "", Some(asked("ac_none")), 404).await;
    run("DELETE", ACCOUNT, "?revoke_on_delete=maybe", id, None, 400).await;
    run("DELETE", ACCOUNT, "?revoke_on_delete=true", id, None, 200).await;
    run("DELETE", ACCOUNT, "", id, None, 404).await;
}

/// The operations of the published document.
async fn served(server: &Server) -> BTreeSet<String> {
    let document = server.get("/openapi.json").await.expect(200).json();
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, methods)| {
        let path = path.strip_prefix("/api/v3.1").unwrap();
        methods.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    operations.collect()
}

#[tokio::test]
async fn the_rest_of_the_contract_is_refused_as_not_implemented() {
    let server = Server::open().await;
    let served = served(&server).await;
    let mut refused = 0;
    for line in file("operations.txt").lines() {
        let (method, path) = line.split_once(' ').unwrap();
        let at = path.replace(['{', '}'], "");
        for prefix in ["/api/v3.1", "/api/v3"] {
            let body = matches!(method, "POST" | "PUT" | "PATCH").then(|| json!({}));
            let answer = server.send(request(method, &format!("{prefix}{at}"), None, body)).await;
            if served.contains(line) {
                assert!(![404, 501].contains(&answer.status) || answer.slug() != "NotImplemented", "{line}");
            } else {
                let answer = answer.expect(501);
                assert_eq!(answer.slug(), "NotImplemented", "{line}");
                assert_eq!(answer.header("x-should-retry"), Some("false"));
                refused += 1;
            }
        }
    }
    assert!(refused > 100, "{refused}");
}

#[tokio::test]
async fn what_is_not_in_the_contract_is_not_there() {
    let server = Server::open().await;
    for path in ["/", "/api", "/api/v3.1", "/api/v3.1/nothing", "/api/v2/tools", "/api/v3.1/tools/"] {
        assert_eq!(server.get(path).await.expect(404).slug(), "NotFound", "{path}");
    }
    let answer = server.call("PUT", "/toolkits", None, Some(json!({}))).await.expect(405);
    assert_eq!(answer.slug(), "MethodNotAllowed");
    assert_eq!(answer.header("allow"), Some("GET,HEAD"));
}

#[tokio::test]
async fn a_body_that_does_not_fit_is_refused() {
    let server = Server::open().await;
    let send = async |kind: Option<&str>, body: &'static str| {
        let mut request = request("POST", "/api/v3.1/tool_router/session", None, None);
        if let Some(kind) = kind {
            request.headers_mut().insert("content-type", kind.parse().unwrap());
        }
        *request.body_mut() = body.into();
        server.send(request).await
    };
    let user = r#"{"user_id": "ada"}"#;
    send(Some("application/json; charset=utf-8"), user).await.expect(201);
    for kind in [None, Some("text/plain"), Some("application/x-www-form-urlencoded")] {
        assert_eq!(send(kind, user).await.expect(415).slug(), "UnsupportedMediaType");
    }
    let deep = Box::leak(format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000)).into_boxed_str());
    for body in ["", "{", "[]", "null", r#"{"user_id": 1}"#, r#"{"user_id": ""}"#, r#"{"toolkits": []}"#, "\u{0}", deep]
    {
        assert_eq!(send(Some("application/json"), body).await.expect(400).slug(), "BadRequest", "{body:.40}");
    }
}
