//! The store in one SQLite file, which several processes may share.
//!
//! Reads are made in place: in WAL mode no writer ever holds them up, and they take some ten microseconds. Writes go to another
//! thread, since another process may hold the database for a while.

mod accounts;
mod changes;
mod log;
mod pins;
mod recent;
mod upkeep;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use composio_contract::{Error, ErrorKind, Result};
use composio_vault::private;
use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, params};

use self::changes::Changes;
use self::recent::Recent;
use super::log::LogWriter;
use super::{
    AccountRow, ApprovalRow, KeyRow, Location, LogEntry, LogQuery, Prune, Revocation, SIGNING_KEY, SessionRow,
    SessionSummary, Store, VersionRow, failed, full, schema, unavailable,
};
use crate::clock;
use crate::project::Project;

/// How long a write waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// A [`Store`] in SQLite.
#[derive(Debug)]
pub struct SqliteStore {
    reader: Arc<Mutex<Connection>>,
    writer: Arc<Mutex<Connection>>,
    changes: Arc<Changes>,
    cache: Cache,
    log: LogWriter,
}

/// What every call asks for.
#[derive(Debug, Default)]
struct Cache {
    revisions: Recent<i64>,
    /// By user.
    accounts: Recent<Arc<[AccountRow]>>,
    keys: Recent<KeyRow>,
    has_keys: Recent<bool>,
    /// By session.
    revocations: Recent<Vec<Revocation>>,
}

impl SqliteStore {
    /// Opens or makes a database and brings its schema up to date.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] where it cannot be opened, is no such database, or was written by a later version.
    pub fn open(location: &Location) -> Result<Self> {
        let unusable = |error: rusqlite::Error| {
            Error::new(ErrorKind::Configuration, format!("the router's database {location} cannot be opened: {error}"))
                .with_source(error)
        };
        let (reader, writer, changes) = match location {
            Location::File(path) => {
                make_private(path)?;
                let mut writer = connect(path).map_err(unusable)?;
                migrate(&mut writer).map_err(unusable)??;
                let reader = connect(path).map_err(unusable)?;
                let changes = Changes::beside(path).map_err(|error| {
                    let message = format!("the file {location}-stamp cannot be used: {error}");
                    Error::new(ErrorKind::Configuration, message)
                        .with_suggested_fix("give it the permissions of the database")
                        .with_source(error)
                })?;
                (Arc::new(Mutex::new(reader)), Arc::new(Mutex::new(writer)), changes)
            }
            Location::Memory => {
                let mut only = Connection::open_in_memory().map_err(unusable)?;
                only.pragma_update(None, "foreign_keys", true).map_err(unusable)?;
                migrate(&mut only).map_err(unusable)??;
                let only = Arc::new(Mutex::new(only));
                (Arc::clone(&only), only, Changes::in_memory())
            }
            Location::Postgres(url) => {
                return Err(Error::new(ErrorKind::Configuration, format!("{url} is no SQLite database")));
            }
        };
        let log = LogWriter::start(log::Sink(Arc::clone(&writer))).map_err(|error| failed("start its log", error))?;
        Ok(Self { reader, writer, changes: Arc::new(changes), cache: Cache::default(), log })
    }

    fn read<T>(&self, what: &str, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        query(&lock(&self.reader)).map_err(|error| broken(what, error))
    }

    async fn write<T: Send + 'static>(
        &self,
        what: &str,
        change: impl FnOnce(&rusqlite::Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        self.write_then(what, change, || {}).await
    }

    /// A write of what is kept as [`Recent`].
    async fn change<T: Send + 'static>(
        &self,
        what: &str,
        change: impl FnOnce(&rusqlite::Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let changes = Arc::clone(&self.changes);
        self.write_then(what, change, move || changes.note()).await
    }

    /// A write that is carried to its end, with what follows it, whether or not the caller waits for it.
    async fn write_then<T: Send + 'static>(
        &self,
        what: &str,
        change: impl FnOnce(&rusqlite::Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
        then: impl FnOnce() + Send + 'static,
    ) -> Result<T> {
        let writer = Arc::clone(&self.writer);
        tokio::task::spawn_blocking(move || {
            let mut connection = lock(&writer);
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = change(&transaction)?;
            let committed = transaction.commit();
            // Also after an error, which need not mean that nothing was written.
            then();
            committed.map(|()| result)
        })
        .await
        .map_err(|error| failed(what, error))?
        .map_err(|error| broken(what, error))
    }
}

