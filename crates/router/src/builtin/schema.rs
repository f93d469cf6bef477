//! JSON Schemas from the types that arguments are read into and results written from.

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema};
use serde_json::Value;

/// The schema of the arguments of type `A`. A field that may be left out is not also nullable: there is one way to say it.
pub(super) fn of_arguments<A: JsonSchema>() -> Value {
    of::<A>(SchemaSettings::draft2020_12().for_deserialize())
}

/// The schema of the results of type `R`.
pub(super) fn of_result<R: JsonSchema>() -> Value {
    of::<R>(SchemaSettings::draft2020_12().for_serialize())
}

fn of<T: JsonSchema>(settings: SchemaSettings) -> Value {
    let settings = settings.with(|settings| {
        settings.meta_schema = None;
        settings.inline_subschemas = true;
    });
    settings.with_transform(Plain).into_generator().into_root_schema_for::<T>().to_value()
}

/// Takes out what says nothing to a model, and what some models' own dialects of JSON Schema lack: titles, machine formats of
/// numbers, `null` beside a type, `true` as a schema, choices among constants.
#[derive(Clone)]
struct Plain;

impl Transform for Plain {
    fn transform(&mut self, schema: &mut Schema) {
        if schema.as_bool() == Some(true) {
            *schema = Schema::default();
        }
        schema.remove("title");
        if schema.get("format").and_then(Value::as_str).is_some_and(is_number_format) {
            schema.remove("format");
        }
        if schema.get("default").is_some_and(Value::is_null) {
            schema.remove("default");
        }
        if schema.get("additionalProperties").and_then(Value::as_bool) == Some(true) {
            schema.remove("additionalProperties");
        }
        if let Some(types) = schema.get_mut("type")
            && let Some([Value::String(only), Value::String(null)]) = types.as_array().map(Vec::as_slice)
            && null == "null"
        {
            *types = Value::String(only.clone());
        }
        if let Some(names) = schema.get_mut("enum").and_then(Value::as_array_mut) {
            names.retain(|name| !name.is_null());
        }
        if let Some(names) = constants(schema) {
            schema.remove("oneOf");
            schema.insert("type".to_owned(), "string".into());
            schema.insert("enum".to_owned(), names);
        }
        if let Some(Value::String(description)) = schema.get_mut("description") {
            *description = description.split_whitespace().collect::<Vec<_>>().join(" ");
        }
        transform_subschemas(self, schema);
    }
}

/// The texts of a choice among nothing but constants, which is how an enum with documented variants comes.
fn constants(schema: &Schema) -> Option<Value> {
    schema
        .get("oneOf")?
        .as_array()?
        .iter()
        .map(|choice| choice.get("const").filter(|name| name.is_string()).cloned())
        .collect()
}

fn is_number_format(format: &str) -> bool {
    format == "double" || format.trim_start_matches('u').starts_with("int")
}
