//! What one project has is not there for another, on every route.

use serde_json::{Value, json};

use crate::common::Server;

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

#[tokio::test]
async fn the_project_comes_from_the_key_alone() {
    let server = Server::open().await;
    let (shop, bank) = (server.key("shop").await, server.key("bank").await);
    let body = json!({"user_id": "ada", "project": "bank", "project_id": "bank"});
    let made = server.call("POST", "/tool_router/session", Some(&shop), Some(body)).await.expect(201);
    let path = format!("/tool_router/session/{}", made.json()["session_id"].as_str().unwrap());
    server.call("GET", &path, Some(&shop), None).await.expect(200);
    server.call("GET", &path, Some(&bank), None).await.expect(404);
    let mut request = crate::common::request("GET", &format!("/api/v3.1{path}"), Some(&bank), None);
    request.headers_mut().insert("x-project-id", "shop".parse().unwrap());
    server.send(request).await.expect(404);
}
