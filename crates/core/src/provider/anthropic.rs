//! Anthropic messages.

use std::borrow::Cow;

use composio_contract::{RawJson, Result};
use serde::Serialize;
use serde_json::{Value, json};

use super::names::decode_arguments;
use super::schema::Written;
use super::{Function, ToolCall, text};
use crate::outcome::has_failed;

#[derive(Serialize)]
struct Tool<'a> {
    name: Cow<'a, str>,
    description: &'a str,
    input_schema: Written<'a>,
}

pub(super) fn tools<'a>(functions: impl Iterator<Item = Function<'a>>) -> Result<RawJson> {
    let written =
        functions.map(|Function { name, description, schema, .. }| Tool { name, description, input_schema: schema });
    RawJson::encode(&written.collect::<Vec<_>>())
}

pub(super) fn calls(reply: &Value) -> Option<Vec<ToolCall>> {
    let content = match reply.get("content")? {
        Value::String(_) => return Some(Vec::new()),
        content => content.as_array()?,
    };
    let calls = content.iter().filter(|block| text(block, &["type"]) == "tool_use");
    Some(
        calls
            .map(|block| {
                let input = block.get("input").map(decode_arguments);
                ToolCall::with_value(text(block, &["id"]), text(block, &["name"]), input.as_deref())
            })
            .collect(),
    )
}

/// All results go into one message: the API wants them right after the calls, together.
pub(super) fn results<'a>(pairs: impl Iterator<Item = (&'a ToolCall, &'a RawJson)>) -> Option<Value> {
    let blocks: Vec<Value> = pairs
        .map(|(call, result)| {
            let mut block = json!({ "type": "tool_result", "tool_use_id": call.id, "content": result.as_str() });
            if let (true, Some(block)) = (has_failed(result), block.as_object_mut()) {
                block.insert("is_error".to_owned(), true.into());
            }
            block
        })
        .collect();
    (!blocks.is_empty()).then(|| json!({ "role": "user", "content": blocks }))
}
