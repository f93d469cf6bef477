//! Who is let in, and under which name.

use composio_contract::ErrorKind;
use composio_router::Router;
use composio_server::{App, Options, PublicUrl};
use serde_json::json;

use crate::common::{Server, request};
use crate::database;

#[tokio::test]
async fn without_keys_a_server_for_this_machine_is_open_and_one_for_others_does_not_start() {
    let server = Server::open().await;
    server.session(None).await;
    // Clients that cannot be made without a key send any.
    let session = server.session(Some("whatever")).await;
    server.call("GET", &format!("/tool_router/session/{session}"), None, None).await.expect(200);

    let folder = tempfile::tempdir().unwrap();
    let router = Router::builder().config(database::config(folder.path())).build().unwrap();
    for address in ["0.0.0.0:0", "192.0.2.1:80", "[::]:80"] {
        let error = App::new(router.clone(), Options::new(address.parse().unwrap())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("composio keys create"), "{error}");
    }
    App::new(router, Options::new("[::1]:80".parse().unwrap())).await.unwrap();
}

#[tokio::test]
async fn once_there_is_a_key_every_call_needs_one() {
    let server = Server::open().await;
    let key = server.key("default").await;
    let document = server.get("/openapi.json").await.json();
    let (id, _) = key.strip_prefix("ck_").unwrap().split_once('_').unwrap();
    let wrong = format!("ck_{id}_{}", "0".repeat(64));
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let path = path.replace(['{', '}'], "");
            for bad in [None, Some(""), Some("ck_"), Some(id), Some(wrong.as_str()), Some(&key[..key.len() - 1])] {
                let answer = server.send(request(&method.to_uppercase(), &path, bad, None)).await.expect(401);
                assert_eq!(answer.slug(), "InvalidApiKey");
                assert!(!String::from_utf8_lossy(&answer.body).contains(&key));
            }
        }
    }
    assert_eq!(server.get("/api/v3.1/triggers_types").await.status, 401);
    assert_eq!(server.get("/metrics").await.status, 401);
    let mut two = request("GET", "/api/v3.1/toolkits", Some(&key), None);
    two.headers_mut().append("x-api-key", key.parse().unwrap());
    server.send(two).await.expect(401);
    server.call("GET", "/toolkits", Some(&key), None).await.expect(200);
    // It ends with its revocation, and the server does not open again.
    assert!(server.router.store().revoke_key(id).await.unwrap());
    server.call("GET", "/toolkits", Some(&key), None).await.expect(401);
    server.call("GET", "/toolkits", None, None).await.expect(401);
}

#[tokio::test]
async fn a_name_that_was_made_to_point_here_is_not_served() {
    let server = Server::with(|options| {
        options.public_url = Some(PublicUrl::parse("https://tools.example").unwrap());
    })
    .await;
    let send = async |host: &str, origin: Option<&str>| {
        let mut request = request("POST", "/api/v3.1/tool_router/session", None, Some(json!({"user_id": "ada"})));
        request.headers_mut().insert("host", host.parse().unwrap());
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        }
        server.send(request).await
    };
    let own = server.address.to_string();
    send(&own, None).await.expect(201);
    send("tools.example", Some("https://tools.example")).await.expect(201);
    assert_eq!(send("rebound.example", None).await.expect(403).slug(), "ForbiddenHost");
    let answer = send(&own, Some("https://evil.example")).await.expect(403);
    assert_eq!(answer.slug(), "ForbiddenOrigin");
    assert_eq!(send(&own, Some("null")).await.expect(403).slug(), "ForbiddenOrigin");
    // CORS is off: no answer lets a page of another origin read it.
    for answer in [answer, send(&own, Some(&format!("http://{own}"))).await.expect(201)] {
        assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control-")));
    }
}
