//! The execution log: what it says of a call and when, what it does not keep, and how it stays small.

use composio_contract::{Backend as _, ErrorKind, ProxyExecuteRequest, ProxyParameter, UpdateSession};
use composio_router::Project;
use composio_router::store::{LogEntry, LogQuery, Prune, RunStatus, prune_all};
use serde_json::{Value, json};

use crate::common::{Fixture, create};
use crate::database;

const SECRET: &str = "tok_SECRETARG";

fn all(project: &Project) -> LogQuery {
    LogQuery::newest(project.clone(), 1_000)
}

async fn logged(fixture: &Fixture) -> Vec<LogEntry> {
    let store = fixture.router.store();
    store.flush().await.unwrap();
    store.find_log(&all(fixture.router.project())).await.unwrap()
}

/// Neither values nor names that the caller made up, of any kind of call; the caller is told all.
#[tokio::test]
async fn no_argument_is_in_the_log() {
    let fixture = Fixture::new();
    let session = fixture.session(json!({})).await;
    for arguments in [json!({"text": {"a": SECRET}}), json!({(SECRET): 1, "text": "x"}), json!({"text": [SECRET]})] {
        let reply = fixture.execute(&session, "SHELF_WRITE_NOTE", arguments.clone()).await.unwrap();
        assert!(reply.error.unwrap().contains(SECRET));
        let many = json!({"tools": [{"tool_slug": "SHELF_WRITE_NOTE", "arguments": arguments}]});
        fixture.meta(&session, "COMPOSIO_MULTI_EXECUTE_TOOL", many).await.unwrap();
    }
    for slug in ["COMPOSIO_MULTI_EXECUTE_TOOL", "COMPOSIO_SEARCH_TOOLS", "COMPOSIO_GET_TOOL_SCHEMAS"] {
        let reply = fixture.meta(&session, slug, json!({"tools": SECRET, "queries": SECRET, "tool_slugs": SECRET}));
        assert!(reply.await.unwrap().error.unwrap().contains(SECRET));
    }
    let burn = fixture.execute(&session, "SHELF_BURN", json!({})).await.unwrap();
    assert_eq!(burn.error.as_deref(), Some("it does not burn"));
    fixture.execute(&session, "SHELF_BREAK", json!({})).await.unwrap();

    let entries = logged(&fixture).await;
    assert_eq!(entries.len(), 14);
    let errors: Vec<&str> = entries.iter().filter_map(|entry| entry.error.as_deref()).collect();
    assert_eq!(errors.len(), 14);
    for error in &errors {
        assert!(!error.contains(SECRET) && !error.contains("burn") && !error.contains("gone"), "{error}");
    }
    assert!(errors.contains(&"the arguments are wrong, and it was not run:\n`text`: expected a string"), "{errors:?}");
    assert!(errors.contains(&"1 out of 1 tools failed"), "{errors:?}");
    assert!(errors[0].starts_with("connection: a message of 26 bytes, SHA-256 "), "{errors:?}");
    assert!(errors[1].starts_with("the tool failed: a message of 16 bytes, SHA-256 "), "{errors:?}");
    assert!(entries.iter().all(|entry| entry.arguments_size > 0));
}

#[tokio::test]
async fn a_call_that_may_change_something_is_logged_before_it_begins() {
    let fixture = Fixture::new();
    let session = fixture.session(json!({})).await;
    let status = async |other: &dyn composio_router::store::Store| {
        let found = other.find_log(&all(fixture.router.project())).await.unwrap();
        found.iter().map(|entry| (entry.tool_slug.clone(), entry.status)).collect::<Vec<_>>()
    };
    // Another process that shares the store.
    let other = database::store(fixture.folder.path());
    let many = json!({"tools": [{"tool_slug": "SHELF_WAIT"}]});
    tokio::select! {
        _ = fixture.meta(&session, "COMPOSIO_MULTI_EXECUTE_TOOL", many) => panic!("it ended"),
        () = fixture.shelf.waiting.notified() => {}
    }
    // Both were there, and both were dropped since.
    let entries = logged(&fixture).await;
    assert_eq!(entries.iter().map(|entry| entry.status).collect::<Vec<_>>(), [RunStatus::Failed; 2]);
    let waiting = fixture.execute(&session, "SHELF_WAIT", json!({}));
    let seen = async {
        fixture.shelf.waiting.notified().await;
        status(other.as_ref()).await
    };
    tokio::select! {
        _ = waiting => panic!("it ended"),
        seen = seen => assert_eq!(seen[0], ("SHELF_WAIT".to_owned(), RunStatus::Started)),
    }
    // Ended since, by the same entry.
    assert_eq!(logged(&fixture).await.len(), 3);
    assert_eq!(status(other.as_ref()).await[0].1, RunStatus::Failed);
}

