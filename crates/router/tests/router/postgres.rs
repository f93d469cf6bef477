//! The suite on PostgreSQL, and what only that store has. Each server is a real one in a folder of its own.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};

use composio_contract::{Backend as _, ErrorKind};
use composio_router::store::{
    DatabaseUrl, Location, LogEntry, PostgresStore, RunStatus, SqliteStore, Store as _, UNAVAILABLE,
};
use composio_router::{Project, Router, RouterConfig};
use serde_json::json;
use tokio::runtime::Handle;

use crate::common::{Shelf, create};
use crate::database::sql;
use crate::running::{self, Server};

fn certificate(server: &Server) -> PathBuf {
    sql(&server.url, "SHOW data_directory").parse::<PathBuf>().unwrap().join("server.crt")
}

/// The server for the tests that leave it as it is.
fn shared() -> &'static Mutex<Server> {
    static SHARED: OnceLock<Mutex<Server>> = OnceLock::new();
    SHARED.get_or_init(|| Mutex::new(Server::start()))
}

fn database(name: &str) -> String {
    shared().lock().unwrap().tell(&format!("create {name}"))
}

fn open(url: &str) -> PostgresStore {
    PostgresStore::open(&DatabaseUrl::parse(url).unwrap(), &Handle::current()).unwrap()
}

/// Runs every other test of this program once more.
#[test]
fn the_whole_suite() {
    running::suite(&["postgres::", "sqlite::"], 20);
}

#[tokio::test]
async fn many_servers_may_open_a_new_database_at_once() {
    let url = database("many");
    let opened = futures_util::future::join_all((0..8).map(async |_| open(&url).ping().await)).await;
    for done in opened {
        done.unwrap();
    }
    let stores = [open(&url), open(&url)];
    let (one, other) =
        tokio::join!(stores[0].keep_signing_key(None, vec![1]), stores[1].keep_signing_key(None, vec![2]));
    assert!(one.unwrap() != other.unwrap());
    assert_eq!(stores[0].signing_key().await.unwrap(), stores[1].signing_key().await.unwrap());
}

#[tokio::test]
async fn a_database_of_a_later_version_is_refused() {
    let url = database("later");
    open(&url).ping().await.unwrap();
    sql(&url, "UPDATE composio.schema_version SET version = 99");
    let error = open(&url).ping().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("was written by a later version: its schema is 99"), "{error}");
}

