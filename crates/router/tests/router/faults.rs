//! A process that is killed while it writes loses nothing that it has acknowledged.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use composio_contract::{Backend as _, PageQuery, UpdateSession};
use composio_router::Router;
use serde_json::json;

use crate::common::{Shelf, create};
use crate::database;

/// Names the folder for the process that is killed.
const FOLDER: &str = "COMPOSIO_TEST_KILLED";
const KILLS: usize = 100;
const WRITERS: usize = 4;

fn open(folder: &Path) -> Router {
    Router::builder().config(database::config(folder)).source(Shelf::new()).build().unwrap()
}

/// Creates and changes sessions for ever, and says so each time that one was acknowledged.
async fn write(router: Router) {
    loop {
        let session = router.create_session(&create(json!({"toolkits": ["shelf"]}))).await.unwrap().session_id.clone();
        say(&session, 1);
        for turn in 1..4 {
            let change: UpdateSession = serde_json::from_value(json!({"search": turn % 2 == 0})).unwrap();
            let version = router.update_session(&session, &change).await.unwrap().config_version;
            say(&session, version);
        }
    }
}

fn say(session: &str, version: i64) {
    // One write call, so that lines of several writers do not mix. Nobody may be left to read it.
    let _ = std::io::stdout().write_all(format!("\nacknowledged {session} {version}\n").as_bytes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_outlives_a_hundred_kills() {
    if let Ok(folder) = std::env::var(FOLDER) {
        let router = open(Path::new(&folder));
        let writers: Vec<_> = (0..WRITERS).map(|_| tokio::spawn(write(router.clone()))).collect();
        for writer in writers {
            writer.await.unwrap();
        }
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // Makes the database.
    open(folder.path()).store().ping().await.unwrap();
    let mut acknowledged: HashMap<String, i64> = HashMap::new();
    for turn in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["faults::what_was_acknowledged_outlives_a_hundred_kills", "--exact", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Killed in the middle of what comes after so many.
        let mut left = 1 + turn % 7;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            // The last line may be cut off.
            let Ok(line) = line else { break };
            let Some(("acknowledged", rest)) = line.split_once(' ') else { continue };
            let Some((session, version)) = rest.split_once(' ') else { continue };
            if let Ok(version) = version.parse() {
                acknowledged.insert(session.to_owned(), version);
            }
            left = left.saturating_sub(1);
            if left == 0 {
                // A second time it is dead already.
                let _ = child.kill();
            }
        }
        assert_eq!(child.wait().unwrap().code(), None, "it was killed");
    }
    assert!(acknowledged.len() >= KILLS, "{}", acknowledged.len());
    let router = open(folder.path());
    for (session, version) in &acknowledged {
        let found = router.get_session(session).await.unwrap();
        let now = found.config_version;
        assert!(now == *version || now == version + 1, "{session}: {version} was acknowledged, {now} is there");
        let history = router.config_history(session, &PageQuery::default()).await.unwrap();
        let versions: Vec<i64> = history.items.iter().map(|item| item.version).collect();
        assert_eq!(versions, (1..=now).rev().collect::<Vec<_>>(), "nothing is half done");
    }
    if database::of(folder.path()).is_none() {
        let file = rusqlite::Connection::open(folder.path().join("router.db")).unwrap();
        let check: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok");
        let orphans = "SELECT count(*) FROM sessions s LEFT JOIN session_configs c ON c.session_id = s.id \
                       AND c.version = s.config_version WHERE c.version IS NULL";
        assert_eq!(file.query_row(orphans, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
    }
}
