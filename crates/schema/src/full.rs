//! The whole of JSON Schema, by the crate `jsonschema`.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::types::JsonType;
use serde_json::Value;

use crate::BadSchema;
use crate::fault::{Fault, Kind};
use crate::problem::{Invalid, list, literal};

pub(crate) struct Checker(jsonschema::Validator);

impl Checker {
    pub(crate) fn compile(schema: &Value) -> Result<Self, BadSchema> {
        jsonschema::options()
            .offline()
            .build(schema)
            .map(Self)
            .map_err(|error| BadSchema { path: error.instance_path().to_string(), reason: error.to_string() })
    }

    pub(crate) fn check(&self, value: &Value, schema: &Value) -> Result<(), Invalid> {
        if self.0.is_valid(value) {
            return Ok(());
        }
        let errors: Vec<_> = self.0.iter_errors(value).collect();
        Err(Invalid::new(errors.iter().map(|error| fault(error, schema))))
    }
}

fn fault<'a>(error: &'a ValidationError<'_>, schema: &'a Value) -> Fault<'a> {
    let holder = error.schema_path().as_str().rsplit_once('/').and_then(|(parent, _)| schema.pointer(parent));
    Fault {
        at: error.instance_path().as_str().to_owned(),
        given: error.instance(),
        schema: holder,
        kind: kind(error, schema),
    }
}

fn kind<'a>(error: &'a ValidationError<'_>, schema: &'a Value) -> Kind<'a> {
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
        Found::AnyOf { context } | Found::OneOfNotValid { context } => {
            let faults = |errors: &'a Vec<ValidationError<'static>>| errors.iter().map(|error| fault(error, schema));
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
