//! Connected accounts in the store.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use composio_contract::Result;

use crate::project::Project;

/// The name under which the wrapped data keys of the vault are kept.
pub(super) const VAULT: &str = "vault";

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

    pub(super) fn from_name(name: &str) -> Option<Self> {
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
    /// Whose account it is, as far as its API tells, sealed.
    pub owner: Option<Vec<u8>>,
    /// The scopes that its API turned out to want beside those that everybody is asked for, between spaces.
    pub extra_scopes: String,
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
    /// `row`, and with a link all of its links by that one; answers whether it was.
    async fn change_account(&self, row: AccountRow, link: Option<LinkRow>) -> Result<bool>;

    /// Removes an account with its links, and answers whether there was one.
    async fn delete_account(&self, project: &Project, id: &str) -> Result<bool>;

    /// A link, also one that has lapsed.
    async fn link(&self, hash: &[u8; 32]) -> Result<Option<LinkRow>>;

    /// Takes a link out; a second time there is none.
    async fn take_link(&self, hash: &[u8; 32]) -> Result<Option<LinkRow>>;

    /// Takes the lease on an account for a time, unless another holder has it; answers whether it was taken. All who share
    /// the store go by the same clock.
    async fn lease(&self, project: &Project, id: &str, holder: &str, time: Duration) -> Result<bool>;

    /// Gives a lease back.
    async fn release(&self, project: &Project, id: &str, holder: &str) -> Result<()>;
}

/// A time in milliseconds, such that a date can be added.
pub(super) fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX).min(i64::MAX / 2)
}
