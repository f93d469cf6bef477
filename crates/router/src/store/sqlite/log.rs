//! The execution log in SQLite.

use std::sync::{Arc, Mutex};

use composio_contract::Result;
use rusqlite::{Connection, Row, ToSql, TransactionBehavior, params, params_from_iter};

use super::super::log::{LEASE, LogSink};
use super::super::query::Bound;
use super::super::{LogEntry, LogQuery, RunStatus};
use super::{broken, lock, unreadable};
use crate::clock;
use crate::project::Project;

/// Writes log entries by the same connection as all else.
pub(super) struct Sink(pub(super) Arc<Mutex<Connection>>);

impl LogSink for Sink {
    fn write(&mut self, batch: &[LogEntry]) -> Result<()> {
        write_log(&mut lock(&self.0), batch).map_err(|error| broken("write its log", error))
    }

    fn renew(&mut self, ids: &[&str]) -> Result<()> {
        renew(&mut lock(&self.0), ids).map_err(|error| broken("renew its log", error))
    }
}

fn lease() -> i64 {
    clock::millis().saturating_add(i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX))
}

fn write_log(connection: &mut Connection, batch: &[LogEntry]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut insert = transaction.prepare_cached(
            "INSERT INTO executions (id, project, session_id, user_id, tool_slug, status, error, arguments_size, \
             arguments_hash, started_at, duration, alive_until) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) \
             ON CONFLICT (id) DO UPDATE SET status = excluded.status, error = excluded.error, \
             duration = excluded.duration, alive_until = excluded.alive_until WHERE executions.status = 'started'",
        )?;
        for entry in batch {
            insert.execute(params![
                entry.id,
                entry.project.as_str(),
                entry.session_id,
                entry.user_id,
                entry.tool_slug,
                entry.status.name(),
                entry.error,
                entry.arguments_size.cast_signed(),
                entry.arguments_hash,
                entry.started_at,
                entry.duration.cast_signed(),
                (entry.status == RunStatus::Started).then(lease),
            ])?;
        }
    }
    transaction.commit()
}

fn renew(connection: &mut Connection, ids: &[&str]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut renew = transaction
            .prepare_cached("UPDATE executions SET alive_until = ?2 WHERE id = ?1 AND status = 'started'")?;
        for id in ids {
            renew.execute(params![id, lease()])?;
        }
    }
    transaction.commit()
}

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        match self {
            Self::Text(text) => text.to_sql(),
            Self::Number(number) => number.to_sql(),
        }
    }
}

/// The entries that are asked for.
pub(super) fn find(connection: &Connection, query: &LogQuery) -> rusqlite::Result<Vec<LogEntry>> {
    let (statement, values) = query.statement(&clock::millis().to_string(), '?');
    connection.prepare(&statement)?.query_map(params_from_iter(&values), |row| entry(row, &query.project))?.collect()
}

/// An entry as it is read.
fn entry(row: &Row<'_>, project: &Project) -> rusqlite::Result<LogEntry> {
    let status: String = row.get(4)?;
    let is_alive = row.get::<_, Option<bool>>(10)?.unwrap_or_default();
    Ok(LogEntry {
        id: row.get(0)?,
        project: project.clone(),
        session_id: row.get(1)?,
        user_id: row.get(2)?,
        tool_slug: row.get(3)?,
        status: RunStatus::read(&status, is_alive).ok_or_else(|| unreadable(4, format!("status {status}")))?,
        error: row.get(5)?,
        arguments_size: row.get::<_, i64>(6)?.cast_unsigned(),
        arguments_hash: row.get(7)?,
        started_at: row.get(8)?,
        duration: row.get::<_, i64>(9)?.cast_unsigned(),
    })
}
