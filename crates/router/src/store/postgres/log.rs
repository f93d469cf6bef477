//! Log entries, a batch in one statement.

use std::borrow::Cow;

use composio_contract::Result;
use sqlx::PgConnection;
use sqlx::postgres::PgConnectOptions;
use tokio::runtime::Runtime;

use super::link::{connect, explain, statement_in_time};
use super::migrate;
use crate::store::LogEntry;
use crate::store::log::LogSink;

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
            statement_in_time(insert(connection, batch)).await.map(Ok)
        });
        done.unwrap_or_else(|error| {
            self.connection = None;
            Err(explain("write its log", &self.shown, error))
        })
    }
}

async fn insert(connection: &mut PgConnection, batch: &[LogEntry]) -> sqlx::Result<()> {
    fn column<'a, T>(batch: &'a [LogEntry], value: impl Fn(&'a LogEntry) -> T) -> Vec<T> {
        batch.iter().map(value).collect()
    }
    let statement = "INSERT INTO executions (id, project, session_id, user_id, tool_slug, status, error, arguments_size, \
                     arguments_hash, started_at, duration) SELECT * FROM unnest($1::text[], $2::text[], $3::text[], \
                     $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::bytea[], $10::bigint[], \
                     $11::bigint[]) ON CONFLICT DO NOTHING";
    sqlx::query(statement)
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

/// The one character that PostgreSQL cannot keep comes from tools and models; an entry is not lost over it.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}