/// Each table, column, whether it may be null, and whether it is part of the key.
#[tokio::test]
async fn the_schema_is_that_of_sqlite() {
    let url = database("alike");
    open(&url).ping().await.unwrap();
    let theirs = sql(
        &url,
        "SELECT c.table_name || '.' || c.column_name || ' ' || (c.is_nullable = 'NO') || ' ' || EXISTS (SELECT 1 FROM \
         information_schema.key_column_usage k JOIN information_schema.table_constraints t USING (constraint_name) \
         WHERE t.constraint_type = 'PRIMARY KEY' AND k.table_name = c.table_name AND k.column_name = c.column_name) \
         FROM information_schema.columns c WHERE c.table_schema = 'composio' AND c.table_name <> 'schema_version'",
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("router.db");
    drop(SqliteStore::open(&Location::File(path.clone())).unwrap());
    let file = rusqlite::Connection::open(path).unwrap();
    let ours: BTreeSet<String> = file
        .prepare(
            "SELECT m.name, c.name, c.\"notnull\" OR c.pk, c.pk FROM sqlite_schema m JOIN pragma_table_info(m.name) c \
                  WHERE m.type = 'table'",
        )
        .unwrap()
        .query_map([], |row| {
            let (table, column): (String, String) = (row.get(0)?, row.get(1)?);
            Ok(format!("{table}.{column} {} {}", row.get::<_, bool>(2)?, row.get::<_, i64>(3)? > 0))
        })
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(theirs.lines().map(str::to_owned).collect::<BTreeSet<_>>(), ours);
}

#[tokio::test]
async fn what_is_wrong_with_the_way_in_is_said_without_the_password() {
    let url = database("wrong");
    for (wrong, expected) in [
        (url.replace("s3cret-of-the-tests", "an0ther"), "password authentication failed"),
        (format!("{url}_not_there"), "does not exist"),
    ] {
        let error = open(&wrong).ping().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
        let shown = format!("{error} {error:?} {:?}", open(&wrong));
        assert!(shown.contains(expected), "{shown}");
        assert!(!shown.contains("an0ther") && !shown.contains("s3cret"), "{shown}");
    }
    let nobody = open("postgres://ada:an0ther@127.0.0.1:1/x").ping().await.unwrap_err();
    assert_eq!((nobody.slug(), nobody.status(), nobody.is_retryable()), (Some(UNAVAILABLE), Some(503), true));
}

#[tokio::test]
async fn the_url_says_whether_the_way_is_encrypted_and_whom_to_trust() {
    let url = database("encrypted");
    let certificate = certificate(&shared().lock().unwrap());
    let encrypted = "SELECT bool_and(s.ssl) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) \
                     WHERE a.application_name = 'composio' AND a.datname = 'encrypted'";
    for (mode, expected) in [
        ("sslmode=disable".to_owned(), "f"),
        ("sslmode=require".to_owned(), "t"),
        (format!("sslmode=verify-full&sslrootcert={}", certificate.display()), "t"),
    ] {
        let store = open(&format!("{url}?{mode}"));
        store.ping().await.unwrap();
        assert_eq!(sql(&url, encrypted), expected, "{mode}");
        drop(store);
        // Connections end on the runtime, and the server notices in its own time.
        while !sql(&url, encrypted).is_empty() {
            tokio::task::yield_now().await;
        }
    }
    let error = open(&format!("{url}?sslmode=verify-full")).ping().await.unwrap_err();
    assert_eq!(error.slug(), Some(UNAVAILABLE), "{error}");
    assert!(error.to_string().contains("certificate"), "{error}");
}

fn entry(id: &str) -> LogEntry {
    LogEntry {
        id: id.to_owned(),
        project: Project::default(),
        session_id: "trs_1".to_owned(),
        user_id: "ada".to_owned(),
        tool_slug: "SHELF_BURN".to_owned(),
        status: RunStatus::Completed,
        error: None,
        arguments_size: 0,
        arguments_hash: [0; 32],
        started_at: 0,
        duration: 0,
    }
}

#[tokio::test]
async fn a_database_may_go_away_and_come_back() {
    let mut server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let mut config = RouterConfig::in_folder(folder.path());
    config.router.database = Some(server.tell("create away").into());
    let router = Router::builder().config(config).source(Shelf::new()).build().unwrap();
    let session = router.create_session(&create(json!({}))).await.unwrap().session_id.clone();
    for (gone, back) in [("stop", "start"), ("freeze", "thaw")] {
        server.tell(gone);
        // Each call ends by itself, and says that it may go well later.
        for _ in 0..20 {
            let error = router.get_session(&session).await.unwrap_err();
            assert_eq!((error.slug(), error.status(), error.is_retryable()), (Some(UNAVAILABLE), Some(503), true));
        }
        assert!(router.store().ping().await.is_err());
        assert!(router.create_session(&create(json!({}))).await.unwrap_err().is_retryable());
        router.store().log(entry(gone));
        server.tell(back);
        while router.store().ping().await.is_err() {
            tokio::task::yield_now().await;
        }
        assert_eq!(router.get_session(&session).await.unwrap().config_version, 1);
        while router.store().flush().await.is_err() {
            tokio::task::yield_now().await;
        }
        let entries = router.store().log_entries(&Project::default(), "trs_1", 9).await.unwrap();
        assert!(entries.iter().any(|each| each.id == gone), "{entries:?}");
    }
    router.close().await.unwrap();
}
