//! A session's tools as MCP lists them.

use std::sync::Arc;

use composio_contract::{RawJson, Result, Tool};
use composio_router::Router;
use rmcp::model::{JsonObject, Tool as McpTool, ToolAnnotations};
use serde_json::{Map, Value};

/// Every tool that the session lists.
///
/// # Errors
/// What the router fails with, or a schema that is none.
pub(super) async fn list(router: &Router, session_id: &str) -> Result<Vec<McpTool>> {
    router.every_session_tool(session_id).await?.iter().map(convert).collect()
}

/// Every tool of one toolkit that the session may run, under its source's own name.
///
/// # Errors
/// Where the session has no such toolkit, its tools cannot be read, or a schema is none.
pub(super) async fn of_toolkit(router: &Router, session_id: &str, toolkit: &str) -> Result<Vec<McpTool>> {
    let tools = router.toolkit_tools(session_id, toolkit).await?;
    tools
        .into_iter()
        .map(|named| {
            let mut tool = convert(&named.tool)?;
            tool.name = named.name.into();
            Ok(tool)
        })
        .collect()
}

fn convert(tool: &Tool) -> Result<McpTool> {
    let schema = object_schema(&tool.input_parameters)?.unwrap_or_else(any_object);
    let mut converted = McpTool::new(tool.slug.clone(), tool.description.clone(), schema).with_title(tool.name.clone());
    if let Some(schema) = tool.output_parameters.as_ref().map(object_schema).transpose()?.flatten() {
        converted = converted.with_raw_output_schema(Arc::new(schema));
    }
    if let Some(annotations) = annotations(&tool.tags) {
        converted = converted.with_annotations(annotations);
    }
    Ok(converted)
}

/// The schema, if it is one of objects; the protocol has no others.
fn object_schema(raw: &RawJson) -> Result<Option<JsonObject>> {
    let schema: Value = raw.decode("a tool's schema")?;
    Ok(match schema {
        Value::Object(schema) if schema.get("type").is_some_and(|kind| kind == "object") => Some(schema),
        _ => None,
    })
}

fn any_object() -> JsonObject {
    Map::from_iter([("type".to_owned(), "object".into())])
}

/// Only the hints that the tool has. The protocol's defaults hold for those that are left out.
fn annotations(tags: &[String]) -> Option<ToolAnnotations> {
    let has = |name: &str| tags.iter().any(|tag| tag == name).then_some(true);
    let mut annotations = ToolAnnotations::new();
    annotations.read_only_hint = has("readOnlyHint");
    annotations.destructive_hint = has("destructiveHint");
    annotations.idempotent_hint = has("idempotentHint");
    annotations.open_world_hint = has("openWorldHint");
    (annotations != ToolAnnotations::new()).then_some(annotations)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hints_and_schemas_are_taken_over_where_they_are_there() {
        let tags = ["readOnlyHint", "updateHint", "idempotentHint"].map(str::to_owned);
        let hints = serde_json::to_value(annotations(&tags).unwrap()).unwrap();
        assert_eq!(hints, json!({"readOnlyHint": true, "idempotentHint": true}));
        assert_eq!(annotations(&["updateHint".to_owned()]), None);
        for no_object in [json!({}), json!({"type": "array"}), json!({"type": ["object", "null"]}), json!(true)] {
            assert_eq!(object_schema(&RawJson::from(no_object.clone())).unwrap(), None, "{no_object}");
        }
        let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
        assert_eq!(object_schema(&RawJson::from(schema.clone())).unwrap().map(Value::Object), Some(schema));
    }
}
