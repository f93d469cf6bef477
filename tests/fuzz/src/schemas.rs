//! JSON Schemas of tools, and values to check.

use composio_schema::Schema;
use serde_json::Value;

/// More than the problems that are told may have together, in bytes.
const LONGEST: usize = 16_000;

/// Compiles the first line as a schema, and checks the rest as a value. What is said of either is short, and the check says the same
/// each time.
///
/// # Panics
/// If it is not.
pub fn schema(data: &[u8]) {
    let mut lines = data.splitn(2, |byte| *byte == b'\n');
    let (Some(schema), value) = (lines.next(), lines.next().unwrap_or(b"{}")) else { return };
    let Ok(schema) = serde_json::from_slice::<Value>(schema) else { return };
    let value = serde_json::from_slice::<Value>(value).unwrap_or_else(|_| String::from_utf8_lossy(value).into());
    match Schema::compile(&schema) {
        Ok(schema) => {
            let said = |found: Result<(), composio_schema::Invalid>| found.err().map(|wrong| wrong.to_string());
            let first = said(schema.check(&value));
            assert!(first.as_ref().is_none_or(|text| text.len() < LONGEST), "{first:?}");
            assert_eq!(first, said(schema.check(&value)));
            let _ = schema.is_quick(&value);
        }
        Err(error) => assert!(error.to_string().len() < LONGEST, "{error}"),
    }
}