fn started(id: &str) -> LogEntry {
    LogEntry {
        id: id.to_owned(),
        project: Project::default(),
        session_id: "trs_1".to_owned(),
        user_id: "ada".to_owned(),
        tool_slug: "SHELF_BURN".to_owned(),
        status: RunStatus::Started,
        error: None,
        arguments_size: 2,
        arguments_hash: [7; 32],
        started_at: jiff::Timestamp::now().as_millisecond(),
        duration: 0,
    }
}

/// A store that goes away in the middle of a run, as a killed process does, renews nothing.
#[tokio::test]
async fn a_run_whose_process_is_gone_is_interrupted_and_that_of_another_process_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (killed, running) = (database::store(folder.path()), database::store(folder.path()));
    killed.log_started(started("log_killed")).await.unwrap();
    running.log_started(started("log_running")).await.unwrap();
    drop(killed);
    let status = async |id: &str| {
        let query = LogQuery { id: Some(id.to_owned()), ..all(&Project::default()) };
        running.find_log(&query).await.unwrap()[0].status
    };
    assert_eq!(status("log_running").await, RunStatus::Started);
    while status("log_killed").await != RunStatus::Interrupted {
        tokio::task::yield_now().await;
    }
    assert_eq!(status("log_running").await, RunStatus::Started);
    let of = async |status| {
        let query = LogQuery { status: Some(status), ..all(&Project::default()) };
        let found = running.find_log(&query).await.unwrap();
        found.into_iter().map(|entry| entry.id).collect::<Vec<_>>()
    };
    assert_eq!(of(RunStatus::Interrupted).await, ["log_killed"]);
    assert_eq!(of(RunStatus::Started).await, ["log_running"]);
    // A late end counts; a second one does not, and nor does a start.
    for status in [RunStatus::Completed, RunStatus::Failed, RunStatus::Started] {
        running.log(LogEntry { status, duration: 5, ..started("log_killed") });
        running.flush().await.unwrap();
        let query = LogQuery { id: Some("log_killed".to_owned()), ..all(&Project::default()) };
        let entry = running.find_log(&query).await.unwrap().remove(0);
        assert_eq!((entry.status, entry.duration), (RunStatus::Completed, 5));
    }
}

#[tokio::test]
async fn a_start_and_an_end_may_be_written_together() {
    let folder = tempfile::tempdir().unwrap();
    let store = database::store(folder.path());
    for status in [RunStatus::Started, RunStatus::Completed] {
        store.log(LogEntry { status, ..started("log_1") });
    }
    store.flush().await.unwrap();
    assert_eq!(store.find_log(&all(&Project::default())).await.unwrap()[0].status, RunStatus::Completed);
}

#[tokio::test]
async fn a_raw_calls_hash_covers_everything() {
    let fixture = Fixture::new();
    let session = fixture.session(json!({})).await;
    let request = |method: &str, endpoint: &str, body: Value, parameter: Option<&str>| ProxyExecuteRequest {
        toolkit_slug: "shelf".to_owned(),
        method: method.to_owned(),
        endpoint: endpoint.to_owned(),
        body: Some(body.into()),
        parameters: parameter.map(|value| {
            let one = json!({"name": "q", "value": value, "type": "query"});
            vec![serde_json::from_value::<ProxyParameter>(one).unwrap()]
        }),
    };
    let requests = [
        request("POST", "/a", json!(1), None),
        request("PUT", "/a", json!(1), None),
        request("POST", "/b", json!(1), None),
        request("POST", "/a", json!(2), None),
        request("POST", "/a", json!(1), Some("x")),
        request("POST", "/a", json!(1), Some("y")),
    ];
    for request in &requests {
        // The shelf has no API, which is an error after the entry was begun.
        fixture.router.proxy_execute(&session, request).await.unwrap_err();
    }
    let mut hashes: Vec<_> = logged(&fixture).await.iter().map(|entry| entry.arguments_hash).collect();
    assert_eq!(hashes.len(), requests.len());
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), requests.len());
}

