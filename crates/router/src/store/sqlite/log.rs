//! The execution log in SQLite.

use std::sync::{Arc, Mutex};

use composio_contract::Result;
use rusqlite::{Connection, Row, TransactionBehavior, params};

use super::super::log::LogSink;
use super::super::{LogEntry, RunStatus};
use super::{broken, lock, unreadable};
use crate::project::Project;

/// Writes log entries by the same connection as all else.
pub(super) struct Sink(pub(super) Arc<Mutex<Connection>>);

impl LogSink for Sink {
    fn write(&mut self, batch: &[LogEntry]) -> Result<()> {
        write_log(&mut lock(&self.0), batch).map_err(|error| broken("write its log", error))
    }
}

fn write_log(connection: &mut Connection, batch: &[LogEntry]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut insert = transaction.prepare_cached(
            "INSERT INTO executions (id, project, session_id, user_id, tool_slug, status, error, arguments_size, \
             arguments_hash, started_at, duration) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
             ON CONFLICT DO NOTHING",
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
            ])?;
        }
    }
    transaction.commit()
}

/// An entry as it is read.
pub(super) fn entry(row: &Row<'_>, project: &Project) -> rusqlite::Result<LogEntry> {
    let status: String = row.get(4)?;
    Ok(LogEntry {
        id: row.get(0)?,
        project: project.clone(),
        session_id: row.get(1)?,
        user_id: row.get(2)?,
        tool_slug: row.get(3)?,
        status: RunStatus::from_name(&status).ok_or_else(|| unreadable(4, format!("status {status}")))?,
        error: row.get(5)?,
        arguments_size: row.get::<_, i64>(6)?.cast_unsigned(),
        arguments_hash: row.get(7)?,
        started_at: row.get(8)?,
        duration: row.get::<_, i64>(9)?.cast_unsigned(),
    })
}
