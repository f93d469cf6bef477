//! What Gemini cannot read as JSON Schema has it, in words that it can.

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::compiler::Compiler;
use super::merge::type_names;

type Schema = Map<String, Value>;

/// Keywords that hold for one type alone.
const OF_TYPE: [(&str, &[&str]); 3] = [
    (
        "object",
        &["properties", "required", "additionalProperties", "patternProperties", "minProperties", "maxProperties"],
    ),
    ("array", &["items", "prefixItems", "minItems", "maxItems", "uniqueItems"]),
    ("string", &["minLength", "maxLength", "pattern", "format"]),
];

pub(super) fn normalize(compiler: &mut Compiler<'_>, schema: &mut Cow<'_, Schema>) {
    if schema.contains_key("oneOf") {
        if schema.contains_key("anyOf") {
            compiler.dropped("oneOf", "Gemini does not read it beside anyOf");
            schema.to_mut().shift_remove("oneOf");
        } else {
            rename(schema.to_mut(), "oneOf", "anyOf");
        }
    }
    tuple(compiler, schema);
    if schema.contains_key("patternProperties") && !schema.get("additionalProperties").is_some_and(Value::is_object) {
        compiler.rewritten("patternProperties", "Gemini reads one schema for all that is no property");
        let schema = schema.to_mut();
        if let Some(Value::Object(named)) = schema.shift_remove("patternProperties") {
            schema.insert("additionalProperties".to_owned(), any_of(named.into_iter().map(|(_, schema)| schema)));
        }
    }
    values(compiler, schema);
    if !schema.contains_key("type")
        && let Some(name) = implied(schema)
    {
        schema.to_mut().insert("type".to_owned(), name.into());
    }
    split(compiler, schema);
    bounds(compiler, schema);
}

/// Items that differ by their place become items that may be any of them.
fn tuple(compiler: &mut Compiler<'_>, schema: &mut Cow<'_, Schema>) {
    if !schema.contains_key("prefixItems") {
        return;
    }
    compiler.rewritten("prefixItems", "Gemini reads one schema for all items");
    let schema = schema.to_mut();
    let rest = schema.shift_remove("items").filter(Value::is_object);
    if let Some(Value::Array(items)) = schema.shift_remove("prefixItems") {
        schema.insert("items".to_owned(), any_of(items.into_iter().chain(rest)));
    }
}

/// Enumerations are of texts and numbers.
fn values(compiler: &mut Compiler<'_>, schema: &mut Cow<'_, Schema>) {
    let Some(Value::Array(values)) = schema.get("enum") else { return };
    let fits = |value: &Value| value.is_number() || value.as_str().is_some_and(|text| !text.is_empty());
    if values.iter().all(fits) {
        return;
    }
    let kept: Vec<Value> = values.iter().filter(|value| fits(value)).cloned().collect();
    let has_null = values.contains(&Value::Null);
    let is_boolean = values.iter().any(Value::is_boolean);
    let lost: Vec<String> = values.iter().filter(|value| !fits(value)).map(ToString::to_string).collect();
    compiler.rewritten("enum", format!("Gemini does not take {} in an enumeration", lost.join(", ")));
    let schema = schema.to_mut();
    if has_null {
        let names: Vec<&str> = match schema.get("type") {
            Some(types) => type_names(types),
            None if is_boolean => vec!["boolean"],
            None if kept.iter().all(Value::is_string) => vec!["string"],
            None => vec!["number"],
        };
        let names: Vec<_> = names.into_iter().filter(|name| *name != "null").chain(["null"]).collect();
        let names = json!(names);
        schema.insert("type".to_owned(), names);
    } else if is_boolean && kept.is_empty() && !schema.contains_key("type") {
        schema.insert("type".to_owned(), "boolean".into());
    }
    if kept.is_empty() || is_boolean {
        schema.shift_remove("enum");
    } else {
        schema.insert("enum".to_owned(), kept.into());
    }
}

/// The type that other keywords imply.
pub(super) fn implied(schema: &Schema) -> Option<&'static str> {
    if schema.contains_key("properties") {
        return Some("object");
    }
    if schema.contains_key("items") {
        return Some("array");
    }
    let values = schema.get("enum")?.as_array()?;
    if values.iter().all(Value::is_string) {
        Some("string")
    } else if values.iter().all(|value| value.is_i64() || value.is_u64()) {
        Some("integer")
    } else {
        values.iter().all(Value::is_number).then_some("number")
    }
}

/// One alternative for each of several types.
fn split(compiler: &mut Compiler<'_>, schema: &mut Cow<'_, Schema>) {
    let Some(types @ Value::Array(_)) = schema.get("type").cloned() else { return };
    let names = type_names(&types);
    if names.iter().filter(|name| **name != "null").count() < 2 {
        return;
    }
    let schema = schema.to_mut();
    schema.shift_remove("type");
    if schema.contains_key("anyOf") {
        compiler.dropped("type", "Gemini does not read several types beside anyOf");
        return;
    }
    let mut alternatives = Vec::new();
    for name in names {
        let mut alternative = Schema::new();
        alternative.insert("type".to_owned(), name.into());
        let own = OF_TYPE.iter().find(|(of, _)| *of == name).map_or(&[][..], |(_, keywords)| *keywords);
        for keyword in own {
            alternative.extend(schema.get(*keyword).map(|value| ((*keyword).to_owned(), value.clone())));
        }
        alternatives.push(Value::from(alternative));
    }
    for keyword in OF_TYPE.iter().flat_map(|(_, keywords)| *keywords) {
        schema.shift_remove(*keyword);
    }
    schema.insert("anyOf".to_owned(), alternatives.into());
}

/// Bounds that a whole number must not reach become bounds that it may.
fn bounds(compiler: &mut Compiler<'_>, schema: &mut Cow<'_, Schema>) {
    if schema.get("type").and_then(Value::as_str) != Some("integer") {
        return;
    }
    for (exclusive, inclusive, step) in [("exclusiveMinimum", "minimum", 1), ("exclusiveMaximum", "maximum", -1)] {
        let bound = schema.get(exclusive).and_then(Value::as_i64).and_then(|bound| bound.checked_add(step));
        if let Some(bound) = bound
            && !schema.contains_key(inclusive)
        {
            let schema = schema.to_mut();
            schema.shift_remove(exclusive);
            schema.insert(inclusive.to_owned(), bound.into());
            compiler.rewritten(exclusive, format!("Gemini reads {inclusive}"));
        }
    }
}

fn any_of(schemas: impl Iterator<Item = Value>) -> Value {
    let mut seen = HashSet::new();
    let distinct: Vec<Value> = schemas.filter(|schema| seen.insert(schema.to_string())).collect();
    match distinct.len() {
        0 => json!({}),
        1 => distinct.into_iter().next().unwrap_or_default(),
        _ => json!({ "anyOf": distinct }),
    }
}

fn rename(schema: &mut Schema, from: &str, to: &str) {
    let renamed: Schema = std::mem::take(schema)
        .into_iter()
        .map(|(keyword, value)| (if keyword == from { to.to_owned() } else { keyword }, value))
        .collect();
    *schema = renamed;
}