#[tokio::test]
async fn entries_are_found_by_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let store = database::store(folder.path());
    let shop = Project::new("shop").unwrap();
    for number in 0..20_i64 {
        store.log(LogEntry {
            id: format!("log_{number:02}"),
            project: if number < 10 { Project::default() } else { shop.clone() },
            session_id: format!("trs_{}", number % 2),
            user_id: format!("user{}", number % 3),
            tool_slug: format!("TOOL_{}", number % 5),
            status: if number % 4 == 0 { RunStatus::Failed } else { RunStatus::Completed },
            started_at: number * 1_000,
            ..started("")
        });
    }
    store.flush().await.unwrap();
    let found = async |query: LogQuery| {
        let found = store.find_log(&query).await.unwrap();
        found.iter().map(|entry| entry.id.strip_prefix("log_").unwrap().parse().unwrap()).collect::<Vec<u32>>()
    };
    let some = |text: &str| Some(text.to_owned());
    let default = all(&Project::default());
    assert_eq!(found(default.clone()).await, (0..10).rev().collect::<Vec<_>>());
    assert_eq!(found(LogQuery { session_id: some("trs_1"), ..default.clone() }).await, [9, 7, 5, 3, 1]);
    assert_eq!(found(LogQuery { user_id: some("user2"), ..default.clone() }).await, [8, 5, 2]);
    assert_eq!(found(LogQuery { tool_slug: some("TOOL_4"), ..default.clone() }).await, [9, 4]);
    assert_eq!(found(LogQuery { status: Some(RunStatus::Failed), ..default.clone() }).await, [8, 4, 0]);
    assert_eq!(found(LogQuery { since: Some(3_000), until: Some(5_000), ..default.clone() }).await, [4, 3]);
    assert_eq!(found(LogQuery { id: some("log_12"), ..default.clone() }).await, [0_u32; 0]);
    assert_eq!(found(LogQuery { id: some("log_12"), ..all(&shop) }).await, [12]);
    for text in ["' OR 1=1 --", "\0"] {
        assert_eq!(found(LogQuery { user_id: some(text), ..default.clone() }).await, [0_u32; 0]);
    }
    let mut page = LogQuery { oldest_first: true, limit: 4, ..default.clone() };
    assert_eq!(found(page.clone()).await, [0, 1, 2, 3]);
    page.after = some("log_03");
    assert_eq!(found(page.clone()).await, [4, 5, 6, 7]);
    page.oldest_first = false;
    assert_eq!(found(page).await, [2, 1, 0]);
    assert_eq!(store.log_projects().await.unwrap(), [Project::default(), shop]);
}

#[tokio::test]
async fn old_entries_go_by_age_and_by_number() {
    let folder = tempfile::tempdir().unwrap();
    let store = database::store(folder.path());
    let shop = Project::new("shop").unwrap();
    for number in 0..1_700_i64 {
        for project in [Project::default(), shop.clone()] {
            let id = format!("log_{project}_{number:05}");
            store.log(LogEntry { id, project, started_at: number, status: RunStatus::Completed, ..started("") });
        }
    }
    store.flush().await.unwrap();
    let left = async |project: &Project| {
        let query = LogQuery { oldest_first: true, limit: u64::MAX, ..all(project) };
        let found = store.find_log(&query).await.unwrap();
        (found.first().map(|entry| entry.started_at), found.len())
    };
    let old = Prune::LogBefore { project: shop.clone(), before: 1_200 };
    assert_eq!(store.count(&old).await.unwrap(), 1_200);
    // A little at a time.
    assert_eq!(store.prune(&old, 100).await.unwrap(), 100);
    assert_eq!(prune_all(store.as_ref(), &old).await.unwrap(), 1_100);
    assert_eq!(left(&shop).await, (Some(1_200), 500));
    assert_eq!(left(&Project::default()).await, (Some(0), 1_700));
    for (rows, gone) in [(2_000, 0), (900, 800), (900, 0)] {
        let beyond = Prune::LogBeyond { project: Project::default(), rows };
        assert_eq!(store.count(&beyond).await.unwrap(), gone);
        assert_eq!(prune_all(store.as_ref(), &beyond).await.unwrap(), gone);
    }
    assert_eq!(left(&Project::default()).await, (Some(800), 900));
    assert_eq!(left(&shop).await, (Some(1_200), 500));
}

