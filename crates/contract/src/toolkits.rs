//! Toolkits, on their own and with a session's connected accounts; pages.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{AccountRef, Extra};

/// One page of a list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Page<T> {
    /// The page's items.
    pub items: Vec<T>,
    /// Where the next page starts; none on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// How many pages there are.
    #[serde(default)]
    pub total_pages: u64,
    /// Which page this is, from 1.
    #[serde(default)]
    pub current_page: u64,
    /// How many items there are on all pages.
    #[serde(default)]
    pub total_items: u64,
}

/// Which page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PageQuery {
    /// At most so many a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// `GET /tool_router/session/{session_id}/toolkits`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionToolkitsQuery {
    /// Only these, joined by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub toolkits: Option<String>,
    /// At most so many a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Only those that have, or have not, an active connected account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_connected: Option<bool>,
    /// Words to look for in slug and name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
}

/// A toolkit as a session sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SessionToolkit {
    /// The slug, lower case.
    pub slug: String,
    /// The name for people.
    pub name: String,
    /// Whether the session may use it.
    #[serde(default)]
    pub enabled: bool,
    /// Whether its tools need no connected account.
    pub is_no_auth: bool,
    /// What it is about.
    #[serde(default)]
    pub meta: ToolkitMeta,
    /// Auth schemes that the backend can manage on its own.
    #[serde(default)]
    pub composio_managed_auth_schemes: Vec<String>,
    /// The user's connected account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected_account: Option<AccountRef>,
}

/// What a toolkit is about.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ToolkitMeta {
    /// A sentence for people.
    #[serde(default)]
    pub description: String,
    /// A URL of its logo; empty where it has none.
    #[serde(default)]
    pub logo: String,
    /// Further facts.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A toolkit of the catalogue.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Toolkit {
    /// The slug, lower case.
    pub slug: String,
    /// The name for people.
    pub name: String,
    /// What it is about.
    #[serde(default)]
    pub meta: ToolkitMeta,
    /// Whether its tools need no connected account.
    #[serde(default)]
    pub no_auth: bool,
    /// Further facts.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `GET /toolkits`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ToolkitsQuery {
    /// Words to look for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// At most so many a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Further parameters of the contract.
    #[serde(flatten)]
    pub extra: serde_json::Map<String, Value>,
}
