//! What outlives a process: sessions and the history of their configuration, approvals, and the execution log.

mod accounts;
mod location;
mod log;
mod pins;
#[cfg(feature = "postgres")]
mod postgres;
mod query;
pub(crate) mod retention;
mod schema;
mod sqlite;
mod tokens;

use async_trait::async_trait;
use composio_contract::{Error, ErrorKind, Result};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

use crate::project::Project;

pub use accounts::{AccountRow, AccountStatus, AccountStore, LinkRow};
pub(crate) use location::in_folder;
pub use location::{DatabaseUrl, Location};
pub use pins::{PinChange, PinRow, PinStore, PinnedDefinition, PinnedDefinitions};
#[cfg(feature = "postgres")]
pub use postgres::PostgresStore;
pub use query::LogQuery;
pub use retention::{Prune, prune_all, shrink_all};
pub use sqlite::SqliteStore;
pub(crate) use sqlite::beside;
pub use tokens::Revocation;

/// The slug of the error, with status 503, of a store that does not answer. The same call may succeed later.
pub const UNAVAILABLE: &str = "StoreUnavailable";
/// The slug of the error, with status 503, of a store that has no room. Nothing was changed; the same call succeeds once
/// there is room again.
pub const FULL: &str = "StoreFull";

/// A session as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionRow {
    /// The project it belongs to.
    pub project: Project,
    /// The session's id.
    pub session_id: String,
    /// Whom it acts for.
    pub user_id: String,
    /// Its configuration, a [`composio_contract::SessionConfig`] as JSON.
    pub config: String,
    /// What the configuration leaves out of replies, a [`composio_contract::ExperimentalSettings`] as JSON.
    pub experimental: String,
    /// The custom tools bound to it, a [`composio_contract::CustomTools`] as JSON.
    pub custom_tools: String,
    /// Counts up with each change of the configuration, from 1.
    pub config_version: i64,
    /// Counts up with each change of anything above.
    pub revision: i64,
}

/// What a list says about a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionSummary {
    /// The session's id.
    pub session_id: String,
    /// Whom it acts for.
    pub user_id: String,
    /// Counts up with each change of the configuration, from 1.
    pub config_version: i64,
    /// When it was made, milliseconds since 1970.
    pub created_at: i64,
    /// When its configuration came into force, milliseconds since 1970.
    pub updated_at: i64,
}

/// One version of a session's configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionRow {
    /// The configuration as JSON.
    pub config: String,
    /// Its number.
    pub version: i64,
    /// When it came into force, milliseconds since 1970.
    pub created_at: i64,
}

/// A question to the user that waits for its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalRow {
    /// The token that the answer must carry.
    pub state: String,
    /// The session it was asked in.
    pub session_id: String,
    /// What was to run.
    pub tool_slug: String,
    /// Fingerprint of what the user was asked about: arguments, definitions and accounts.
    pub arguments: [u8; 32],
    /// When the question lapses, milliseconds since 1970.
    pub expires_at: i64,
}

/// One run of a tool. The arguments themselves are not kept, nor is what the tool returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// The entry's id.
    pub id: String,
    /// The session's project.
    pub project: Project,
    /// The session.
    pub session_id: String,
    /// The session's user.
    pub user_id: String,
    /// The tool.
    pub tool_slug: String,
    /// How it ended.
    pub status: RunStatus,
    /// Why it failed, at most 2 KB, in the router's own words: what a tool, an API or a caller wrote is only told by its size
    /// and hash, since it may repeat arguments.
    pub error: Option<String>,
    /// Bytes of the arguments as JSON.
    pub arguments_size: u64,
    /// SHA-256 of the arguments in canonical form.
    pub arguments_hash: [u8; 32],
    /// Milliseconds since 1970.
    pub started_at: i64,
    /// Microseconds.
    pub duration: u64,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// It has not ended yet. Only calls that may change something are logged before they end.
    Started,
    /// The process that ran it ended first, so that nobody knows what became of it. Such an entry is stored as one that has
    /// started; it is read as this once nobody renews it any more.
    Interrupted,
    /// The tool did its work.
    Completed,
    /// The tool, or the way to it, failed.
    Failed,
    /// The session's settings or the user refused it.
    Refused,
}

impl RunStatus {
    /// The name it is stored by.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Interrupted => "interrupted",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }

    /// Every status.
    pub const ALL: [Self; 5] = [Self::Started, Self::Interrupted, Self::Completed, Self::Failed, Self::Refused];

