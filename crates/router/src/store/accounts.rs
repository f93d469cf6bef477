//! Connected accounts in the store: the trait, and SQLite's implementation.

use std::fmt;

use async_trait::async_trait;
use composio_contract::Result;
use rusqlite::{OptionalExtension as _, Row, params};

use super::SqliteStore;
use crate::clock;
use crate::project::Project;

/// The name under which the wrapped data keys of the vault are kept.
const VAULT: &str = "vault";

/// A connected account's status, as the contract names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountStatus {
    /// Waits for its user.
    Initiated,
    /// Can be used.
    Active,
    /// The user refused, or the provider did.
    Failed,
    /// The credential is not good any more, or the user came too late.
    Expired,
    /// The credential was revoked.
    Revoked,
}

impl AccountStatus {
    const ALL: [Self; 5] = [Self::Initiated, Self::Active, Self::Failed, Self::Expired, Self::Revoked];

    /// The name on the wire and in the store.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Initiated => "INITIATED",
            Self::Active => "ACTIVE",
            Self::Failed => "FAILED",
            Self::Expired => "EXPIRED",
            Self::Revoked => "REVOKED",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// A connected account as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// The project it belongs to.
    pub project: Project,
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub user_id: String,
    /// The toolkit's slug.
    pub toolkit: String,
    /// The id of the auth config it was made with.
    pub auth_config: String,
    /// The auth scheme, as the contract names it.
    pub auth_scheme: String,
    /// Its status.
    pub status: AccountStatus,
    /// Why it has that status.
    pub status_reason: Option<String>,
    /// What its user calls it.
    pub alias: Option<String>,
    /// Whether it was switched off.
    pub disabled: bool,
    /// The sealed credential.
    pub credential: Option<Vec<u8>>,
    /// When the link lapses while the account waits for its user, then when the access token does; milliseconds since 1970.
    pub expires_at: Option<i64>,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Milliseconds since 1970.
    pub updated_at: i64,
    /// Counts up with each change.
    pub revision: i64,
}

impl fmt::Debug for AccountRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountRow").field("id", &self.id).field("status", &self.status).finish_non_exhaustive()
    }
}

/// A link that waits for its user.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkRow {
    /// SHA-256 of what is in its URL, which is kept nowhere.
    pub hash: [u8; 32],
    /// The account's project.
    pub project: Project,
    /// The account.
    pub account_id: String,
    /// The session it was asked for in.
    pub session_id: String,
    /// The session's user.
    pub user_id: String,
    /// What finishes it, sealed.
    pub secret: Vec<u8>,
    /// Milliseconds since 1970.
    pub expires_at: i64,
}

impl fmt::Debug for LinkRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkRow").field("account_id", &self.account_id).finish_non_exhaustive()
    }
}

/// The part of a store that keeps connected accounts. Several processes may share it.
///
/// As in [`Store`](super::Store), whatever names an account takes its project too.
#[async_trait]
pub trait AccountStore: fmt::Debug + Send + Sync {
    /// The vault's wrapped data keys.
    async fn data_keys(&self) -> Result<Option<Vec<u8>>>;

    /// Keeps wrapped data keys in place of those before, if these are still `base`; answers whether they were.
    async fn keep_data_keys(&self, base: Option<Vec<u8>>, wrapped: Vec<u8>) -> Result<bool>;

    /// Adds an account, with the link that makes it active where it is not.
    async fn add_account(&self, row: AccountRow, link: Option<LinkRow>) -> Result<()>;

    /// An account.
    async fn account(&self, project: &Project, id: &str) -> Result<Option<AccountRow>>;

    /// A user's accounts, or those of the whole project, oldest first.
    async fn accounts(&self, project: &Project, user_id: Option<&str>) -> Result<Vec<AccountRow>>;

    /// Replaces what may change of an account (all but project, id, user and toolkit) if its revision is still that of
    /// `row`; answers whether it was.
    async fn change_account(&self, row: AccountRow) -> Result<bool>;

    /// Removes an account with its links, and answers whether there was one.
    async fn delete_account(&self, project: &Project, id: &str) -> Result<bool>;

