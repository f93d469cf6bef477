//! What keeps the database small.

use std::time::Duration;

use composio_contract::Result;
use sqlx::Row as _;

use super::link::{Link, Statement};
use super::{NOW, number, possible, read, read_all};
use crate::clock;
use crate::project::Project;
use crate::store::Prune;
use crate::store::log::TOUCH;
use crate::store::query::Bound;

fn bind<'q>(statement: &'q str, values: &[Bound<'q>]) -> Statement<'q> {
    values.iter().fold(sqlx::query(statement), |statement, value| match value {
        Bound::Text(text) => statement.bind(*text),
        Bound::Number(number) => statement.bind(*number),
    })
}

pub(super) async fn prune(link: &Link, what: &Prune, limit: u64) -> Result<u64> {
    let mut most = 0;
    for terms in what.terms('$') {
        let statement = terms.delete(limit, ["least", "greatest"]);
        most = most.max(link.affected("prune", bind(&statement, &terms.values)).await?);
    }
    Ok(most)
}

pub(super) async fn count(link: &Link, what: &Prune) -> Result<u64> {
    const WHAT: &str = "count what may go";
    let mut sum: u64 = 0;
    for terms in what.terms('$') {
        let statement = terms.count("greatest");
        let row = link.row(WHAT, bind(&statement, &terms.values)).await?;
        let count: Option<i64> = row.map(|row| read(WHAT, &row, |row| row.try_get(0))).transpose()?;
        sum += count.unwrap_or_default().cast_unsigned();
    }
    Ok(sum)
}

/// The distinct projects, each by one look into the index.
pub(super) async fn log_projects(link: &Link) -> Result<Vec<Project>> {
    const WHAT: &str = "list the projects of the log";
    let statement = "WITH RECURSIVE found AS ((SELECT project FROM executions ORDER BY project LIMIT 1) UNION ALL \
                     SELECT (SELECT e.project FROM executions e WHERE e.project > found.project ORDER BY e.project LIMIT 1) \
                     FROM found WHERE found.project IS NOT NULL) SELECT project FROM found WHERE project IS NOT NULL";
    read_all(WHAT, &link.rows(WHAT, sqlx::query(statement)).await?, |row| {
        Project::new(row.try_get(0)?).map_err(|error| sqlx::Error::Decode(error.into()))
    })
}

pub(super) async fn touch(link: &Link, project: &Project, session_id: &str) -> Result<()> {
    if !possible(session_id) {
        return Ok(());
    }
    let now = clock::millis();
    let due = now.saturating_sub(i64::try_from(TOUCH.as_millis()).unwrap_or(i64::MAX));
    let statement = sqlx::query("UPDATE sessions SET used_at = $3 WHERE id = $1 AND project = $2 AND used_at < $4")
        .bind(session_id)
        .bind(project.as_str())
        .bind(now)
        .bind(due);
    link.changes("note a session's use", statement).await.map(drop)
}

pub(super) async fn hold(link: &Link, name: &str, holder: &str, time: Duration) -> Result<bool> {
    let time = number(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    let statement = format!(
        "INSERT INTO leases (name, holder, held_until) VALUES ($1, $2, {NOW} + $3) ON CONFLICT (name) DO UPDATE \
         SET holder = excluded.holder, held_until = excluded.held_until \
         WHERE leases.holder = $2 OR leases.held_until <= {NOW} OR leases.held_until > {NOW} + $3"
    );
    link.changes("take a lease", sqlx::query(&statement).bind(name).bind(holder).bind(time)).await
}