fn broken(what: &str, error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => full(what, error),
        // The index of the log that is written ahead cannot grow.
        _ if error.sqlite_error().is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE) => {
            full(what, error)
        }
        _ if is_busy(&error) => unavailable(what, error),
        _ => failed(what, error),
    }
}

/// The error of a text in a column that is none of those that can be there.
fn unreadable(column: usize, what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, what.into())
}

fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    // A transaction that a panic cut off was rolled back when it was dropped.
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sees that the database has a folder, and that it and the files beside it are their owner's alone. SQLite gives those that
/// it makes the mode of the database.
fn make_private(database: &Path) -> Result<()> {
    let failed = |what: String, fix: &str, error: std::io::Error| {
        Error::new(ErrorKind::Configuration, format!("{what}: {error}")).with_suggested_fix(fix).with_source(error)
    };
    if let Some(folder) = database.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        private::make_folder(folder).map_err(|error| {
            let what = format!("the data folder {} cannot be made", folder.display());
            failed(what, "set `router.data_dir` to a folder that can be written", error)
        })?;
    }
    let what = || format!("the router's database {} cannot be opened", database.display());
    let fix = "run the program as the user whose file it is, who alone may read it";
    private::make_file(database).map_err(|error| {
        failed(what(), "set `router.database` or `router.data_dir` to a place that can be written", error)
    })?;
    for file in beside(database) {
        private::narrow(&file).map_err(|error| failed(what(), fix, error))?;
    }
    Ok(())
}

/// A database's file, and those that SQLite and this program have beside it.
pub(crate) fn beside(database: &Path) -> impl Iterator<Item = PathBuf> {
    // SQLite has its files beside the one that a link leads to.
    let real = database.canonicalize().unwrap_or_else(|_| database.to_owned());
    let named = |path: &Path, end: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    let stamp = named(database, changes::STAMP);
    ["", "-wal", "-shm", "-journal"].into_iter().map(move |end| named(&real, end)).chain([stamp])
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(32);
    // Of a new file only, before anything is written into it.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    use_wal(&connection)?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(connection)
}

/// Two processes that first open one file at the same time both ask for WAL, and SQLite answers one of them "busy" at
/// once, whatever its time-out.
fn use_wal(connection: &Connection) -> rusqlite::Result<()> {
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if is_busy(&error) && Instant::now() < deadline => std::thread::sleep(Duration::from_millis(2)),
            other => return other,
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked))
}

fn migrate(connection: &mut Connection) -> rusqlite::Result<Result<()>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let missing = match schema::missing(version) {
        Ok(missing) => missing,
        Err(error) => return Ok(Err(error)),
    };
    for step in missing {
        transaction.execute_batch(step)?;
    }
    if !missing.is_empty() {
        transaction.pragma_update(None, "user_version", i64::try_from(schema::VERSION).unwrap_or(i64::MAX))?;
    }
    transaction.commit().map(Ok)
}

