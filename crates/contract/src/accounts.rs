//! Connected accounts.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Extra;

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
}

/// `GET /connected_accounts/{nanoid}`
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConnectedAccount {
    /// The account's id.
    pub id: String,
    /// `INITIALIZING`, `INITIATED`, `ACTIVE`, `FAILED`, `EXPIRED`, `INACTIVE` or `REVOKED`.
    pub status: String,
    /// Why it has that status, where the backend says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<String>,
    /// Further facts.
    #[serde(flatten)]
    pub extra: Extra,
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
