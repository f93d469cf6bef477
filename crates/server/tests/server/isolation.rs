//! What one project has is not there for another, on every route.

use serde_json::{Value, json};

use crate::common::{Server, request};

/// Every call that names a session, with a body that would be right.
fn calls() -> Vec<(&'static str, &'static str, Option<Value>)> {
    let file = json!({"mount_relative_path": "secret.txt"});
    vec![
        ("GET", "", None),
        ("PATCH", "", Some(json!({"search": {"enable": false}}))),
        ("POST", "/attach", Some(json!({"experimental": {"custom_tools": []}}))),
        ("GET", "/config_history", None),
        ("GET", "/tools", None),
        ("GET", "/toolkits", None),
        ("POST", "/search", Some(json!({"queries": [{"use_case": "time"}]}))),
        ("POST", "/execute", Some(json!({"tool_slug": "TIME_NOW"}))),
        ("POST", "/execute_meta", Some(json!({"slug": "COMPOSIO_SEARCH_TOOLS"}))),
        ("POST", "/proxy_execute", Some(json!({"toolkit_slug": "time", "endpoint": "/", "method": "GET"}))),
        ("POST", "/link", Some(json!({"toolkit": "time"}))),
        ("GET", "/mounts/files/items", None),
        ("POST", "/mounts/files/upload_url", Some(file.clone())),
        ("POST", "/mounts/files/download_url", Some(file.clone())),
        ("POST", "/mounts/files/delete", Some(file)),
        ("DELETE", "", None),
    ]
}

#[tokio::test]
async fn no_route_reaches_into_another_project() {
    let server = Server::open().await;
    let (shop, bank) = (server.key("shop").await, server.key("bank").await);
    let session = server.session(Some(&shop)).await;
    let write = json!({"path": "secret.txt", "content": "of the shop"});
    server.execute(&session, Some(&shop), "FILES_WRITE", write).await.expect(200);
    let document = server.get("/openapi.json").await.json();
    let tried = calls();
    for (method, rest, body) in &tried {
        let path = format!("/tool_router/session/{session}{rest}");
        let answer = server.call(method, &path, Some(&bank), body.clone()).await.expect(404);
        assert_eq!(answer.slug(), "NotFound", "{method} {rest}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("shop"), "{method} {rest}");
    }
    // Each operation that names a session was tried.
    let named: usize = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(path, _)| path.contains("{session_id}"))
        .map(|(_, methods)| methods.as_object().unwrap().len())
        .sum();
    assert_eq!(tried.len(), named);
    // Nothing happened to the session, and to its own project it is there.
    let own = server.call("GET", &format!("/tool_router/session/{session}"), Some(&shop), None).await.expect(200);
    assert_eq!(own.json()["config_version"], 1);
    let store = server.router.store();
    store.flush().await.unwrap();
    let log = |project: &str| {
        let project = composio_router::Project::new(project).unwrap();
        let session = session.clone();
        async move { store.log_entries(&project, &session, 10).await.unwrap().len() }
    };
    assert_eq!((log("shop").await, log("bank").await), (1, 0));
}

#[tokio::test]
async fn the_same_user_of_two_projects_has_two_folders() {
    let server = Server::open().await;
    let (shop, bank) = (server.key("shop").await, server.key("bank").await);
    let (theirs, ours) = (server.session(Some(&shop)).await, server.session(Some(&bank)).await);
    let write = json!({"path": "secret.txt", "content": "of the shop"});
    server.execute(&theirs, Some(&shop), "FILES_WRITE", write).await.expect(200);
    let read = server.execute(&ours, Some(&bank), "FILES_READ", json!({"path": "secret.txt"})).await.expect(200);
    assert_eq!(read.json()["result_type"], "failed");
    let items = format!("/tool_router/session/{ours}/mounts/files/items");
    let list = server.call("GET", &items, Some(&bank), None).await.expect(200);
    assert_eq!(list.json()["items"], json!([]));
}

#[tokio::test]
async fn lists_show_nothing_of_another_project() {
    let server = Server::open().await;
    let (shop, bank) = (server.key("shop").await, server.key("bank").await);
    server.session(Some(&shop)).await;
    for path in ["/connected_accounts", "/auth_configs"] {
        assert_eq!(server.call("GET", path, Some(&bank), None).await.expect(200).json()["items"], json!([]));
        server.call("GET", &format!("{path}/ca_1"), Some(&bank), None).await.expect(404);
    }
    // The catalogue is the server's, the same for all.
    for path in ["/toolkits", "/tools", "/toolkits/time", "/tools/TIME_NOW"] {
        let one = server.call("GET", path, Some(&shop), None).await.expect(200);
        assert_eq!(one.body, server.call("GET", path, Some(&bank), None).await.body);
    }
}

