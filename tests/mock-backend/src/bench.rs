//! Fixed answers under the plain root, for benchmarks and stress. Built once, cloned by reference count.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Response};
use serde_json::{Value, json};

const SESSIONS: &str = "/api/v3.1/tool_router/session";
const SESSION_ID: &str = "trs_bench";
/// A session whose tools never end.
const STUCK_ID: &str = "trs_stuck";
const TOOLS: usize = 100;

pub(crate) struct Bench {
    session: Bytes,
    stuck: Bytes,
    tools: Bytes,
    execute: Bytes,
    search: Bytes,
}

impl Bench {
    pub(crate) fn new(host: &str) -> Self {
        let tools: Vec<Value> = (0..TOOLS).map(tool).collect();
        Self {
            session: encode(&session(SESSION_ID, host)),
            stuck: encode(&session(STUCK_ID, host)),
            tools: encode(&json!({
                "items": tools, "next_cursor": null, "total_pages": 1, "current_page": 1, "total_items": TOOLS,
            })),
            execute: encode(&json!({
                "result_type": "completed", "data": { "id": 42, "ok": true, "labels": ["bug", "p1"] },
                "error": null, "log_id": "log_bench",
            })),
            search: encode(&search()),
        }
    }

    /// Whether the request is one that never gets an answer.
    pub(crate) fn is_stuck(path: &str) -> bool {
        path.strip_prefix(SESSIONS).and_then(|rest| rest.strip_prefix('/')).and_then(|rest| rest.strip_prefix(STUCK_ID))
            == Some("/execute")
    }

    /// The answer to a request, if it is one of the benchmark's.
    pub(crate) fn answer(&self, method: &Method, path: &str) -> Option<Response<Full<Bytes>>> {
        let rest = path.strip_prefix(SESSIONS)?;
        let call = rest.strip_prefix('/').and_then(|rest| rest.strip_prefix(SESSION_ID));
        let stuck = rest.strip_prefix('/') == Some(STUCK_ID);
        let body = match (method, call) {
            (&Method::POST, None) if rest.is_empty() => &self.session,
            (&Method::GET, Some("")) => &self.session,
            (&Method::GET, None) if stuck => &self.stuck,
            (&Method::GET, Some("/tools")) => &self.tools,
            (&Method::POST, Some("/execute")) => &self.execute,
            (&Method::POST, Some("/search")) => &self.search,
            _ => return None,
        };
        let mut reply = Response::new(Full::new(body.clone()));
        reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Some(reply)
    }
}

fn encode(value: &Value) -> Bytes {
    value.to_string().into()
}

fn session(id: &str, host: &str) -> Value {
    json!({
        "session_id": id,
        "config": {
            "user_id": "user_1", "execute": {}, "search": {}, "preload": { "tools": [] }, "instant": false,
            "manage_connections": { "enabled": true },
        },
        "config_version": 1,
        "mcp": { "type": "http", "url": format!("http://{host}/tool_router/{id}/mcp") },
        "tool_router_tools": ["COMPOSIO_SEARCH_TOOLS", "COMPOSIO_MULTI_EXECUTE_TOOL"],
    })
}

/// A tool with an input schema of about 1.5 KB, the size that catalogue tools commonly have.
fn tool(index: usize) -> Value {
    let properties: serde_json::Map<String, Value> = (0..9)
        .map(|field| {
            let schema = match field % 3 {
                0 => json!({
                    "type": "string", "title": format!("Field {field}"), "examples": ["octocat", "hello-world"],
                    "description": "The account that owns the repository. The name is not case sensitive.",
                }),
                1 => json!({
                    "type": "integer", "title": format!("Field {field}"), "default": 30, "minimum": 1, "maximum": 100,
                    "description": "How many results a page has. Further pages are read with the page number.",
                }),
                _ => json!({
                    "type": "array", "title": format!("Field {field}"), "items": { "type": "string" },
                    "description": "Labels that the item must carry; an item without one of them is left out.",
                }),
            };
            (format!("field_{field}"), schema)
        })
        .collect();
    let slug = format!("GITHUB_OPERATION_{index}");
    json!({
        "slug": slug, "name": format!("Operation {index}"), "version": "20251101_00", "tags": ["readOnlyHint"],
        "description": format!("Reads the items of kind {index} that match the filter and returns them page by page."),
        "toolkit": { "slug": "github", "name": "GitHub", "logo": "https://logos.example/github.svg" },
        "input_parameters": { "type": "object", "properties": properties, "required": ["field_0", "field_1"] },
        "output_parameters": { "type": "object", "properties": { "items": { "type": "array", "items": { "type": "object" } } } },
        "available_versions": ["20251101_00"], "is_deprecated": false, "no_auth": false, "scopes": ["repo"],
        "deprecated": {
            "available_versions": ["20251101_00"], "displayName": format!("Operation {index}"), "is_deprecated": false,
            "toolkit": { "logo": "https://logos.example/github.svg" }, "version": "20251101_00",
        },
    })
}

fn search() -> Value {
    json!({
        "success": true, "error": null,
        "results": [{
            "index": 1, "use_case": "list the items", "primary_tool_slugs": ["GITHUB_OPERATION_1"],
            "related_tool_slugs": ["GITHUB_OPERATION_2"], "toolkits": ["github"],
        }],
        "tool_schemas": {
            "GITHUB_OPERATION_1": {
                "tool_slug": "GITHUB_OPERATION_1", "toolkit": "github", "description": "Reads the items.",
                "input_schema": { "type": "object", "properties": {} }, "hasFullSchema": true,
            },
        },
        "toolkit_connection_statuses": [],
        "next_steps_guidance": ["Run GITHUB_OPERATION_1."],
        "session": { "id": "search_bench", "generate_id": false, "instructions": "Pass this id on." },
        "time_info": {
            "current_time_utc": "2025-11-22T20:00:00Z", "current_time_utc_epoch_seconds": 1_763_841_600,
            "message": "It is 20:00 UTC.",
        },
    })
}
