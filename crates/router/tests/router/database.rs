//! The database of a test: SQLite in the test's folder, or a new one of the PostgreSQL server that a variable names.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use composio_router::RouterConfig;
use composio_router::store::{self, Store};
use tokio::runtime::Handle;

/// The URL of a PostgreSQL server on which the suite is to run.
pub(crate) const SERVER: &str = "COMPOSIO_TEST_POSTGRES";

/// The database that belongs to a folder; none where it is SQLite's default.
pub(crate) fn of(folder: &Path) -> Option<String> {
    let server = std::env::var(SERVER).ok()?;
    let note = folder.join("database-url");
    if let Ok(url) = std::fs::read_to_string(&note) {
        return Some(url);
    }
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    sql(&server, &format!("CREATE DATABASE {name}"));
    let url = server.replace("/postgres?", &format!("/{name}?"));
    std::fs::write(note, &url).unwrap();
    Some(url)
}

pub(crate) fn config(folder: &Path) -> RouterConfig {
    let mut config = RouterConfig::in_folder(folder);
    config.router.database = of(folder).map(Into::into);
    config
}

pub(crate) fn store(folder: &Path) -> Arc<dyn Store> {
    store::open(&config(folder).database().unwrap(), &Handle::current()).unwrap()
}

/// What PostgreSQL's own client prints.
pub(crate) fn sql(url: &str, statement: &str) -> String {
    let done = Command::new("psql").args(["-qtAX", url, "-c", statement]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}
