//! What is wrong with a value, in words a model can act on.

use std::fmt::{self, Write as _};

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value;

use crate::closest;

/// Further problems are only counted.
const MAX_PROBLEMS: usize = 12;
/// The longest piece of a value that is repeated, in characters.
const MAX_VALUE: usize = 60;
/// The longest text of one problem, in characters.
const MAX_MESSAGE: usize = 400;

/// Why a value does not fit its schema.
///
/// [`Display`](fmt::Display) gives a line a problem; at most twelve are kept, each of bounded length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    problems: Vec<Problem>,
    omitted: usize,
}

/// One wrong field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: `items[0].name`; empty for the value as a whole.
    pub path: String,
    /// What was expected and what was given.
    pub message: String,
}

impl Invalid {
    pub(crate) fn new<'a>(errors: impl Iterator<Item = ValidationError<'a>>, schema: &Value) -> Self {
        let mut all: Vec<Problem> = Vec::new();
        for error in errors {
            for problem in describe(&error, schema) {
                if !all.contains(&problem) {
                    all.push(problem);
                }
            }
        }
        let omitted = all.len().saturating_sub(MAX_PROBLEMS);
        all.truncate(MAX_PROBLEMS);
        Self { problems: all, omitted }
    }

    /// The problems, at most twelve.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, problem) in self.problems.iter().enumerate() {
            if place > 0 {
                f.write_char('\n')?;
            }
            problem.fmt(f)?;
        }
        if self.omitted > 0 {
            write!(f, "\nand {} more", self.omitted)?;
        }
        Ok(())
    }
}

impl std::error::Error for Invalid {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "`{}`", self.path)?;
            // A message about the field itself continues the name; one about its value follows a colon.
            f.write_str(if self.message.starts_with("is ") { " " } else { ": " })?;
        }
        f.write_str(&self.message)
    }
}

fn describe(error: &ValidationError<'_>, schema: &Value) -> Vec<Problem> {
    let path = readable(error.instance_path().as_str());
    let given = || given(error.instance());
    let at = |message: String| vec![Problem { path: path.clone(), message: shorten(&message, MAX_MESSAGE) }];
    match error.kind() {
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            vec![Problem { path: join(&path, name), message: missing(error, name, schema) }]
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let known = siblings(error, schema);
            unexpected.iter().map(|name| Problem { path: join(&path, name), message: unknown(name, &known) }).collect()
        }
        Kind::Type { kind } => at(format!("expected {}, got {}", types(kind), given())),
        Kind::Enum { options } => at(format!("expected one of {}, got {}", list(options), given())),
        Kind::Constant { expected_value } => at(format!("expected {}, got {}", literal(expected_value), given())),
        Kind::Minimum { limit } => at(format!("expected at least {limit}, got {}", given())),
        Kind::Maximum { limit } => at(format!("expected at most {limit}, got {}", given())),
        Kind::ExclusiveMinimum { limit } => at(format!("expected more than {limit}, got {}", given())),
        Kind::ExclusiveMaximum { limit } => at(format!("expected less than {limit}, got {}", given())),
        Kind::MultipleOf { multiple_of } => at(format!("expected a multiple of {multiple_of}, got {}", given())),
        Kind::MinLength { limit } => at(format!("expected at least {limit} characters, got {}", given())),
        Kind::MaxLength { limit } => at(format!("expected at most {limit} characters, got {}", size(error.instance()))),
        Kind::MinItems { limit } => at(format!("expected at least {limit} items, got {}", size(error.instance()))),
        Kind::MaxItems { limit } => at(format!("expected at most {limit} items, got {}", size(error.instance()))),
        Kind::AdditionalItems { limit } => {
            at(format!("expected at most {limit} items, got {}", size(error.instance())))
        }
        Kind::MinProperties { limit } => {
            at(format!("expected at least {limit} properties, got {}", size(error.instance())))
        }
        Kind::MaxProperties { limit } => {
            at(format!("expected at most {limit} properties, got {}", size(error.instance())))
        }
        Kind::UniqueItems => at("expected items that all differ".to_owned()),
        Kind::Pattern { pattern } => at(format!("expected a text that matches `{pattern}`, got {}", given())),
        Kind::Format { format } => at(format!("expected a text of the format `{format}`, got {}", given())),
        Kind::FalseSchema => at("is not allowed here".to_owned()),
        Kind::Not { .. } => at(format!("must not be {}", given())),
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => alternatives(&path, context, schema, &given()),
        Kind::OneOfMultipleValid { .. } => {
            at(format!("fits more than one of the alternatives and must fit exactly one: {}", given()))
        }
        Kind::PropertyNames { error } => at(format!("has a property whose name is wrong: {error}")),
        // What is left says it well enough in the validator's own words.
        _ => at(error.to_string()),
    }
}

