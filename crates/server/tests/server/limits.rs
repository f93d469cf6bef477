//! What a server takes, and its end.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::common::{Server, request};

#[tokio::test]
async fn a_body_or_headers_that_are_too_large_are_refused() {
    let server = Server::with(|options| {
        options.body_limit = 2_000;
        options.header_limit = 4_000;
    })
    .await;
    let user = |length: usize| Some(json!({"user_id": "a".repeat(length)}));
    server.call("POST", "/tool_router/session", None, user(1_900)).await.expect(201);
    let answer = server.call("POST", "/tool_router/session", None, user(2_100)).await.expect(413);
    assert_eq!(answer.slug(), "TooLarge");
    // Also where the length is not said.
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST /api/v3.1/tool_router/session HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
         transfer-encoding: chunked\r\nconnection: close\r\n\r\n",
        server.address
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..3 {
        stream.write_all(format!("3e8\r\n{}\r\n", " ".repeat(1_000)).as_bytes()).await.unwrap();
    }
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 413");

    for size in [4_000, 40_000] {
        let mut large = request("GET", "/api/v3.1/toolkits", None, None);
        large.headers_mut().insert("x-filler", "a".repeat(size).parse().unwrap());
        let answer = server.send(large).await.expect(431);
        // Far above the limit it is the HTTP layer that refuses, with nothing in its answer.
        assert!(answer.body.is_empty() || answer.slug() == "HeadersTooLarge");
        assert_eq!(answer.body.is_empty(), size > 4_000);
    }
    assert_eq!(server.get(&format!("/{}", "a".repeat(4_000))).await.expect(431).slug(), "HeadersTooLarge");
}

#[tokio::test]
async fn a_call_that_takes_too_long_is_stopped_and_not_to_be_repeated() {
    let server = Server::with(|options| options.request_timeout = Duration::from_millis(200)).await;
    let session = server.session(None).await;
    let answer = server.execute(&session, None, "SLOW_WAIT", json!({})).await.expect(504);
    assert_eq!(answer.slug(), "RequestTimeout");
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    server.router.store().flush().await.unwrap();
    let log = server.router.store().log_entries(server.router.project(), &session, 1).await.unwrap();
    assert_eq!(log[0].error.as_deref(), Some("cancelled by the caller"));
}

#[tokio::test]
async fn a_key_has_only_so_many_calls_at_a_time() {
    let server = Server::with(|options| options.concurrency = 2).await;
    let (shop, bank) = (server.key("shop").await, server.key("bank").await);
    let session = server.session(Some(&shop)).await;
    let wait = || server.execute(&session, Some(&shop), "SLOW_WAIT", json!({}));
    let rest = async {
        for _ in 0..2 {
            server.slow.begun.notified().await;
        }
        let answer = server.call("GET", "/toolkits", Some(&shop), None).await.expect(429);
        assert_eq!(answer.slug(), "TooManyConcurrentCalls");
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(answer.header("x-should-retry"), None);
        server.call("GET", "/toolkits", Some(&bank), None).await.expect(200);
        server.get("/health/live").await.expect(200);
        server.slow.end.notify_waiters();
    };
    let (one, other, ()) = tokio::join!(wait(), wait(), rest);
    assert_eq!((one.status, other.status), (200, 200));
    server.call("GET", "/toolkits", Some(&shop), None).await.expect(200);
}

/// A call of `SLOW_WAIT` that has begun, on a connection of its own.
async fn begun(server: &Server) -> TcpStream {
    let session = server.session(None).await;
    let body = json!({"tool_slug": "SLOW_WAIT"}).to_string();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = format!(
        "POST /api/v3.1/tool_router/session/{session}/execute HTTP/1.1\r\nhost: {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        server.address,
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    server.slow.begun.notified().await;
    stream
}

#[tokio::test]
async fn calls_in_flight_end_and_new_ones_are_refused() {
    let mut server = Server::open().await;
    // A connection that is kept open does not get another call through.
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    let live = format!("GET /health/live HTTP/1.1\r\nhost: {}\r\n\r\n", server.address);
    idle.write_all(live.as_bytes()).await.unwrap();
    let mut first = [0; 15];
    idle.read_exact(&mut first).await.unwrap();

    let mut running = begun(&server).await;
    server.tell_to_stop();
    while server.try_send(request("GET", "/health/live", None, None)).await.is_some_and(|answer| answer.status == 200) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut left = Vec::new();
    idle.read_to_end(&mut left).await.unwrap();
    server.slow.end.notify_one();
    let mut answer = Vec::new();
    running.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("connection: close"), "{answer}");
    assert!(answer.contains(r#""result_type":"completed""#), "{answer}");
    server.ended().await;
}

#[tokio::test]
async fn calls_that_do_not_end_are_cut_off_after_the_grace() {
    let mut server = Server::with(|options| options.grace = Duration::from_millis(100)).await;
    let mut running = begun(&server).await;
    let started = Instant::now();
    server.tell_to_stop();
    server.ended().await;
    let elapsed = started.elapsed();
    assert!(elapsed >= Duration::from_millis(100) && elapsed < Duration::from_secs(20), "{elapsed:?}");
    let mut nothing = Vec::new();
    let _ = running.read_to_end(&mut nothing).await;
    assert!(nothing.is_empty());
}

#[tokio::test]
async fn a_panic_is_an_answer_and_the_server_goes_on() {
    let server = Server::open().await;
    let session = server.session(None).await;
    let answer = server.execute(&session, None, "SLOW_PANIC", json!({})).await.expect(500);
    assert_eq!(answer.slug(), "InternalServerError");
    assert!(!String::from_utf8_lossy(&answer.body).contains("defect"));
    server.session(None).await;
}

#[tokio::test]
async fn garbage_is_answered_or_dropped() {
    let server = Server::open().await;
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        b"POST /api/v3.1/tool_router/session HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n",
        b"GET /%00%ff HTTP/1.0\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
        let _ = read.expect("the connection hangs");
        assert!(!answer.starts_with(b"HTTP/1.1 2") && !answer.starts_with(b"HTTP/1.1 5"), "{answer:?}");
    }
    for path in
        ["/api/v3.1/tools/%ff", "/api/v3.1/tool_router/session/%00", "/files/%F0%9F", "/api/v3.1/tools?limit=%ff"]
    {
        let answer = server.get(path).await;
        assert!((400..500).contains(&answer.status), "{path}: {}", answer.status);
        answer.slug();
    }
    let mut bad = request("POST", "/api/v3.1/tool_router/session", None, Some(json!({})));
    *bad.body_mut() = Bytes::from_static(b"{\"user_id\": \"\xff\"}").into();
    server.send(bad).await.expect(400);
}
