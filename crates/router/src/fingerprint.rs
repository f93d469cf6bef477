//! Hashes that do not depend on the order of fields: of arguments, of definitions, and of what a user agrees to.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::ser::{SerializeMap as _, SerializeSeq as _, Serializer};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::source::ToolDefinition;

/// What identifies arguments without repeating them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    /// SHA-256 of the canonical form: JSON without spaces, each object's fields sorted by name.
    pub(crate) hash: [u8; 32],
    /// Bytes of that form.
    pub(crate) size: u64,
}

pub(crate) fn of(arguments: &Map<String, Value>) -> Fingerprint {
    // A `Map` always has a JSON form.
    let canonical = serde_json::to_vec(&SortedMap(arguments)).unwrap_or_default();
    Fingerprint { hash: Sha256::digest(&canonical).into(), size: canonical.len() as u64 }
}

/// SHA-256 of what a tool's source says of it: name, title, description, schemas and [`ToolDefinition::facts`]. The slug and what
/// the operator says of the tool are not part of it.
#[must_use]
pub fn definition_hash(tool: &ToolDefinition) -> [u8; 32] {
    Sha256::digest(definition_text(tool)).into()
}

/// What [`definition_hash`] is the hash of: JSON without spaces, each object's fields sorted by name.
pub(crate) fn definition_text(tool: &ToolDefinition) -> String {
    let text = Definition {
        name: &tool.operation,
        title: &tool.title,
        description: &tool.description,
        input_schema: Sorted(&tool.input_schema),
        output_schema: tool.output_schema.as_ref().map(Sorted),
        facts: Sorted(&tool.facts),
    };
    // Strings and values always have a JSON form.
    serde_json::to_string(&text).unwrap_or_default()
}

#[derive(Serialize)]
struct Definition<'a> {
    name: &'a str,
    title: &'a str,
    description: &'a str,
    input_schema: Sorted<'a>,
    output_schema: Option<Sorted<'a>>,
    facts: Sorted<'a>,
}

/// A hash over parts, each with its length before it, so that no part can pass for the end of another.
pub(crate) fn over<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

struct SortedMap<'a>(&'a Map<String, Value>);
struct Sorted<'a>(&'a Value);

impl Serialize for SortedMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields: BTreeMap<&String, &Value> = self.0.iter().collect();
        let mut map = serializer.serialize_map(Some(fields.len()))?;
        for (name, value) in fields {
            map.serialize_entry(name, &Sorted(value))?;
        }
        map.end()
    }
}

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(fields) => SortedMap(fields).serialize(serializer),
            Value::Array(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(&Sorted(item))?;
                }
                list.end()
            }
            other => other.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(text: &str) -> [u8; 32] {
        of(&serde_json::from_str(text).unwrap()).hash
    }

    #[test]
    fn order_of_fields_does_not_count_but_everything_else_does() {
        let one = hash(r#"{"a": 1, "b": [{"x": 1, "y": 2}]}"#);
        assert_eq!(one, hash(r#"{"b":[{"y":2,"x":1}],"a":1}"#));
        for other in [r#"{"a": 1, "b": [{"x": 1, "y": 3}]}"#, r#"{"a": "1", "b": [{"x": 1, "y": 2}]}"#, "{}"] {
            assert_ne!(one, hash(other), "{other}");
        }
    }
}
