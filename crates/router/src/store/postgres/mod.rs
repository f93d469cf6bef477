//! The store in a PostgreSQL database, which several servers may share.
//!
//! Every call is one statement, or several of which each is right alone, so that no transaction waits for a client.

mod accounts;
mod link;
mod log;
mod migrate;
mod pins;
mod upkeep;

use std::time::Duration;

use async_trait::async_trait;
use composio_contract::Result;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use tokio::runtime::Handle;

use self::link::Link;
use super::log::LogWriter;
use super::{
    AccountStore, ApprovalRow, DatabaseUrl, KeyRow, LogEntry, LogQuery, Prune, Revocation, SIGNING_KEY, SessionRow,
    SessionSummary, Store, VersionRow, failed,
};
use crate::clock;
use crate::project::Project;

/// The database's own time, so that a lease holds among servers whose clocks differ. Unlike `now()`, it is also right in a
/// statement that had to wait for another one.
const NOW: &str = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// A [`Store`] in PostgreSQL 13 or later, in a schema named `composio` of the database.
///
/// While the database is away, calls fail within moments with a retryable error, status 503, slug
/// [`UNAVAILABLE`](super::UNAVAILABLE); they go well again once it is back. What a call has acknowledged is committed. A
/// call that fails while its commit is under way may have been carried out.
#[derive(Debug)]
pub struct PostgresStore {
    link: Link,
    log: LogWriter,
}

impl PostgresStore {
    /// A store whose connections live on a runtime; its calls must be made within one. It connects and brings the schema
    /// up to date with the first call.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](composio_contract::ErrorKind::Configuration) where the URL cannot be used. That the
    /// database was written by a later version is an error of the same kind from each call.
    pub fn open(url: &DatabaseUrl, runtime: &Handle) -> Result<Self> {
        let options = link::options(url)?;
        let log = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .and_then(|runtime| {
                LogWriter::start(log::Sink {
                    runtime,
                    options: options.clone(),
                    shown: url.to_string(),
                    connection: None,
                })
            })
            .map_err(|error| failed("start its log", error))?;
        Ok(Self { link: Link::new(url, options, runtime), log })
    }
}

