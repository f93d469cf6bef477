//! The whole of JSON Schema, by the crate `jsonschema`.
//!
//! That crate cannot be told to stop, and keeps every error of every alternative. So it has the checks that are known to be
//! quick, and those that the small checker cannot do; the small one, which counts its steps, has the others.

mod cost;

use std::sync::OnceLock;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::types::JsonType;
use jsonschema::{PatternOptions, ValidationError};
use serde_json::Value;

use crate::BadSchema;
use crate::fault::{Fault, Kind, MAX_NESTING};
use crate::problem::{Invalid, list, literal};
use crate::reference::References;
use crate::small;
use crate::weight::PATTERN_SIZE;

/// Steps of a check that is not told to be quick.
const MOST: u64 = 200_000;
/// How often a pattern with look-around may go back.
const BACKTRACK: usize = 50_000;
/// Formats say something in these drafts, which the small checker does not know.
const DRAFTS_WITH_FORMATS: [&str; 4] = ["draft-04", "draft-06", "draft-07", "draft/2019-09"];

pub(crate) struct Checker {
    validator: jsonschema::Validator,
    references: References,
    small: OnceLock<Option<small::Checker>>,
}

impl Checker {
    pub(crate) fn compile(schema: &Value, references: References) -> Result<Self, BadSchema> {
        let linear = PatternOptions::regex().size_limit(PATTERN_SIZE).dfa_size_limit(PATTERN_SIZE);
        let validator = jsonschema::options().offline().with_pattern_options(linear).build(schema).or_else(|_| {
            // Patterns with look-around or back references.
            let fancy = PatternOptions::fancy_regex().size_limit(PATTERN_SIZE).dfa_size_limit(PATTERN_SIZE);
            let fancy = fancy.backtrack_limit(BACKTRACK);
            jsonschema::options().offline().with_pattern_options(fancy).build(schema)
        });
        let bad = |error: ValidationError<'_>| BadSchema {
            path: error.instance_path().to_string(),
            reason: error.to_string(),
            is_too_complex: false,
        };
        Ok(Self { validator: validator.map_err(bad)?, references, small: OnceLock::new() })
    }

    pub(crate) fn check(&self, value: &Value, schema: &Value, is_quick: bool) -> Result<(), Invalid> {
        if is_quick {
            if self.validator.is_valid(value) {
                return Ok(());
            }
            let errors: Vec<_> = self.validator.iter_errors(value).collect();
            return Err(Invalid::new(errors.iter().map(|error| fault(error, schema, 0))));
        }
        if let Some(small) = self.small.get_or_init(|| small_of(schema)) {
            return small.check(value, schema, false);
        }
        if !cost::is_within(MOST, schema, &self.references, value) {
            return Err(Invalid::too_complex());
        }
        if self.validator.is_valid(value) { Ok(()) } else { Err(Invalid::somewhere()) }
    }
}

/// None if the schema has something that the small checker does not know.
fn small_of(schema: &Value) -> Option<small::Checker> {
    let draft = schema.get("$schema").and_then(Value::as_str).unwrap_or_default();
    let counts = DRAFTS_WITH_FORMATS.iter().any(|old| draft.contains(old)) && has_format(schema);
    if counts { None } else { small::Checker::compile(schema, References::default()).ok() }
}

fn has_format(schema: &Value) -> bool {
    match schema {
        Value::Object(fields) => fields.get("format").is_some_and(Value::is_string) || fields.values().any(has_format),
        Value::Array(items) => items.iter().any(has_format),
        _ => false,
    }
}

fn fault<'a>(error: &'a ValidationError<'_>, schema: &'a Value, nesting: usize) -> Fault<'a> {
    let holder = error.schema_path().as_str().rsplit_once('/').and_then(|(parent, _)| schema.pointer(parent));
    Fault {
        at: error.instance_path().as_str().to_owned(),
        given: error.instance(),
        schema: holder,
        kind: kind(error, schema, nesting),
    }
}

fn kind<'a>(error: &'a ValidationError<'_>, schema: &'a Value, nesting: usize) -> Kind<'a> {
    use ValidationErrorKind as Found;
    match error.kind() {
        Found::Required { property } => Kind::Required(property.as_str().unwrap_or_default().to_owned()),
        Found::AdditionalProperties { unexpected } | Found::UnevaluatedProperties { unexpected } => {
            Kind::Unknown(unexpected.clone())
        }
        Found::Type { kind: TypeKind::Single(one) } => Kind::Type(vec![name(*one)]),
        Found::Type { kind: TypeKind::Multiple(several) } => Kind::Type(several.iter().map(name).collect()),
        Found::Enum { options } => Kind::Expected(format!("one of {}", list(options))),
        Found::Constant { expected_value } => Kind::Expected(literal(expected_value)),
        Found::Minimum { limit } => Kind::minimum(limit),
        Found::Maximum { limit } => Kind::maximum(limit),
        Found::ExclusiveMinimum { limit } => Kind::above(limit),
        Found::ExclusiveMaximum { limit } => Kind::below(limit),
        Found::MultipleOf { multiple_of } => Kind::multiple_of(multiple_of),
        Found::MinLength { limit } => Kind::min_length(*limit),
        Found::MaxLength { limit } => Kind::max_length(*limit),
        Found::MinItems { limit } => Kind::min_items(*limit),
        Found::MaxItems { limit } => Kind::max_items(*limit),
        Found::AdditionalItems { limit } => Kind::max_items(u64::try_from(*limit).unwrap_or(u64::MAX)),
        Found::MinProperties { limit } => Kind::min_properties(*limit),
        Found::MaxProperties { limit } => Kind::max_properties(*limit),
        Found::UniqueItems => Kind::unique(),
        Found::Pattern { pattern } => Kind::pattern(pattern),
        Found::Format { format } => Kind::Expected(format!("a text of the format `{format}`")),
        Found::FalseSchema => Kind::forbidden(),
        Found::Not { .. } => Kind::Not,
        Found::AnyOf { context } | Found::OneOfNotValid { context } if nesting >= MAX_NESTING => {
            Kind::none_fits(context.len())
        }
        Found::AnyOf { context } | Found::OneOfNotValid { context } => {
            let faults = |errors: &'a Vec<ValidationError<'static>>| {
                errors.iter().map(|error| fault(error, schema, nesting + 1))
            };
            Kind::Alternatives(context.iter().map(|errors| faults(errors).collect()).collect())
        }
        Found::OneOfMultipleValid { .. } => Kind::Ambiguous,
        Found::PropertyNames { error } => Kind::Says(format!("has a property whose name is wrong: {error}")),
        // What is left says it well enough in the validator's own words.
        _ => Kind::Says(error.to_string()),
    }
}

fn name(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Array => "array",
        JsonType::Boolean => "boolean",
        JsonType::Integer => "integer",
        JsonType::Null => "null",
        JsonType::Number => "number",
        JsonType::Object => "object",
        JsonType::String => "string",
    }
}
