//! A server's tools as tools of the router.

use std::collections::BTreeSet;
use std::sync::Arc;

use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::Value;

use super::config::McpServerConfig;
use crate::slug;
use crate::source::{Tag, ToolDefinition};

/// The tools that a server is configured to offer.
///
/// Slugs come from all the server lists, so that a tool keeps its own whatever is offered beside it.
pub(super) fn define(config: &McpServerConfig, mut tools: Vec<Tool>) -> Arc<[ToolDefinition]> {
    let mut seen = BTreeSet::new();
    tools.retain(|tool| seen.insert(tool.name.clone()));
    let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_ref()).collect();
    let slugs = slug::tools(&config.slug, &names);
    slugs
        .into_iter()
        .zip(&tools)
        .filter(|(_, tool)| config.offers(&tool.name))
        .map(|(slug, tool)| definition(slug, tool))
        .collect()
}

fn definition(slug: String, tool: &Tool) -> ToolDefinition {
    let annotations = tool.annotations.as_ref();
    let title = tool.title.as_ref().or_else(|| annotations?.title.as_ref());
    ToolDefinition {
        slug,
        operation: tool.name.to_string(),
        title: title.cloned().unwrap_or_else(|| tool.name.to_string()),
        description: tool.description.as_deref().unwrap_or_default().to_owned(),
        input_schema: input_schema(&tool.input_schema),
        output_schema: tool.output_schema.as_deref().cloned().map(Value::Object),
        tags: annotations.map(tags).unwrap_or_default(),
    }
}

/// The schema as it came, save that it is one of an object even where the server left that out.
fn input_schema(schema: &JsonObject) -> Value {
    let mut schema = schema.clone();
    schema.entry("type").or_insert_with(|| "object".into());
    Value::Object(schema)
}

/// Only hints that the server gave. The protocol's defaults, destructive and open to the world, would put every tool
/// without annotations among the dangerous ones and say nothing of it.
fn tags(annotations: &ToolAnnotations) -> Vec<Tag> {
    [
        (annotations.read_only_hint, Tag::ReadOnly),
        (annotations.destructive_hint, Tag::Destructive),
        (annotations.idempotent_hint, Tag::Idempotent),
        (annotations.open_world_hint, Tag::OpenWorld),
    ]
    .into_iter()
    .filter_map(|(hint, tag)| (hint == Some(true)).then_some(tag))
    .collect()
}