/// Whether there can be anything by this name. Names come from callers, and the database refuses this character.
fn possible(name: &str) -> bool {
    !name.contains('\0')
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Reads a row; what it holds was written by this program.
fn read<T>(what: &str, row: &PgRow, read: impl FnOnce(&PgRow) -> sqlx::Result<T>) -> Result<T> {
    read(row).map_err(|error| failed(what, error))
}

fn read_all<T>(what: &str, rows: &[PgRow], each: impl Fn(&PgRow) -> sqlx::Result<T>) -> Result<Vec<T>> {
    rows.iter().map(|row| read(what, row, &each)).collect()
}

#[async_trait]
impl Store for PostgresStore {
    async fn create_session(&self, row: SessionRow) -> Result<()> {
        let statement = sqlx::query(
            "WITH session AS (INSERT INTO sessions (id, project, user_id, custom_tools, config_version, revision, created_at, \
             used_at) VALUES ($1, $2, $3, $4, $5, $6, $9, $9) RETURNING id, config_version) \
             INSERT INTO session_configs (session_id, version, config, experimental, created_at) \
             SELECT id, config_version, $7, $8, $9 FROM session",
        )
        .bind(row.session_id)
        .bind(row.project.as_str())
        .bind(row.user_id)
        .bind(row.custom_tools)
        .bind(row.config_version)
        .bind(row.revision)
        .bind(row.config)
        .bind(row.experimental)
        .bind(clock::millis());
        self.link.changes("create a session", statement).await.map(drop)
    }

    async fn revision(&self, project: &Project, session_id: &str) -> Result<Option<i64>> {
        const WHAT: &str = "read a session";
        if !possible(session_id) {
            return Ok(None);
        }
        let statement = sqlx::query("SELECT revision FROM sessions WHERE id = $1 AND project = $2")
            .bind(session_id)
            .bind(project.as_str());
        let row = self.link.row(WHAT, statement).await?;
        row.map(|row| read(WHAT, &row, |row| row.try_get(0))).transpose()
    }

    async fn session(&self, project: &Project, session_id: &str) -> Result<Option<SessionRow>> {
        const WHAT: &str = "read a session";
        if !possible(session_id) {
            return Ok(None);
        }
        let statement = sqlx::query(
            "SELECT s.id, s.user_id, c.config, c.experimental, s.custom_tools, s.config_version, s.revision \
             FROM sessions s JOIN session_configs c ON c.session_id = s.id AND c.version = s.config_version \
             WHERE s.id = $1 AND s.project = $2",
        )
        .bind(session_id)
        .bind(project.as_str());
        let row = self.link.row(WHAT, statement).await?;
        let session = |row: &PgRow| {
            Ok(SessionRow {
                project: project.clone(),
                session_id: row.try_get(0)?,
                user_id: row.try_get(1)?,
                config: row.try_get(2)?,
                experimental: row.try_get(3)?,
                custom_tools: row.try_get(4)?,
                config_version: row.try_get(5)?,
                revision: row.try_get(6)?,
            })
        };
        row.map(|row| read(WHAT, &row, session)).transpose()
    }

    async fn sessions(&self, project: &Project, limit: u64) -> Result<Vec<SessionSummary>> {
        const WHAT: &str = "list the sessions";
        let statement = sqlx::query(
            "SELECT s.id, s.user_id, s.config_version, s.created_at, last.created_at \
             FROM sessions s JOIN session_configs last ON last.session_id = s.id AND last.version = s.config_version \
             WHERE s.project = $1 ORDER BY last.created_at DESC, s.id LIMIT $2",
        )
        .bind(project.as_str())
        .bind(number(limit));
        read_all(WHAT, &self.link.rows(WHAT, statement).await?, |row| {
            Ok(SessionSummary {
                session_id: row.try_get(0)?,
                user_id: row.try_get(1)?,
                config_version: row.try_get(2)?,
                created_at: row.try_get(3)?,
                updated_at: row.try_get(4)?,
            })
        })
    }

    async fn update_config(
        &self,
        project: &Project,
        session_id: &str,
        base: i64,
        config: String,
        experimental: String,
    ) -> Result<bool> {
        let statement = sqlx::query(
            "WITH session AS (UPDATE sessions SET config_version = $2 + 1, revision = revision + 1 \
             WHERE id = $1 AND config_version = $2 AND project = $3 RETURNING id, config_version) \
             INSERT INTO session_configs (session_id, version, config, experimental, created_at) \
             SELECT id, config_version, $4, $5, $6 FROM session",
        )
        .bind(session_id)
        .bind(base)
        .bind(project.as_str())
        .bind(config)
        .bind(experimental)
        .bind(clock::millis());
        self.link.changes("update a session", statement).await
    }

    async fn bind_tools(&self, project: &Project, session_id: &str, custom_tools: String) -> Result<bool> {
        let statement = sqlx::query(
            "UPDATE sessions SET custom_tools = $2, revision = revision + 1 WHERE id = $1 AND project = $3",
        )
        .bind(session_id)
        .bind(custom_tools)
        .bind(project.as_str());
        self.link.changes("bind custom tools", statement).await
    }

    async fn delete_session(&self, project: &Project, session_id: &str) -> Result<bool> {
        if !possible(session_id) {
            return Ok(false);
        }
        let statement =
            sqlx::query("DELETE FROM sessions WHERE id = $1 AND project = $2").bind(session_id).bind(project.as_str());
        self.link.changes("delete a session", statement).await
    }

    async fn config_versions(
        &self,
        project: &Project,
        session_id: &str,
        offset: u64,
        limit: u64,
    ) -> Result<(Vec<VersionRow>, u64)> {
        const WHAT: &str = "read a session's history";
        if !possible(session_id) {
            return Ok((Vec::new(), 0));
        }
        let statement = sqlx::query(
            "SELECT c.config, c.version, c.created_at \
             FROM session_configs c JOIN sessions s ON s.id = c.session_id \
             WHERE s.id = $1 AND s.project = $2 ORDER BY c.version DESC LIMIT $3 OFFSET $4",
        )
        .bind(session_id)
        .bind(project.as_str())
        .bind(number(limit))
        .bind(number(offset));
        let rows = read_all(WHAT, &self.link.rows(WHAT, statement).await?, |row| {
            Ok(VersionRow { config: row.try_get(0)?, version: row.try_get(1)?, created_at: row.try_get(2)? })
        })?;
        let statement = sqlx::query(
            "SELECT count(*) FROM session_configs c JOIN sessions s ON s.id = c.session_id \
             WHERE s.id = $1 AND s.project = $2",
        )
        .bind(session_id)
        .bind(project.as_str());
        let total = self.link.row(WHAT, statement).await?;
        let total: Option<i64> = total.map(|row| read(WHAT, &row, |row| row.try_get(0))).transpose()?;
        Ok((rows, total.unwrap_or_default().cast_unsigned()))
    }

    async fn add_approval(&self, row: ApprovalRow) -> Result<()> {
        let statement = sqlx::query(
            "WITH lapsed AS (DELETE FROM approvals WHERE state IN \
             (SELECT state FROM approvals WHERE expires_at <= $6 FOR UPDATE SKIP LOCKED)) \
             INSERT INTO approvals (state, session_id, tool_slug, arguments, expires_at) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(row.state)
        .bind(row.session_id)
        .bind(row.tool_slug)
        .bind(row.arguments)
        .bind(row.expires_at)
        .bind(clock::millis());
        self.link.changes("keep an approval", statement).await.map(drop)
    }

    async fn take_approval(&self, session_id: &str, state: &str) -> Result<Option<ApprovalRow>> {
        const WHAT: &str = "read an approval";
        if !possible(state) {
            return Ok(None);
        }
        let statement = sqlx::query(
            "DELETE FROM approvals WHERE session_id = $1 AND state = $2 \
             RETURNING state, session_id, tool_slug, arguments, expires_at",
        )
        .bind(session_id)
        .bind(state);
        let row = self.link.row(WHAT, statement).await?;
        let approval = |row: &PgRow| {
            Ok(ApprovalRow {
                state: row.try_get(0)?,
                session_id: row.try_get(1)?,
                tool_slug: row.try_get(2)?,
                arguments: row.try_get(3)?,
                expires_at: row.try_get(4)?,
            })
        };
        row.map(|row| read(WHAT, &row, approval)).transpose()
    }

    async fn grant(&self, session_id: &str, tool_slug: &str, identity: [u8; 32]) -> Result<()> {
        let statement = sqlx::query(
            "INSERT INTO grants (session_id, identity, tool_slug) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        )
        .bind(session_id)
        .bind(identity)
        .bind(tool_slug);
        self.link.changes("keep a grant", statement).await.map(drop)
    }

    async fn is_granted(&self, session_id: &str, identity: [u8; 32]) -> Result<bool> {
        let statement =
            sqlx::query("SELECT 1 FROM grants WHERE session_id = $1 AND identity = $2").bind(session_id).bind(identity);
        Ok(self.link.row("read a grant", statement).await?.is_some())
    }

    fn log(&self, entry: LogEntry) {
        self.log.send(entry);
    }

    async fn log_started(&self, entry: LogEntry) -> Result<()> {
        self.log.begin(entry).await
    }

    async fn find_log(&self, query: &LogQuery) -> Result<Vec<LogEntry>> {
        log::find(&self.link, query).await
    }

    async fn log_projects(&self) -> Result<Vec<Project>> {
        upkeep::log_projects(&self.link).await
    }

    async fn touch_session(&self, project: &Project, session_id: &str) -> Result<()> {
        upkeep::touch(&self.link, project, session_id).await
    }

    async fn prune(&self, what: &Prune, limit: u64) -> Result<u64> {
        upkeep::prune(&self.link, what, limit).await
    }

    async fn count(&self, what: &Prune) -> Result<u64> {
        upkeep::count(&self.link, what).await
    }

    /// The database itself makes room for later rows.
    async fn shrink(&self) -> Result<bool> {
        Ok(false)
    }

    async fn hold(&self, name: &str, holder: &str, time: Duration) -> Result<bool> {
        upkeep::hold(&self.link, name, holder, time).await
    }

    async fn flush(&self) -> Result<()> {
        self.log.flush().await
    }

    async fn add_key(&self, row: KeyRow) -> Result<()> {
        let statement = sqlx::query(
            "INSERT INTO keys (id, project, name, hash, created_at, revoked_at) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(row.id)
        .bind(row.project.as_str())
        .bind(row.name)
        .bind(row.hash)
        .bind(row.created_at)
        .bind(row.revoked_at);
        self.link.changes("keep a key", statement).await.map(drop)
    }

    async fn key(&self, id: &str) -> Result<Option<KeyRow>> {
        const WHAT: &str = "read a key";
        if !possible(id) {
            return Ok(None);
        }
        let statement =
            sqlx::query("SELECT id, project, name, hash, created_at, revoked_at FROM keys WHERE id = $1").bind(id);
        let row = self.link.row(WHAT, statement).await?;
        row.map(|row| read(WHAT, &row, key)).transpose()
    }

    async fn keys(&self) -> Result<Vec<KeyRow>> {
        const WHAT: &str = "list the keys";
        let statement =
            sqlx::query("SELECT id, project, name, hash, created_at, revoked_at FROM keys ORDER BY created_at, id");
        read_all(WHAT, &self.link.rows(WHAT, statement).await?, key)
    }

    async fn has_keys(&self) -> Result<bool> {
        let statement = sqlx::query("SELECT 1 FROM keys LIMIT 1");
        Ok(self.link.row("look for keys", statement).await?.is_some())
    }

    async fn revoke_key(&self, id: &str) -> Result<bool> {
        if !possible(id) {
            return Ok(false);
        }
        let statement = sqlx::query("UPDATE keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL")
            .bind(id)
            .bind(clock::millis());
        self.link.changes("revoke a key", statement).await
    }

    async fn revoke_token(&self, session_id: &str, revocation: Revocation) -> Result<()> {
        let statement = sqlx::query(
            "INSERT INTO revocations (session_id, token_id, revoked_at) VALUES ($1, $2, $3) \
             ON CONFLICT (session_id, token_id) DO UPDATE SET revoked_at = excluded.revoked_at",
        )
        .bind(session_id)
        .bind(revocation.token_id)
        .bind(revocation.revoked_at);
        self.link.changes("revoke a token", statement).await.map(drop)
    }

    async fn revocations(&self, session_id: &str) -> Result<Vec<Revocation>> {
        const WHAT: &str = "read revoked tokens";
        if !possible(session_id) {
            return Ok(Vec::new());
        }
        let statement =
            sqlx::query("SELECT token_id, revoked_at FROM revocations WHERE session_id = $1").bind(session_id);
        let rows = self.link.rows(WHAT, statement).await?;
        rows.iter()
            .map(|row| read(WHAT, row, |row| Ok(Revocation { token_id: row.try_get(0)?, revoked_at: row.try_get(1)? })))
            .collect()
    }

    async fn signing_key(&self) -> Result<Option<Vec<u8>>> {
        const WHAT: &str = "read its signing key";
        let statement = sqlx::query("SELECT value FROM secrets WHERE name = $1").bind(SIGNING_KEY);
        let row = self.link.row(WHAT, statement).await?;
        row.map(|row| read(WHAT, &row, |row| row.try_get(0))).transpose()
    }

    async fn keep_signing_key(&self, base: Option<Vec<u8>>, key: Vec<u8>) -> Result<bool> {
        let statement = match base {
            None => sqlx::query("INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                .bind(SIGNING_KEY)
                .bind(key),
            Some(base) => sqlx::query("UPDATE secrets SET value = $2 WHERE name = $1 AND value = $3")
                .bind(SIGNING_KEY)
                .bind(key)
                .bind(base),
        };
        self.link.changes("keep its signing key", statement).await
    }

    async fn use_ticket(&self, id: &str, expires_at: i64) -> Result<bool> {
        let statement = sqlx::query(
            "WITH lapsed AS (DELETE FROM used_tickets WHERE id IN \
             (SELECT id FROM used_tickets WHERE expires_at <= $3 FOR UPDATE SKIP LOCKED)) \
             INSERT INTO used_tickets (id, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        )
        .bind(id)
        .bind(expires_at)
        .bind(clock::millis());
        self.link.changes("note a used ticket", statement).await
    }

    async fn is_ticket_used(&self, id: &str) -> Result<bool> {
        let statement = sqlx::query("SELECT 1 FROM used_tickets WHERE id = $1").bind(id);
        Ok(self.link.row("look for a used ticket", statement).await?.is_some())
    }

    async fn count_sessions(&self, project: &Project, limit: u64) -> Result<u64> {
        const WHAT: &str = "count sessions";
        let statement = sqlx::query("SELECT count(*) FROM (SELECT 1 FROM sessions WHERE project = $1 LIMIT $2) s")
            .bind(project.as_str())
            .bind(number(limit));
        let count = self.link.row(WHAT, statement).await?;
        let count: Option<i64> = count.map(|row| read(WHAT, &row, |row| row.try_get(0))).transpose()?;
        Ok(count.unwrap_or_default().cast_unsigned())
    }

    fn accounts(&self) -> Option<&dyn AccountStore> {
        Some(self)
    }

    fn pin_store(&self) -> &dyn super::PinStore {
        self
    }

    async fn ping(&self) -> Result<()> {
        self.link.row("answer", sqlx::query("SELECT 1 FROM sessions LIMIT 1")).await.map(drop)
    }
}

fn key(row: &PgRow) -> sqlx::Result<KeyRow> {
    let project: &str = row.try_get(1)?;
    Ok(KeyRow {
        id: row.try_get(0)?,
        project: Project::new(project).map_err(|error| sqlx::Error::Decode(error.into()))?,
        name: row.try_get(2)?,
        hash: row.try_get(3)?,
        created_at: row.try_get(4)?,
        revoked_at: row.try_get(5)?,
    })
}