#[async_trait]
impl Store for SqliteStore {
    async fn create_session(&self, row: SessionRow) -> Result<()> {
        let now = clock::millis();
        self.write("create a session", move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO sessions (id, project, user_id, custom_tools, config_version, revision, created_at, \
                     used_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)",
                )?
                .execute(params![
                    row.session_id,
                    row.project.as_str(),
                    row.user_id,
                    row.custom_tools,
                    row.config_version,
                    row.revision,
                    now
                ])?;
            insert_version(connection, &row.session_id, row.config_version, &row.config, &row.experimental, now)
        })
        .await
    }

    async fn revision(&self, project: &Project, session_id: &str) -> Result<Option<i64>> {
        self.cache.revisions.get_or_read(&self.changes, Some(project), session_id, || {
            self.read("read a session", |connection| {
                connection
                    .prepare_cached("SELECT revision FROM sessions WHERE id = ?1 AND project = ?2")?
                    .query_row([session_id, project.as_str()], |row| row.get(0))
                    .optional()
            })
        })
    }

    async fn session(&self, project: &Project, session_id: &str) -> Result<Option<SessionRow>> {
        self.read("read a session", |connection| {
            connection
                .prepare_cached(
                    "SELECT s.id, s.user_id, c.config, c.experimental, s.custom_tools, s.config_version, s.revision \
                     FROM sessions s JOIN session_configs c ON c.session_id = s.id AND c.version = s.config_version \
                     WHERE s.id = ?1 AND s.project = ?2",
                )?
                .query_row([session_id, project.as_str()], |row| {
                    Ok(SessionRow {
                        project: project.clone(),
                        session_id: row.get(0)?,
                        user_id: row.get(1)?,
                        config: row.get(2)?,
                        experimental: row.get(3)?,
                        custom_tools: row.get(4)?,
                        config_version: row.get(5)?,
                        revision: row.get(6)?,
                    })
                })
                .optional()
        })
    }

    async fn sessions(&self, project: &Project, limit: u64) -> Result<Vec<SessionSummary>> {
        self.read("list the sessions", |connection| {
            connection
                .prepare_cached(
                    "SELECT s.id, s.user_id, s.config_version, s.created_at, last.created_at \
                     FROM sessions s JOIN session_configs last ON last.session_id = s.id AND last.version = s.config_version \
                     WHERE s.project = ?1 ORDER BY last.created_at DESC, s.id LIMIT ?2",
                )?
                .query_map(params![project.as_str(), limit.cast_signed()], |row| {
                    Ok(SessionSummary {
                        session_id: row.get(0)?,
                        user_id: row.get(1)?,
                        config_version: row.get(2)?,
                        created_at: row.get(3)?,
                        updated_at: row.get(4)?,
                    })
                })?
                .collect()
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
        let (project, session_id) = (project.clone(), session_id.to_owned());
        let now = clock::millis();
        self.change("update a session", move |connection| {
            let changed = connection
                .prepare_cached(
                    "UPDATE sessions SET config_version = ?2 + 1, revision = revision + 1 \
                     WHERE id = ?1 AND config_version = ?2 AND project = ?3",
                )?
                .execute(params![session_id, base, project.as_str()])?;
            if changed == 0 {
                return Ok(false);
            }
            insert_version(connection, &session_id, base + 1, &config, &experimental, now).map(|()| true)
        })
        .await
    }

    async fn bind_tools(&self, project: &Project, session_id: &str, custom_tools: String) -> Result<bool> {
        let (project, session_id) = (project.clone(), session_id.to_owned());
        self.change("bind custom tools", move |connection| {
            connection
                .prepare_cached(
                    "UPDATE sessions SET custom_tools = ?2, revision = revision + 1 WHERE id = ?1 AND project = ?3",
                )?
                .execute(params![session_id, custom_tools, project.as_str()])
                .map(|changed| changed > 0)
        })
        .await
    }

    async fn delete_session(&self, project: &Project, session_id: &str) -> Result<bool> {
        let (project, session_id) = (project.clone(), session_id.to_owned());
        self.change("delete a session", move |connection| {
            connection
                .prepare_cached("DELETE FROM sessions WHERE id = ?1 AND project = ?2")?
                .execute([session_id.as_str(), project.as_str()])
                .map(|removed| removed > 0)
        })
        .await
    }

    async fn config_versions(
        &self,
        project: &Project,
        session_id: &str,
        offset: u64,
        limit: u64,
    ) -> Result<(Vec<VersionRow>, u64)> {
        self.read("read a session's history", |connection| {
            let total: i64 = connection
                .prepare_cached(
                    "SELECT count(*) FROM session_configs c JOIN sessions s ON s.id = c.session_id \
                     WHERE s.id = ?1 AND s.project = ?2",
                )?
                .query_row([session_id, project.as_str()], |row| row.get(0))?;
            let rows = connection
                .prepare_cached(
                    "SELECT c.config, c.version, c.created_at \
                     FROM session_configs c JOIN sessions s ON s.id = c.session_id \
                     WHERE s.id = ?1 AND s.project = ?2 ORDER BY c.version DESC LIMIT ?3 OFFSET ?4",
                )?
                .query_map(params![session_id, project.as_str(), limit.cast_signed(), offset.cast_signed()], |row| {
                    Ok(VersionRow { config: row.get(0)?, version: row.get(1)?, created_at: row.get(2)? })
                })?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            Ok((rows, total.cast_unsigned()))
        })
    }

    async fn add_approval(&self, row: ApprovalRow) -> Result<()> {
        let now = clock::millis();
        self.write("keep an approval", move |connection| {
            connection.prepare_cached("DELETE FROM approvals WHERE expires_at <= ?1")?.execute([now])?;
            connection
                .prepare_cached(
                    "INSERT INTO approvals (state, session_id, tool_slug, arguments, expires_at) \
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![row.state, row.session_id, row.tool_slug, row.arguments, row.expires_at])
                .map(drop)
        })
        .await
    }

    async fn take_approval(&self, session_id: &str, state: &str) -> Result<Option<ApprovalRow>> {
        let (session_id, state) = (session_id.to_owned(), state.to_owned());
        self.write("read an approval", move |connection| {
            connection
                .prepare_cached(
                    "DELETE FROM approvals WHERE session_id = ?1 AND state = ?2 \
                     RETURNING state, session_id, tool_slug, arguments, expires_at",
                )?
                .query_row([session_id, state], |row| {
                    Ok(ApprovalRow {
                        state: row.get(0)?,
                        session_id: row.get(1)?,
                        tool_slug: row.get(2)?,
                        arguments: row.get(3)?,
                        expires_at: row.get(4)?,
                    })
                })
                .optional()
        })
        .await
    }

    async fn grant(&self, session_id: &str, tool_slug: &str, identity: [u8; 32]) -> Result<()> {
        let (session_id, tool_slug) = (session_id.to_owned(), tool_slug.to_owned());
        self.write("keep a grant", move |connection| {
            connection
                .prepare_cached("INSERT OR IGNORE INTO grants (session_id, identity, tool_slug) VALUES (?1, ?2, ?3)")?
                .execute(params![session_id, identity, tool_slug])
                .map(drop)
        })
        .await
    }

    async fn is_granted(&self, session_id: &str, identity: [u8; 32]) -> Result<bool> {
        self.read("read a grant", |connection| {
            connection
                .prepare_cached("SELECT 1 FROM grants WHERE session_id = ?1 AND identity = ?2")?
                .exists(params![session_id, identity])
        })
    }

    fn log(&self, entry: LogEntry) {
        self.log.send(entry);
    }

    async fn log_started(&self, entry: LogEntry) -> Result<()> {
        self.log.begin(entry).await
    }

    async fn find_log(&self, query: &LogQuery) -> Result<Vec<LogEntry>> {
        self.read("read the execution log", |connection| log::find(connection, query))
    }

    async fn log_projects(&self) -> Result<Vec<Project>> {
        self.read("list the projects of the log", upkeep::log_projects)
    }

    async fn touch_session(&self, project: &Project, session_id: &str) -> Result<()> {
        upkeep::touch(self, project, session_id).await
    }

    async fn prune(&self, what: &Prune, limit: u64) -> Result<u64> {
        upkeep::prune(self, what, limit).await
    }

    async fn count(&self, what: &Prune) -> Result<u64> {
        self.read("count what may go", |connection| upkeep::count(connection, what))
    }

    async fn shrink(&self) -> Result<bool> {
        upkeep::shrink(self).await
    }

    async fn hold(&self, name: &str, holder: &str, time: Duration) -> Result<bool> {
        upkeep::hold(self, name, holder, time).await
    }

    async fn flush(&self) -> Result<()> {
        self.log.flush().await
    }

    async fn add_key(&self, row: KeyRow) -> Result<()> {
        self.change("keep a key", move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO keys (id, project, name, hash, created_at, revoked_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute(params![row.id, row.project.as_str(), row.name, row.hash, row.created_at, row.revoked_at])
                .map(drop)
        })
        .await
    }

    async fn key(&self, id: &str) -> Result<Option<KeyRow>> {
        self.cache.keys.get_or_read(&self.changes, None, id, || {
            self.read("read a key", |connection| {
                connection
                    .prepare_cached("SELECT id, project, name, hash, created_at, revoked_at FROM keys WHERE id = ?1")?
                    .query_row([id], key)
                    .optional()
            })
        })
    }

    async fn keys(&self) -> Result<Vec<KeyRow>> {
        self.read("list the keys", |connection| {
            connection
                .prepare_cached(
                    "SELECT id, project, name, hash, created_at, revoked_at FROM keys ORDER BY created_at, id",
                )?
                .query_map([], key)?
                .collect()
        })
    }

    async fn has_keys(&self) -> Result<bool> {
        let has_keys = self.cache.has_keys.get_or_read(&self.changes, None, "", || {
            let look = |connection: &Connection| connection.prepare_cached("SELECT 1 FROM keys LIMIT 1")?.exists([]);
            self.read("look for keys", look).map(Some)
        });
        has_keys.map(Option::unwrap_or_default)
    }

    async fn revoke_key(&self, id: &str) -> Result<bool> {
        let (id, now) = (id.to_owned(), clock::millis());
        self.change("revoke a key", move |connection| {
            connection
                .prepare_cached("UPDATE keys SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL")?
                .execute(params![id, now])
                .map(|changed| changed > 0)
        })
        .await
    }

    async fn revoke_token(&self, session_id: &str, revocation: Revocation) -> Result<()> {
        let session_id = session_id.to_owned();
        self.change("revoke a token", move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO revocations (session_id, token_id, revoked_at) VALUES (?1, ?2, ?3) \
                     ON CONFLICT (session_id, token_id) DO UPDATE SET revoked_at = excluded.revoked_at",
                )?
                .execute(params![session_id, revocation.token_id, revocation.revoked_at])
                .map(drop)
        })
        .await
    }

    async fn revocations(&self, session_id: &str) -> Result<Vec<Revocation>> {
        let all = self.cache.revocations.get_or_read(&self.changes, None, session_id, || {
            self.read("read revoked tokens", |connection| {
                connection
                    .prepare_cached("SELECT token_id, revoked_at FROM revocations WHERE session_id = ?1")?
                    .query_map([session_id], |row| Ok(Revocation { token_id: row.get(0)?, revoked_at: row.get(1)? }))?
                    .collect::<rusqlite::Result<Vec<_>>>()
            })
            .map(Some)
        });
        all.map(Option::unwrap_or_default)
    }

    async fn signing_key(&self) -> Result<Option<Vec<u8>>> {
        self.read("read its signing key", |connection| {
            connection
                .prepare_cached("SELECT value FROM secrets WHERE name = ?1")?
                .query_row([SIGNING_KEY], |row| row.get(0))
                .optional()
        })
    }

    async fn keep_signing_key(&self, base: Option<Vec<u8>>, key: Vec<u8>) -> Result<bool> {
        const WHAT: &str = "keep its signing key";
        let writer = Arc::clone(&self.writer);
        let write = move || -> rusqlite::Result<bool> {
            let mut connection = lock(&writer);
            // What was there may be a key in clear: it is overwritten, in the file and in the log that is written ahead.
            connection.pragma_update(None, "secure_delete", true)?;
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let changed = match base {
                None => transaction.execute(
                    "INSERT OR IGNORE INTO secrets (name, value) VALUES (?1, ?2)",
                    params![SIGNING_KEY, key],
                )?,
                Some(base) => transaction.execute(
                    "UPDATE secrets SET value = ?2 WHERE name = ?1 AND value = ?3",
                    params![SIGNING_KEY, key, base],
                )?,
            };
            transaction.commit()?;
            connection.pragma_update(None, "secure_delete", false)?;
            let busy: bool = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
            if busy && changed > 0 {
                tracing::warn!("the former signing key stays in the database's -wal file until that is written anew");
            }
            Ok(changed > 0)
        };
        let done = tokio::task::spawn_blocking(write).await.map_err(|error| failed(WHAT, error))?;
        done.map_err(|error| broken(WHAT, error))
    }

    async fn use_ticket(&self, id: &str, expires_at: i64) -> Result<bool> {
        let (id, now) = (id.to_owned(), clock::millis());
        self.write("note a used ticket", move |connection| {
            connection.prepare_cached("DELETE FROM used_tickets WHERE expires_at <= ?1")?.execute([now])?;
            connection
                .prepare_cached("INSERT OR IGNORE INTO used_tickets (id, expires_at) VALUES (?1, ?2)")?
                .execute(params![id, expires_at])
                .map(|added| added > 0)
        })
        .await
    }

    async fn is_ticket_used(&self, id: &str) -> Result<bool> {
        self.read("look for a used ticket", |connection| {
            connection.prepare_cached("SELECT 1 FROM used_tickets WHERE id = ?1")?.exists([id])
        })
    }

    async fn count_sessions(&self, project: &Project, limit: u64) -> Result<u64> {
        self.read("count sessions", |connection| {
            let count: i64 = connection
                .prepare_cached("SELECT count(*) FROM (SELECT 1 FROM sessions WHERE project = ?1 LIMIT ?2)")?
                .query_row(params![project.as_str(), i64::try_from(limit).unwrap_or(i64::MAX)], |row| row.get(0))?;
            Ok(count.cast_unsigned())
        })
    }

    fn accounts(&self) -> Option<&dyn super::AccountStore> {
        Some(self)
    }

    fn pin_store(&self) -> &dyn super::PinStore {
        self
    }

    async fn ping(&self) -> Result<()> {
        self.read("answer", |connection| connection.prepare_cached("SELECT 1 FROM sessions LIMIT 1")?.exists([]))
            .map(drop)
    }
}

