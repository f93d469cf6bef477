//! Clients without a key that try to stop the service, and what they cannot do.

use std::time::{Duration, Instant};

use composio_router::RouterConfig;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::common::{Server, request};
use crate::files::{path_of, put, url};

/// How long a test waits for what happens at once where nothing is wrong.
const SOON: Duration = Duration::from_secs(20);

/// A connection on which a request has begun.
async fn begin(server: &Server, head: &str, body: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!("{head}\r\nhost: {}\r\n\r\n", server.address);
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    stream
}

/// The status of the answer that comes.
async fn status(stream: &mut TcpStream) -> u16 {
    let mut line = [0; 12];
    let read = tokio::time::timeout(SOON, stream.read_exact(&mut line)).await;
    read.unwrap_or_else(|_| panic!("no answer comes")).unwrap();
    std::str::from_utf8(&line[9..]).unwrap().parse().unwrap()
}

/// Asks until something is so. What is waited for happens in the server, and only its answers tell.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + SOON;
    while !is_so().await {
        assert!(Instant::now() < end, "{what}");
        tokio::task::yield_now().await;
    }
}

async fn metric(server: &Server, key: &str, line: &str) -> u64 {
    let metrics = server.send(request("GET", "/metrics", Some(key), None)).await.expect(200);
    let text = String::from_utf8(metrics.body.to_vec()).unwrap();
    text.lines().find_map(|each| each.strip_prefix(line)?.trim().parse().ok()).unwrap_or_default()
}

fn files_of_ada(server: &Server) -> Vec<String> {
    let folder = server.folder.path().join("workspaces/ada");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .map(|entries| entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect())
        .unwrap_or_default();
    names.sort();
    names
}

#[tokio::test]
async fn who_may_not_is_answered_before_the_body_is_there() {
    let server = Server::open().await;
    let key = server.key("shop").await;
    let session = server.session(Some(&key)).await;
    let down = url(&server, &session, Some(&key), "upload_url", "a").await;
    let changed = format!("{}x", path_of(&server, &down));
    for (method, path, expected) in [
        ("PUT", "/files/nonsense".to_owned(), 403),
        ("PUT", changed, 403),
        ("POST", "/api/v3.1/tool_router/session".to_owned(), 401),
        ("POST", format!("/api/v3.1/tool_router/session/{session}/execute"), 401),
        ("POST", format!("/tool_router/{session}/mcp"), 401),
    ] {
        let head = format!(
            "{method} {path} HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: 94371840\r\nexpect: 100-continue"
        );
        let mut stream = begin(&server, &head, b"").await;
        assert_eq!(status(&mut stream).await, expected, "{path}");
    }
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing_and_may_be_tried_again() {
    let server = Server::open().await;
    let session = server.session(None).await;
    let up = url(&server, &session, None, "upload_url", "sub/a.bin").await;
    let path = path_of(&server, &up).to_owned();
    let head = format!("PUT {path} HTTP/1.1\r\ncontent-length: 60000000");
    // More than the system holds for a server that does not read, so that the upload is under way once it is sent.
    let begun = begin(&server, &head, &vec![1; 24_000_000]).await;
    until("a second upload is refused while the first one is under way", async || {
        put(&server, &up, vec![2; 200_000]).await.status == 409
    })
    .await;
    drop(begun);
    until("the first upload ends with its connection", async || {
        let answer = put(&server, &up, vec![3; 300_000]).await;
        assert!(matches!(answer.status, 200 | 409), "{}", answer.status);
        answer.status == 200
    })
    .await;
    assert_eq!(put(&server, &up, "again").await.expect(403).slug(), "InvalidFileUrl");
    assert_eq!(files_of_ada(&server), ["sub"]);
    let folder = server.folder.path().join("workspaces/ada/sub");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "no part of a file is left");
    assert!(std::fs::read(folder.join("a.bin")).unwrap() == vec![3; 300_000]);
    // A length that is not kept is no file either.
    let up = url(&server, &session, None, "upload_url", "b.bin").await;
    let head = format!("PUT {} HTTP/1.1\r\ncontent-length: 100", path_of(&server, &up));
    let mut short = begin(&server, &head, b"short").await;
    short.shutdown().await.unwrap();
    let _ = short.read_to_end(&mut Vec::new()).await;
    assert_eq!(files_of_ada(&server), ["sub"]);
}

