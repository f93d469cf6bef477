//! Finding tools by use case.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::RawJson;

/// `POST /tool_router/session/{session_id}/search`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SearchRequest {
    /// The use cases, each answered on its own.
    pub queries: Vec<SearchQuery>,
    /// The model that will use the tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The session's custom tools, as [`crate::CustomTools`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experimental: Option<RawJson>,
}

/// One use case.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SearchQuery {
    /// What is to be done, 1 to 1,024 characters.
    pub use_case: String,
    /// What is known already, at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_fields: Option<String>,
}

/// The tools that were found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SearchReply {
    /// Whether every use case was answered.
    pub success: bool,
    /// Why not.
    #[serde(default)]
    pub error: Option<String>,
    /// One result a use case, in order.
    pub results: Vec<SearchResult>,
    /// The tools' schemas, by slug.
    pub tool_schemas: BTreeMap<String, SearchedTool>,
    /// Whether the toolkits' accounts are connected.
    #[serde(default)]
    pub toolkit_connection_statuses: Vec<Value>,
    /// What a model should do next.
    #[serde(default)]
    pub next_steps_guidance: Vec<String>,
    /// The search session.
    #[serde(default)]
    pub session: Value,
    /// The time of the search.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_info: Option<TimeInfo>,
}

/// The tools for one use case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SearchResult {
    /// Its place among the queries, from 1.
    pub index: u64,
    /// The use case.
    pub use_case: String,
    /// The best tools, best first.
    pub primary_tool_slugs: Vec<String>,
    /// Further tools that may help.
    pub related_tool_slugs: Vec<String>,
    /// The toolkits of those tools.
    pub toolkits: Vec<String>,
    /// How to use them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_guidance: Option<String>,
    /// Why nothing was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A tool that was found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SearchedTool {
    /// The tool.
    pub tool_slug: String,
    /// Its toolkit.
    pub toolkit: String,
    /// What it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The JSON Schema of its arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_schema: Option<RawJson>,
    /// The JSON Schema of its result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<RawJson>,
    /// Whether `input_schema` is whole.
    #[serde(default, rename = "hasFullSchema", skip_serializing_if = "Option::is_none")]
    pub has_full_schema: Option<bool>,
}

/// The time of a search.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TimeInfo {
    /// RFC 3339, in UTC.
    pub current_time_utc: String,
    /// The same in seconds since 1970.
    pub current_time_utc_epoch_seconds: i64,
    /// The same in a sentence for a model.
    pub message: String,
}
