//! What only the store in SQLite has.

use composio_contract::{Backend as _, ErrorKind, UpdateSession};
use composio_router::store::{Location, LogEntry, Prune, RunStatus, SqliteStore, Store as _, prune_all, shrink_all};
use composio_router::{Project, Router, RouterConfig};
use serde_json::json;

use crate::common::{Shelf, create};

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
async fn a_store_in_memory_works_alike() {
    let mut config = RouterConfig::default();
    let folder = tempfile::tempdir().unwrap();
    config.router.data_dir = Some(folder.path().to_owned());
    config.router.database = Some(":memory:".into());
    let router = Router::builder().config(config).source(Shelf::new()).build().unwrap();
    let session = router.create_session(&create(json!({}))).await.unwrap().session_id.clone();
    let changed = router
        .update_session(&session, &serde_json::from_value::<UpdateSession>(json!({"search": false})).unwrap())
        .await
        .unwrap();
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

#[tokio::test]
async fn a_store_from_before_projects_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("router.db");
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(include_str!("../../src/store/schema.sql")).unwrap();
    old.execute_batch("INSERT INTO sessions VALUES ('trs_1', 'ada', '{}', 1, 1)").unwrap();
    old.execute_batch("INSERT INTO session_configs VALUES ('trs_1', 1, '{}', '{}', 0)").unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
    drop(old);
    let store = SqliteStore::open(&Location::File(path)).unwrap();
    assert_eq!(store.session(&Project::default(), "trs_1").await.unwrap().unwrap().user_id, "ada");
    assert!(store.session(&Project::new("shop").unwrap(), "trs_1").await.unwrap().is_none());
}

#[tokio::test]
async fn what_one_process_changes_the_next_call_of_another_sees() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let mut config = RouterConfig::default();
        config.router.data_dir = Some(folder.path().to_owned());
        Router::builder().config(config).source(Shelf::new()).build().unwrap()
    };
    let (one, other) = (open(), open());
    let session = one.create_session(&create(json!({}))).await.unwrap().session_id.clone();
    for search in [false, true, false] {
        let change = json!({"search": search});
        let changed = one.update_session(&session, &serde_json::from_value(change).unwrap()).await.unwrap();
        let seen = other.get_session(&session).await.unwrap();
        assert_eq!(seen.config_version, changed.config_version);
        assert_eq!(seen.tool_router_tools, changed.tool_router_tools);
        // What was read is believed from here on.
        assert_eq!(other.get_session(&session).await.unwrap().config_version, changed.config_version);
    }
    one.delete_session(&session).await.unwrap();
    assert_eq!(other.get_session(&session).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn room_that_old_entries_had_is_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("router.db");
    let store = SqliteStore::open(&Location::File(path.clone())).unwrap();
    let project = Project::default();
    for number in 0..2_000 {
        store.log(LogEntry {
            id: format!("log_{number:05}"),
            project: project.clone(),
            session_id: "trs_1".to_owned(),
            user_id: "ada".to_owned(),
            tool_slug: "SHELF_BURN".to_owned(),
            status: RunStatus::Failed,
            error: Some("x".repeat(2_000)),
            arguments_size: 0,
            arguments_hash: [0; 32],
            started_at: 0,
            duration: 0,
        });
    }
    store.flush().await.unwrap();
    let pages = || -> i64 {
        let file = rusqlite::Connection::open(&path).unwrap();
        file.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap()
    };
    let before = pages();
    let all = Prune::LogBefore { project: project.clone(), before: 1 };
    assert_eq!(prune_all(&store, &all).await.unwrap(), 2_000);
    assert_eq!(pages(), before);
    shrink_all(&store).await.unwrap();
    assert!(pages() < before / 10, "{before} {}", pages());
}

/// Age and number of entries are asked for by an index.
#[test]
fn what_may_go_is_found_without_going_through_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("router.db");
    drop(SqliteStore::open(&Location::File(path.clone())).unwrap());
    let file = rusqlite::Connection::open(path).unwrap();
    for (statement, index) in [
        ("SELECT id FROM executions WHERE project = 'a' AND started_at < 1 ORDER BY started_at", "executions_by_time"),
        ("SELECT id FROM executions WHERE project = 'a' ORDER BY started_at LIMIT 1", "executions_by_time"),
        ("SELECT id FROM sessions WHERE used_at < 1 ORDER BY used_at", "sessions_by_use"),
    ] {
        let plan: String = file.query_row(&format!("EXPLAIN QUERY PLAN {statement}"), [], |row| row.get(3)).unwrap();
        assert!(plan.starts_with("SEARCH") && plan.contains(index), "{statement}: {plan}");
    }
}
