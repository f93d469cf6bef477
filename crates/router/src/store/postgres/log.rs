//! Log entries, a batch in one statement.

use std::borrow::Cow;

use composio_contract::Result;
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{PgConnection, Row as _};
use tokio::runtime::Runtime;

use super::link::{Link, connect, explain, statement_in_time};
use super::migrate;
use super::{NOW, possible, read_all};
use crate::project::Project;
use crate::store::log::{LEASE, LogSink};
use crate::store::query::Bound;
use crate::store::{LogEntry, LogQuery, RunStatus};

/// Writes by a connection of its own, on a runtime of its own: the end of a store waits for it, also on a thread that
/// drives the runtime of everything else.
pub(super) struct Sink {
    pub(super) runtime: Runtime,
    pub(super) options: PgConnectOptions,
    pub(super) shown: String,
    pub(super) connection: Option<PgConnection>,
}

impl LogSink for Sink {
    fn write(&mut self, batch: &[LogEntry]) -> Result<()> {
        self.run("write its log", async |connection| insert(connection, batch).await)
    }

    fn renew(&mut self, ids: &[&str]) -> Result<()> {
        self.run("renew its log", async |connection| renew(connection, ids).await)
    }
}

impl Sink {
    fn run(&mut self, what: &str, work: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<()>) -> Result<()> {
        let (options, kept) = (&self.options, &mut self.connection);
        let done = self.runtime.block_on(async {
            let connection = match kept {
                Some(connection) => connection,
                None => {
                    let mut connection = connect(options).await?;
                    if let Err(error) = statement_in_time(migrate::run(&mut connection)).await? {
                        return Ok(Err(error));
                    }
                    kept.insert(connection)
                }
            };
            statement_in_time(work(connection)).await.map(Ok)
        });
        done.unwrap_or_else(|error| {
            self.connection = None;
            Err(explain(what, &self.shown, error))
        })
    }
}

async fn insert(connection: &mut PgConnection, batch: &[LogEntry]) -> sqlx::Result<()> {
    fn column<'a, T>(batch: &'a [LogEntry], value: impl Fn(&'a LogEntry) -> T) -> Vec<T> {
        batch.iter().map(value).collect()
    }
    // Of the entries with one id the first counts, as if each had a statement of its own; but a start gives way to an end.
    let statement = format!(
        "INSERT INTO executions (id, project, session_id, user_id, tool_slug, status, error, arguments_size, \
         arguments_hash, started_at, duration, alive_until) \
         SELECT DISTINCT ON (id) id, project, session_id, user_id, tool_slug, status, error, arguments_size, arguments_hash, \
         started_at, duration, CASE status WHEN 'started' THEN {NOW} + {} END \
         FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], \
         $9::bytea[], $10::bigint[], $11::bigint[]) WITH ORDINALITY AS entry (id, project, session_id, user_id, tool_slug, \
         status, error, arguments_size, arguments_hash, started_at, duration, place) ORDER BY id, status = 'started', place \
         ON CONFLICT (id) DO UPDATE SET status = excluded.status, error = excluded.error, duration = excluded.duration, \
         alive_until = excluded.alive_until WHERE executions.status = 'started'",
        LEASE.as_millis()
    );
    sqlx::query(&statement)
        .bind(column(batch, |entry| entry.id.as_str()))
        .bind(column(batch, |entry| entry.project.as_str()))
        .bind(column(batch, |entry| entry.session_id.as_str()))
        .bind(column(batch, |entry| entry.user_id.as_str()))
        .bind(column(batch, |entry| plain(&entry.tool_slug)))
        .bind(column(batch, |entry| entry.status.name()))
        .bind(column(batch, |entry| entry.error.as_deref().map(plain)))
        .bind(column(batch, |entry| entry.arguments_size.cast_signed()))
        .bind(column(batch, |entry| entry.arguments_hash.as_slice()))
        .bind(column(batch, |entry| entry.started_at))
        .bind(column(batch, |entry| entry.duration.cast_signed()))
        .execute(connection)
        .await
        .map(drop)
}

async fn renew(connection: &mut PgConnection, ids: &[&str]) -> sqlx::Result<()> {
    let statement = format!(
        "UPDATE executions SET alive_until = {NOW} + {} WHERE id = ANY($1::text[]) AND status = 'started'",
        LEASE.as_millis()
    );
    sqlx::query(&statement).bind(ids).execute(connection).await.map(drop)
}

/// The entries that are asked for.
pub(super) async fn find(link: &Link, query: &LogQuery) -> Result<Vec<LogEntry>> {
    const WHAT: &str = "read the execution log";
    let (statement, values) = query.statement(NOW, '$');
    if values.iter().any(|value| matches!(value, Bound::Text(text) if !possible(text))) {
        return Ok(Vec::new());
    }
    let statement = values.iter().fold(sqlx::query(&statement), |statement, value| match value {
        Bound::Text(text) => statement.bind(*text),
        Bound::Number(number) => statement.bind(*number),
    });
    read_all(WHAT, &link.rows(WHAT, statement).await?, |row| entry(row, &query.project))
}

fn entry(row: &PgRow, project: &Project) -> sqlx::Result<LogEntry> {
    let status: &str = row.try_get(4)?;
    let is_alive = row.try_get::<Option<bool>, _>(10)?.unwrap_or_default();
    Ok(LogEntry {
        id: row.try_get(0)?,
        project: project.clone(),
        session_id: row.try_get(1)?,
        user_id: row.try_get(2)?,
        tool_slug: row.try_get(3)?,
        status: RunStatus::read(status, is_alive)
            .ok_or_else(|| sqlx::Error::Decode(format!("there is no status {status}").into()))?,
        error: row.try_get(5)?,
        arguments_size: row.try_get::<i64, _>(6)?.cast_unsigned(),
        arguments_hash: row.try_get(7)?,
        started_at: row.try_get(8)?,
        duration: row.try_get::<i64, _>(9)?.cast_unsigned(),
    })
}

/// The one character that PostgreSQL cannot keep comes from tools and models; an entry is not lost over it.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}
