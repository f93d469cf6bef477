//! State that outlives a router and that several processes share.

use std::path::Path;
use std::process::Command;

use composio_contract::{Backend as _, ErrorKind, ExecuteRequest, UpdateSession, UploadRequest};
use composio_router::Project;
use composio_router::Router;
use composio_router::store::{LogEntry, RunStatus};
use serde_json::{Value, json};

use crate::common::{Shelf, create};
use crate::database;

/// Names the folder for the child processes of a test.
const FOLDER: &str = "COMPOSIO_TEST_FOLDER";
const SESSION: &str = "COMPOSIO_TEST_SESSION";
const UPDATES: i64 = 25;

fn open(folder: &Path) -> Router {
    Router::builder().config(database::config(folder)).source(Shelf::new()).build().unwrap()
}

fn update(settings: Value) -> UpdateSession {
    serde_json::from_value(settings).unwrap()
}

#[tokio::test]
async fn a_session_outlives_its_router() {
    let folder = tempfile::tempdir().unwrap();
    let router = open(folder.path());
    let session = router.create_session(&create(json!({"toolkits": ["shelf"]}))).await.unwrap();
    router.close().await.unwrap();
    drop(router);
    let again = open(folder.path()).get_session(&session.session_id).await.unwrap();
    assert_eq!(again.raw().as_str(), session.raw().as_str());
}

#[tokio::test]
async fn one_router_sees_what_another_changed() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (open(folder.path()), open(folder.path()));
    let session = one.create_session(&create(json!({}))).await.unwrap().session_id.clone();
    assert_eq!(other.get_session(&session).await.unwrap().config_version, 1);
    one.update_session(&session, &update(json!({"search": false}))).await.unwrap();
    let seen = other.get_session(&session).await.unwrap();
    assert_eq!(seen.config_version, 2);
    assert!(!seen.tool_router_tools.contains(&"COMPOSIO_SEARCH_TOOLS".to_owned()));
    other.delete_session(&session).await.unwrap();
    assert_eq!(one.get_session(&session).await.unwrap_err().kind(), ErrorKind::NotFound);
}

/// Runs itself in two further processes, which open the same new folder at the same time and change one session.
#[tokio::test]
async fn processes_share_a_store() {
    if let (Ok(folder), Ok(session)) = (std::env::var(FOLDER), std::env::var(SESSION)) {
        let router = open(Path::new(&folder));
        for turn in 0..UPDATES {
            router.create_session(&create(json!({}))).await.unwrap();
            router.update_session(&session, &update(json!({"search": turn % 2 == 0}))).await.unwrap();
        }
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let session = open(folder.path()).create_session(&create(json!({}))).await.unwrap().session_id.clone();
    let children: Vec<_> = (0..2)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args(["store::processes_share_a_store", "--exact"])
                .env(FOLDER, folder.path())
                .env(SESSION, &session)
                .output_in_background()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    let router = open(folder.path());
    assert_eq!(router.get_session(&session).await.unwrap().config_version, 1 + 2 * UPDATES);
}

trait Background {
    fn output_in_background(&mut self) -> std::process::Child;
}

impl Background for Command {
    fn output_in_background(&mut self) -> std::process::Child {
        self.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
    }
}

#[tokio::test]
async fn of_two_conditional_updates_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (open(folder.path()), open(folder.path()));
    let session = one.create_session(&create(json!({}))).await.unwrap().session_id.clone();
    let change = update(json!({"search": false, "expected_config_version": 1}));
    let (first, second) = tokio::join!(one.update_session(&session, &change), other.update_session(&session, &change));
    let lost = match (first, second) {
        (Ok(_), Err(error)) | (Err(error), Ok(_)) => error,
        both => panic!("{both:?}"),
    };
    assert_eq!(lost.kind(), ErrorKind::SessionConfigConflict);
}

#[tokio::test]
async fn an_upload_serves_once_among_all_that_share_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (open(folder.path()), open(folder.path()));
    let session = one.create_session(&create(json!({}))).await.unwrap().session_id.clone();
    let request = UploadRequest { mount_relative_path: "a.txt".to_owned(), mimetype: None };
    let url = one.upload_url(&session, "files", &request).await.unwrap().upload_url.clone();
    let (first, second) =
        tokio::join!(one.put_file(&url, None, "one".into()), other.put_file(&url, None, "other".into()));
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    assert_eq!(first.and(second).unwrap_err().kind(), ErrorKind::Upload);
    assert_eq!(other.put_file(&url, None, "again".into()).await.unwrap_err().kind(), ErrorKind::Upload);
}

#[tokio::test]
async fn a_text_with_any_character_is_refused_or_kept() {
    let folder = tempfile::tempdir().unwrap();
    let router = open(folder.path());
    let mut request = create(json!({}));
    request.user_id = "a\0b".to_owned();
    if let Err(error) = router.create_session(&request).await {
        assert_eq!(error.kind(), ErrorKind::Validation);
    }
    for id in ["", "\0", "trs_\0", "\u{fffd}'; --"] {
        assert_eq!(router.get_session(id).await.unwrap_err().kind(), ErrorKind::NotFound, "{id:?}");
        assert_eq!(router.delete_session(id).await.unwrap_err().kind(), ErrorKind::NotFound, "{id:?}");
    }
    let session = router.create_session(&create(json!({}))).await.unwrap().session_id.clone();
    let run = ExecuteRequest {
        tool_slug: "SHELF_READ_NOTE".to_owned(),
        arguments: Some(json!({"text": "\0 ü \u{1f600} '"}).into()),
        ..ExecuteRequest::default()
    };
    router.execute(&session, &run).await.unwrap();
    let entry = LogEntry { error: Some("a\0b".to_owned()), ..logged(&router, &session).await.remove(0) };
    router.store().log(LogEntry { id: "zz".to_owned(), ..entry });
    assert_eq!(logged(&router, &session).await.len(), 2);
}

/// What is logged stays in the order and the form in which it came.
#[tokio::test]
async fn the_log_keeps_every_entry_whole() {
    let folder = tempfile::tempdir().unwrap();
    let router = open(folder.path());
    let entry = |number: u64| LogEntry {
        id: format!("{number:08}"),
        project: Project::default(),
        session_id: "trs_gone".to_owned(),
        user_id: "ada".to_owned(),
        tool_slug: "SHELF_BURN".to_owned(),
        status: [RunStatus::Completed, RunStatus::Failed, RunStatus::Refused][(number % 3) as usize],
        error: number.is_multiple_of(2).then(|| "it does not burn".to_owned()),
        arguments_size: number,
        arguments_hash: [number as u8; 32],
        started_at: -1,
        duration: u64::MAX - number,
    };
    for number in 0..1_500 {
        router.store().log(entry(number));
    }
    // A second time is none.
    router.store().log(entry(7));
    router.store().flush().await.unwrap();
    let entries = router.store().log_entries(router.project(), "trs_gone", u64::MAX).await.unwrap();
    assert_eq!(entries, (0..1_500).rev().map(entry).collect::<Vec<_>>());
    assert_eq!(router.store().log_entries(router.project(), "trs_gone", 2).await.unwrap().len(), 2);
}

async fn logged(router: &Router, session: &str) -> Vec<LogEntry> {
    router.store().flush().await.unwrap();
    router.store().log_entries(router.project(), session, 10).await.unwrap()
}
