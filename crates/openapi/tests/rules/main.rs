//! The rules by which a document becomes tools and requests.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test may stop at the first error")]

mod input;
mod refused;
mod request;
mod security;
mod swagger;

use composio_openapi::{Document, Input, Prepared};
use serde_json::{Value, json};
use url::Url;

/// A document with one operation `op`, `POST /x`, of these parts.
fn document(version: &str, operation: Value, schemas: Value) -> Document {
    let mut operation = operation;
    operation["operationId"] = json!("op");
    let document = json!({
        "openapi": version,
        "info": {"title": "T", "version": "1"},
        "servers": [{"url": "https://api.example/v1/"}],
        "paths": {"/x/{id}": {"post": operation}},
        "components": {"schemas": schemas},
    });
    Document::load(&document.to_string()).unwrap()
}

fn input(document: &Document) -> Input {
    document.input(document.operation("op").unwrap()).unwrap()
}

fn prepare(document: &Document, arguments: Value) -> Result<Prepared, String> {
    input(document).prepare(arguments.as_object().unwrap()).map_err(|refused| refused.to_string())
}

fn url(document: &Document, arguments: Value) -> String {
    let prepared = prepare(document, arguments).unwrap();
    prepared.url(&Url::parse("https://api.example/v1/").unwrap()).unwrap().to_string()
}
