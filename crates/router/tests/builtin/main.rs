//! The built-in toolkits, run as the router runs them.

#![cfg(unix)]
// What the lints allow in a test function, its fixtures need too.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod files;
mod http;
#[path = "../../../egress/tests/egress/server.rs"]
mod server;
mod sqlite;
mod time;

use std::sync::Arc;
use std::time::Duration;

use composio_egress::{Egress, EgressOptions};
use composio_router::builtin;
use composio_router::source::{CallContext, Outcome, Source, Tag, ToolDefinition};
use composio_router::workspace::Workspace;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// A user with a folder, and the tools.
struct User {
    outer: TempDir,
    context: CallContext,
    sources: Vec<Arc<dyn Source>>,
}

impl User {
    fn new() -> Self {
        Self::with_egress(EgressOptions::default())
    }

    fn with_egress(options: EgressOptions) -> Self {
        let outer = tempfile::tempdir().unwrap();
        let workspace = Arc::new(Workspace::open(outer.path().join("user")).unwrap());
        let context = CallContext {
            user_id: "ada".to_owned(),
            session_id: "trs_1".to_owned(),
            workspace,
            time_limit: Duration::from_secs(60),
            output_limit: 1_000_000,
            listener: None,
            credential: None,
        };
        Self { outer, context, sources: builtin::all(&Arc::new(Egress::new(options).unwrap())) }
    }

    async fn outcome(&self, slug: &str, arguments: Value) -> Outcome {
        let (source, tool) = find(&self.sources, slug).await;
        let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
        source.call(&tool, arguments, &self.context).await.unwrap()
    }

    async fn ok(&self, slug: &str, arguments: Value) -> Value {
        match self.outcome(slug, arguments).await {
            Outcome::Completed(result) => result.decode("result").unwrap(),
            Outcome::Failed { error, .. } => panic!("{slug} failed: {error}"),
        }
    }

    async fn error(&self, slug: &str, arguments: Value) -> String {
        match self.outcome(slug, arguments).await {
            Outcome::Completed(result) => panic!("{slug} returned {result}"),
            Outcome::Failed { error, .. } => error,
        }
    }
}

async fn find(sources: &[Arc<dyn Source>], slug: &str) -> (Arc<dyn Source>, ToolDefinition) {
    for source in sources {
        if let Some(tool) = source.tools().await.unwrap().iter().find(|tool| tool.slug == slug) {
            return (Arc::clone(source), tool.clone());
        }
    }
    panic!("there is no tool {slug}");
}

async fn tools() -> Vec<ToolDefinition> {
    let mut tools = Vec::new();
    for source in User::new().sources {
        tools.extend(source.tools().await.unwrap().iter().cloned());
    }
    tools
}

#[tokio::test]
async fn every_tool_has_its_slug_and_tags() {
    use Tag::{Create, Destructive, Idempotent, OpenWorld, ReadOnly, Update};
    let tools = tools().await;
    let actual: Vec<_> = tools.iter().map(|tool| (tool.slug.as_str(), tool.tags.as_slice())).collect();
    assert_eq!(
        actual,
        [
            ("FILES_LIST", &[ReadOnly, Idempotent][..]),
            ("FILES_READ", &[ReadOnly, Idempotent]),
            ("FILES_WRITE", &[Create, Update, Destructive]),
            ("FILES_SEARCH", &[ReadOnly, Idempotent]),
            ("FILES_MOVE", &[Update, Destructive]),
            ("FILES_DELETE", &[Destructive]),
            ("SQLITE_QUERY", &[ReadOnly, Idempotent]),
            ("SQLITE_EXECUTE", &[Create, Update, Destructive]),
            ("SQLITE_SCHEMA", &[ReadOnly, Idempotent]),
            ("TIME_NOW", &[ReadOnly]),
            ("TIME_CONVERT", &[ReadOnly, Idempotent]),
            ("TIME_DIFFERENCE", &[ReadOnly, Idempotent]),
            ("HTTP_REQUEST", &[Create, Update, Destructive, OpenWorld]),
        ]
    );
}

/// Every key anywhere in a schema that is not the name of a property.
fn keywords(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(fields) => {
            for (key, value) in fields {
                found.push(key.clone());
                match (key.as_str(), value) {
                    ("properties", Value::Object(properties)) => {
                        properties.values().for_each(|property| keywords(property, found));
                    }
                    ("default", _) => {}
                    _ => keywords(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keywords(item, found)),
        _ => {}
    }
}

#[tokio::test]
async fn schemas_are_closed_and_without_noise() {
    for tool in tools().await {
        assert_eq!(tool.input_schema["type"], "object", "{}", tool.slug);
        assert_eq!(tool.input_schema["additionalProperties"], json!(false), "{}", tool.slug);
        assert_eq!(tool.output_schema.as_ref().unwrap()["type"], "object", "{}", tool.slug);
        for schema in [&tool.input_schema, tool.output_schema.as_ref().unwrap()] {
            let mut found = Vec::new();
            keywords(schema, &mut found);
            for noise in ["$schema", "title", "format", "$defs", "$ref", "oneOf", "const"] {
                assert!(!found.iter().any(|key| key == noise), "{} has {noise}: {schema:#}", tool.slug);
            }
        }
        for (name, property) in tool.input_schema["properties"].as_object().unwrap() {
            assert!(property["description"].is_string(), "{}.{name} has no description", tool.slug);
        }
    }
}

#[tokio::test]
async fn schemas_say_type_default_and_bounds() {
    let (_, tool) = find(&User::new().sources, "SQLITE_QUERY").await;
    assert_eq!(tool.input_schema["required"], json!(["sql"]));
    assert_eq!(tool.input_schema["properties"]["limit"]["type"], "integer");
    assert_eq!(tool.input_schema["properties"]["limit"]["default"], 100);
    assert_eq!(tool.input_schema["properties"]["limit"]["maximum"], 1_000);
    let (_, tool) = find(&User::new().sources, "FILES_LIST").await;
    assert_eq!(tool.input_schema["properties"]["cursor"]["type"], "string");
    let (_, tool) = find(&User::new().sources, "FILES_WRITE").await;
    assert_eq!(tool.input_schema["properties"]["if_exists"]["enum"], json!(["replace", "append", "fail"]));
    let (_, tool) = find(&User::new().sources, "TIME_DIFFERENCE").await;
    assert!(!tool.input_schema["properties"]["unit"]["enum"].as_array().unwrap().contains(&Value::Null));
}

#[tokio::test]
async fn wrong_arguments_and_tools_are_told() {
    let user = User::new();
    let error = user.error("TIME_NOW", json!({ "zone": "UTC" })).await;
    assert!(error.contains("zone"), "{error}");
    let (source, mut tool) = find(&user.sources, "TIME_NOW").await;
    "never".clone_into(&mut tool.operation);
    assert!(source.call(&tool, Map::new(), &user.context).await.is_err());
}

#[tokio::test]
async fn a_result_beyond_the_limit_is_not_returned() {
    let mut user = User::new();
    user.context.output_limit = 20;
    let error = user.error("TIME_NOW", json!({})).await;
    assert!(error.contains("limit of 20"), "{error}");
}
