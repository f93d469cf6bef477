//! JSON Schema for tools: checking arguments, and saying what is wrong with them so that a model can mend its call.

mod fault;
#[cfg(feature = "full")]
mod full;
mod names;
mod problem;
mod reference;
mod small;
mod weight;

use std::fmt;

use serde_json::Value;

#[cfg(feature = "full")]
use full::Checker;
pub use names::closest;
pub use problem::{Invalid, Problem};
use reference::References;
#[cfg(not(feature = "full"))]
use small::Checker;

/// Schemas and values beyond this many steps take longer than an async worker should be kept busy.
const QUICK: u64 = 4_000;
/// Schemas with a longer path are compiled on a thread of their own.
const HIGH: usize = 100;
/// The stack of that thread, in bytes.
const ROOM: usize = 16 << 20;
/// Characters of the reason why a schema is not usable.
const MAX_REASON: usize = 500;

/// A compiled JSON Schema. Keep it: compiling takes far longer than checking.
///
/// `$schema` chooses the draft; without it the draft is 2020-12. A `$ref` that leaves the schema is refused: nothing is
/// ever read from a disk or a network.
///
/// Schemas may come from anybody: one that is too large or nested too deeply is refused, and a check gives up after a fixed
/// number of steps, with [`Invalid::is_too_complex`]. Whatever the schema and the value, a check takes some hundred milliseconds
/// and a few megabytes at most. [`Schema::is_quick`] says which checks may run on an async worker.
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
    /// What checking one small value takes at most, in steps.
    weight: u64,
    unchecked_patterns: usize,
}

impl Schema {
    /// Compiles a schema.
    ///
    /// # Errors
    /// If it is not a valid JSON Schema, refers to something outside itself, or is too complex; see
    /// [`BadSchema::is_too_complex`].
    pub fn compile(schema: &Value) -> Result<Self, BadSchema> {
        let references = References::of(schema, weight::MAX_PATH)?;
        let (weight, too_large) = weight::weigh(schema, &references)?;
        let source = if too_large.is_empty() { schema.clone() } else { weight::without(schema, &too_large) };
        let compile = || Checker::compile(&source, references).map_err(BadSchema::cut);
        let checker = if weight.height > HIGH { with_room(compile)? } else { compile() }?;
        Ok(Self { checker, source, weight: weight.steps, unchecked_patterns: too_large.len() })
    }

    /// How many patterns are too large to be matched here: whatever they say, values pass.
    #[must_use]
    pub fn unchecked_patterns(&self) -> usize {
        self.unchecked_patterns
    }

    /// Whether [`Schema::check`] takes well under a millisecond for this value. An async program runs other checks on a thread
    /// that may block.
    #[must_use]
    pub fn is_quick(&self, value: &Value) -> bool {
        let most = QUICK / self.weight.max(1);
        most > 0 && weight::of_value(value, most.saturating_add(1)) <= most
    }

    /// Checks a value as it is; nothing is coerced.
    ///
    /// # Errors
    /// Every field that is wrong, up to a bound; or that the check gave up, with [`Invalid::is_too_complex`].
    pub fn check(&self, value: &Value) -> Result<(), Invalid> {
        self.checker.check(value, &self.source, self.is_quick(value))
    }
}

/// Does work that recurses deeply on a thread with a stack for it.
fn with_room<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, BadSchema> {
    let ended = || BadSchema::too_complex("no thread could be started to read it".to_owned());
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(ROOM).spawn_scoped(scope, work).map_err(|_| ended())?;
        thread.join().map_err(|_| ended())
    })
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
    is_too_complex: bool,
}

impl BadSchema {
    pub(crate) fn too_complex(reason: String) -> Self {
        Self { path: String::new(), reason, is_too_complex: true }
    }

    /// A validator may repeat all of what it was given.
    fn cut(mut self) -> Self {
        let end = |text: &str| text.char_indices().nth(MAX_REASON).map(|(end, _)| end);
        if let Some(end) = end(&self.reason) {
            self.reason.truncate(end);
            self.reason.push('…');
        }
        if let Some(end) = end(&self.path) {
            self.path.truncate(end);
        }
        self
    }

    /// Whether it may well be a valid schema, but is larger or nested deeper than this crate reads.
    #[must_use]
    pub fn is_too_complex(&self) -> bool {
        self.is_too_complex
    }
}

impl fmt::Display for BadSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, reason, is_too_complex } = self;
        if *is_too_complex {
            return write!(f, "the JSON Schema is too complex: {reason}");
        }
        if path.is_empty() {
            return write!(f, "not a usable JSON Schema: {reason}");
        }
        write!(f, "not a usable JSON Schema: at `{path}`: {reason}")
    }
}

impl std::error::Error for BadSchema {}
