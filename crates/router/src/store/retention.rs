//! What a store may forget.

use std::time::Duration;

use composio_contract::{Error, ErrorKind, Result};

use super::Store;
use super::query::Bound;
use crate::project::Project;

/// Rows of one statement, so that no call waits for it.
const BATCH: u64 = 500;
/// What others have between two statements.
const BREATH: Duration = Duration::from_millis(10);

/// Rows that may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prune {
    /// Log entries of runs that began before a time, milliseconds since 1970.
    LogBefore {
        /// Whose entries.
        project: Project,
        /// The time.
        before: i64,
    },
    /// The oldest log entries beyond a number.
    LogBeyond {
        /// Whose entries.
        project: Project,
        /// How many stay.
        rows: u64,
    },
    /// Sessions that were last used before a time, milliseconds since 1970, with what belongs to them but their log entries.
    IdleSessions {
        /// Whose sessions; all projects' if none is given.
        project: Option<Project>,
        /// The time.
        before: i64,
    },
    /// Old versions of configurations.
    Versions {
        /// Of this session; of all if none is given.
        session_id: Option<String>,
        /// How many stay of each session, the one in force included.
        kept: u32,
    },
    /// Approvals and links that expired before a time, milliseconds since 1970, and notes of used tickets.
    Expired {
        /// The time.
        now: i64,
    },
}

impl Prune {
    /// What it comes to, a table each. `sign` begins a numbered value.
    pub(super) fn terms(&self, sign: char) -> Vec<Terms<'_>> {
        let number = |count: u64| Bound::Number(i64::try_from(count).unwrap_or(i64::MAX));
        match self {
            Self::LogBefore { project, before } => vec![Terms {
                table: "executions",
                key: "id",
                rows: format!("project = {sign}1 AND started_at < {sign}2 ORDER BY started_at"),
                most: None,
                values: vec![Bound::Text(project.as_str()), Bound::Number(*before)],
            }],
            Self::LogBeyond { project, rows } => vec![Terms {
                table: "executions",
                key: "id",
                rows: format!("project = {sign}1 ORDER BY started_at"),
                most: Some(format!("(SELECT count(*) FROM executions WHERE project = {sign}1) - {sign}2")),
                values: vec![Bound::Text(project.as_str()), number(*rows)],
            }],
            Self::IdleSessions { project: None, before } => vec![Terms {
                table: "sessions",
                key: "id",
                rows: format!("used_at < {sign}1 ORDER BY used_at"),
                most: None,
                values: vec![Bound::Number(*before)],
            }],
            Self::IdleSessions { project: Some(project), before } => vec![Terms {
                table: "sessions",
                key: "id",
                rows: format!("project = {sign}1 AND used_at < {sign}2 ORDER BY used_at"),
                most: None,
                values: vec![Bound::Text(project.as_str()), Bound::Number(*before)],
            }],
            Self::Versions { session_id, kept } => {
                let mut rows =
                    format!("version <= (SELECT s.config_version FROM sessions s WHERE s.id = session_id) - {sign}1");
                let mut values = vec![Bound::Number(i64::from((*kept).max(1)))];
                if let Some(session_id) = session_id {
                    rows.push_str(&format!(" AND session_id = {sign}2"));
                    values.push(Bound::Text(session_id));
                }
                vec![Terms { table: "session_configs", key: "session_id, version", rows, most: None, values }]
            }
            Self::Expired { now } => [("approvals", "state"), ("links", "hash"), ("used_tickets", "id")]
                .map(|(table, key)| Terms {
                    table,
                    key,
                    rows: format!("expires_at <= {sign}1"),
                    most: None,
                    values: vec![Bound::Number(*now)],
                })
                .into(),
        }
    }
}

/// A statement in parts.
pub(super) struct Terms<'a> {
    table: &'static str,
    key: &'static str,
    rows: String,
    most: Option<String>,
    pub(super) values: Vec<Bound<'a>>,
}

impl Terms<'_> {
    /// Removes the rows, at most `limit` of them. A negative number of rows would be all of them to SQLite.
    pub(super) fn delete(&self, limit: u64, [least, greatest]: [&str; 2]) -> String {
        let Self { table, key, rows, most, .. } = self;
        let limit = match most {
            None => limit.to_string(),
            Some(most) => format!("{least}({limit}, {greatest}(0, {most}))"),
        };
        format!("DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE {rows} LIMIT {limit})")
    }

    /// Counts the rows.
    pub(super) fn count(&self, greatest: &str) -> String {
        let Self { table, rows, most, .. } = self;
        match most {
            None => {
                let rows = rows.split(" ORDER BY ").next().unwrap_or_default();
                format!("SELECT count(*) FROM {table} WHERE {rows}")
            }
            Some(most) => format!("SELECT {greatest}(0, {most})"),
        }
    }
}

/// The right of one process to prune; see [`Store::hold`].
pub(crate) struct Lease<'a> {
    pub(crate) name: &'a str,
    pub(crate) holder: &'a str,
    pub(crate) time: Duration,
}

/// Removes all rows that may go, in small batches, and answers how many there were.
///
/// # Errors
/// Those of the store.
pub async fn prune_all(store: &dyn Store, what: &Prune) -> Result<u64> {
    prune_under(store, what, None).await
}

/// As [`prune_all`], as long as this process has the lease.
///
/// # Errors
/// Also [`ErrorKind::Conflict`] where another process has taken over.
pub(crate) async fn prune_under(store: &dyn Store, what: &Prune, lease: Option<&Lease<'_>>) -> Result<u64> {
    let mut gone = 0;
    loop {
        let count = store.prune(what, BATCH).await?;
        gone += count;
        if count < BATCH {
            return Ok(gone);
        }
        if let Some(Lease { name, holder, time }) = lease
            && !store.hold(name, holder, *time).await?
        {
            return Err(Error::new(ErrorKind::Conflict, "another process prunes the store now"));
        }
        tokio::time::sleep(BREATH).await;
    }
}

/// Gives what was removed back to the file system, a little at a time.
///
/// # Errors
/// Those of the store.
pub async fn shrink_all(store: &dyn Store) -> Result<()> {
    while store.shrink().await? {
        tokio::time::sleep(BREATH).await;
    }
    Ok(())
}
