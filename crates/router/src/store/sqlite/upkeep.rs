//! What keeps the database small.

use std::time::Duration;

use composio_contract::Result;
use rusqlite::{Connection, OptionalExtension as _, params, params_from_iter};

use super::{SqliteStore, unreadable};
use crate::clock;
use crate::project::Project;
use crate::store::Prune;
use crate::store::log::TOUCH;
use crate::store::retention::Terms;

/// Pages that one statement gives back.
const PAGES: u32 = 256;

fn delete(connection: &Connection, terms: &Terms<'_>, limit: u64) -> rusqlite::Result<u64> {
    let gone =
        connection.prepare_cached(&terms.delete(limit, ["min", "max"]))?.execute(params_from_iter(&terms.values))?;
    Ok(gone as u64)
}

pub(super) async fn prune(store: &SqliteStore, what: &Prune, limit: u64) -> Result<u64> {
    let (what, is_cached) = (what.clone(), matches!(what, Prune::IdleSessions { .. }));
    let prune = move |connection: &rusqlite::Transaction<'_>| {
        let gone =
            what.terms('?').iter().map(|terms| delete(connection, terms, limit)).collect::<rusqlite::Result<Vec<_>>>();
        gone.map(|gone| gone.into_iter().max().unwrap_or_default())
    };
    if is_cached { store.change("prune", prune).await } else { store.write("prune", prune).await }
}

pub(super) fn count(connection: &Connection, what: &Prune) -> rusqlite::Result<u64> {
    what.terms('?').iter().try_fold(0, |sum, terms| {
        let count: i64 = connection
            .prepare_cached(&terms.count("max"))?
            .query_row(params_from_iter(&terms.values), |row| row.get(0))?;
        Ok(sum + count.cast_unsigned())
    })
}

/// The distinct projects, each by one look into the index.
pub(super) fn log_projects(connection: &Connection) -> rusqlite::Result<Vec<Project>> {
    let mut next = connection.prepare_cached("SELECT min(project) FROM executions WHERE project > ?1")?;
    let (mut projects, mut last) = (Vec::new(), String::new());
    while let Some(name) = next.query_row([&last], |row| row.get::<_, Option<String>>(0))? {
        projects.push(Project::new(&name).map_err(|error| unreadable(0, error))?);
        last = name;
    }
    Ok(projects)
}

pub(super) async fn touch(store: &SqliteStore, project: &Project, session_id: &str) -> Result<()> {
    let now = clock::millis();
    let due = now.saturating_sub(i64::try_from(TOUCH.as_millis()).unwrap_or(i64::MAX));
    let is_due = store.read("read a session's use", |connection| {
        connection
            .prepare_cached("SELECT used_at < ?3 FROM sessions WHERE id = ?1 AND project = ?2")?
            .query_row(params![session_id, project.as_str(), due], |row| row.get(0))
            .optional()
    })?;
    if is_due != Some(true) {
        return Ok(());
    }
    let (project, session_id) = (project.clone(), session_id.to_owned());
    store
        .write("note a session's use", move |connection| {
            connection
                .prepare_cached("UPDATE sessions SET used_at = ?3 WHERE id = ?1 AND project = ?2 AND used_at < ?4")?
                .execute(params![session_id, project.as_str(), now, due])
                .map(drop)
        })
        .await
}

pub(super) async fn shrink(store: &SqliteStore) -> Result<bool> {
    let free =
        |connection: &Connection| connection.pragma_query_value(None, "freelist_count", |row| row.get::<_, i64>(0));
    let before = store.read("count its free pages", free)?;
    if before == 0 {
        return Ok(false);
    }
    store
        .write("give room back", move |connection| {
            let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
            let mut steps = vacuum.query([])?;
            // A page a step.
            while steps.next()?.is_some() {}
            let after = free(connection)?;
            // A file that an earlier version made keeps its pages for later rows.
            Ok(after > 0 && after < before)
        })
        .await
}

pub(super) async fn hold(store: &SqliteStore, name: &str, holder: &str, time: Duration) -> Result<bool> {
    let (name, holder, now) = (name.to_owned(), holder.to_owned(), clock::millis());
    let until = now.saturating_add(i64::try_from(time.as_millis()).unwrap_or(i64::MAX));
    store
        .write("take a lease", move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO leases (name, holder, held_until) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO UPDATE \
                     SET holder = excluded.holder, held_until = excluded.held_until \
                     WHERE leases.holder = ?2 OR leases.held_until <= ?4 OR leases.held_until > ?3",
                )?
                .execute(params![name, holder, until, now])
                .map(|changed| changed > 0)
        })
        .await
}