#[tokio::test]
async fn a_large_file_goes_both_ways_piece_by_piece() {
    let server = Server::open().await;
    let session = server.session(None).await;
    let content: Vec<u8> = (0..3_000_000_u32).map(|at| (at / 251).to_le_bytes()[0] ^ at.to_le_bytes()[0]).collect();
    for round in 0..2_u8 {
        let up = url(&server, &session, None, "upload_url", "deep/er/a.bin").await;
        let content: Vec<u8> = content.iter().map(|byte| byte ^ round).collect();
        put(&server, &up, content.clone()).await.expect(200);
        let down = url(&server, &session, None, "download_url", "deep/er/a.bin").await;
        let answer = server.get(path_of(&server, &down)).await.expect(200);
        assert_eq!(answer.header("content-length"), Some("3000000"));
        assert!(answer.body == content);
    }
    // Where there is a folder, or a file on the way, it is the caller's mistake.
    let mount = format!("/tool_router/session/{session}/mounts/files/upload_url");
    let below = Some(json!({"mount_relative_path": "deep/er/a.bin/x"}));
    server.call("POST", &mount, None, below).await.expect(409);
    let up = url(&server, &session, None, "upload_url", "later").await;
    std::fs::create_dir(server.folder.path().join("workspaces/ada/later")).unwrap();
    for size in [10, 300_000] {
        assert_eq!(put(&server, &up, vec![0; size]).await.expect(409).slug(), "FileConflict");
    }
}

/// A sparse file of so many bytes of ada's.
fn sparse(server: &Server, name: &str, bytes: u64) {
    let folder = server.folder.path().join("workspaces/ada");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::File::create(folder.join(name)).unwrap().set_len(bytes).unwrap();
}

