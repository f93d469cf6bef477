//! OpenAPI documents.

use composio_openapi::Document;
use serde_json::{Map, Value};

/// Operations of a document that are looked at.
const OPERATIONS: usize = 20;
/// More than the schema of an operation's arguments may have, in bytes.
const LONGEST: usize = 1 << 20;

/// Reads a document and its operations, and makes a request of each with a value for every argument. The request stays on the
/// server that the document names.
///
/// # Panics
/// If a schema is too large, or a request leaves its server.
pub fn openapi_document(data: &[u8]) {
    let Ok(document) = std::str::from_utf8(data).map_err(drop).and_then(|text| Document::load(text).map_err(drop))
    else {
        return;
    };
    for operation in document.operations().iter().take(OPERATIONS) {
        let _ = document.output(operation);
        let Ok(input) = document.input(operation) else { continue };
        assert!(input.schema.to_string().len() <= LONGEST);
        let names = input.schema.get("properties").and_then(Value::as_object).into_iter().flatten();
        for value in ["x", "..", "../../admin", "%2e%2e/\u{0}", ""] {
            let arguments: Map<String, Value> = names.clone().map(|(name, _)| (name.clone(), value.into())).collect();
            let Ok(prepared) = input.prepare(&arguments) else { continue };
            let base = document.base_url(operation, None, &Default::default());
            let (Ok(base), Ok(path)) = (base, prepared.url(&"https://api.example/v1".parse().unwrap())) else {
                continue;
            };
            assert!(path.as_str().starts_with("https://api.example/v1"), "{path}");
            if let Ok(url) = prepared.url(&base) {
                assert_eq!(url.origin(), base.origin(), "{url}");
            }
        }
    }
}
