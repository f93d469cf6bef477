//! One custom tool, checked and completed as it is defined.

use composio_contract::{
    CustomTool, Error, RawJson, Result, check_custom_slug, check_slug_characters, final_custom_slug,
};
use composio_schema::Schema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A custom tool as a language layer hands it in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Definition {
    /// The tool as it goes over the wire.
    #[serde(flatten)]
    pub tool: CustomTool,
    /// Whether arguments are checked against the schema here; not where the language has a model of its own.
    #[serde(default = "yes")]
    pub validate: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
struct Draft {
    #[serde(default)]
    function_name: Option<String>,
    #[serde(default)]
    slug: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    description: Option<String>,
    input_schema: Value,
    #[serde(default)]
    output_schema: Option<Value>,
    #[serde(default)]
    extends_toolkit: Option<String>,
    #[serde(default)]
    preload: Option<bool>,
    #[serde(default = "yes")]
    validate: bool,
}

/// Checks and completes one definition.
///
/// The draft is an object with `input_schema`, and `slug`, `name`, `description`, `output_schema`, `extends_toolkit`,
/// `preload`, `validate` where given; `function_name` supplies the slug and the name that are missing.
///
/// ```
/// use composio_contract::RawJson;
///
/// let draft = RawJson::parse(r#"{
///     "function_name": "find_order", "description": "Finds an order.",
///     "input_schema": {"type": "object", "properties": {}}
/// }"#.to_owned())?;
/// let definition = composio_core::custom::define(&draft)?;
/// assert_eq!((definition.tool.slug.as_str(), definition.tool.name.as_str()), ("FIND_ORDER", "Find Order"));
/// # Ok::<(), composio_contract::Error>(())
/// ```
///
/// # Errors
/// [`composio_contract::ErrorKind::Validation`], naming the tool and what to change.
pub fn define(draft: &RawJson) -> Result<Definition> {
    let draft: Draft = draft.decode("custom tool")?;
    let function = draft.function_name.filter(|name| !name.is_empty());
    let slug = draft.slug.or_else(|| function.as_deref().map(str::to_uppercase)).unwrap_or_default();
    check_custom_slug("custom tool", &slug)?;
    let fail = |what: &str| Err(Error::validation(format!("custom tool {slug}: {what}")));
    let name = draft.name.unwrap_or_else(|| title_case(function.as_deref().unwrap_or(&slug)));
    if !(1..=128).contains(&name.chars().count()) {
        return fail("the name must have 1 to 128 characters");
    }
    let description = draft.description.map(|text| text.trim().to_owned()).unwrap_or_default();
    if description.is_empty() {
        return fail(
            "a description is required, so that a model knows when to use it; write a docstring or pass description",
        );
    }
    if description.chars().count() > 5120 {
        return fail("the description must have at most 5,120 characters");
    }
    let Value::Object(schema) = draft.input_schema else { return fail("the input schema must be an object") };
    if schema.get("type").is_some_and(|kind| kind != "object") {
        return fail("the input schema must be of type object, one property a parameter");
    }
    if draft.output_schema.as_ref().is_some_and(|schema| !schema.is_object()) {
        return fail("the output schema must be an object");
    }
    if let Some(toolkit) = &draft.extends_toolkit {
        check_slug_characters("extends_toolkit", toolkit)?;
    }
    final_custom_slug(&slug, draft.extends_toolkit.as_deref())?;
    let input_schema = Value::Object(schema);
    if let Err(error) = Schema::compile(&input_schema) {
        return fail(&format!("the input schema is not a valid JSON Schema: {error}"));
    }
    Ok(Definition {
        tool: CustomTool {
            slug,
            original_slug: None,
            name,
            description,
            input_schema,
            output_schema: draft.output_schema,
            extends_toolkit: draft.extends_toolkit,
            preload: draft.preload,
        },
        validate: draft.validate,
    })
}

fn title_case(text: &str) -> String {
    let words = text.split(['_', '-', ' ']).filter(|word| !word.is_empty()).map(|word| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| {
            first.to_uppercase().chain(letters.as_str().to_lowercase().chars()).collect()
        })
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The part of a schema that the wire carries.
pub(super) fn wire_schema(schema: &Value) -> Value {
    let mut wire = Map::new();
    wire.insert("type".to_owned(), "object".into());
    for (key, default) in [("properties", Some(Value::Object(Map::new()))), ("required", None), ("$defs", None)] {
        if let Some(value) = schema.get(key).cloned().or(default) {
            wire.insert(key.to_owned(), value);
        }
    }
    Value::Object(wire)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(draft: Value) -> String {
        define(&RawJson::from(draft)).unwrap_err().to_string()
    }

    #[test]
    fn what_is_wrong_is_said() {
        let draft = |slug: &str| json!({"slug": slug, "description": "d", "input_schema": {}});
        assert!(refusal(draft("a b")).contains("letters, digits, _ and -"));
        assert!(refusal(draft("local_x")).contains("reserved"));
        assert!(refusal(draft("Composio_x")).contains("reserved"));
        assert!(refusal(draft(&"x".repeat(55))).contains("61 characters"));
        assert!(refusal(json!({"slug": "A", "input_schema": {}})).contains("a description is required"));
        assert!(
            refusal(json!({"slug": "A", "description": "d", "input_schema": {"type": "array"}}))
                .contains("type object")
        );
    }

    #[test]
    fn the_longest_slug_fits() {
        let draft = json!({"slug": "x".repeat(54), "description": "d", "input_schema": {}});
        assert!(define(&RawJson::from(draft)).is_ok());
    }

    #[test]
    fn the_wire_carries_four_keys() {
        let schema = json!({"title": "T", "properties": {"a": {}}, "$defs": {}, "additionalProperties": false});
        assert_eq!(wire_schema(&schema), json!({"type": "object", "properties": {"a": {}}, "$defs": {}}));
    }
}