    /// A link, also one that has lapsed.
    async fn link(&self, hash: &[u8; 32]) -> Result<Option<LinkRow>>;

    /// Takes a link out; a second time there is none.
    async fn take_link(&self, hash: &[u8; 32]) -> Result<Option<LinkRow>>;

    /// Takes the lease on an account until a time, unless another holder has it; answers whether it was taken.
    async fn lease(&self, project: &Project, id: &str, holder: &str, until: i64) -> Result<bool>;

    /// Gives a lease back.
    async fn release(&self, project: &Project, id: &str, holder: &str) -> Result<()>;
}

const COLUMNS: &str = "id, user_id, toolkit, auth_config, auth_scheme, status, status_reason, alias, disabled, \
                       credential, expires_at, created_at, updated_at, revision";

fn account(row: &Row<'_>, project: &Project) -> rusqlite::Result<AccountRow> {
    let status: String = row.get(5)?;
    Ok(AccountRow {
        project: project.clone(),
        id: row.get(0)?,
        user_id: row.get(1)?,
        toolkit: row.get(2)?,
        auth_config: row.get(3)?,
        auth_scheme: row.get(4)?,
        status: AccountStatus::from_name(&status).ok_or_else(|| {
            rusqlite::Error::FromSqlConversionFailure(5, rusqlite::types::Type::Text, format!("status {status}").into())
        })?,
        status_reason: row.get(6)?,
        alias: row.get(7)?,
        disabled: row.get(8)?,
        credential: row.get(9)?,
        expires_at: row.get(10)?,
        created_at: row.get(11)?,
        updated_at: row.get(12)?,
        revision: row.get(13)?,
    })
}

const LINK: &str = "hash, project, account_id, session_id, user_id, secret, expires_at";

fn link(row: &Row<'_>) -> rusqlite::Result<LinkRow> {
    let project: String = row.get(1)?;
    Ok(LinkRow {
        hash: row.get(0)?,
        project: Project::new(&project)
            .map_err(|error| rusqlite::Error::FromSqlConversionFailure(1, rusqlite::types::Type::Text, error.into()))?,
        account_id: row.get(2)?,
        session_id: row.get(3)?,
        user_id: row.get(4)?,
        secret: row.get(5)?,
        expires_at: row.get(6)?,
    })
}

fn insert_link(connection: &rusqlite::Connection, link: &LinkRow) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM links WHERE expires_at <= ?1")?.execute([clock::millis()])?;
    connection
        .prepare_cached(&format!("INSERT INTO links ({LINK}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"))?
        .execute(params![
            link.hash,
            link.project.as_str(),
            link.account_id,
            link.session_id,
            link.user_id,
            link.secret,
            link.expires_at
        ])
        .map(drop)
}

#[async_trait]
impl AccountStore for SqliteStore {
    async fn data_keys(&self) -> Result<Option<Vec<u8>>> {
        self.read("read its data keys", |connection| {
            connection
                .prepare_cached("SELECT value FROM secrets WHERE name = ?1")?
                .query_row([VAULT], |row| row.get(0))
                .optional()
        })
    }

    async fn keep_data_keys(&self, base: Option<Vec<u8>>, wrapped: Vec<u8>) -> Result<bool> {
        self.write("keep its data keys", move |connection| {
            let changed = match base {
                None => connection
                    .prepare_cached("INSERT OR IGNORE INTO secrets (name, value) VALUES (?1, ?2)")?
                    .execute(params![VAULT, wrapped])?,
                Some(base) => connection
                    .prepare_cached("UPDATE secrets SET value = ?2 WHERE name = ?1 AND value = ?3")?
                    .execute(params![VAULT, wrapped, base])?,
            };
            Ok(changed > 0)
        })
        .await
    }

    async fn add_account(&self, row: AccountRow, link: Option<LinkRow>) -> Result<()> {
        self.write("keep an account", move |connection| {
            connection
                .prepare_cached(&format!(
                    "INSERT INTO accounts (project, {COLUMNS}) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)"
                ))?
                .execute(params![
                    row.project.as_str(),
                    row.id,
                    row.user_id,
                    row.toolkit,
                    row.auth_config,
                    row.auth_scheme,
                    row.status.name(),
                    row.status_reason,
                    row.alias,
                    row.disabled,
                    row.credential,
                    row.expires_at,
                    row.created_at,
                    row.updated_at,
                    row.revision
                ])?;
            link.map_or(Ok(()), |link| insert_link(connection, &link))
        })
        .await
    }

