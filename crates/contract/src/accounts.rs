//! Connected accounts.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Extra, Patch, RawJson};

/// `POST /tool_router/session/{session_id}/link`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LinkRequest {
    /// The toolkit to connect.
    pub toolkit: String,
    /// Where the user's browser goes afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
    /// A name for the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// What is still experimental in the contract, as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experimental: Option<Value>,
}

/// A connected account that waits for its user.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LinkReply {
    /// The account.
    pub connected_account_id: String,
    /// Where the user goes to connect it.
    pub redirect_url: String,
    /// The token in that URL.
    #[serde(default)]
    pub link_token: String,
    /// When the link lapses, in RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// `GET /connected_accounts/{nanoid}`
#[derive(Clone, Serialize, Deserialize)]
pub struct ConnectedAccount {
    /// The account's id.
    pub id: String,
    /// `INITIALIZING`, `INITIATED`, `ACTIVE`, `FAILED`, `EXPIRED`, `INACTIVE` or `REVOKED`.
    pub status: String,
    /// Why it has that status, where the backend says.
    #[serde(default)]
    pub status_reason: Option<String>,
    /// Further facts.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Without further facts, which may hold a credential.
impl fmt::Debug for ConnectedAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectedAccount").field("id", &self.id).field("status", &self.status).finish_non_exhaustive()
    }
}

/// The connected account of a toolkit, in a session's list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccountRef {
    /// The account's id.
    pub id: String,
    /// Its status.
    pub status: String,
    /// The auth config it was made with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_config: Option<AuthConfigRef>,
    /// Further facts.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The auth config of a connected account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuthConfigRef {
    /// The auth config's id.
    pub id: String,
    /// The auth scheme, such as `OAUTH2`.
    #[serde(default)]
    pub auth_scheme: String,
    /// Whether the backend manages it on its own.
    #[serde(default)]
    pub is_composio_managed: bool,
}

/// `GET /connected_accounts`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnectedAccountsQuery {
    /// At most so many a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Further parameters of the contract, such as `user_ids`.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `POST /connected_accounts/link`: an account outside of any session.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AccountLinkRequest {
    /// How the account is made.
    pub auth_config_id: String,
    /// Whose it becomes.
    pub user_id: String,
    /// Where the user's browser goes afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
    /// A name for the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// What is still experimental in the contract, as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experimental: Option<Value>,
}

/// `POST /connected_accounts`: an account with what is known of its user already.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CreateAccount {
    /// How the account is made.
    pub auth_config: IdRef,
    /// The account.
    pub connection: NewConnection,
}

/// Something by its id.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IdRef {
    /// The id.
    pub id: String,
}

/// An account that is to be made.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct NewConnection {
    /// Whose it becomes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Where the user's browser goes afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
    /// A name for the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// The credential, where the caller has it: an object with `authScheme` and `val`. Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<RawJson>,
}

impl fmt::Debug for NewConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewConnection").field("user_id", &self.user_id).finish_non_exhaustive()
    }
}

/// An account that was made.
#[derive(Clone, Serialize, Deserialize)]
pub struct CreatedAccount {
    /// Its id.
    pub id: String,
    /// Its status; see [`ConnectedAccount::status`].
    pub status: String,
    /// Where the user goes to connect it, if they must.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_url: Option<String>,
    /// Further facts.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Without further facts, which may hold a credential.
impl fmt::Debug for CreatedAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreatedAccount").field("id", &self.id).field("status", &self.status).finish_non_exhaustive()
    }
}

/// `PATCH /connected_accounts/{nanoid}`
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateAccount {
    /// Another alias; null takes it away.
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub alias: Patch<String>,
    /// Another credential, an object with `state`. Secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<RawJson>,
    /// What is still experimental in the contract, as given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub experimental: Option<Value>,
}

impl fmt::Debug for UpdateAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpdateAccount").field("alias", &self.alias).finish_non_exhaustive()
    }
}

/// `PATCH /connected_accounts/{nanoId}/status`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct SwitchAccount {
    /// Whether it can be used.
    pub enabled: bool,
}

/// `DELETE /connected_accounts/{nanoid}`
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct DeleteAccount {
    /// Whether its tokens are revoked at the provider first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoke_on_delete: Option<bool>,
}

/// `POST /connected_accounts/{nanoid}/refresh`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RefreshAccount {
    /// Where the user's browser goes afterwards, if the user must connect the account again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_url: Option<String>,
}

/// A refreshed account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RefreshedAccount {
    /// Its id.
    pub id: String,
    /// Its status; see [`ConnectedAccount::status`].
    pub status: String,
    /// Where the user goes to connect it again, if they must.
    #[serde(default)]
    pub redirect_url: Option<String>,
}

/// An account that was revoked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RevokedAccount {
    /// The account.
    pub connected_account: AccountRef,
    /// What the provider revoked: `access_token`, `refresh_token`, `credential`.
    #[serde(default)]
    pub revoked_tokens: Vec<String>,
}

/// That something was done.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Done {
    /// Whether it was.
    pub success: bool,
    /// Further facts.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `POST /connected_accounts/complete_auth`: an app that receives the provider's callback itself hands its URL over.
#[derive(Clone, Serialize, Deserialize)]
pub struct CompleteAuth {
    /// Whose account it is.
    pub user_id: String,
    /// The URL. Secret.
    pub session_uri: String,
}

impl fmt::Debug for CompleteAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompleteAuth").field("user_id", &self.user_id).finish_non_exhaustive()
    }
}

/// An account that was connected.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CompletedAuth {
    /// The account.
    pub connected_account_id: String,
    /// Its toolkit.
    #[serde(default)]
    pub toolkit_slug: String,
}
