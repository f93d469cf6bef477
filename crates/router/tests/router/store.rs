//! State that outlives a router and that several processes share.

use std::path::Path;
use std::process::Command;

use composio_contract::{Backend as _, ErrorKind, UpdateSession};
use composio_router::store::{Location, SqliteStore};
use composio_router::{Router, RouterConfig};
use serde_json::{Value, json};

use crate::common::{Shelf, create};

/// Names the folder for the child processes of a test.
const FOLDER: &str = "COMPOSIO_TEST_FOLDER";
const SESSION: &str = "COMPOSIO_TEST_SESSION";
const UPDATES: i64 = 25;

fn open(folder: &Path) -> Router {
    let mut config = RouterConfig::default();
    config.router.data_dir = Some(folder.to_owned());
    Router::builder().config(config).source(Shelf::new()).build().unwrap()
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

#[test]
fn a_new_file_may_be_opened_by_many_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::File(folder.path().join("new").join("router.db"));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| SqliteStore::open(&location).unwrap());
        }
    });
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
async fn a_store_in_memory_works_alike() {
    let mut config = RouterConfig::default();
    let folder = tempfile::tempdir().unwrap();
    config.router.data_dir = Some(folder.path().to_owned());
    config.router.database = Some(":memory:".to_owned());
    let router = Router::builder().config(config).source(Shelf::new()).build().unwrap();
    let session = router.create_session(&create(json!({}))).await.unwrap().session_id.clone();
    let changed = router.update_session(&session, &update(json!({"search": false}))).await.unwrap();
    assert_eq!(changed.config_version, 2);
    router.close().await.unwrap();
    assert!(!folder.path().join("router.db").exists());
}

#[test]
fn a_file_of_a_later_version_or_of_something_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let later = folder.path().join("later.db");
    drop(SqliteStore::open(&Location::File(later.clone())).unwrap());
    rusqlite::Connection::open(&later).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = SqliteStore::open(&Location::File(later)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("was written by a later version: its schema is 99"), "{error}");

    let text = folder.path().join("text.db");
    std::fs::write(&text, "this is not a database, whatever its name says, and it is long enough to tell").unwrap();
    assert_eq!(SqliteStore::open(&Location::File(text)).unwrap_err().kind(), ErrorKind::Configuration);
}
