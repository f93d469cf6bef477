//! Running tools, meta tools and raw API calls.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::RawJson;

/// `POST /tool_router/session/{session_id}/execute`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ExecuteRequest {
    /// The tool.
    pub tool_slug: String,
    /// Its arguments, an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<RawJson>,
    /// The connected account to use: an id or an alias.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The user's answers to an earlier `input_required`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_responses: Option<RawJson>,
    /// The state that came with that `input_required`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_state: Option<String>,
    /// The session's custom tools, as [`crate::CustomTools`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experimental: Option<RawJson>,
}

/// `POST /tool_router/session/{session_id}/execute_meta`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ExecuteMetaRequest {
    /// The meta tool.
    pub slug: String,
    /// Its arguments, an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<RawJson>,
    /// The user's answers to an earlier `input_required`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_responses: Option<RawJson>,
    /// The state that came with that `input_required`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_state: Option<String>,
    /// The session's custom tools, as [`crate::CustomTools`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experimental: Option<RawJson>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResultType {
    /// The tool did its work.
    Completed,
    /// The tool ran and failed, or refused its arguments.
    Failed,
    /// The tool waits for the user.
    InputRequired,
    /// A word of a later contract.
    #[serde(untagged)]
    Other(String),
}

/// The answer to an execute or a meta execute.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExecuteReply {
    /// How the run ended. Older backends leave it out where it completed or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_type: Option<ResultType>,
    /// What the tool returned, an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<RawJson>,
    /// Why it failed. Sent as null where it did not: the vendor's npm package takes no reply without it.
    #[serde(default)]
    pub error: Option<String>,
    /// The entry in the execution log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_id: Option<String>,
    /// With `input_required`: what the user is asked, by key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_requests: Option<RawJson>,
    /// With `input_required`: to be sent back with the answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_state: Option<String>,
}

/// `POST /tool_router/session/{session_id}/proxy_execute`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ProxyExecuteRequest {
    /// Whose credentials and base URL are used.
    pub toolkit_slug: String,
    /// A path below the toolkit's base URL, or an absolute URL on its hosts.
    pub endpoint: String,
    /// The HTTP method.
    pub method: String,
    /// The body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<RawJson>,
    /// Query parameters and headers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Vec<ProxyParameter>>,
}

/// A query parameter or header of a raw API call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyParameter {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
    /// `query` or `header`.
    #[serde(rename = "type")]
    pub location: String,
}

/// The answer to a raw API call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProxyReply {
    /// How the call ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_type: Option<ResultType>,
    /// The API's HTTP status.
    #[serde(default)]
    pub status: Value,
    /// The API's answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<RawJson>,
    /// The API's headers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<Value>,
    /// Where a binary answer was stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binary_data: Option<Value>,
    /// With `input_required`: what the user is asked, by key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_requests: Option<RawJson>,
    /// With `input_required`: to be sent back with the answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_state: Option<String>,
}
