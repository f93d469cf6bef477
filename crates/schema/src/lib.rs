//! JSON Schema for tools: checking arguments, and saying what is wrong with them so that a model can mend its call.

mod fault;
#[cfg(feature = "full")]
mod full;
mod names;
mod problem;
#[cfg(any(test, not(feature = "full")))]
mod small;

use std::fmt;

use serde_json::Value;

#[cfg(feature = "full")]
use full::Checker;
pub use names::closest;
pub use problem::{Invalid, Problem};
#[cfg(not(feature = "full"))]
use small::Checker;

/// A compiled JSON Schema. Keep it: compiling takes far longer than checking.
///
/// `$schema` chooses the draft; without it the draft is 2020-12. A `$ref` that leaves the schema is refused: nothing is
/// ever read from a disk or a network.
///
/// Without the crate's feature `full`, for programs that must be small, schemas with `$dynamicRef`, `$recursiveRef`,
/// `unevaluatedItems` or `unevaluatedProperties` are refused, as are patterns with look-around or back references, and
/// `format` is not checked in any draft.
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
    checker: Checker,
    source: Value,
}

impl Schema {
    /// Compiles a schema.
    ///
    /// # Errors
    /// Where it is not a valid JSON Schema, or refers to something outside itself.
    pub fn compile(schema: &Value) -> Result<Self, BadSchema> {
        Ok(Self { checker: Checker::compile(schema)?, source: schema.clone() })
    }

    /// Checks a value as it is; nothing is coerced.
    ///
    /// # Errors
    /// Every field that is wrong, up to a bound.
    pub fn check(&self, value: &Value) -> Result<(), Invalid> {
        self.checker.check(value, &self.source)
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
