//! A server's tools as tools of the router.

use std::collections::BTreeSet;
use std::sync::Arc;

use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Value, json};

use super::config::McpServerConfig;
use super::hints::Hints;
use crate::slug;
use crate::source::ToolDefinition;

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
        .map(|(slug, tool)| definition(config, slug, tool))
        .collect()
}

fn definition(config: &McpServerConfig, slug: String, tool: &Tool) -> ToolDefinition {
    let annotations = tool.annotations.as_ref();
    let title = tool.title.as_ref().or_else(|| annotations?.title.as_ref());
    let given = annotations.map(hints).unwrap_or_default();
    let (tags, cautions) = config.hints_of(&tool.name).judge(&given, config.trust_hints);
    ToolDefinition {
        slug,
        operation: tool.name.to_string(),
        title: title.cloned().unwrap_or_else(|| tool.name.to_string()),
        description: tool.description.as_deref().unwrap_or_default().to_owned(),
        input_schema: input_schema(&tool.input_schema),
        output_schema: tool.output_schema.as_deref().cloned().map(Value::Object),
        tags,
        cautions,
        facts: json!({
            "readOnlyHint": given.read_only,
            "destructiveHint": given.destructive,
            "idempotentHint": given.idempotent,
            "openWorldHint": given.open_world,
        }),
    }
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