    async fn account(&self, project: &Project, id: &str) -> Result<Option<AccountRow>> {
        self.read("read an account", |connection| {
            connection
                .prepare_cached(&format!("SELECT {COLUMNS} FROM accounts WHERE project = ?1 AND id = ?2"))?
                .query_row([project.as_str(), id], |row| account(row, project))
                .optional()
        })
    }

    async fn accounts(&self, project: &Project, user_id: Option<&str>) -> Result<Vec<AccountRow>> {
        self.read("list accounts", |connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM accounts WHERE project = ?1 AND (?2 IS NULL OR user_id = ?2) \
                     ORDER BY created_at, id"
                ))?
                .query_map(params![project.as_str(), user_id], |row| account(row, project))?
                .collect()
        })
    }

    async fn change_account(&self, row: AccountRow) -> Result<bool> {
        let now = clock::millis();
        self.write("change an account", move |connection| {
            connection
                .prepare_cached(
                    "UPDATE accounts SET auth_config = ?4, auth_scheme = ?5, status = ?6, status_reason = ?7, \
                     alias = ?8, disabled = ?9, credential = ?10, expires_at = ?11, updated_at = ?12, \
                     revision = revision + 1 WHERE project = ?1 AND id = ?2 AND revision = ?3",
                )?
                .execute(params![
                    row.project.as_str(),
                    row.id,
                    row.revision,
                    row.auth_config,
                    row.auth_scheme,
                    row.status.name(),
                    row.status_reason,
                    row.alias,
                    row.disabled,
                    row.credential,
                    row.expires_at,
                    now
                ])
                .map(|changed| changed > 0)
        })
        .await
    }

    async fn delete_account(&self, project: &Project, id: &str) -> Result<bool> {
        let (project, id) = (project.clone(), id.to_owned());
        self.write("delete an account", move |connection| {
            connection
                .prepare_cached("DELETE FROM accounts WHERE project = ?1 AND id = ?2")?
                .execute([project.as_str(), &id])
                .map(|removed| removed > 0)
        })
        .await
    }

    async fn link(&self, hash: &[u8; 32]) -> Result<Option<LinkRow>> {
        self.read("read a link", |connection| {
            connection
                .prepare_cached(&format!("SELECT {LINK} FROM links WHERE hash = ?1"))?
                .query_row([hash], link)
                .optional()
        })
    }

    async fn take_link(&self, hash: &[u8; 32]) -> Result<Option<LinkRow>> {
        let hash = *hash;
        self.write("take a link", move |connection| {
            connection
                .prepare_cached(&format!("DELETE FROM links WHERE hash = ?1 RETURNING {LINK}"))?
                .query_row([hash], link)
                .optional()
        })
        .await
    }

    async fn lease(&self, project: &Project, id: &str, holder: &str, until: i64) -> Result<bool> {
        let (project, id, holder) = (project.clone(), id.to_owned(), holder.to_owned());
        let now = clock::millis();
        self.write("take a lease", move |connection| {
            connection
                .prepare_cached(
                    "UPDATE accounts SET lease_holder = ?3, lease_until = ?4 WHERE project = ?1 AND id = ?2 \
                     AND (lease_holder IS NULL OR lease_holder = ?3 OR lease_until <= ?5)",
                )?
                .execute(params![project.as_str(), id, holder, until, now])
                .map(|changed| changed > 0)
        })
        .await
    }

    async fn release(&self, project: &Project, id: &str, holder: &str) -> Result<()> {
        let (project, id, holder) = (project.clone(), id.to_owned(), holder.to_owned());
        self.write("give a lease back", move |connection| {
            connection
                .prepare_cached(
                    "UPDATE accounts SET lease_holder = NULL, lease_until = NULL \
                     WHERE project = ?1 AND id = ?2 AND lease_holder = ?3",
                )?
                .execute([project.as_str(), &id, &holder])
                .map(drop)
        })
        .await
    }
}
