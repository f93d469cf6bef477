use composio_egress::EgressOptions;
use serde_json::json;

use crate::User;
use crate::server::{Answer, Received, Server, answer};

async fn user(answer: impl Fn(&Received) -> Answer + Send + Sync + 'static) -> (User, Server) {
    let server = Server::start(answer).await;
    (User::with_egress(EgressOptions { allow_hosts: vec![server.rule()] }), server)
}

#[tokio::test]
async fn json_goes_out_and_comes_back_exact() {
    let (user, server) = user(|_| {
        let headers = [("Content-Type", "application/problem+json; charset=utf-8"), ("x-a", "1"), ("x-a", "2")];
        answer("422 Unprocessable Entity", &headers, b"{\"id\": 90071992547409931234.50}")
    })
    .await;
    let arguments = json!({
        "url": server.url("/v1?a=1"),
        "method": "POST",
        "headers": { "X-Trace": "t" },
        "query": { "b": [2, true], "c": "d e&f" },
        "json": { "name": "ü", "none": null },
    });
    let outcome = user.outcome("HTTP_REQUEST", arguments).await;
    let composio_router::source::Outcome::Completed(result) = outcome else { panic!("{outcome:?}") };
    assert!(result.as_str().contains("90071992547409931234.50"), "{result}");
    let result: serde_json::Value = result.decode("result").unwrap();
    assert_eq!(
        (&result["status"], &result["body_type"], &result["truncated"]),
        (&json!(422), &json!("json"), &json!(false))
    );
    assert_eq!(result["headers"]["x-a"], "1, 2");
    let sent = server.received().pop().unwrap();
    assert_eq!((sent.method.as_str(), sent.target.as_str()), ("POST", "/v1?a=1&b=2&b=true&c=d+e%26f"));
    assert_eq!(sent.header("content-type"), Some("application/json"));
    assert_eq!(sent.header("x-trace"), Some("t"));
    assert_eq!(String::from_utf8(sent.body).unwrap(), "{\"name\":\"ü\",\"none\":null}");
}

#[tokio::test]
async fn text_and_bytes_come_back_as_what_they_are() {
    for (media_type, body, expected, body_type) in [
        ("text/html", &b"<p>hi</p>"[..], json!("<p>hi</p>"), "text"),
        ("application/json", b"not json", json!("not json"), "text"),
        ("image/png", b"\x89PNG", json!("iVBORw=="), "base64"),
        ("text/plain", b"", json!(""), "text"),
        ("application/json", b"null", json!(null), "json"),
    ] {
        let (user, server) = user(move |_| answer("200 OK", &[("content-type", media_type)], body)).await;
        let result = user.ok("HTTP_REQUEST", json!({ "url": server.url("/"), "method": "PUT", "text": "plain" })).await;
        assert_eq!((&result["body"], result["body_type"].as_str()), (&expected, Some(body_type)), "{media_type}");
        assert_eq!(server.received()[0].body, b"plain");
    }
}

#[tokio::test]
async fn a_long_body_is_cut_and_says_so() {
    let (user, server) =
        user(|_| answer("200 OK", &[("content-type", "application/json")], "\"ééé\"".as_bytes())).await;
    let result = user.ok("HTTP_REQUEST", json!({ "url": server.url("/"), "limit": 4 })).await;
    assert_eq!((&result["body"], &result["truncated"]), (&json!("\"é"), &json!(true)));
}

#[tokio::test]
async fn wrong_requests_are_told() {
    let (user, server) = user(|_| answer("200 OK", &[], b"")).await;
    let url = server.url("/");
    for (arguments, reason) in [
        (json!({ "url": "not a url" }), "cannot read the URL"),
        (json!({ "url": "ftp://example.com/" }), "ftp is not supported"),
        (json!({ "url": "http://169.254.169.254/" }), "blocked"),
        (json!({ "url": "http://127.0.0.1:1/" }), "blocked"),
        (json!({ "url": url, "json": 1, "text": "a" }), "not both"),
        (json!({ "url": url, "headers": { "a b": "c" } }), "name of a header"),
        (json!({ "url": url, "headers": { "a": "b\nc" } }), "not allowed"),
        (json!({ "url": url, "headers": { "Host": "inner" } }), "host cannot be set"),
        (json!({ "url": url, "query": { "a": { "b": 1 } } }), "query parameter"),
        (json!({ "url": url, "method": "TRACE" }), "TRACE"),
    ] {
        let error = user.error("HTTP_REQUEST", arguments.clone()).await;
        assert!(error.contains(reason), "{arguments}: {error}");
    }
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn a_host_that_does_not_answer_is_told() {
    let (mut user, server) = user(|_| Answer::Silence).await;
    user.context.time_limit = std::time::Duration::from_millis(50);
    let error = user.error("HTTP_REQUEST", json!({ "url": server.url("/") })).await;
    assert!(error.contains("within 0.05 s"), "{error}");
}