/// The alternative that comes nearest speaks for all.
fn alternatives(path: &str, context: &[Vec<ValidationError<'static>>], schema: &Value, given: &str) -> Vec<Problem> {
    let nearest = context.iter().min_by_key(|errors| {
        let another_type = errors
            .iter()
            .any(|error| readable(error.instance_path().as_str()) == path && matches!(error.kind(), Kind::Type { .. }));
        (another_type, errors.len())
    });
    let mut expected: Vec<String> = Vec::new();
    for errors in context {
        if let [only] = errors.as_slice()
            && let Kind::Type { kind } = only.kind()
            && readable(only.instance_path().as_str()) == path
        {
            expected.push(types(kind));
        }
    }
    if expected.len() == context.len() {
        let message = format!("expected {}, got {given}", expected.join(" or "));
        return vec![Problem { path: path.to_owned(), message: shorten(&message, MAX_MESSAGE) }];
    }
    let mut problems: Vec<Problem> = nearest.into_iter().flatten().flat_map(|error| describe(error, schema)).collect();
    if context.len() > 1 {
        let message = format!("fits none of its {} alternatives; what the nearest one lacks is listed", context.len());
        problems.insert(0, Problem { path: path.to_owned(), message });
    }
    problems
}

fn missing(error: &ValidationError<'_>, name: &str, schema: &Value) -> String {
    let known = siblings(error, schema);
    let strangers = error
        .instance()
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.as_str())
        .filter(|key| !known.contains(key));
    // The misspelt property is told of by its own problem where the schema forbids it.
    let closed =
        parent(error, schema).is_some_and(|parent| parent.get("additionalProperties") == Some(&Value::Bool(false)));
    match closest(name, strangers).first() {
        Some(stranger) if !closed => {
            format!("is required and missing; was `{}` meant to be it?", shorten(stranger, MAX_VALUE))
        }
        _ => "is required and missing".to_owned(),
    }
}

fn unknown(name: &str, known: &[&str]) -> String {
    let close = closest(name, known.iter().copied());
    let message = if !close.is_empty() {
        format!("is not a known property; did you mean {}?", quoted(&close))
    } else if known.is_empty() {
        "is not a known property; none is allowed here".to_owned()
    } else {
        format!("is not a known property; known are {}", quoted(known))
    };
    shorten(&message, MAX_MESSAGE)
}

/// The subschema that holds the keyword which failed.
fn parent<'s>(error: &ValidationError<'_>, schema: &'s Value) -> Option<&'s Value> {
    let (parent, _) = error.schema_path().as_str().rsplit_once('/')?;
    schema.pointer(parent)
}

/// The names of the properties beside the keyword that failed.
fn siblings<'s>(error: &ValidationError<'_>, schema: &'s Value) -> Vec<&'s str> {
    parent(error, schema)
        .and_then(|parent| parent.get("properties"))
        .and_then(Value::as_object)
        .map(|properties| properties.keys().map(String::as_str).collect())
        .unwrap_or_default()
}

fn types(kind: &TypeKind) -> String {
    let name = |kind: jsonschema::types::JsonType| match kind.to_string().as_str() {
        "array" => "a list".to_owned(),
        "integer" => "an integer".to_owned(),
        "object" => "an object".to_owned(),
        "null" => "null".to_owned(),
        other => format!("a {other}"),
    };
    match kind {
        TypeKind::Single(kind) => name(*kind),
        TypeKind::Multiple(kinds) => kinds.iter().map(name).collect::<Vec<_>>().join(" or "),
    }
}

