//! OpenAI: chat completions and Responses.

use std::borrow::Cow;

use composio_contract::{RawJson, Result};
use serde::Serialize;
use serde_json::{Value, json};

use super::schema::Written;
use super::{Function, ToolCall, text};

#[derive(Serialize)]
struct ChatTool<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    function: Definition<'a>,
}

#[derive(Serialize)]
struct ResponsesTool<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    definition: Definition<'a>,
}

#[derive(Serialize)]
struct Definition<'a> {
    name: Cow<'a, str>,
    description: &'a str,
    parameters: Written<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

impl<'a> Definition<'a> {
    fn new(function: Function<'a>) -> Self {
        let Function { name, description, schema: parameters, strict } = function;
        Self { name, description, parameters, strict: Some(strict) }
    }
}

pub(super) fn chat_tools<'a>(functions: impl Iterator<Item = Function<'a>>) -> Result<RawJson> {
    let wrap = |function| {
        let mut definition = Definition::new(function);
        // Left out it means false.
        definition.strict = definition.strict.filter(|strict| *strict);
        ChatTool { kind: "function", function: definition }
    };
    RawJson::encode(&functions.map(wrap).collect::<Vec<_>>())
}

/// Here `strict` is always said: left out it would mean true, which most tools' schemas do not satisfy.
pub(super) fn responses_tools<'a>(functions: impl Iterator<Item = Function<'a>>) -> Result<RawJson> {
    let wrap = |function| ResponsesTool { kind: "function", definition: Definition::new(function) };
    RawJson::encode(&functions.map(wrap).collect::<Vec<_>>())
}

/// From a completion, of which only the first choice is acted on, or from its message.
pub(super) fn chat_calls(reply: &Value) -> Option<Vec<ToolCall>> {
    let message = match reply.get("choices") {
        Some(choices) => choices.get(0)?.get("message")?,
        None => reply,
    };
    let calls = match message.get("tool_calls") {
        None | Some(Value::Null) => return message.get("role").is_some().then(Vec::new),
        Some(calls) => calls.as_array()?,
    };
    let call = |call: &Value| {
        let function = call.get("function")?;
        let (id, name) = (text(call, &["id"]), text(function, &["name"]));
        Some(match function.get("arguments") {
            Some(Value::String(arguments)) => ToolCall::with_text(id, name, arguments),
            arguments => ToolCall::with_value(id, name, arguments),
        })
    };
    // A call of another type, such as a custom one with free text, is not a function's and not ours.
    Some(calls.iter().filter_map(call).collect())
}

pub(super) fn responses_calls(reply: &Value) -> Option<Vec<ToolCall>> {
    let output = reply.get("output").unwrap_or(reply).as_array()?;
    let calls = output.iter().filter(|item| text(item, &["type"]) == "function_call");
    Some(
        calls
            .map(|call| {
                ToolCall::with_text(text(call, &["call_id"]), text(call, &["name"]), text(call, &["arguments"]))
            })
            .collect(),
    )
}

pub(super) fn chat_result(call: &ToolCall, result: &RawJson) -> Value {
    json!({ "role": "tool", "tool_call_id": call.id, "content": result.as_str() })
}

pub(super) fn responses_result(call: &ToolCall, result: &RawJson) -> Value {
    json!({ "type": "function_call_output", "call_id": call.id, "output": result.as_str() })
}
