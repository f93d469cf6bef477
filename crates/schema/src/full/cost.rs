//! What checking one value takes the crate `jsonschema`, which cannot be stopped once it has begun.

use serde_json::Value;

use crate::reference::References;
use crate::weight::{IN_PLACE, LOOK_THROUGH, of_pattern, of_value};

/// How deep the crate may recurse, on a stack of two megabytes.
const DEEPEST: usize = 400;
/// What a value costs that is checked against a schema of schemas.
const META_SCHEMA: u64 = 200;

/// Whether checking the value takes no more than `most` steps, whichever alternatives fit.
pub(super) fn is_within(most: u64, schema: &Value, references: &References, value: &Value) -> bool {
    let mut walk = Walk { root: schema, references, left: most };
    walk.schema(schema, value, 0).is_some()
}

struct Walk<'s> {
    root: &'s Value,
    references: &'s References,
    left: u64,
}

/// None once there are no steps left.
type Go = Option<()>;

impl<'s> Walk<'s> {
    fn spend(&mut self, steps: u64) -> Go {
        self.left = self.left.checked_sub(steps)?;
        Some(())
    }

    fn schema(&mut self, schema: &'s Value, value: &Value, depth: usize) -> Go {
        self.spend(1)?;
        let Value::Object(fields) = schema else { return Some(()) };
        if depth > DEEPEST {
            return None;
        }
        self.spend(fields.len() as u64)?;
        let targets = self.references.targets(self.root, schema);
        if targets.is_unbounded {
            self.spend(of_value(value, self.left).saturating_mul(META_SCHEMA))?;
        }
        for target in targets.schemas {
            self.schema(target, value, depth + 1)?;
        }
        // They look again at what the keywords beside them have looked at.
        let times = 1 + LOOK_THROUGH.iter().filter(|keyword| fields.contains_key(**keyword)).count();
        for (keyword, wanted) in fields {
            for _ in 0..times {
                self.in_place(keyword, wanted, value, depth)?;
            }
            match value {
                Value::Object(given) => {
                    for (name, value) in given {
                        self.field(keyword, wanted, name, value, depth)?;
                    }
                }
                Value::Array(given) => {
                    for (index, value) in given.iter().enumerate() {
                        self.item(keyword, wanted, index, value, depth)?;
                    }
                }
                Value::String(text) => self.text(keyword, wanted, text)?,
                _ => {}
            }
        }
        Some(())
    }

    fn in_place(&mut self, keyword: &str, wanted: &'s Value, value: &Value, depth: usize) -> Go {
        match wanted {
            Value::Array(schemas) if IN_PLACE.contains(&keyword) => {
                schemas.iter().try_for_each(|schema| self.schema(schema, value, depth + 1))
            }
            Value::Object(schemas) if matches!(keyword, "dependentSchemas" | "dependencies") => {
                schemas.values().try_for_each(|schema| self.schema(schema, value, depth + 1))
            }
            schema if IN_PLACE.contains(&keyword) => self.schema(schema, value, depth + 1),
            Value::Array(options) if keyword == "enum" => {
                self.spend(options.len() as u64)?;
                self.spend(of_value(value, self.left))
            }
            Value::Array(names) => self.spend(names.len() as u64),
            Value::Object(named) => self.spend(named.len() as u64),
            _ => Some(()),
        }
    }

    fn field(&mut self, keyword: &str, wanted: &'s Value, name: &str, value: &Value, depth: usize) -> Go {
        match (keyword, wanted) {
            ("properties", Value::Object(named)) => match named.get(name) {
                Some(schema) => self.schema(schema, value, depth + 1),
                None => Some(()),
            },
            ("patternProperties", Value::Object(patterns)) => patterns.iter().try_for_each(|(pattern, schema)| {
                self.text("pattern", &Value::String(pattern.clone()), name)?;
                self.schema(schema, value, depth + 1)
            }),
            ("propertyNames", schema) => self.schema(schema, &Value::String(name.to_owned()), depth + 1),
            ("additionalProperties" | "unevaluatedProperties", schema) => self.schema(schema, value, depth + 1),
            _ => Some(()),
        }
    }

    fn item(&mut self, keyword: &str, wanted: &'s Value, index: usize, value: &Value, depth: usize) -> Go {
        match (keyword, wanted) {
            ("prefixItems" | "items", Value::Array(schemas)) => match schemas.get(index) {
                Some(schema) => self.schema(schema, value, depth + 1),
                None => Some(()),
            },
            ("items" | "additionalItems" | "unevaluatedItems" | "contains", schema) => {
                self.schema(schema, value, depth + 1)
            }
            ("uniqueItems", _) => self.spend(of_value(value, self.left)),
            _ => Some(()),
        }
    }

    fn text(&mut self, keyword: &str, wanted: &Value, text: &str) -> Go {
        let characters = text.len() as u64;
        match (keyword, wanted) {
            ("pattern", Value::String(pattern)) => {
                // A pattern with look-around or back references is matched by going back and forth.
                let times = if is_fancy(pattern) { 64 } else { 1 };
                self.spend((1 + characters / 8).saturating_mul(of_pattern(pattern)).saturating_mul(times) / 8)
            }
            ("minLength" | "maxLength" | "format", _) => self.spend(characters / 16),
            _ => Some(()),
        }
    }
}

fn is_fancy(pattern: &str) -> bool {
    pattern.contains("(?=") || pattern.contains("(?!") || pattern.contains("(?<") || has_back_reference(pattern)
}

fn has_back_reference(pattern: &str) -> bool {
    pattern.as_bytes().windows(2).any(|pair| matches!(pair, [b'\\', b'1'..=b'9' | b'k']))
}
