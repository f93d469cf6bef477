//! `COMPOSIO_GET_TOOL_SCHEMAS`: the argument schemas of tools that are known by slug.

use std::collections::BTreeMap;

use composio_contract::{ExecuteMetaRequest, RawJson, SearchedTool};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{MetaTool, search};
use crate::custom;
use crate::router::Router;
use crate::sessions::LiveSession;

const MAX_SLUGS: usize = 50;

pub(super) fn input_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "tool_slugs": {
                "type": "array",
                "description": "The slugs, as a search gave them.",
                "items": {"type": "string", "minLength": 1},
                "minItems": 1,
                "maxItems": MAX_SLUGS,
            },
        },
        "required": ["tool_slugs"],
    })
}

#[derive(Debug, Deserialize)]
struct Arguments {
    tool_slugs: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Answer {
    tool_schemas: BTreeMap<String, SearchedTool>,
    /// Why there is no schema, by the slug as it was asked for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    errors: BTreeMap<String, String>,
}

impl Router {
    pub(super) async fn run_schemas(
        &self,
        session: &LiveSession,
        request: &ExecuteMetaRequest,
    ) -> Result<RawJson, String> {
        let arguments: Arguments = MetaTool::Schemas.arguments(request.arguments.as_ref())?;
        let custom = search::custom_tools(session, request.experimental.as_ref()).map_err(|error| error.to_string())?;
        let found = join_all(arguments.tool_slugs.iter().map(|slug| async {
            if let Some((tool, toolkit)) = custom::each(&custom).find(|(tool, _)| tool.slug.eq_ignore_ascii_case(slug))
            {
                return Ok(search::describe_custom(tool, toolkit));
            }
            self.list_for_tool(session, slug).await?;
            let tool = self.catalog.tool(slug).await?;
            match session.policy.decide(&tool.subject()) {
                Ok(_) => Ok(search::describe(&tool, true)),
                Err(denial) => Err(denial.error(tool.slug())),
            }
        }))
        .await;
        let mut answer = Answer { tool_schemas: BTreeMap::new(), errors: BTreeMap::new() };
        for (slug, tool) in arguments.tool_slugs.into_iter().zip(found) {
            match tool {
                Ok(tool) => drop(answer.tool_schemas.insert(tool.tool_slug.clone(), tool)),
                Err(error) => drop(answer.errors.insert(slug, error.to_string())),
            }
        }
        if answer.tool_schemas.is_empty() {
            return Err(answer.errors.into_values().collect::<Vec<_>>().join("\n"));
        }
        RawJson::encode(&answer).map_err(|error| error.to_string())
    }
}
