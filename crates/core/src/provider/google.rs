//! Google Gemini: function declarations, calls and responses.

use std::borrow::Cow;

use composio_contract::{RawJson, Result};
use serde::Serialize;
use serde_json::Value;

use super::schema::Written;
use super::{Function, ToolCall, text};

#[derive(Serialize)]
struct Declaration<'a> {
    name: Cow<'a, str>,
    description: &'a str,
    /// Takes JSON Schema as it is; `parameters` would take only a subset of OpenAPI's.
    #[serde(rename = "parametersJsonSchema")]
    parameters: Written<'a>,
}

#[derive(Serialize)]
struct Content<'a> {
    role: &'static str,
    parts: Vec<Part<'a>>,
}

#[derive(Serialize)]
struct Part<'a> {
    #[serde(rename = "functionResponse")]
    response: Response<'a>,
}

#[derive(Serialize)]
struct Response<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    id: &'a str,
    name: &'a str,
    response: &'a RawJson,
}

pub(super) fn tools<'a>(functions: impl Iterator<Item = Function<'a>>) -> Result<RawJson> {
    let written = functions.map(|Function { name, description, schema, .. }| Declaration {
        name,
        description,
        parameters: schema,
    });
    RawJson::encode(&written.collect::<Vec<_>>())
}

/// From a response, of which only the first candidate is acted on, or from its content. The SDKs write camel case on
/// the wire and snake case in Python.
pub(super) fn calls(reply: &Value) -> Option<Vec<ToolCall>> {
    let content = match reply.get("candidates") {
        Some(Value::Array(candidates)) if !candidates.is_empty() => candidates.first()?.get("content")?,
        Some(_) => return Some(Vec::new()),
        None => reply,
    };
    let parts = match content.get("parts") {
        None | Some(Value::Null) => return content.get("role").is_some().then(Vec::new),
        Some(parts) => parts.as_array()?,
    };
    let call = |part: &Value| {
        let call = part.get("functionCall").or_else(|| part.get("function_call")).filter(|call| call.is_object())?;
        Some(ToolCall::with_value(text(call, &["id"]), text(call, &["name"]), call.get("args")))
    };
    Some(parts.iter().filter_map(call).collect())
}

pub(super) fn results<'a>(pairs: impl Iterator<Item = (&'a ToolCall, &'a RawJson)>) -> Result<RawJson> {
    let parts: Vec<Part<'_>> = pairs
        .map(|(call, response)| Part { response: Response { id: &call.id, name: &call.slug, response } })
        .collect();
    let messages = if parts.is_empty() { Vec::new() } else { vec![Content { role: "user", parts }] };
    RawJson::encode(&messages)
}
