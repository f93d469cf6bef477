//! The part of JSON Schema that tools commonly need, in little space. What it does not know it refuses when a schema is
//! compiled, so that nothing is let through unchecked.

mod check;
mod compile;

use std::collections::HashMap;

use regex_lite::Regex;
use serde_json::Value;

use crate::BadSchema;
use crate::problem::Invalid;
use crate::reference::References;

pub(crate) struct Checker {
    /// By the text of the pattern.
    patterns: HashMap<String, Pattern>,
    /// Pointers of the subschemas that have an `$anchor`.
    anchors: HashMap<String, String>,
    /// Whether nothing beside a `$ref` counts, as before the draft of 2019.
    references_alone: bool,
}

impl Checker {
    pub(crate) fn compile(schema: &Value, _: References) -> Result<Self, BadSchema> {
        compile::compile(schema)
    }

    pub(crate) fn check(&self, value: &Value, schema: &Value, _is_quick: bool) -> Result<(), Invalid> {
        match check::faults(self, schema, value) {
            Ok(faults) if faults.is_empty() => Ok(()),
            Ok(faults) => Err(Invalid::new(faults.into_iter())),
            Err(check::Spent) => Err(Invalid::too_complex()),
        }
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

/// A pattern, and what matching costs for each character at worst.
struct Pattern {
    regex: Regex,
    weight: u64,
}

#[cfg(all(test, feature = "full"))]
mod tests;
