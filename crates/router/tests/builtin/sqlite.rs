use std::fs;
use std::os::unix::fs::symlink;
use std::sync::mpsc;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::User;

/// A statement that never ends by itself.
const ENDLESS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

async fn execute(user: &User, sql: &str) -> Value {
    user.ok("SQLITE_EXECUTE", json!({ "sql": sql })).await
}

async fn query(user: &User, sql: &str) -> Value {
    user.ok("SQLITE_QUERY", json!({ "sql": sql })).await
}

async fn user_with_table() -> User {
    let user = User::new();
    execute(
        &user,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL); INSERT INTO t (name) VALUES ('a'), ('b')",
    )
    .await;
    user
}

#[tokio::test]
async fn changes_and_queries() {
    let user = user_with_table().await;
    let changed = user
        .ok("SQLITE_EXECUTE", json!({ "sql": "INSERT INTO t (name) VALUES (?), (?)", "parameters": ["c", "d"] }))
        .await;
    assert_eq!(changed, json!({ "rows_affected": 2, "last_insert_rowid": 4 }));
    let changed = execute(&user, "UPDATE t SET name = upper(name) WHERE id > 2 RETURNING id, name").await;
    assert_eq!(changed["rows_affected"], 2);
    assert_eq!(
        changed["returned"],
        json!({ "columns": ["id", "name"], "rows": [[3, "C"], [4, "D"]], "truncated": false })
    );
    let found = user
        .ok("SQLITE_QUERY", json!({ "sql": "SELECT name FROM t WHERE id = :id OR id = @other", "parameters": { "id": 1, "@other": 3 } }))
        .await;
    assert_eq!(found, json!({ "columns": ["name"], "rows": [["a"], ["C"]], "truncated": false }));
}

#[tokio::test]
async fn values_survive() {
    let user = User::new();
    let values = json!([null, true, 9_223_372_036_854_775_807_i64, -9_223_372_036_854_775_808_i64, 0.1, "ü\"", { "base64": "AP8=" }]);
    let found = user
        .ok("SQLITE_EXECUTE", json!({ "sql": "SELECT ?, ?, ?, ?, ?, ?, ?, 9e999, -9e999", "parameters": values }))
        .await;
    assert_eq!(
        found["returned"]["rows"][0],
        json!([
            null, 1, 9_223_372_036_854_775_807_i64, -9_223_372_036_854_775_808_i64, 0.1, "ü\"", { "base64": "AP8=" },
            "Infinity", "-Infinity",
        ])
    );
}

#[tokio::test]
async fn rows_are_limited_in_number_and_bytes() {
    let mut user = User::new();
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000) SELECT i FROM n";
    execute(&user, "CREATE TABLE t (i)").await;
    for (limit, expected, truncated) in [(None, 100, true), (Some(1_000), 1_000, true), (Some(7), 7, true)] {
        let mut arguments = json!({ "sql": many });
        if let Some(limit) = limit {
            arguments["limit"] = limit.into();
        }
        let found = user.ok("SQLITE_QUERY", arguments).await;
        assert_eq!((found["rows"].as_array().unwrap().len(), &found["truncated"]), (expected, &json!(truncated)));
    }
    let exact = user.ok("SQLITE_QUERY", json!({ "sql": "SELECT 1 UNION SELECT 2", "limit": 2 })).await;
    assert_eq!(exact["truncated"], json!(false));
    // A change runs to its end whatever is kept of its rows.
    let changed = execute(&user, &format!("INSERT INTO t {many} RETURNING i")).await;
    assert_eq!((&changed["rows_affected"], &changed["returned"]["truncated"]), (&json!(5_000), &json!(true)));
    user.context.output_limit = 2_000;
    let found = query(&user, "SELECT printf('%.*c', 100, 'x') FROM t").await;
    assert!(found.to_string().len() <= 2_000 && found["truncated"] == json!(true), "{found}");
    let error = user.error("SQLITE_QUERY", json!({ "sql": "SELECT printf('%.*c', 5000, 'x')" })).await;
    assert!(error.contains("substr"), "{error}");
    let error = user.error("SQLITE_QUERY", json!({ "sql": "SELECT length(zeroblob(1000000000))" })).await;
    assert!(error.contains("too big"), "{error}");
}