    /// The status of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// What a stored status means, by whether somebody has said of late that the run is under way.
    fn read(name: &str, is_alive: bool) -> Option<Self> {
        match Self::from_name(name) {
            Some(Self::Started) if !is_alive => Some(Self::Interrupted),
            status => status,
        }
    }
}

/// A key that lets callers in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    /// The key's id, which is no secret.
    pub id: String,
    /// The project whose calls it lets in.
    pub project: Project,
    /// What people know it by.
    pub name: String,
    /// SHA-256 of its secret part; the secret itself is kept nowhere.
    pub hash: [u8; 32],
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// When it was revoked, milliseconds since 1970.
    pub revoked_at: Option<i64>,
}

/// Where the router keeps its state. Several processes may share one.
///
/// Whatever names a session takes its project too, and finds nothing where the session belongs to another. Approvals
/// and grants are asked for only in a session that was found that way.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync {
    /// Adds a session, with its configuration as version 1.
    async fn create_session(&self, row: SessionRow) -> Result<()>;

    /// The session's [`SessionRow::revision`]; none where there is no such session. Cheap.
    async fn revision(&self, project: &Project, session_id: &str) -> Result<Option<i64>>;

    /// A session.
    async fn session(&self, project: &Project, session_id: &str) -> Result<Option<SessionRow>>;

    /// A project's sessions, at most `limit`, those changed last first.
    async fn sessions(&self, project: &Project, limit: u64) -> Result<Vec<SessionSummary>>;

    /// Puts a new version of the configuration in force, if `base` is still the one in force; answers whether it was.
    async fn update_config(
        &self,
        project: &Project,
        session_id: &str,
        base: i64,
        config: String,
        experimental: String,
    ) -> Result<bool>;

    /// Replaces the session's custom tools, and answers whether there is such a session.
    async fn bind_tools(&self, project: &Project, session_id: &str, custom_tools: String) -> Result<bool>;

    /// Removes a session and what belongs to it, its log entries excepted, and answers whether there was one.
    async fn delete_session(&self, project: &Project, session_id: &str) -> Result<bool>;

    /// Versions of a session's configuration, newest first, and how many there are.
    async fn config_versions(
        &self,
        project: &Project,
        session_id: &str,
        offset: u64,
        limit: u64,
    ) -> Result<(Vec<VersionRow>, u64)>;

    /// Keeps a question to the user, and forgets those that have lapsed.
    async fn add_approval(&self, row: ApprovalRow) -> Result<()>;

    /// Takes a question out; a second time there is none.
    async fn take_approval(&self, session_id: &str, state: &str) -> Result<Option<ApprovalRow>>;

    /// Remembers that the user lets this session run a tool without asking again. The identity is a hash of what exactly was
    /// granted: the tool, its definition, the account.
    async fn grant(&self, session_id: &str, tool_slug: &str, identity: [u8; 32]) -> Result<()>;

    /// Whether [`Store::grant`] was called with this identity.
    async fn is_granted(&self, session_id: &str, identity: [u8; 32]) -> Result<bool>;

    /// Adds to the execution log. Returns at once; the entry is written within milliseconds and certainly by
    /// [`Store::flush`]. A process that is killed loses the entries of those milliseconds.
    fn log(&self, entry: LogEntry);

    /// Adds an entry of a run that is about to begin, and returns once it is committed. [`Store::log`] with the same id ends it.
    /// Until then the store says of itself that the run is under way, so that other processes can tell it from one whose process
    /// was killed.
    async fn log_started(&self, entry: LogEntry) -> Result<()>;

    /// The newest entries of a session's log, newest first.
    async fn log_entries(&self, project: &Project, session_id: &str, limit: u64) -> Result<Vec<LogEntry>> {
        let mut query = LogQuery::newest(project.clone(), limit);
        query.session_id = Some(session_id.to_owned());
        self.find_log(&query).await
    }

    /// Entries of the execution log.
    async fn find_log(&self, query: &LogQuery) -> Result<Vec<LogEntry>>;

    /// The projects that have entries in the execution log.
    async fn log_projects(&self) -> Result<Vec<Project>>;

    /// Notes that a session is used, to within an hour.
    async fn touch_session(&self, project: &Project, session_id: &str) -> Result<()>;

    /// Removes rows that may go, at most `limit` of each table, and answers how many went.
    async fn prune(&self, what: &Prune, limit: u64) -> Result<u64>;

    /// How many rows may go.
    async fn count(&self, what: &Prune) -> Result<u64>;

    /// Gives a little of the room that removed rows had back to the file system, and answers whether there is more.
    async fn shrink(&self) -> Result<bool>;

    /// Takes or renews the right to do something that one process at a time does, and answers whether `holder` has it.
    async fn hold(&self, name: &str, holder: &str, time: Duration) -> Result<bool>;

    /// Waits until every log entry is written.
    async fn flush(&self) -> Result<()>;

    /// Adds a key.
    async fn add_key(&self, row: KeyRow) -> Result<()>;

    /// A key by its id, revoked or not. Cheap.
    async fn key(&self, id: &str) -> Result<Option<KeyRow>>;

    /// Every key, also those revoked, oldest first.
    async fn keys(&self) -> Result<Vec<KeyRow>>;

    /// Whether a key was ever made. Cheap.
    async fn has_keys(&self) -> Result<bool>;

    /// Revokes a key, and answers whether there was one that was not revoked.
    async fn revoke_key(&self, id: &str) -> Result<bool>;

    /// Notes that a token of a session is revoked. Of the same token, or of all, the later note holds.
    async fn revoke_token(&self, session_id: &str, revocation: Revocation) -> Result<()>;

    /// The revoked tokens of a session. Cheap.
    async fn revocations(&self, session_id: &str) -> Result<Vec<Revocation>>;

    /// What processes that share the store sign with, as [`Store::keep_signing_key`] was given it last. Cheap.
    async fn signing_key(&self) -> Result<Option<Vec<u8>>>;

    /// Keeps what is signed with: sealed, in a store that outlives its program. Answers whether it did, which it does only if what
    /// is kept is still `base`. Of that nothing is left.
    async fn keep_signing_key(&self, base: Option<Vec<u8>>, key: Vec<u8>) -> Result<bool>;

    /// Notes that a ticket was used, until it lapses, and answers whether it was not used before. Forgets tickets that
    /// have lapsed.
    async fn use_ticket(&self, id: &str, expires_at: i64) -> Result<bool>;

    /// Whether [`Store::use_ticket`] was called for a ticket.
    async fn is_ticket_used(&self, id: &str) -> Result<bool>;

    /// How many sessions a project has; counting stops at `limit`.
    async fn count_sessions(&self, project: &Project, limit: u64) -> Result<u64>;

    /// Where connected accounts are kept; a store that has no place for them answers none.
    fn accounts(&self) -> Option<&dyn AccountStore> {
        None
    }

    /// Where the definitions of tools are pinned.
    fn pin_store(&self) -> &dyn PinStore;

    /// Whether the store answers.
    async fn ping(&self) -> Result<()>;
}

