//! Schemas that OpenAI can hold a model to.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::compiler::{TOLD, TOO_LONG, describe, escaped, in_brackets, pointer, telling};
use super::gemini::implied;
use super::merge::type_names;
use super::{SchemaChange, SchemaChangeKind};

type Schema = Map<String, Value>;

/// Keywords that stay as they are.
const KEYWORDS: [&str; 12] = [
    "type",
    "title",
    "description",
    "pattern",
    "format",
    "multipleOf",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minItems",
    "maxItems",
];
/// What says nothing that a model could be held to.
const ANNOTATIONS: [&str; 4] = ["examples", "deprecated", "readOnly", "writeOnly"];
const FORMATS: [&str; 9] = ["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"];
const MAX_PROPERTIES: usize = 5_000;
const MAX_VALUES: usize = 1_000;
const MAX_DEPTH: usize = 10;
/// How many characters names and enumerated values may have in all.
const MAX_TEXT: usize = 120_000;

/// The schema in strict mode's form, where that means the same, and what it changes: it then takes exactly what the schema
/// describes. What is optional has no place there, since a model would have to send null for it, which a tool need not take.
///
/// # Errors
/// What stands in the way.
pub(super) fn strict(schema: &Value) -> Result<(Value, Vec<SchemaChange>), String> {
    let mut strict = Strict::default();
    let written = strict.schema(schema, 0).map_err(|reason| match strict.path.as_slice() {
        [] => reason,
        path => format!("{}: {reason}", pointer(path)),
    })?;
    let limits = [(strict.properties, MAX_PROPERTIES, "properties"), (strict.values, MAX_VALUES, "enumerated values")];
    for (found, most, what) in limits {
        if found > most {
            return Err(format!("it has {found} {what}, and strict mode takes {most}"));
        }
    }
    if strict.text > MAX_TEXT {
        return Err(format!("its names and values have {} characters, and strict mode takes {MAX_TEXT}", strict.text));
    }
    Ok((written, strict.changes))
}

#[derive(Default)]
struct Strict {
    /// Where it is, and where it stopped.
    path: Vec<String>,
    changes: Vec<SchemaChange>,
    properties: usize,
    values: usize,
    text: usize,
}

impl Strict {
    fn schema(&mut self, schema: &Value, depth: usize) -> Result<Value, String> {
        let schema = schema.as_object().ok_or("it is no schema of an object's form")?;
        if depth > MAX_DEPTH {
            return Err(format!("it lies deeper than {MAX_DEPTH} levels"));
        }
        let mut written = Schema::new();
        let mut told = Vec::new();
        for (keyword, value) in schema {
            match keyword.as_str() {
                annotation if ANNOTATIONS.contains(&annotation) => {
                    self.change(keyword, SchemaChangeKind::Dropped, "strict mode does not take it");
                }
                "default" | "example" => match telling(keyword, value) {
                    Some(text) => {
                        self.change(keyword, SchemaChangeKind::Rewritten, TOLD);
                        told.push(text);
                    }
                    None => self.change(keyword, SchemaChangeKind::Dropped, TOO_LONG),
                },
                "format" if !value.as_str().is_some_and(|format| FORMATS.contains(&format)) => {
                    return Err(format!("strict mode does not know the format {value}"));
                }
                "pattern" if value.as_str().is_none_or(|pattern| pattern.contains("(?")) => {
                    return Err("strict mode does not take its pattern".to_owned());
                }
                "anyOf" | "oneOf" if written.contains_key("anyOf") => {
                    return Err("strict mode does not take anyOf beside oneOf".to_owned());
                }
                "anyOf" | "oneOf" => {
                    if keyword == "oneOf" {
                        self.change(keyword, SchemaChangeKind::Rewritten, "strict mode reads anyOf");
                    }
                    let mut alternatives = Vec::new();
                    for (index, schema) in value.as_array().into_iter().flatten().enumerate() {
                        alternatives.push(self.within(&["anyOf", &index.to_string()], schema, depth)?);
                    }
                    written.insert("anyOf".to_owned(), alternatives.into());
                }
                "items" => {
                    let items = self.within(&["items"], value, depth)?;
                    written.insert(keyword.clone(), items);
                }
                "enum" => {
                    self.count(value);
                    written.insert(keyword.clone(), value.clone());
                }
                "properties" | "required" | "additionalProperties" => {}
                known if KEYWORDS.contains(&known) => {
                    written.insert(keyword.clone(), value.clone());
                }
                other => return Err(format!("strict mode does not take {other}")),
            }
        }
        let has_alternatives = written.contains_key("anyOf");
        if has_alternatives && (schema.contains_key("properties") || schema.contains_key("items")) {
            return Err("strict mode does not take alternatives beside the rest of a schema".to_owned());
        }
        if !has_alternatives && !written.contains_key("type") {
            let name = implied(schema).ok_or("it may be of any type")?;
            written.insert("type".to_owned(), name.into());
        }
        let is_object = written.get("type").is_some_and(|types| type_names(types).contains(&"object"));
        if is_object {
            self.object(schema, &mut written, depth)?;
        }
        describe(&mut written, &in_brackets(&told));
        Ok(written.into())
    }

    /// A schema within this one. Where it cannot be strict, the path stays there.
    fn within(&mut self, steps: &[&str], schema: &Value, depth: usize) -> Result<Value, String> {
        let before = self.path.len();
        self.path.extend(steps.iter().map(|step| escaped(step)));
        let schema = self.schema(schema, depth)?;
        self.path.truncate(before);
        Ok(schema)
    }

    fn change(&mut self, keyword: &str, change: SchemaChangeKind, reason: &str) {
        let path = pointer(&self.path);
        self.changes.push(SchemaChange { path, keyword: keyword.to_owned(), change, reason: reason.to_owned() });
    }

    fn object(&mut self, schema: &Schema, written: &mut Schema, depth: usize) -> Result<(), String> {
        let none = Schema::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
        match schema.get("additionalProperties") {
            Some(Value::Bool(false)) => {}
            None if !properties.is_empty() => {
                let reason = "strict mode takes nothing but what is named";
                self.change("additionalProperties", SchemaChangeKind::Rewritten, reason);
            }
            _ => return Err("it takes more than it names".to_owned()),
        }
        let required: HashSet<&str> =
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let mut named = Schema::new();
        for (name, property) in properties {
            if !required.contains(&name.as_str()) {
                self.path.extend(["properties".to_owned(), escaped(name)]);
                return Err("it is optional".to_owned());
            }
            self.properties += 1;
            self.text += name.chars().count();
            let property = self.within(&["properties", name], property, depth + 1)?;
            named.insert(name.clone(), property);
        }
        let names: Vec<String> = named.keys().cloned().collect();
        written.insert("properties".to_owned(), named.into());
        written.insert("required".to_owned(), names.into());
        written.insert("additionalProperties".to_owned(), false.into());
        Ok(())
    }

    fn count(&mut self, values: &Value) {
        for value in values.as_array().into_iter().flatten() {
            self.values += 1;
            self.text += value.as_str().map_or(0, |text| text.chars().count());
        }
    }
}