#[tokio::test]
async fn a_query_changes_nothing() {
    let user = user_with_table().await;
    let before = fs::read(user.context.workspace.root().join("data.db")).unwrap();
    for sql in [
        "INSERT INTO t (name) VALUES ('x')",
        "INSERT INTO t (name) VALUES ('x') RETURNING id",
        "DELETE FROM t",
        "DROP TABLE t",
        "CREATE TABLE u (i)",
        "CREATE TEMP TABLE u (i)",
        "PRAGMA user_version = 7",
        "PRAGMA journal_mode = WAL",
        "PRAGMA writable_schema = ON",
        "PRAGMA query_only = OFF",
        "ANALYZE",
        "BEGIN IMMEDIATE",
        "SAVEPOINT a",
        "ATTACH 'x.db' AS x",
        "EXPLAIN DELETE FROM t",
    ] {
        let error = user.error("SQLITE_QUERY", json!({ "sql": sql })).await;
        assert!(error.contains("not allowed"), "{sql}: {error}");
    }
    let error = user.error("SQLITE_QUERY", json!({ "sql": "SELECT 1; DELETE FROM t" })).await;
    assert!(error.contains("not allowed") || error.contains("one at a time"), "{error}");
    assert_eq!(fs::read(user.context.workspace.root().join("data.db")).unwrap(), before);
    assert_eq!(fs::read_dir(user.context.workspace.root()).unwrap().count(), 1);
}

#[tokio::test]
async fn sql_reaches_no_other_file() {
    let user = user_with_table().await;
    let outside = user.outer.path().join("outside.db");
    Connection::open(&outside).unwrap().execute_batch("CREATE TABLE s (v); INSERT INTO s VALUES ('secret')").unwrap();
    let path = outside.display();
    for sql in [
        format!("ATTACH '{path}' AS o"),
        format!("ATTACH 'file:{path}?mode=ro' AS o"),
        "ATTACH ':memory:' AS o".to_owned(),
        "DETACH main".to_owned(),
        "SELECT load_extension('/lib/x.so')".to_owned(),
        format!("PRAGMA temp_store_directory = '{}'", user.outer.path().display()),
        "PRAGMA temp_store = 1".to_owned(),
        "PRAGMA journal_mode = OFF".to_owned(),
        "PRAGMA writable_schema = 1".to_owned(),
        "PRAGMA mmap_size = 1000000".to_owned(),
        "CREATE TEMP TABLE x (i)".to_owned(),
        "CREATE VIRTUAL TABLE x USING csv(filename='/etc/passwd')".to_owned(),
        "CREATE VIRTUAL TABLE x USING fts3(a)".to_owned(),
        "BEGIN".to_owned(),
        "COMMIT".to_owned(),
    ] {
        for tool in ["SQLITE_EXECUTE", "SQLITE_QUERY"] {
            let error = user.error(tool, json!({ "sql": sql })).await;
            assert!(error.contains("not allowed"), "{tool} {sql}: {error}");
        }
    }
    for sql in [format!("VACUUM INTO '{}'", user.outer.path().join("copy.db").display()), "VACUUM".to_owned()] {
        let error = user.error("SQLITE_EXECUTE", json!({ "sql": sql })).await;
        assert!(error.contains("VACUUM"), "{sql}: {error}");
        let error = user.error("SQLITE_QUERY", json!({ "sql": sql })).await;
        assert!(error.contains("changes something"), "{sql}: {error}");
    }
    assert!(!user.outer.path().join("copy.db").exists());
    let error = user.error("SQLITE_EXECUTE", json!({ "sql": "SELECT readfile('/etc/passwd')" })).await;
    assert!(error.contains("no such function"), "{error}");
    let error = user.error("SQLITE_EXECUTE", json!({ "sql": "UPDATE sqlite_schema SET sql = ''" })).await;
    assert!(error.contains("may not be modified"), "{error}");
}

