//! Many calls and sessions: nothing is left over.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test says so by failing")]

#[path = "../mock/support.rs"]
mod support;

use std::path::Path;
use std::sync::Arc;

use composio_contract::RawJson;
use composio_core::{Call, Choice, Client, ClientOptions, CustomToolSet, HttpBackend, RunMode, Session};
use support::Mock;
use tokio::sync::Mutex;

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors");
/// One test at a time: they count what the process holds.
static ALONE: Mutex<()> = Mutex::const_new(());
const SESSIONS: usize = 10_000;
/// Bytes that memory may grow by while the sessions come and go.
const GROWTH: usize = 8 << 20;

fn client(mock: &Mock) -> Client {
    let options =
        ClientOptions { api_key: Some("k".to_owned().into()), base_url: Some(mock.url()), ..ClientOptions::default() };
    let Choice::Http(options) = options.choose_with(|_| None).unwrap() else { panic!("a key means HTTP") };
    Client::of(Arc::new(HttpBackend::new(options).unwrap()))
}

async fn create(client: &Client) -> Session {
    let options = RawJson::parse(r#"{"user_id": "stress"}"#.to_owned()).unwrap();
    client.create(&options, CustomToolSet::default()).await.unwrap()
}

async fn execute(session: Session, slug: &'static str) -> bool {
    let call = Call { slug: slug.to_owned(), ..Call::default() };
    let mut run = session.run(vec![call], RunMode::Execute).unwrap();
    run.remote().await;
    run.finish(Vec::new()).unwrap().remove(0).unwrap().successful
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_of_a_thousand_calls_cancelled() {
    let _alone = ALONE.lock().await;
    let mock = Mock::start(Path::new(VECTORS), &["--bench"]);
    let client = client(&mock);
    let session = create(&client).await;
    let stuck = client.use_session("trs_stuck", CustomToolSet::default(), false).await.unwrap();
    let cancelled: Vec<_> = (0..500).map(|_| tokio::spawn(execute(stuck.clone(), "NEVER_ENDS"))).collect();
    let answered: Vec<_> = (0..500).map(|_| tokio::spawn(execute(session.clone(), "GITHUB_CREATE_ISSUE"))).collect();
    for call in cancelled {
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
    }
    for call in answered {
        assert!(call.await.unwrap());
    }
    assert!(execute(session, "GITHUB_CREATE_ISSUE").await);
}

/// Open files, threads, and bytes of memory.
#[cfg(target_os = "linux")]
fn held() -> (usize, usize, usize) {
    let count = |what: &str| std::fs::read_dir(format!("/proc/self/{what}")).unwrap().count();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kilobytes: usize = resident.trim().trim_end_matches(" kB").parse().unwrap();
    (count("fd"), count("task"), kilobytes << 10)
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_sessions_leave_nothing_behind() {
    let _alone = ALONE.lock().await;
    let mock = Mock::start(Path::new(VECTORS), &["--bench"]);
    let client = client(&mock);
    for _ in 0..SESSIONS / 5 {
        create(&client).await;
    }
    let before = held();
    for _ in 0..SESSIONS {
        create(&client).await;
    }
    let after = held();
    assert!(after.0 <= before.0 + 8 && after.1 <= before.1 + 4, "{before:?}, then {after:?}");
    assert!(after.2.saturating_sub(before.2) < GROWTH, "{before:?}, then {after:?}");
}