#[tokio::test]
async fn sessions_that_nobody_uses_go_and_used_ones_stay() {
    let fixture = Fixture::new();
    let (idle, used) = (fixture.session(json!({})).await, fixture.session(json!({})).await);
    let shop = fixture.router.in_project(Project::new("shop").unwrap());
    let now = jiff::Timestamp::now().as_millisecond();
    let before = |project: Option<Project>, before| Prune::IdleSessions { project, before };
    let store = fixture.router.store();
    assert_eq!(store.count(&before(None, now - 60_000)).await.unwrap(), 0);
    // As if both were made long ago.
    age_sessions(&fixture, now - 10 * 3_600_000).await;
    // A session that a router has used within the hour is not noted again by it; another one has just begun.
    let again = composio_router::Router::builder().config(database::config(fixture.folder.path())).build().unwrap();
    again.get_session(&used).await.unwrap();
    let limit = before(None, now - 3_600_000);
    while store.count(&limit).await.unwrap() == 2 {
        tokio::task::yield_now().await;
    }
    let other = Project::new("other").unwrap();
    assert_eq!(store.count(&before(Some(other), now)).await.unwrap(), 0);
    assert_eq!(prune_all(store, &limit).await.unwrap(), 1);
    assert_eq!(again.get_session(&idle).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(fixture.router.get_session(&idle).await.unwrap_err().kind(), ErrorKind::NotFound);
    again.get_session(&used).await.unwrap();
    drop(shop);
}

/// Sets the last use of all sessions.
async fn age_sessions(fixture: &Fixture, used_at: i64) {
    let statement = format!("UPDATE sessions SET used_at = {used_at}");
    match database::of(fixture.folder.path()) {
        Some(url) => drop(database::sql(&url, &statement.replace("sessions", "composio.sessions"))),
        None => {
            let file = rusqlite::Connection::open(fixture.folder.path().join("router.db")).unwrap();
            file.execute(&statement, []).unwrap();
        }
    }
}

#[tokio::test]
async fn of_a_configuration_only_the_last_versions_are_kept() {
    let fixture = Fixture::new();
    let session = fixture.session(json!({})).await;
    let made = fixture.router.store().sessions(fixture.router.project(), 1).await.unwrap()[0].created_at;
    for turn in 0..30 {
        let change: UpdateSession = serde_json::from_value(json!({"search": turn % 2 == 0})).unwrap();
        fixture.router.update_session(&session, &change).await.unwrap();
    }
    let page = fixture.router.config_history(&session, &Default::default()).await.unwrap();
    assert_eq!(
        page.items.iter().map(|version| version.version).collect::<Vec<_>>(),
        (12..=31).rev().collect::<Vec<_>>()
    );
    let listed = fixture.router.store().sessions(fixture.router.project(), 9).await.unwrap();
    assert_eq!((listed.len(), listed[0].created_at, listed[0].config_version), (1, made, 31));
}

#[tokio::test]
async fn what_is_too_large_to_keep_is_refused() {
    let fixture = Fixture::new();
    let session = fixture.session(json!({})).await;
    let large = json!({"tools": {"shelf": {"disable": vec!["SHELF_BURN"; 40_000]}}});
    let error = fixture.try_session(large.clone()).await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::Validation, Some(400)), "{error}");
    assert!(error.to_string().contains("at most 262144"), "{error}");
    let change: UpdateSession = serde_json::from_value(large).unwrap();
    assert_eq!(fixture.router.update_session(&session, &change).await.unwrap_err().kind(), ErrorKind::Validation);
    assert_eq!(fixture.router.get_session(&session).await.unwrap().config_version, 1);
    let mut request = create(json!({}));
    request.user_id = "x".repeat(2_049);
    assert_eq!(fixture.router.create_session(&request).await.unwrap_err().kind(), ErrorKind::Validation);
}

#[tokio::test]
async fn one_of_several_processes_has_the_lease() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (database::store(folder.path()), database::store(folder.path()));
    let long = std::time::Duration::from_secs(60);
    assert!(one.hold("x", "one", long).await.unwrap());
    assert!(!other.hold("x", "other", long).await.unwrap());
    assert!(one.hold("x", "one", long).await.unwrap());
    assert!(other.hold("y", "other", long).await.unwrap());
    assert!(one.hold("x", "one", std::time::Duration::ZERO).await.unwrap());
    assert!(other.hold("x", "other", long).await.unwrap());
    assert!(!one.hold("x", "one", long).await.unwrap());
}
