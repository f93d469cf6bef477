//! Several schemas that all hold, as one.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

/// Makes `schema` say what `other` says as well. What they contradict each other in stays as it is in `schema`; the
/// keywords are answered, for a report.
pub(super) fn merge(schema: &mut Map<String, Value>, other: Map<String, Value>) -> Vec<String> {
    let mut lost = Vec::new();
    for (keyword, theirs) in other {
        let Some(ours) = schema.get_mut(&keyword) else {
            schema.insert(keyword, theirs);
            continue;
        };
        if *ours != theirs && !both(&keyword, ours, theirs) {
            lost.push(keyword);
        }
    }
    lost
}

/// Joins two values of a keyword; false where they cannot be joined.
fn both(keyword: &str, ours: &mut Value, theirs: Value) -> bool {
    match keyword {
        "properties" | "patternProperties" => properties(ours, theirs),
        "required" => required(ours, theirs),
        "type" => types(ours, &theirs),
        "enum" => values(ours, &theirs),
        "items" | "additionalProperties" | "propertyNames" | "contains" => {
            match (&ours, theirs) {
                (_, Value::Bool(true)) | (Value::Bool(false), _) => {}
                (Value::Bool(true), theirs) | (_, theirs @ Value::Bool(false)) => *ours = theirs,
                (_, theirs) => *ours = json!({ "allOf": [ours.take(), theirs] }),
            }
            true
        }
        "minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties" => {
            bound(ours, theirs, |ours, theirs| theirs > ours)
        }
        "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" | "maxProperties" => {
            bound(ours, theirs, |ours, theirs| theirs < ours)
        }
        "uniqueItems" => {
            *ours = true.into();
            true
        }
        // Null is allowed where all parts allow it.
        "nullable" => {
            *ours = false.into();
            true
        }
        // What is nearer to the use of a schema describes it better.
        "description" | "title" | "default" | "example" | "examples" | "deprecated" | "readOnly" | "writeOnly"
        | "$defs" | "definitions" | "$schema" | "$id" | "$comment" | "discriminator" => true,
        extension => extension.starts_with("x-"),
    }
}

fn properties(ours: &mut Value, theirs: Value) -> bool {
    let (Value::Object(ours), Value::Object(theirs)) = (ours, theirs) else { return false };
    for (name, theirs) in theirs {
        match ours.get_mut(&name) {
            None => {
                ours.insert(name, theirs);
            }
            Some(ours) if *ours == theirs => {}
            Some(ours) => *ours = json!({ "allOf": [ours.take(), theirs] }),
        }
    }
    true
}

fn required(ours: &mut Value, theirs: Value) -> bool {
    match (ours, theirs) {
        (Value::Array(ours), Value::Array(theirs)) => ours.extend(theirs),
        // Where draft 4 is left behind, a property says of itself that it is required.
        (Value::Array(_), Value::Bool(_)) => {}
        (ours @ Value::Bool(_), theirs @ Value::Array(_)) => *ours = theirs,
        _ => return false,
    }
    true
}

fn types(ours: &mut Value, theirs: &Value) -> bool {
    let (names, others) = (type_names(ours), type_names(theirs));
    let has = |names: &[&str], name: &str| names.contains(&name) || name == "integer" && names.contains(&"number");
    let shared: Vec<Value> = names
        .iter()
        .filter(|name| has(&others, name))
        .chain(others.iter().filter(|name| !names.contains(name) && has(&names, name)))
        .map(|name| Value::from(*name))
        .collect();
    match shared.len() {
        0 => return false,
        1 => *ours = shared.into_iter().next().unwrap_or_default(),
        _ => *ours = shared.into(),
    }
    true
}

/// The types that a `type` names.
pub(super) fn type_names(value: &Value) -> Vec<&str> {
    match value {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn values(ours: &mut Value, theirs: &Value) -> bool {
    let (Value::Array(values), Value::Array(theirs)) = (ours, theirs) else { return false };
    let theirs: HashSet<String> = theirs.iter().map(Value::to_string).collect();
    let shared: Vec<Value> = values.iter().filter(|value| theirs.contains(&value.to_string())).cloned().collect();
    if shared.is_empty() {
        return false;
    }
    *values = shared;
    true
}

fn bound(ours: &mut Value, theirs: Value, is_tighter: fn(f64, f64) -> bool) -> bool {
    let (Some(mine), Some(other)) = (ours.as_f64(), theirs.as_f64()) else { return false };
    if is_tighter(mine, other) {
        *ours = theirs;
    }
    true
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::merge;

    fn merged(ours: Value, theirs: Value) -> (Value, Vec<String>) {
        let (Value::Object(mut ours), Value::Object(theirs)) = (ours, theirs) else { panic!("schemas are objects") };
        let lost = merge(&mut ours, theirs);
        (ours.into(), lost)
    }

    #[test]
    fn both_schemas_hold() {
        let cases = [
            (json!({"type": "number"}), json!({"type": ["integer", "null"]}), json!({"type": "integer"})),
            (
                json!({"minimum": 1, "maxLength": 3}),
                json!({"minimum": 2, "maxLength": 5}),
                json!({"minimum": 2, "maxLength": 3}),
            ),
            (json!({"enum": ["a", "b"]}), json!({"enum": ["b", "c"]}), json!({"enum": ["b"]})),
            (json!({"required": ["a"]}), json!({"required": ["b"]}), json!({"required": ["a", "b"]})),
            (
                json!({"additionalProperties": true}),
                json!({"additionalProperties": false}),
                json!({"additionalProperties": false}),
            ),
            (
                json!({"properties": {"a": {"minLength": 1}}}),
                json!({"properties": {"a": {"maxLength": 2}, "b": {}}}),
                json!({"properties": {"a": {"allOf": [{"minLength": 1}, {"maxLength": 2}]}, "b": {}}}),
            ),
            (
                json!({"description": "near"}),
                json!({"description": "far", "x-a": 1}),
                json!({"description": "near", "x-a": 1}),
            ),
        ];
        for (ours, theirs, both) in cases {
            assert_eq!(merged(ours, theirs), (both, Vec::new()));
        }
    }

    #[test]
    fn a_contradiction_is_told() {
        let cases = [
            (json!({"type": "string"}), json!({"type": "object"}), "type"),
            (json!({"enum": [1]}), json!({"enum": [2]}), "enum"),
            (json!({"pattern": "a"}), json!({"pattern": "b"}), "pattern"),
            (json!({"anyOf": [{}, true]}), json!({"anyOf": [true, {}]}), "anyOf"),
        ];
        for (ours, theirs, keyword) in cases {
            assert_eq!(merged(ours.clone(), theirs), (ours, vec![keyword.to_owned()]));
        }
    }
}
