//! Clients and upstream servers that misbehave.

use std::path::Path;
use std::time::Duration;

use composio_router::RouterConfig;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::common::{Server, request};

/// What a connection says until its end.
async fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text).await;
    String::from_utf8_lossy(&text).into_owned()
}

/// The start of a call that waits for its tool.
async fn waiting(server: &Server) -> TcpStream {
    let session = server.session(None).await;
    let body = json!({"tool_slug": "SLOW_WAIT"}).to_string();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST /api/v3.1/tool_router/session/{session}/execute HTTP/1.1\r\nhost: {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        server.address,
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    server.slow.begun.notified().await;
    stream
}

/// Waits until the server has its one place free again.
async fn place_is_free(server: &Server) {
    while server.call("GET", "/toolkits", None, None).await.status == 429 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn headers_that_do_not_come_end_the_connection() {
    let server = Server::with(|options| options.header_timeout = Duration::from_millis(200)).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    slow.write_all(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\nx-a: ").await.unwrap();
    let (mut reading, mut writing) = slow.into_split();
    // A byte now and then does not help.
    let dripping = tokio::spawn(async move {
        while writing.write_all(b"a").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let mut answer = Vec::new();
    let _ = reading.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/1.1 2"));
    drop(reading);
    dripping.await.unwrap();
    assert_eq!(rest(&mut silent).await, "");
    server.get("/health/live").await.expect(200);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_an_answer() {
    let server = Server::with(|options| options.request_timeout = Duration::from_millis(300)).await;
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST /api/v3.1/tool_router/session HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
         content-length: 1000\r\n\r\n{{",
        server.address
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    let answer = rest(&mut slow).await;
    assert!(answer.starts_with("HTTP/1.1 504"), "{answer}");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_dropped() {
    let server = Server::with(|options| options.concurrency = 1).await;
    let mut half = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST /api/v3.1/tool_router/session HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
         content-length: 1000\r\n\r\n{{\"user_id\"",
        server.address
    );
    half.write_all(head.as_bytes()).await.unwrap();
    half.shutdown().await.unwrap();
    let answer = rest(&mut half).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    place_is_free(&server).await;
}

#[tokio::test]
async fn the_call_of_a_client_that_is_gone_stops() {
    let server = Server::with(|options| options.concurrency = 1).await;
    for half in [true, false] {
        let mut stream = waiting(&server).await;
        if half {
            stream.shutdown().await.unwrap();
            assert_eq!(rest(&mut stream).await, "");
        } else {
            drop(stream);
        }
        place_is_free(&server).await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_a_reply_leaves_its_place() {
    let server = Server::with(|options| options.concurrency = 1).await;
    let session = server.session(None).await;
    let path = format!("/tool_router/session/{session}/mounts/files");
    let body = json!({"mount_relative_path": "large.bin"});
    let made = server.call("POST", &format!("{path}/upload_url"), None, Some(body.clone())).await.json();
    let place = |url: &str| url.split_once(&server.address.to_string()).unwrap().1.to_owned();
    let mut put = request("PUT", &place(made["upload_url"].as_str().unwrap()), None, None);
    let large = vec![b'x'; 16 << 20];
    *put.body_mut() = large.clone().into();
    server.send(put).await.expect(200);
    let made = server.call("POST", &format!("{path}/download_url"), None, Some(body)).await.json();
    let url = place(made["download_url"].as_str().unwrap());
    for _ in 0..20 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let head = format!("GET {url} HTTP/1.1\r\nhost: {}\r\n\r\n", server.address);
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.read_exact(&mut [0; 1_000]).await.unwrap();
    }
    let got = loop {
        let got = server.get(&url).await;
        if got.status != 429 {
            break got.expect(200);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert!(got.body == large);
}

#[tokio::test]
async fn an_upstream_server_that_says_nothing_holds_up_nobody_else() {
    // It takes connections, and that is all.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let text =
        format!("[[mcp]]\nslug = 'silent'\nurl = 'http://{}/mcp'\nstart_timeout = 1\n", silent.local_addr().unwrap());
    let config = RouterConfig::from_toml(&text, "composio.toml").unwrap();
    let server = Server::configured(config, |_| {}).await;
    let session = server.session(None).await;
    let hanging = server.execute(&session, None, "SILENT_ANYTHING", json!({}));
    let other = server.execute(&session, None, "TIME_NOW", json!({}));
    let (hanging, other) = tokio::join!(hanging, other);
    assert_eq!(other.expect(200).json()["result_type"], "completed");
    assert!(matches!(hanging.status, 502 | 504), "{}", hanging.status);
    assert!(hanging.json()["error"]["message"].as_str().unwrap().contains("silent"), "{}", hanging.json());
}

#[tokio::test]
async fn a_call_that_hangs_at_its_upstream_server_ends_alone() {
    let folder = tempfile::tempdir().unwrap();
    let messages = folder.path().join("messages");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/mcp-servers/recorder.py");
    let text =
        json!({"mcp": [{"slug": "recorder", "command": "python3", "args": [script, messages], "call_timeout": 3}]});
    let server = Server::configured(RouterConfig::from_json(text).unwrap(), |_| {}).await;
    let session = server.session(None).await;
    // A client that goes away ends its call at the upstream server too.
    let left = server.execute(&session, None, "RECORDER_HANG", json!({}));
    let arrived = async {
        while !heard(&messages, "tools/call") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        answer = left => panic!("answered: {answer:?}"),
        () = arrived => {}
    }
    while !heard(&messages, "notifications/cancelled") {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let hanging = server.execute(&session, None, "RECORDER_HANG", json!({}));
    let other = server.execute(&session, None, "RECORDER_ECHO", json!({"text": "here"}));
    let (hanging, other) = tokio::join!(hanging, other);
    assert_eq!(other.expect(200).json()["error"], Value::Null);
    let hanging = hanging.expect(200).json();
    assert_eq!(hanging["result_type"], "failed");
    assert!(hanging["error"].as_str().unwrap().contains("RECORDER_HANG within 3 s"), "{hanging}");
    let after = server.execute(&session, None, "RECORDER_ECHO", json!({"text": "here"})).await.expect(200).json();
    assert_eq!(after["result_type"], "completed");
}

fn heard(messages: &Path, method: &str) -> bool {
    std::fs::read_to_string(messages).is_ok_and(|text| text.contains(&format!("\"{method}\"")))
}

#[tokio::test]
async fn what_is_no_http_is_counted() {
    let server = Server::open().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n").await.unwrap();
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 400"));
    let line = r#"composio_http_connections_broken_total{reason="malformed"} 1"#;
    loop {
        let metrics = server.get("/metrics").await.expect(200);
        if String::from_utf8_lossy(&metrics.body).lines().any(|each| each == line) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