/// Connects an account of the toolkit `keyed` for a session's user, and answers its id.
async fn connected(server: &Server, session: &str, key: Option<&str>) -> String {
    let link = format!("/tool_router/session/{session}/link");
    let made = server.call("POST", &link, key, Some(json!({"toolkit": "keyed"}))).await.expect(201).json();
    let base = format!("http://{}", server.address);
    let page = made["redirect_url"].as_str().unwrap().strip_prefix(&base).unwrap();
    let mut form = request("POST", page, None, None);
    form.headers_mut().insert("origin", base.parse().unwrap());
    *form.body_mut() = "key=s3cret-key".into();
    server.send(form).await.expect(200);
    made["connected_account_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn no_route_reaches_an_account_of_another_project() {
    let server = Server::keyed().await;
    let (shop, bank) = (server.key("shop").await, server.key("bank").await);
    let session = server.session(Some(&shop)).await;
    let id = connected(&server, &session, Some(&shop)).await;
    let tried = [
        ("GET", "", None),
        ("PATCH", "", Some(json!({"alias": "mine"}))),
        ("PATCH", "/status", Some(json!({"enabled": false}))),
        ("POST", "/refresh", Some(json!({}))),
        ("POST", "/revoke", None),
        ("DELETE", "", None),
    ];
    for (method, rest, body) in &tried {
        let path = format!("/connected_accounts/{id}{rest}");
        let answer = server.call(method, &path, Some(&bank), body.clone()).await.expect(404);
        assert!(!String::from_utf8_lossy(&answer.body).contains("\"ada\""), "{method} {rest}");
    }
    // Each operation that names an account was tried.
    let document = server.get("/openapi.json").await.json();
    let named = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(path, _)| path.contains("/connected_accounts/{") && !path.ends_with("complete_auth"));
    assert_eq!(tried.len(), named.map(|(_, methods)| methods.as_object().unwrap().len()).sum::<usize>());

    let list = server.call("GET", "/connected_accounts", Some(&bank), None).await.expect(200).json();
    assert_eq!(list["total_items"], 0);
    // Nor does a session of the other project use it, also for a user of the same name.
    let theirs = server.session(Some(&bank)).await;
    let run = json!({"tool_slug": "KEYED_SHOW", "account": id});
    let path = format!("/tool_router/session/{theirs}/execute");
    let answer = server.call("POST", &path, Some(&bank), Some(run)).await.expect(200).json();
    assert_eq!(answer["result_type"], "failed", "{answer}");
    let own = server.call("GET", &format!("/connected_accounts/{id}"), Some(&shop), None).await.expect(200).json();
    assert_eq!((&own["status"], &own["alias"], &own["is_disabled"]), (&json!("ACTIVE"), &json!(null), &json!(false)));
}

#[tokio::test]
async fn a_model_cannot_act_for_another_user() {
    let server = Server::keyed().await;
    let ada = server.session(None).await;
    let account = connected(&server, &ada, None).await;
    let write = json!({"path": "secret.txt", "content": "of ada"});
    server.execute(&ada, None, "FILES_WRITE", write).await.expect(200);
    assert_eq!(server.execute(&ada, None, "KEYED_SHOW", json!({})).await.json()["result_type"], "completed");

    let body = json!({"user_id": "eve", "toolkits": ["keyed", "files"]});
    let made = server.call("POST", "/tool_router/session", None, Some(body)).await.expect(201).json();
    let eve = made["session_id"].as_str().unwrap();
    for user in [json!({}), json!({"user_id": "ada"}), json!({"user_id": "ada", "session_id": ada, "account": account})]
    {
        let with = |arguments: Value| {
            let mut arguments = arguments;
            arguments.as_object_mut().unwrap().extend(user.as_object().unwrap().clone());
            arguments
        };
        let read = with(json!({"path": "secret.txt"}));
        let show = with(json!({}));
        let both = json!([
            with(json!({"tool_slug": "FILES_READ", "arguments": read})),
            with(json!({"tool_slug": "KEYED_SHOW", "arguments": show})),
        ]);
        for (slug, arguments) in
            [("FILES_READ", read), ("KEYED_SHOW", show), ("COMPOSIO_MULTI_EXECUTE_TOOL", with(json!({"tools": both})))]
        {
            let answer = server.execute(eve, None, slug, arguments).await.expect(200);
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            assert_eq!(answer.json()["result_type"], "failed", "{slug}: {text}");
            assert!(!text.contains("of ada") && !text.contains("***"), "{slug}: {text}");
        }
        let asked = with(json!({"toolkits": ["keyed"]}));
        let answer = server.execute(eve, None, "COMPOSIO_MANAGE_CONNECTIONS", asked).await.expect(200).json();
        let id = answer["data"]["results"]["keyed"]["connected_account_id"].as_str().unwrap();
        assert_ne!(id, account);
        let path = format!("/connected_accounts/{id}");
        assert_eq!(server.call("GET", &path, None, None).await.expect(200).json()["user_id"], "eve");
    }
}

#[tokio::test]
async fn the_project_comes_from_the_key_alone() {
    let server = Server::open().await;
    let (shop, bank) = (server.key("shop").await, server.key("bank").await);
    let body = json!({"user_id": "ada", "project": "bank", "project_id": "bank"});
    let made = server.call("POST", "/tool_router/session", Some(&shop), Some(body)).await.expect(201);
    let path = format!("/tool_router/session/{}", made.json()["session_id"].as_str().unwrap());
    server.call("GET", &path, Some(&shop), None).await.expect(200);
    server.call("GET", &path, Some(&bank), None).await.expect(404);
    let mut request = request("GET", &format!("/api/v3.1{path}"), Some(&bank), None);
    request.headers_mut().insert("x-project-id", "shop".parse().unwrap());
    server.send(request).await.expect(404);
}
