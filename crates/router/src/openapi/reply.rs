//! What an API answered, as the outcome of a tool's run.

use std::collections::BTreeMap;

use composio_contract::{RawJson, Result};
use composio_egress::Response;
use composio_openapi::shorten;
use reqwest::header::HeaderMap;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::pagination::Next;
use super::send;
use crate::source::{CallContext, Outcome, ProxyBody, ProxyResult, SavedFile, ToolDefinition};
use crate::workspace::WriteMode;

/// How many bytes of an answer are read.
pub(super) const MAX_RESPONSE: usize = 64 * 1024 * 1024;
/// The folder among the user's files that answers are saved in.
const FOLDER: &str = "downloads";
/// The longest message of an API in an error, in characters.
const MAX_MESSAGE: usize = 600;
/// Headers that say something about the answer; the others are noise to a model, or not for it.
const TOLD: [&str; 14] = [
    "content-disposition",
    "content-language",
    "content-range",
    "content-type",
    "deprecation",
    "etag",
    "last-modified",
    "link",
    "location",
    "retry-after",
    "sunset",
    "warning",
    "x-request-id",
    "request-id",
];
const TOLD_STARTS: [&str; 6] = ["x-ratelimit", "ratelimit", "x-rate-limit", "x-total", "x-page", "x-next"];

#[derive(Serialize)]
struct Reply {
    status: u16,
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<RawJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<SavedFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Next>,
}

/// The schema of a result, around that of the body.
pub(super) fn schema(body: Option<Value>) -> Value {
    let mut body = body.unwrap_or_else(|| json!({}));
    // References are meant from the root.
    let definitions = body.as_object_mut().and_then(|body| body.shift_remove("$defs"));
    let mut schema = json!({
        "type": "object",
        "properties": {
            "status": {"type": "integer", "description": "The HTTP status."},
            "headers": {
                "type": "object",
                "additionalProperties": {"type": "string"},
                "description": "Headers of the answer, by lower-case name.",
            },
            "body": body,
            "file": {
                "type": "object",
                "description": "Where an answer was saved that is no text, or too long to be passed on.",
                "properties": {
                    "path": {"type": "string"},
                    "size": {"type": "integer"},
                    "media_type": {"type": "string"},
                },
            },
            "next": {
                "type": "object",
                "description": "The next page: call the tool again with these arguments.",
                "properties": {"url": {"type": "string"}, "arguments": {"type": "object"}},
            },
        },
        "required": ["status", "headers"],
    });
    if let (Some(definitions), Some(schema)) = (definitions, schema.as_object_mut()) {
        schema.insert("$defs".to_owned(), definitions);
    }
    schema
}

/// How a run ended.
pub(super) async fn outcome(
    tool: &ToolDefinition,
    response: Response,
    next: Option<Next>,
    context: &CallContext,
) -> Result<Outcome> {
    if response.truncated {
        return Ok(Outcome::failed(format!(
            "{} answered with more than {MAX_RESPONSE} bytes; ask for less, such as a page or a part",
            tool.slug
        )));
    }
    let status = response.status;
    let error = (status.is_client_error() || status.is_server_error()).then(|| failure(tool, &response));
    let headers = told(&response.headers);
    let (body, file) = match content(&response, context.output_limit).await {
        Content::None => (None, None),
        Content::Json(json) => (Some(json), None),
        Content::Text(text) => (Some(Value::String(text).into()), None),
        Content::Bytes => (None, Some(save(&response, context).await?)),
    };
    let data = RawJson::encode(&Reply { status: status.as_u16(), headers, body, file, next })?;
    Ok(match error {
        Some(error) => Outcome::Failed { error, data: Some(data) },
        None => Outcome::Completed(data),
    })
}

/// The answer to a raw call.
pub(super) async fn proxied(response: Response, context: &CallContext) -> Result<ProxyResult> {
    let response = response.complete()?;
    let body = match content(&response, context.output_limit).await {
        Content::None => ProxyBody::None,
        Content::Json(json) => ProxyBody::Json(json),
        Content::Text(text) => ProxyBody::Json(Value::String(text).into()),
        Content::Bytes => ProxyBody::File(save(&response, context).await?),
    };
    Ok(ProxyResult { status: response.status.as_u16(), headers: told(&response.headers), body })
}

enum Content {
    None,
    Json(RawJson),
    Text(String),
    /// What is no text, or too long to be passed on.
    Bytes,
}

