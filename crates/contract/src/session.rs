//! Creating, reading, changing and deleting sessions.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::settings::Settings;
use crate::{CustomTool, CustomToolkit, Extra, RawJson};

/// `POST /tool_router/session`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CreateSession {
    /// Whom the session acts for; not empty.
    pub user_id: String,
    /// What it may do.
    #[serde(flatten)]
    pub settings: Settings,
    /// Fields of later contracts.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `PATCH /tool_router/session/{session_id}`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct UpdateSession {
    /// Apply only if this is still the stored version; else the answer is 409.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_config_version: Option<i64>,
    /// The fields to change.
    #[serde(flatten)]
    pub settings: Settings,
    /// Fields of later contracts.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `POST /tool_router/session/{session_id}/attach`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AttachSession {
    /// The custom tools to bind, as [`crate::CustomTools`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experimental: Option<RawJson>,
}

/// A session, as create, retrieve, attach and update answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// The session's id.
    pub session_id: String,
    /// The effective configuration, a [`crate::SessionConfig`].
    pub config: RawJson,
    /// Counts up with each change of the configuration, from 1.
    pub config_version: i64,
    /// Where the session is served over MCP.
    pub mcp: McpServer,
    /// The slugs of the meta tools that the session has.
    #[serde(default)]
    pub tool_router_tools: Vec<String>,
    /// What is still experimental in the contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experimental: Option<Experimental>,
    /// What the backend warns of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warnings: Option<Value>,
}

/// Where a session is served over MCP.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct McpServer {
    /// The transport: `http` or `sse`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The endpoint.
    pub url: String,
    /// The headers to send there, where the backend gives some that are for this session alone. Secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
}

/// Without the URL's path and query and the headers' values: any of them may be secret.
impl fmt::Debug for McpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&String> = self.headers.keys().collect();
        f.debug_struct("McpServer").field("kind", &self.kind).field("headers", &headers).finish_non_exhaustive()
    }
}

/// The experimental part of a session.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Experimental {
    /// A system prompt that explains the session's tools to a model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assistive_prompt: Option<String>,
    /// The custom tools that are bound, with their final slugs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_tools: Option<Vec<CustomTool>>,
    /// The custom toolkits that are bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_toolkits: Option<Vec<CustomToolkit>>,
    /// What happens to a tool that needs approval where the client cannot ask: `deny` or `allow`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_elicitation_support_fallback: Option<String>,
}

/// `DELETE /tool_router/session/{session_id}`
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeletedSession {
    /// Always true.
    pub deleted: bool,
    /// The id that was deleted.
    pub session_id: String,
}

/// One entry of `GET /tool_router/session/{session_id}/config_history`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConfigVersion {
    /// The configuration, a [`crate::SessionConfig`].
    pub config: RawJson,
    /// When it came into force, RFC 3339.
    pub created_at: String,
    /// Whether it is in force.
    pub is_current: bool,
    /// Its version.
    pub version: i64,
}
