//! The contract: the operations it has, and the document of those that are served.

use axum::http::Method;
use composio_contract::{Error, ErrorKind, Result};
use composio_router::SETTING_NOT_CHECKED;
use serde_json::{Map, Value, json};

/// The operations that this project implements, with their schemas.
const DOCUMENT: &str = include_str!("../../../tests/contract/openapi-v3.1.json");
/// Every operation of the whole contract: a method and a path a line.
const OPERATIONS: &str = include_str!("../../../tests/contract/operations.txt");
/// What the paths begin with.
pub(crate) const PREFIX: &str = "/api/v3.1";

/// Every operation of the contract; paths without [`PREFIX`].
pub(crate) fn operations() -> impl Iterator<Item = (Method, &'static str)> {
    OPERATIONS.lines().filter_map(|line| {
        let (method, path) = line.split_once(' ')?;
        Some((method.parse().ok()?, path))
    })
}

/// The OpenAPI document of what is served.
///
/// # Errors
/// [`ErrorKind::Internal`] where the contract is no JSON.
pub(crate) fn document(served: &[(Method, &str)]) -> Result<String> {
    let mut document: Map<String, Value> = serde_json::from_str(DOCUMENT)
        .map_err(|error| Error::new(ErrorKind::Internal, "the contract cannot be read").with_source(error))?;
    document.insert("info".to_owned(), json!({"title": "composio", "version": env!("CARGO_PKG_VERSION")}));
    document.insert("servers".to_owned(), json!([{"url": "/"}]));
    if let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) {
        paths.retain(|path, operations| {
            let path = path.strip_prefix(PREFIX).unwrap_or(path);
            let is_served = |method: &str| {
                served.iter().any(|(known, at)| known.as_str().eq_ignore_ascii_case(method) && *at == path)
            };
            let Some(operations) = operations.as_object_mut() else { return false };
            operations.retain(|method, _| is_served(method));
            !operations.is_empty()
        });
    }
    // What this router warns of, beside the contract's own.
    let schemas = document.get_mut("components").and_then(|components| components.get_mut("schemas")?.as_object_mut());
    for (_, schema) in schemas.into_iter().flatten().filter(|(name, _)| name.ends_with("WarningsCode")) {
        if let Some(codes) = schema.get_mut("enum").and_then(Value::as_array_mut) {
            codes.push(SETTING_NOT_CHECKED.into());
        }
    }
    Ok(Value::Object(document).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_what_is_served_and_nothing_else() {
        let document = document(&[(Method::GET, "/tools"), (Method::POST, "/tool_router/session")]).unwrap();
        let document: Value = serde_json::from_str(&document).unwrap();
        let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
        assert_eq!(paths, ["/api/v3.1/tool_router/session", "/api/v3.1/tools"]);
        assert_eq!(document["paths"]["/api/v3.1/tools"].as_object().unwrap().len(), 1);
        let codes = &document["components"]["schemas"]["PostV31ToolRouterSessionWarningsCode"]["enum"];
        assert_eq!(*codes, json!(["PRELOAD_TOOLS_HIGH_CONTEXT_USAGE", "SETTING_NOT_CHECKED"]));
        assert_eq!(operations().count(), OPERATIONS.lines().count());
    }
}
