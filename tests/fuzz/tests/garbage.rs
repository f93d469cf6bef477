//! Ten thousand requests that are none, or nearly none, over real connections. In a process of its own, so that what is
//! left over is theirs.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may stop at the first error")]

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use composio_contract::{Backend as _, CreateSession};
use composio_router::{Router, RouterConfig};
use composio_server::{App, Options, serve};
use fuzz_targets::mutations;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

const REQUESTS: usize = 10_000;
const SEED: u64 = 4;
/// What is not measured: caches fill, threads start.
const WARM_UP: usize = 1_000;
/// Far longer than any of it takes; what is not over by then hangs.
const HANG: Duration = Duration::from_secs(60);
/// Bytes that memory may have grown by.
const GROWTH: usize = 24 << 20;

static PANICS: AtomicUsize = AtomicUsize::new(0);

fn corpus(host: SocketAddr, session: &str) -> Vec<Vec<u8>> {
    let head = format!("host: {host}\r\naccept: */*\r\n");
    let path = format!("/api/v3.1/tool_router/session/{session}");
    let post = |path: &str, body: &str| {
        let length = body.len();
        format!(
            "POST {path} HTTP/1.1\r\n{head}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    };
    let rpc = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#;
    [
        format!("GET /health/live HTTP/1.1\r\n{head}\r\n"),
        format!("GET /api/v3.1/tools?limit=5&search=time HTTP/1.1\r\n{head}x-api-key: k\r\n\r\n"),
        format!("GET {path}/toolkits?is_connected=true&limit=2 HTTP/1.1\r\n{head}\r\n"),
        post("/api/v3.1/tool_router/session", r#"{"user_id": "ada", "toolkits": {"enable": ["time"]}}"#),
        post(&format!("{path}/execute"), r#"{"tool_slug": "TIME_NOW", "arguments": {"timezone": "Asia/Tokyo"}}"#),
        post(&format!("{path}/search"), r#"{"queries": [{"use_case": "what time is it"}]}"#),
        post(&format!("/tool_router/{session}/mcp"), rpc),
        format!(
            "POST {path}/search HTTP/1.1\r\n{head}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n\
             5\r\n{{\"a\":\r\n2\r\n1}}\r\n0\r\n\r\n"
        ),
        format!("PUT /files/ticket HTTP/1.1\r\n{head}expect: 100-continue\r\ncontent-length: 3\r\n\r\nabc"),
        format!("DELETE /api/v3.1/connected_accounts/x HTTP/1.1\r\n{head}traceparent: 00-1-2-3\r\n\r\n"),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
    ]
    .map(String::into_bytes)
    .into()
}

/// Sends bytes, says that no more come, and reads what is answered.
async fn exchange(address: SocketAddr, bytes: Vec<u8>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may have heard enough before the end.
    let _ = stream.write_all(&bytes).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(HANG, stream.read_to_end(&mut answer)).await;
    let shown = || String::from_utf8_lossy(&bytes).into_owned();
    let _ = read.unwrap_or_else(|_| panic!("hangs: {:?}", shown()));
    if answer.is_empty() {
        return;
    }
    let text = String::from_utf8_lossy(&answer);
    let status: u16 = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    let served = matches!(status, 100..=499 | 501) && text.starts_with("HTTP/1.");
    assert!(served, "{:?} is answered {text:?}", shown());
}

#[cfg(target_os = "linux")]
fn held() -> (usize, usize, usize) {
    let entries = |folder: &str| std::fs::read_dir(folder).unwrap().count();
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = pages.split(' ').nth(1).unwrap().parse().unwrap();
    (entries("/proc/self/fd"), entries("/proc/self/task"), pages * 4_096)
}

#[cfg(not(target_os = "linux"))]
fn held() -> (usize, usize, usize) {
    (0, 0, 0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_is_answered_or_dropped_and_leaves_nothing() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        before(panic);
    }));
    let folder = tempfile::tempdir().unwrap();
    let router = Router::builder().config(RouterConfig::in_folder(folder.path())).build().unwrap();
    let request = CreateSession { user_id: "ada".to_owned(), ..CreateSession::default() };
    let session = router.create_session(&request).await.unwrap().session_id.clone();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = App::new(router, Options::new(address)).await.unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(serve(listener, app, async {
        let _ = stopped.await;
    }));

    let mut inputs =
        mutations(&corpus(address, &session), SEED).take(WARM_UP + REQUESTS).collect::<Vec<_>>().into_iter();
    let mut send = async |count: usize| {
        let mut running = JoinSet::new();
        for bytes in inputs.by_ref().take(count) {
            if running.len() >= 16 {
                running.join_next().await.unwrap().unwrap();
            }
            running.spawn(exchange(address, bytes));
        }
        while let Some(done) = running.join_next().await {
            done.unwrap();
        }
    };
    send(WARM_UP).await;
    let before = held();
    send(REQUESTS).await;
    let after = held();
    assert!(after.0 <= before.0 + 16, "open files: {before:?} {after:?}");
    assert!(after.1 <= before.1 + 4, "threads: {before:?} {after:?}");
    assert!(after.2 <= before.2 + GROWTH, "memory: {before:?} {after:?}");
    assert_eq!(PANICS.load(Ordering::Relaxed), 0);

    stop.send(()).unwrap();
    tokio::time::timeout(HANG, serving).await.expect("the server does not end").unwrap().unwrap();
}