#[tokio::test]
async fn the_path_does_not_lead_outside() {
    let user = user_with_table().await;
    let root = user.context.workspace.root();
    let outside = user.outer.path().join("outside.db");
    Connection::open(&outside).unwrap().execute_batch("CREATE TABLE t (v)").unwrap();
    symlink(&outside, root.join("link.db")).unwrap();
    symlink("data.db", root.join("inner.db")).unwrap();
    symlink(user.outer.path(), root.join("up")).unwrap();
    symlink(user.outer.path().join("new.db"), root.join("dangling.db")).unwrap();
    fs::create_dir(root.join("folder.db")).unwrap();
    for (path, reason) in [
        ("link.db", "symbolic link"),
        ("inner.db", "symbolic link"),
        ("dangling.db", "symbolic link"),
        ("up/outside.db", "top of the folder"),
        ("../outside.db", "top of the folder"),
        ("..", "refused"),
        ("folder.db", "not a file"),
        (":memory:", "refused"),
        ("file:x.db?mode=memory", "refused"),
        ("", "refused"),
        ("a\0b", "refused"),
    ] {
        for tool in ["SQLITE_EXECUTE", "SQLITE_QUERY"] {
            let error = user.error(tool, json!({ "sql": "SELECT 1", "path": path })).await;
            assert!(error.contains(reason), "{tool} {path:?}: {error}");
        }
    }
    assert!(!user.outer.path().join("new.db").exists());
    // A journal that is a link is not written through.
    symlink(user.outer.path().join("planted"), root.join("data.db-journal")).unwrap();
    user.error("SQLITE_EXECUTE", json!({ "sql": "INSERT INTO t (name) VALUES ('x')" })).await;
    assert!(!user.outer.path().join("planted").exists());
}

#[tokio::test]
async fn a_call_takes_effect_whole_or_not_at_all() {
    let user = user_with_table().await;
    let error = user
        .error(
            "SQLITE_EXECUTE",
            json!({ "sql": "INSERT INTO t (name) VALUES ('c'); INSERT INTO t (name) VALUES (NULL)" }),
        )
        .await;
    assert!(error.contains("NOT NULL"), "{error}");
    assert_eq!(query(&user, "SELECT count(*) FROM t").await["rows"], json!([[2]]));
}

#[tokio::test]
async fn tables_of_every_kind_work() {
    let user = user_with_table().await;
    execute(
        &user,
        "CREATE VIRTUAL TABLE docs USING fts5(body);
         INSERT INTO docs VALUES ('the quick fox');
         CREATE VIEW v AS SELECT upper(name) AS n FROM t;
         CREATE INDEX i ON t (name);
         CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO docs VALUES (new.name); END;
         ALTER TABLE t ADD COLUMN age REAL;
         ALTER TABLE t RENAME COLUMN name TO title;
         INSERT INTO t (title) VALUES ('fox');
         CREATE TABLE copy AS SELECT * FROM t;
         DROP TABLE copy;
         ANALYZE;
         PRAGMA user_version = 3;",
    )
    .await;
    assert_eq!(
        query(&user, "SELECT body FROM docs WHERE docs MATCH 'fox'").await["rows"],
        json!([["the quick fox"], ["fox"]])
    );
    assert_eq!(query(&user, "PRAGMA user_version").await["rows"], json!([[3]]));
    assert_eq!(query(&user, "PRAGMA table_info(t)").await["rows"].as_array().unwrap().len(), 3);
    let schema = user.ok("SQLITE_SCHEMA", json!({})).await;
    let tables = schema["tables"].as_array().unwrap();
    assert_eq!((&tables[0]["name"], &tables[0]["kind"]), (&json!("t"), &json!("table")));
    assert_eq!(
        tables[0]["columns"],
        json!([
            { "name": "id", "type": "INTEGER", "not_null": false, "primary_key": true },
            { "name": "title", "type": "TEXT", "not_null": true, "primary_key": false },
            { "name": "age", "type": "REAL", "not_null": false, "primary_key": false },
        ])
    );
    assert!(tables.iter().any(|table| table["name"] == "v" && table["kind"] == "view"), "{schema}");
}

