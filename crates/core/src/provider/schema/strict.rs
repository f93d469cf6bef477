//! Schemas that OpenAI can hold a model to.

use serde_json::{Map, Value, json};

use super::compiler::describe;
use super::gemini::implied;
use super::merge::type_names;

type Schema = Map<String, Value>;

const KEYWORDS: [&str; 19] = [
    "type",
    "title",
    "description",
    "enum",
    "anyOf",
    "oneOf",
    "items",
    "properties",
    "required",
    "additionalProperties",
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

/// The schema in strict mode's form, where that means the same: it then takes exactly what the schema describes. What is
/// optional has no place there, since a model would have to send null for it, which a tool need not take.
///
/// # Errors
/// What stands in the way.
pub(super) fn strict(schema: &Value) -> Result<Value, String> {
    let mut strict = Strict::default();
    let written = strict.schema(schema, 0).map_err(|reason| format!("{}: {reason}", strict.place()))?;
    let limits = [(strict.properties, MAX_PROPERTIES, "properties"), (strict.values, MAX_VALUES, "enumerated values")];
    for (found, most, what) in limits {
        if found > most {
            return Err(format!("it has {found} {what}, and strict mode takes {most}"));
        }
    }
    if strict.text > MAX_TEXT {
        return Err(format!("its names and values have {} characters, and strict mode takes {MAX_TEXT}", strict.text));
    }
    Ok(written)
}

#[derive(Default)]
struct Strict {
    path: Vec<String>,
    properties: usize,
    values: usize,
    text: usize,
}

impl Strict {
    /// Where the compiler stopped.
    fn place(&self) -> String {
        if self.path.is_empty() { "the arguments".to_owned() } else { self.path.join(".") }
    }

    fn schema(&mut self, schema: &Value, depth: usize) -> Result<Value, String> {
        let schema = schema.as_object().ok_or("it is no schema of an object's form")?;
        if depth > MAX_DEPTH {
            return Err(format!("it lies deeper than {MAX_DEPTH} levels"));
        }
        let mut written = Schema::new();
        let mut told = Vec::new();
        for (keyword, value) in schema {
            match keyword.as_str() {
                annotation if ANNOTATIONS.contains(&annotation) => {}
                "default" | "example" => told.push(format!("({keyword}: {value})")),
                "format" if !value.as_str().is_some_and(|format| FORMATS.contains(&format)) => {
                    return Err(format!("strict mode does not know the format {value}"));
                }
                "pattern" if value.as_str().is_none_or(|pattern| pattern.contains("(?")) => {
                    return Err("strict mode does not take its pattern".to_owned());
                }
                "anyOf" | "oneOf" => {
                    let alternatives = value.as_array().into_iter().flatten();
                    let alternatives: Result<Vec<_>, _> =
                        alternatives.map(|schema| self.schema(schema, depth)).collect();
                    written.insert("anyOf".to_owned(), alternatives?.into());
                }
                "items" => {
                    let items = self.schema(value, depth)?;
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
        describe(&mut written, &told);
        Ok(written.into())
    }

    fn object(&mut self, schema: &Schema, written: &mut Schema, depth: usize) -> Result<(), String> {
        let none = Schema::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
        match schema.get("additionalProperties") {
            Some(Value::Bool(false)) => {}
            None if !properties.is_empty() => {}
            _ => return Err("it takes more than it names".to_owned()),
        }
        let required: Vec<&str> =
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let mut named = Schema::new();
        for (name, property) in properties {
            self.path.push(name.clone());
            if !required.contains(&name.as_str()) {
                return Err("it is optional".to_owned());
            }
            self.properties += 1;
            self.text += name.chars().count();
            let property = self.schema(property, depth + 1)?;
            named.insert(name.clone(), property);
            self.path.pop();
        }
        let names: Vec<&String> = named.keys().collect();
        written.insert("required".to_owned(), json!(names));
        written.insert("properties".to_owned(), named.into());
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