async fn content(response: &Response, limit: usize) -> Content {
    if response.body.is_empty() {
        return Content::None;
    }
    // Room for the headers, and for the escapes of a text.
    if response.body.len() > limit.saturating_sub(limit / 8) {
        return Content::Bytes;
    }
    let kind = response.media_type().unwrap_or_default();
    let text = std::str::from_utf8(&response.body).ok().filter(|text| !text.contains('\0'));
    let Some(text) = text else { return Content::Bytes };
    let is_json = kind == "application/json" || kind.ends_with("+json") || kind.is_empty();
    // The text crosses as it came, so that large numbers survive.
    if is_json && let Ok(json) = RawJson::parse(text.trim().to_owned()) {
        return Content::Json(json);
    }
    let is_text = is_json
        || kind.starts_with("text/")
        || kind.ends_with("+xml")
        || kind == "application/xml"
        || kind == "application/javascript"
        || kind == "application/yaml"
        || kind == "application/x-ndjson"
        || kind == "application/x-www-form-urlencoded";
    if is_text { Content::Text(text.to_owned()) } else { Content::Bytes }
}

async fn save(response: &Response, context: &CallContext) -> Result<SavedFile> {
    let media_type = response.media_type().unwrap_or_else(|| "application/octet-stream".to_owned());
    let path = format!("{FOLDER}/{}{}", Uuid::now_v7().simple(), extension(&media_type));
    let info = context.workspace.write_bytes(&path, response.body.clone(), WriteMode::Create).await?;
    Ok(SavedFile { path: info.path, size: info.size, media_type })
}

fn extension(media_type: &str) -> &'static str {
    match media_type {
        "application/json" => ".json",
        "application/pdf" => ".pdf",
        "application/zip" => ".zip",
        "application/gzip" => ".gz",
        "image/png" => ".png",
        "image/jpeg" => ".jpg",
        "image/gif" => ".gif",
        "image/svg+xml" => ".svg",
        "image/webp" => ".webp",
        "audio/mpeg" => ".mp3",
        "video/mp4" => ".mp4",
        "text/csv" => ".csv",
        "text/html" => ".html",
        _ if media_type.starts_with("text/") => ".txt",
        _ if media_type.ends_with("+json") => ".json",
        _ => ".bin",
    }
}

fn told(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut told: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers {
        let name = name.as_str();
        if !TOLD.contains(&name) && !TOLD_STARTS.iter().any(|start| name.starts_with(start)) {
            continue;
        }
        let value = String::from_utf8_lossy(value.as_bytes());
        told.entry(name.to_owned())
            .and_modify(|values| {
                values.push_str(", ");
                values.push_str(&value);
            })
            .or_insert_with(|| value.clone().into_owned());
    }
    told
}

/// What an error status says to a model, and what to do about it.
pub(super) fn failure(tool: &ToolDefinition, response: &Response) -> String {
    let status = response.status;
    let name = status.canonical_reason().unwrap_or("error");
    let mut text = format!("{}: the API answered {} {name}", tool.slug, status.as_u16());
    if let Some(message) = message(response) {
        text.push_str(": ");
        text.push_str(&shorten(&message, MAX_MESSAGE));
    }
    match status.as_u16() {
        401 => text.push_str(". The call is not signed, or by what the API does not accept"),
        429 | 503 => match send::wait(response) {
            Some(wait) => text.push_str(&format!(". Wait {} s before the next call", wait.as_secs())),
            None if status.as_u16() == 429 => text.push_str(". Too many calls; wait before the next one"),
            None => {}
        },
        _ => {}
    }
    text
}

/// The API's own words, where they are where APIs put them.
fn message(response: &Response) -> Option<String> {
    const FIELDS: [&str; 14] = [
        "/error/message",
        "/message",
        "/error_description",
        "/detail",
        "/error/description",
        "/description",
        "/errors/0/message",
        "/errors/0/detail",
        "/errors/0",
        "/error",
        "/title",
        "/msg",
        "/reason",
        "/Message",
    ];
    let body: Value = match serde_json::from_slice(&response.body) {
        Ok(body) => body,
        Err(_) => {
            let text = std::str::from_utf8(&response.body).ok()?.trim();
            let is_plain = response.media_type().is_some_and(|kind| kind == "text/plain");
            return (is_plain && !text.is_empty()).then(|| text.to_owned());
        }
    };
    let mut found: Vec<String> = Vec::new();
    for field in FIELDS {
        let text = body.pointer(field).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
        if let Some(text) = text {
            found.push(text.to_owned());
            break;
        }
    }
    // What is wrong with which field stands in a list, in many APIs.
    if let Some(errors) = body.get("errors").filter(|errors| errors.is_array() || errors.is_object()) {
        let errors = errors.to_string();
        if found.first().is_none_or(|first| !errors.contains(first.as_str())) {
            found.push(errors);
        }
    }
    (!found.is_empty()).then(|| found.join(" "))
}