fn given(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => format!("the boolean {value}"),
        Value::Number(value) => format!("the number {value}"),
        Value::String(_) => format!("the string {}", literal(value)),
        Value::Array(_) => format!("the list {}", literal(value)),
        Value::Object(_) => format!("the object {}", literal(value)),
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.chars().count(),
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

fn literal(value: &Value) -> String {
    shorten(&value.to_string(), MAX_VALUE)
}

fn list(options: &Value) -> String {
    options
        .as_array()
        .map_or_else(|| literal(options), |options| options.iter().map(literal).collect::<Vec<_>>().join(", "))
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{}`", shorten(name, MAX_VALUE))).collect::<Vec<_>>().join(", ")
}

fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn join(path: &str, name: &str) -> String {
    let name = shorten(name, MAX_VALUE);
    if path.is_empty() { name } else { format!("{path}.{name}") }
}

/// A JSON pointer in the notation of programming languages.
fn readable(pointer: &str) -> String {
    let mut path = String::new();
    for part in pointer.split('/').skip(1) {
        if part.parse::<usize>().is_ok() {
            // Writing to a `String` cannot fail.
            let _ = write!(path, "[{part}]");
        } else {
            path = join(&path, &part.replace("~1", "/").replace("~0", "~"));
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::Schema;

    fn said(schema: &Value, value: &Value) -> String {
        Schema::compile(schema).unwrap().check(value).unwrap_err().to_string()
    }

    #[test]
    fn names_each_wrong_field_with_its_path() {
        let schema = json!({
            "type": "object",
            "properties": {
                "count": {"type": "integer", "minimum": 1},
                "mode": {"enum": ["fast", "slow"]},
                "people": {"type": "array", "maxItems": 1, "items": {"type": "object", "required": ["name"]}},
            },
        });
        let value = json!({"count": 0, "mode": "quick", "people": [{}, {"name": 1}]});
        assert_eq!(
            said(&schema, &value),
            "`count`: expected at least 1, got the number 0\n\
             `mode`: expected one of \"fast\", \"slow\", got the string \"quick\"\n\
             `people`: expected at most 1 items, got 2\n\
             `people[0].name` is required and missing",
        );
    }

    #[test]
    fn an_open_schema_still_tells_a_misspelt_name() {
        let schema = json!({"properties": {"path": {"type": "string"}}, "required": ["path"]});
        assert_eq!(said(&schema, &json!({"pth": "a"})), "`path` is required and missing; was `pth` meant to be it?");
    }

    #[test]
    fn alternatives_are_told_by_the_nearest() {
        let types = json!({"properties": {"id": {"anyOf": [{"type": "string"}, {"type": "null"}]}}});
        assert_eq!(said(&types, &json!({"id": 4})), "`id`: expected a string or null, got the number 4");

        let shapes = json!({"oneOf": [
            {"type": "object", "properties": {"url": {"type": "string"}}, "required": ["url"]},
            {"type": "string"},
        ]});
        assert_eq!(
            said(&shapes, &json!({"uri": "x"})),
            "fits none of its 2 alternatives; what the nearest one lacks is listed\n`url` is required and missing; \
             was `uri` meant to be it?",
        );
    }

    #[test]
    fn the_text_is_bounded() {
        let schema = json!({"additionalProperties": {"type": "integer"}});
        let long = "x".repeat(10_000);
        let value: Value =
            (0..100).map(|n| (format!("{n}{long}"), json!(long))).collect::<serde_json::Map<_, _>>().into();
        let text = said(&schema, &value);
        assert!(text.len() < 12 * 600, "{} bytes", text.len());
        assert!(text.ends_with("and 88 more"), "{text}");
    }

    #[test]
    fn references_stay_inside() {
        let outside = Schema::compile(&json!({"$ref": "https://example.com/schema.json"}));
        assert!(outside.unwrap_err().to_string().contains("example.com"));
        let file = Schema::compile(&json!({"$ref": "file:///etc/passwd"}));
        assert!(file.is_err());
        let inside = json!({"$defs": {"n": {"type": "integer"}}, "properties": {"a": {"$ref": "#/$defs/n"}}});
        assert_eq!(said(&inside, &json!({"a": "1"})), "`a`: expected an integer, got the string \"1\"");
    }

    #[test]
    fn an_unusable_schema_is_told() {
        let error = Schema::compile(&json!({"type": "objekt"})).unwrap_err();
        assert!(error.to_string().starts_with("not a usable JSON Schema: at `/type`"), "{error}");
    }
}