#[tokio::test]
async fn a_reader_that_does_not_read_keeps_its_place_and_then_loses_it() {
    let server = Server::with(|options| {
        // A quarter of the places may be for one user: one.
        options.concurrency = 4;
        options.progress_timeout = Duration::from_millis(500);
    })
    .await;
    let session = server.session(None).await;
    sparse(&server, "large", 90 << 20);
    sparse(&server, "small", 10);
    let large = url(&server, &session, None, "download_url", "large").await;
    let small = url(&server, &session, None, "download_url", "small").await;
    let mut stuck = begin(&server, &format!("GET {} HTTP/1.1", path_of(&server, &large)), b"").await;
    assert_eq!(status(&mut stuck).await, 200);
    let answer = server.get(path_of(&server, &small)).await.expect(429);
    assert_eq!((answer.slug().as_str(), answer.header("retry-after")), ("TooManyConcurrentCalls", Some("1")));
    until("the place is free once the reader made no progress", async || {
        server.get(path_of(&server, &small)).await.status == 200
    })
    .await;
    let mut rest = Vec::new();
    let _ = stuck.read_to_end(&mut rest).await;
    assert!(rest.len() < 80 << 20, "the connection was closed, not the whole file sent");
    let key = server.key("shop").await;
    assert_eq!(metric(&server, &key, r#"composio_http_connections_broken_total{reason="stalled"}"#).await, 1);
    assert!(metric(&server, &key, r#"composio_refusals_total{limit="files"}"#).await > 0);
}

#[tokio::test]
async fn a_body_that_dribbles_ends() {
    let server = Server::with(|options| options.progress_timeout = Duration::from_millis(300)).await;
    let key = server.key("shop").await;
    let session = server.session(Some(&key)).await;
    let up = url(&server, &session, Some(&key), "upload_url", "a").await;
    for head in [
        format!("POST /api/v3.1/tool_router/session HTTP/1.1\r\nx-api-key: {key}\r\ncontent-type: application/json"),
        format!("PUT {} HTTP/1.1", path_of(&server, &up)),
    ] {
        let mut stream = begin(&server, &format!("{head}\r\ncontent-length: 1000"), b"{\"user").await;
        let (mut answers, mut sends) = stream.split();
        let dribble = async {
            // A byte now and then is no progress.
            while sends.write_all(b" ").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let mut line = [0; 12];
        let answer = async { answers.read_exact(&mut line).await.unwrap() };
        tokio::select! {
            _ = answer => {}
            () = dribble => panic!("the connection ends without an answer"),
            () = tokio::time::sleep(SOON) => panic!("no answer comes"),
        }
        assert_eq!(&line, b"HTTP/1.1 408");
    }
}

#[tokio::test]
async fn slow_senders_take_no_place() {
    let server = Server::with(|options| {
        options.concurrency = 2;
        options.form_timeout = Duration::from_millis(500);
    })
    .await;
    let form = "POST /connect/x HTTP/1.1\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 100";
    let mut slow = Vec::new();
    for _ in 0..8 {
        slow.push(begin(&server, form, b"a=").await);
        slow.push(begin(&server, "PUT /files/x HTTP/1.1\r\ncontent-length: 1000000", b"a").await);
    }
    // While they send: nobody else is refused.
    let session = server.session(None).await;
    for _ in 0..4 {
        assert_eq!(server.get("/connect/x").await.status, 404);
        let up = url(&server, &session, None, "upload_url", "a").await;
        put(&server, &up, "content").await.expect(200);
    }
    let too_much = begin(&server, &form.replace("100", "70000"), b"").await;
    slow.push(too_much);
    let mut answers = Vec::new();
    for stream in &mut slow {
        answers.push(status(stream).await);
    }
    assert_eq!(answers.iter().filter(|status| **status == 408).count(), 8, "{answers:?}");
    assert_eq!(answers.iter().filter(|status| **status == 403).count(), 8, "{answers:?}");
    assert_eq!(answers.last(), Some(&413));
}

/// A caller with a token, which may not fill the memory either.
#[tokio::test]
async fn only_so_many_mcp_messages_are_read_at_once() {
    let server = Server::with(|options| options.concurrency = 1).await;
    let session = server.session(None).await;
    let head =
        format!("POST /tool_router/{session}/mcp HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: 1000");
    let (mut one, mut two) = (begin(&server, &head, b"{").await, begin(&server, &head, b"{").await);
    // Either may be the first.
    let (refused, mut read) = tokio::select! {
        status = status(&mut one) => (status, two),
        status = status(&mut two) => (status, one),
    };
    assert_eq!(refused, 429);
    read.write_all(&[b' '; 999]).await.unwrap();
    assert_ne!(status(&mut read).await, 429);
}

#[tokio::test]
async fn many_connections_make_room_for_a_caller_with_a_key() {
    let server = Server::with(|options| options.connections = 16).await;
    let key = server.key("shop").await;
    // One that is kept open, and was let in before.
    let call = format!("GET /api/v3.1/toolkits HTTP/1.1\r\nhost: {}\r\nx-api-key: {key}\r\n\r\n", server.address);
    let mut kept = TcpStream::connect(server.address).await.unwrap();
    kept.write_all(call.as_bytes()).await.unwrap();
    assert_eq!(status(&mut kept).await, 200);
    let document = format!("GET /openapi.json HTTP/1.1\r\nhost: {}\r\n\r\n", server.address).repeat(8);
    let mut crowd = Vec::new();
    for _ in 0..64 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        // Some are closed before they have asked.
        let _ = stream.write_all(document.as_bytes()).await;
        crowd.push(stream);
    }
    for _ in 0..4 {
        server.call("GET", "/toolkits", Some(&key), None).await.expect(200);
    }
    let mut rest = vec![0; 1 << 20];
    kept.write_all(call.as_bytes()).await.unwrap();
    let answered = tokio::time::timeout(SOON, async {
        let mut text = Vec::new();
        while !String::from_utf8_lossy(&text).contains("HTTP/1.1 200") {
            let read = kept.read(&mut rest).await.unwrap();
            assert!(read > 0, "the connection of a caller with a key is not closed");
            text.extend_from_slice(&rest[..read]);
        }
    });
    answered.await.expect("no answer comes");
    assert!(metric(&server, &key, r#"composio_http_connections_broken_total{reason="crowded_out"}"#).await >= 40);
}

#[tokio::test]
async fn the_document_is_sent_once_and_small() {
    let server = Server::open().await;
    let plain = server.get("/openapi.json").await.expect(200);
    let tag = plain.header("etag").unwrap().to_owned();
    let ask = async |name: &'static str, value: &str| {
        let mut request = request("GET", "/openapi.json", None, None);
        request.headers_mut().insert(name, value.parse().unwrap());
        server.send(request).await
    };
    for value in [tag.clone(), format!("\"x\", W/{tag}")] {
        let answer = ask("if-none-match", &value).await.expect(304);
        assert!(answer.body.is_empty() && answer.header("etag") == Some(&tag));
    }
    ask("if-none-match", "\"x\"").await.expect(200);
    let packed = ask("accept-encoding", "br, gzip;q=0.5").await.expect(200);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.starts_with(&[0x1f, 0x8b]) && packed.body.len() * 4 < plain.body.len());
    assert_eq!(ask("accept-encoding", "gzip;q=0").await.expect(200).body, plain.body);
}

#[tokio::test]
async fn a_mistake_of_the_caller_is_not_the_servers() {
    let server = Server::open().await;
    let session = server.session(None).await;
    let up = url(&server, &session, None, "upload_url", "folder/a.txt").await;
    put(&server, &up, "a").await.expect(200);
    let mount = |kind: &str| format!("/tool_router/session/{session}/mounts/files/{kind}");
    let path = |path: &str| Some(json!({"mount_relative_path": path}));
    let answer = server.call("POST", &mount("delete"), None, path("folder")).await.expect(409);
    assert_eq!(answer.slug(), "FileConflict");
    assert!(answer.json()["error"]["message"].as_str().unwrap().contains("not empty"));
    for (kind, of, status) in [
        ("delete", "none".to_owned(), 404),
        ("delete", "folder/a.txt/b".to_owned(), 409),
        ("download_url", "folder".to_owned(), 404),
        ("download_url", "folder/a.txt/b".to_owned(), 409),
        ("upload_url", "folder".to_owned(), 400),
        ("upload_url", "x".repeat(255) + "/" + &"y".repeat(256), 400),
    ] {
        server.call("POST", &mount(kind), None, path(&of)).await.expect(status);
    }
    let items = format!("{}?mount_relative_prefix=folder/a.txt", mount("items"));
    server.call("GET", &items, None, None).await.expect(409);
}

#[tokio::test]
async fn a_blocked_address_is_refused_and_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let document = folder.path().join("inner.json");
    let api = r#"{"openapi": "3.1.0", "info": {"title": "I", "version": "1"}, "servers": [{"url": "http://10.0.0.1:9"}],
                  "paths": {"/": {"get": {"operationId": "look", "responses": {}}}}}"#;
    std::fs::write(&document, api).unwrap();
    let config = format!("[[toolkit]]\nopenapi = '{}'\nconnect = {{ scheme = 'none' }}\n", document.display());
    let config = RouterConfig::from_toml(&config, "composio.toml").unwrap();
    let server = Server::configured(config, |_| {}).await;
    let session = server.session(None).await;
    let raw = json!({"toolkit_slug": "inner", "endpoint": "/", "method": "GET"});
    let path = format!("/tool_router/session/{session}/proxy_execute");
    assert_eq!(server.call("POST", &path, None, Some(raw)).await.expect(403).slug(), "BlockedUrl");
}
