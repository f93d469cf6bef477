//! The part of JSON Schema that tools commonly need, in little space. What it does not know it refuses when a schema is
//! compiled, so that nothing is let through unchecked.

mod check;
mod compile;

use std::collections::HashMap;

use regex_lite::Regex;
use serde_json::Value;

use crate::BadSchema;
use crate::problem::Invalid;

pub(crate) struct Checker {
    /// By the text of the pattern.
    patterns: HashMap<String, Regex>,
    /// Pointers of the subschemas that have an `$anchor`.
    anchors: HashMap<String, String>,
    /// Whether nothing beside a `$ref` counts, as before the draft of 2019.
    references_alone: bool,
}

impl Checker {
    pub(crate) fn compile(schema: &Value) -> Result<Self, BadSchema> {
        compile::compile(schema)
    }

    pub(crate) fn check(&self, value: &Value, schema: &Value) -> Result<(), Invalid> {
        let faults = check::faults(self, schema, value);
        if faults.is_empty() { Ok(()) } else { Err(Invalid::new(faults.into_iter())) }
    }

    /// What a `$ref` refers to.
    fn resolve<'s>(&self, root: &'s Value, reference: &str) -> Option<&'s Value> {
        let id = root.get("$id").and_then(Value::as_str).map(|id| id.trim_end_matches('#'));
        let fragment = match id.and_then(|id| reference.strip_prefix(id)) {
            Some(rest) if rest.is_empty() || rest.starts_with('#') => rest.trim_start_matches('#'),
            _ => reference.strip_prefix('#')?,
        };
        let fragment = percent_encoding::percent_decode_str(fragment).decode_utf8().ok()?;
        match self.anchors.get(fragment.as_ref()) {
            Some(pointer) => root.pointer(pointer),
            None => root.pointer(&fragment),
        }
    }
}

#[cfg(all(test, feature = "full"))]
mod tests;