fn key(row: &Row<'_>) -> rusqlite::Result<KeyRow> {
    let project: String = row.get(1)?;
    Ok(KeyRow {
        id: row.get(0)?,
        project: Project::new(&project).map_err(|error| unreadable(1, error))?,
        name: row.get(2)?,
        hash: row.get(3)?,
        created_at: row.get(4)?,
        revoked_at: row.get(5)?,
    })
}

fn insert_version(
    connection: &Connection,
    session_id: &str,
    version: i64,
    config: &str,
    experimental: &str,
    now: i64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO session_configs (session_id, version, config, experimental, created_at) \
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![session_id, version, config, experimental, now])
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::super::{FULL, RunStatus};
    use super::*;

    fn row(id: &str, bytes: usize) -> SessionRow {
        SessionRow {
            project: Project::default(),
            session_id: id.to_owned(),
            user_id: "ada".to_owned(),
            config: "x".repeat(bytes),
            experimental: "{}".to_owned(),
            custom_tools: "{}".to_owned(),
            config_version: 1,
            revision: 1,
        }
    }

    fn entry(bytes: usize) -> LogEntry {
        LogEntry {
            id: "1".to_owned(),
            project: Project::default(),
            session_id: "trs_1".to_owned(),
            user_id: "ada".to_owned(),
            tool_slug: "TIME_NOW".to_owned(),
            status: RunStatus::Failed,
            error: Some("x".repeat(bytes)),
            arguments_size: 0,
            arguments_hash: [0; 32],
            started_at: 0,
            duration: 0,
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn the_files_of_a_database_are_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let set = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        set(folder.path(), 0o777);
        let path = folder.path().join("router.db");
        let open = || SqliteStore::open(&Location::File(path.clone())).unwrap();
        let modes = || {
            let mut modes: Vec<(String, u32)> = std::fs::read_dir(folder.path())
                .unwrap()
                .map(|entry| {
                    let entry = entry.unwrap();
                    let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
                    (entry.file_name().to_string_lossy().into_owned(), mode)
                })
                .collect();
            modes.sort();
            modes
        };
        let expected =
            ["router.db", "router.db-shm", "router.db-stamp", "router.db-wal"].map(|name| (name.to_owned(), 0o600));
        let first = open();
        first.create_session(row("trs_1", 10)).await.unwrap();
        assert_eq!(modes(), expected);
        // Wider ones are narrowed, also while another program has them open, which goes on.
        for (name, _) in &expected {
            set(&folder.path().join(name), 0o664);
        }
        let second = open();
        assert_eq!(modes(), expected);
        second.create_session(row("trs_2", 10)).await.unwrap();
        assert!(first.session(&Project::default(), "trs_2").await.unwrap().is_some());
    }

    #[tokio::test]
    async fn without_room_nothing_is_half_done_and_all_is_well_once_there_is() {
        const MUCH: usize = 1 << 20;
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&Location::File(folder.path().join("router.db"))).unwrap();
        let project = Project::default();
        store.create_session(row("trs_1", 10)).await.unwrap();
        let limit = |pages: i64| lock(&store.writer).pragma_update(None, "max_page_count", pages).unwrap();
        let pages = lock(&store.writer).pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        limit(pages);

        let update = || store.update_config(&project, "trs_1", 1, "x".repeat(MUCH), "{}".to_owned());
        let errors = [store.create_session(row("trs_2", MUCH)).await.unwrap_err(), update().await.unwrap_err(), {
            store.log(entry(MUCH));
            store.flush().await.unwrap_err()
        }];
        for error in errors {
            assert_eq!((error.slug(), error.status(), error.is_retryable()), (Some(FULL), Some(503), true), "{error}");
        }
        assert_eq!(store.session(&project, "trs_2").await.unwrap(), None);
        assert_eq!(store.session(&project, "trs_1").await.unwrap(), Some(row("trs_1", 10)));
        assert_eq!(store.config_versions(&project, "trs_1", 0, 9).await.unwrap().1, 1);

        limit(i64::from(i32::MAX));
        store.create_session(row("trs_2", MUCH)).await.unwrap();
        assert!(update().await.unwrap());
        store.flush().await.unwrap();
        assert_eq!(store.log_entries(&project, "trs_1", 9).await.unwrap(), [entry(MUCH)]);
        let check: String = lock(&store.writer).pragma_query_value(None, "integrity_check", |row| row.get(0)).unwrap();
        assert_eq!(check, "ok");
    }
}