/// Opens a store. One on PostgreSQL connects with its first call, and its connections live on the runtime.
///
/// # Errors
/// [`ErrorKind::Configuration`] where it cannot be opened; see [`SqliteStore::open`] and `PostgresStore::open`.
pub fn open(location: &Location, runtime: &Handle) -> Result<Arc<dyn Store>> {
    match location {
        #[cfg(feature = "postgres")]
        Location::Postgres(url) => Ok(Arc::new(PostgresStore::open(url, runtime)?)),
        #[cfg(not(feature = "postgres"))]
        Location::Postgres(_) => {
            let _ = runtime;
            Err(Error::new(ErrorKind::Configuration, "this program was built without PostgreSQL")
                .with_suggested_fix("set `router.database` to a file, or build it with the feature `postgres`"))
        }
        _ => Ok(Arc::new(SqliteStore::open(location)?)),
    }
}

/// The name under which [`Store::signing_key`] is kept.
const SIGNING_KEY: &str = "signing";

/// A store that does not answer now, and may later.
fn unavailable(what: &str, error: impl Into<composio_contract::BoxError>) -> Error {
    let error = error.into();
    Error::new(ErrorKind::InternalServer, format!("the router's store cannot be reached to {what}: {error}"))
        .with_status(503)
        .with_slug(UNAVAILABLE)
        .with_suggested_fix("try again in a moment")
        .with_source(error)
}

/// A store that has no room.
fn full(what: &str, error: impl Into<composio_contract::BoxError>) -> Error {
    let error = error.into();
    Error::new(ErrorKind::InternalServer, format!("the router's store has no room to {what}: {error}"))
        .with_status(503)
        .with_slug(FULL)
        .with_suggested_fix("make room on the disk of the database and try again; nothing was changed")
        .with_source(error)
}

fn failed(what: &str, error: impl Into<composio_contract::BoxError>) -> Error {
    let error = error.into();
    Error::new(ErrorKind::InternalServer, format!("the router's store failed to {what}: {error}"))
        .with_source(error)
        .with_retryable(false)
}