#[tokio::test]
async fn mistakes_are_told() {
    let user = user_with_table().await;
    fs::write(user.context.workspace.root().join("notes.txt"), "x".repeat(5_000)).unwrap();
    for (tool, arguments, reason) in [
        ("SQLITE_QUERY", json!({ "sql": "SELECT 1", "path": "none.db" }), "SQLITE_EXECUTE"),
        ("SQLITE_QUERY", json!({ "sql": "SELECT * FROM t", "path": "notes.txt" }), "not a SQLite database"),
        ("SQLITE_EXECUTE", json!({ "sql": "CREATE TABLE x (i)", "path": "notes.txt" }), "not a SQLite database"),
        ("SQLITE_QUERY", json!({ "sql": "SELECT nme FROM t" }), "no such column: nme (at byte 7"),
        ("SQLITE_QUERY", json!({ "sql": " -- nothing" }), "no statement"),
        ("SQLITE_QUERY", json!({ "sql": "SELECT ?" }), "1 parameters, but 0 values"),
        ("SQLITE_QUERY", json!({ "sql": "SELECT :a", "parameters": { "b": 1 } }), "parameter :a"),
        ("SQLITE_QUERY", json!({ "sql": "SELECT :a", "parameters": { "a": 1, "b": 1 } }), "\"b\""),
        ("SQLITE_QUERY", json!({ "sql": "SELECT ?", "parameters": { "a": 1 } }), "give a list"),
        ("SQLITE_QUERY", json!({ "sql": "SELECT ?", "parameters": [[1]] }), "JSON text"),
        ("SQLITE_QUERY", json!({ "sql": "SELECT ?", "parameters": [u64::MAX] }), "too large"),
        ("SQLITE_QUERY", json!({ "sql": "SELECT ?", "parameters": [{ "base64": "?" }] }), "not base64"),
        ("SQLITE_EXECUTE", json!({ "sql": "" }), "no statement"),
        (
            "SQLITE_EXECUTE",
            json!({ "sql": "DELETE FROM t WHERE id = ?; SELECT 1", "parameters": [1] }),
            "one statement only",
        ),
    ] {
        let error = user.error(tool, arguments.clone()).await;
        assert!(error.contains(reason), "{arguments}: {error}");
    }
    assert_eq!(query(&user, "SELECT count(*) FROM t").await["rows"], json!([[2]]));
}

#[tokio::test]
async fn a_statement_ends_when_time_is_up() {
    let mut user = user_with_table().await;
    user.context.time_limit = Duration::from_millis(50);
    let error = user.error("SQLITE_QUERY", json!({ "sql": ENDLESS })).await;
    assert!(error.contains("within 0.05 s"), "{error}");
}

/// A dropped call lets go of the database: another connection can write again.
#[tokio::test]
async fn a_statement_ends_when_its_call_is_dropped() {
    let user = user_with_table().await;
    let file = user.context.workspace.root().join("data.db");
    let other = Connection::open(file).unwrap();
    other.busy_timeout(Duration::ZERO).unwrap();
    let can_write = || other.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok();
    let until = async |expected: bool| {
        while can_write() != expected {
            tokio::task::yield_now().await;
        }
    };
    {
        let sql = format!("INSERT INTO t (name) {ENDLESS}");
        let call = user.outcome("SQLITE_EXECUTE", json!({ "sql": sql }));
        let started =
            async { tokio::time::timeout(Duration::from_secs(20), until(false)).await.expect("the call started") };
        tokio::select! {
            outcome = call => panic!("it ended: {outcome:?}"),
            () = started => {}
        }
    }
    tokio::time::timeout(Duration::from_secs(20), until(true)).await.expect("the lock was let go");
    let count: i64 = other.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 2);
}

/// A runtime waits for its blocking threads as it shuts down, so it ends only if the statement does.
#[test]
fn no_thread_is_left_behind() {
    let (done, ended) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let user = user_with_table().await;
            let call = user.outcome("SQLITE_QUERY", json!({ "sql": ENDLESS }));
            assert!(tokio::time::timeout(Duration::from_millis(100), call).await.is_err());
        });
        drop(runtime);
        done.send(()).unwrap();
    });
    ended.recv_timeout(Duration::from_secs(30)).expect("the statement was interrupted");
}
