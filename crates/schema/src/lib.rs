//! JSON Schema for tools: checking arguments, and saying what is wrong with them so that a model can mend its call.

mod names;
mod problem;

use std::fmt;

use serde_json::Value;

pub use names::closest;
pub use problem::{Invalid, Problem};

/// A compiled JSON Schema. Keep it: compiling takes far longer than checking.
///
/// `$schema` chooses the draft; without it the draft is 2020-12. A `$ref` that leaves the schema is refused: nothing is
/// ever read from a disk or a network.
///
/// ```
/// use composio_schema::Schema;
/// use serde_json::json;
///
/// let schema = Schema::compile(&json!({
///     "type": "object",
///     "properties": {"title": {"type": "string"}, "labels": {"type": "array", "items": {"type": "string"}}},
///     "required": ["title"],
///     "additionalProperties": false,
/// }))?;
/// assert!(schema.check(&json!({"title": "Crash"})).is_ok());
///
/// let error = schema.check(&json!({"titel": "Crash", "labels": ["bug", 7]})).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "`labels[1]`: expected a string, got the number 7\n\
///      `titel` is not a known property; did you mean `title`?\n\
///      `title` is required and missing",
/// );
/// # Ok::<(), composio_schema::BadSchema>(())
/// ```
pub struct Schema {
    validator: jsonschema::Validator,
    source: Value,
}

impl Schema {
    /// Compiles a schema.
    ///
    /// # Errors
    /// Where it is not a valid JSON Schema, or refers to something outside itself.
    pub fn compile(schema: &Value) -> Result<Self, BadSchema> {
        jsonschema::options()
            .offline()
            .build(schema)
            .map(|validator| Self { validator, source: schema.clone() })
            .map_err(|error| BadSchema { path: error.instance_path().to_string(), reason: error.to_string() })
    }

    /// Checks a value as it is; nothing is coerced.
    ///
    /// # Errors
    /// Every field that is wrong, up to a bound.
    pub fn check(&self, value: &Value) -> Result<(), Invalid> {
        if self.validator.is_valid(value) {
            return Ok(());
        }
        Err(Invalid::new(self.validator.iter_errors(value), &self.source))
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema").field("source", &self.source).finish_non_exhaustive()
    }
}

/// A schema that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSchema {
    path: String,
    reason: String,
}

impl fmt::Display for BadSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, reason } = self;
        if path.is_empty() {
            return write!(f, "not a usable JSON Schema: {reason}");
        }
        write!(f, "not a usable JSON Schema: at `{path}`: {reason}")
    }
}

impl std::error::Error for BadSchema {}
