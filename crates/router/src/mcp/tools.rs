//! A server's tools as tools of the router.

use std::collections::BTreeSet;
use std::sync::Arc;

use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Map, Value, json};

use super::config::McpServerConfig;
use super::hints::Hints;
use crate::left_out::LeftOut;
use crate::source::ToolDefinition;
use crate::{slug, text};

/// How many characters the name of a tool may have.
const MAX_OPERATION: usize = 256;

/// The tools that a server is configured to offer; notes those that it lists and that cannot be offered.
///
/// Slugs come from all the server lists, so that a tool keeps its own whatever is offered beside it.
pub(super) fn define(config: &McpServerConfig, mut tools: Vec<Tool>, left_out: &mut LeftOut) -> Arc<[ToolDefinition]> {
    let mut seen = BTreeSet::new();
    tools.retain(|tool| {
        let is_first = seen.insert(tool.name.clone());
        if !is_first {
            left_out.note(&config.slug, &tool.name, "has the name of another one before it");
        }
        is_first
    });
    let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_ref()).collect();
    let slugs = slug::tools(&config.slug, &names);
    slugs
        .into_iter()
        .zip(&tools)
        .filter(|(_, tool)| config.offers(&tool.name))
        .filter_map(|(slug, tool)| {
            let definition = definition(config, slug, tool);
            definition.map_err(|why| left_out.note(&config.slug, &tool.name, why)).ok()
        })
        .collect()
}

/// Reads a tool that a list has in its own way: what can do without is left out of it.
///
/// # Errors
/// Why it is no tool.
pub(super) fn read(tool: Value) -> Result<Tool, String> {
    let Value::Object(mut tool) = tool else { return Err("is not an object".to_owned()) };
    match tool.get("name") {
        Some(Value::String(name)) if !name.is_empty() => {}
        Some(Value::String(_)) => return Err("has an empty name".to_owned()),
        _ => return Err("has no `name` that is a text".to_owned()),
    }
    if matches!(tool.get("inputSchema"), None | Some(Value::Null)) {
        tool.insert("inputSchema".to_owned(), Value::Object(Map::new()));
    }
    for name in ["title", "description"] {
        if tool.get(name).is_some_and(|value| !value.is_string()) {
            tool.remove(name);
        }
    }
    for name in ["outputSchema", "annotations"] {
        if tool.get(name).is_some_and(|value| !value.is_object()) {
            tool.remove(name);
        }
    }
    // Nobody reads them here.
    tool.remove("icons");
    tool.remove("_meta");
    if let Some(Value::Object(annotations)) = tool.get_mut("annotations") {
        annotations.retain(|name, value| if name == "title" { value.is_string() } else { value.is_boolean() });
    }
    serde_json::from_value(Value::Object(tool)).map_err(|error| format!("does not fit the protocol: {error}"))
}

/// A tool of the router, or why it is none.
fn definition(config: &McpServerConfig, slug: String, tool: &Tool) -> Result<ToolDefinition, String> {
    let annotations = tool.annotations.as_ref();
    let title = tool.title.as_ref().or_else(|| annotations?.title.as_ref());
    let given = annotations.map(hints).unwrap_or_default();
    let (tags, cautions) = config.hints_of(&tool.name).judge(&given, config.trust_hints);
    if tool.name.is_empty() {
        return Err("has an empty name".to_owned());
    }
    // It names the tool to the server, so that it cannot be cleaned, and to the clients of the toolkit by itself.
    if tool.name.contains(|c| text::is_hidden(c) || c.is_control()) {
        return Err("has hidden characters in its name".to_owned());
    }
    if tool.name.chars().count() > MAX_OPERATION {
        return Err(format!("has a name of more than {MAX_OPERATION} characters"));
    }
    let input_schema =
        text::schema(input_schema(&tool.input_schema)).map_err(|why| format!("has an `inputSchema` that {why}"))?;
    // A tool can do without.
    let output_schema = tool.output_schema.as_deref().cloned().map(Value::Object).map(text::schema);
    let title = title.map(|title| text::name(title)).filter(|title| !title.is_empty());
    Ok(ToolDefinition {
        slug,
        operation: tool.name.to_string(),
        title: title.unwrap_or_else(|| text::name(&tool.name)),
        description: text::prose(tool.description.as_deref().unwrap_or_default(), text::MAX_DESCRIPTION),
        input_schema,
        output_schema: output_schema.and_then(Result::ok),
        tags,
        cautions,
        facts: json!({
            "readOnlyHint": given.read_only,
            "destructiveHint": given.destructive,
            "idempotentHint": given.idempotent,
            "openWorldHint": given.open_world,
        }),
    })
}

/// The schema as it came, save that it is one of an object even where the server left that out.
fn input_schema(schema: &JsonObject) -> Value {
    let mut schema = schema.clone();
    schema.entry("type").or_insert_with(|| "object".into());
    Value::Object(schema)
}

fn hints(annotations: &ToolAnnotations) -> Hints {
    Hints {
        read_only: annotations.read_only_hint,
        destructive: annotations.destructive_hint,
        idempotent: annotations.idempotent_hint,
        open_world: annotations.open_world_hint,
    }
}
