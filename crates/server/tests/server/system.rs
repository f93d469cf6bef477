//! Health, metrics, request ids and the document.

use crate::common::{Server, request};

#[tokio::test]
async fn health_needs_no_key() {
    let server = Server::open().await;
    server.key("shop").await;
    for path in ["/health/live", "/health/ready"] {
        server.get(path).await.expect(200);
    }
}

#[tokio::test]
async fn metrics_count_by_route_and_name_nobody() {
    let server = Server::open().await;
    let key = server.key("shop").await;
    let session = server.session(Some(&key)).await;
    let path = format!("/tool_router/session/{session}");
    server.call("GET", &path, Some(&key), None).await.expect(200);
    server.call("GET", "/tool_router/session/trs_0", Some(&key), None).await.expect(404);
    let metrics = server.send(request("GET", "/metrics", Some(&key), None)).await.expect(200);
    let text = String::from_utf8(metrics.body.to_vec()).unwrap();
    let route = r#"method="GET",route="/api/v3.1/tool_router/session/{session_id}""#;
    for line in [
        format!(r#"composio_http_requests_total{{{route},status="200"}} 1"#),
        format!(r#"composio_http_requests_total{{{route},status="404"}} 1"#),
        format!("composio_http_request_duration_seconds_count{{{route}}} 2"),
        "composio_http_requests_running 1".to_owned(),
        "composio_tools_held 0".to_owned(),
        "# EOF".to_owned(),
    ] {
        assert!(text.lines().any(|each| each == line), "{line}\n{text}");
    }
    assert!(!text.contains("shop") && !text.contains(&session) && !text.contains("ck_"), "{text}");
}

#[tokio::test]
async fn every_answer_has_a_request_id() {
    let server = Server::open().await;
    for path in ["/health/live", "/nothing", "/api/v3.1/toolkits", "/api/v3.1/triggers_types", "/files/x"] {
        let id = server.get(path).await.header("x-request-id").unwrap().to_owned();
        assert!(id.len() >= 32, "{id}");
        let mut given = request("GET", path, None, None);
        given.headers_mut().insert("x-request-id", "mine-1".parse().unwrap());
        assert_eq!(server.send(given).await.header("x-request-id"), Some("mine-1"));
        let mut harmful = request("GET", path, None, None);
        harmful.headers_mut().insert("x-request-id", "a b\"c".parse().unwrap());
        assert!(server.send(harmful).await.header("x-request-id").unwrap().len() >= 32);
    }
}

#[tokio::test]
async fn the_document_is_an_openapi_document_of_this_server() {
    let server = Server::open().await;
    let document = server.get("/openapi.json").await.expect(200).json();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["title"], "composio");
    assert_eq!(document["components"]["securitySchemes"]["ApiKeyAuth"]["name"], "x-api-key");
}
