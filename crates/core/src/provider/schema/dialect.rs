//! What each provider reads of JSON Schema.

/// Which keywords a provider takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::provider) enum Dialect {
    OpenAi,
    Anthropic,
    Gemini,
}

/// What becomes of a keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// It stays.
    Keep,
    /// It goes into the description.
    Tell,
    /// It goes.
    Drop,
    /// It goes, and no model misses it.
    Forget,
}

/// Keywords that a schema is kept in order with; they say nothing of a value.
const BOOKKEEPING: [&str; 14] = [
    "$schema",
    "$id",
    "id",
    "$anchor",
    "$dynamicAnchor",
    "$dynamicRef",
    "$recursiveAnchor",
    "$recursiveRef",
    "$vocabulary",
    "$comment",
    "$defs",
    "definitions",
    "xml",
    "externalDocs",
];

/// What Gemini documents for `parametersJsonSchema`.
const GEMINI: [&str; 14] = [
    "type",
    "format",
    "title",
    "description",
    "enum",
    "items",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "anyOf",
    "properties",
    "additionalProperties",
    "required",
];
/// What a description can say as well.
const TELLING: [&str; 14] = [
    "format",
    "pattern",
    "minLength",
    "maxLength",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "contentMediaType",
    "contentEncoding",
    "default",
    "example",
];
const GEMINI_FORMATS: [&str; 7] = ["date-time", "date", "time", "int32", "int64", "float", "double"];

impl Dialect {
    pub(super) fn rule(self, keyword: &str, value: &serde_json::Value) -> Rule {
        if BOOKKEEPING.contains(&keyword) && !(keyword == "id" && value.is_object()) || keyword.starts_with("x-") {
            return Rule::Forget;
        }
        // Says which alternative a field's value stands for; the alternatives themselves say it too.
        if keyword == "discriminator" && value.is_object() {
            return Rule::Forget;
        }
        match self {
            Self::OpenAi | Self::Anthropic => Rule::Keep,
            Self::Gemini if keyword == "format" => match value.as_str() {
                Some(format) if GEMINI_FORMATS.contains(&format) => Rule::Keep,
                _ => Rule::Tell,
            },
            Self::Gemini if GEMINI.contains(&keyword) => Rule::Keep,
            Self::Gemini if TELLING.contains(&keyword) => Rule::Tell,
            Self::Gemini if matches!(keyword, "deprecated" | "readOnly" | "writeOnly" | "examples") => Rule::Forget,
            Self::Gemini => Rule::Drop,
        }
    }

    /// Whether an array must say what its items are.
    pub(super) fn needs_items(self) -> bool {
        self != Self::Anthropic
    }

    /// Whether `const` has to be written as an enumeration.
    pub(super) fn needs_enum(self) -> bool {
        self != Self::Anthropic
    }

    /// Whether the names of arguments are restricted; see [`crate::provider::names`].
    pub(super) fn restricts_names(self) -> bool {
        self == Self::Anthropic
    }

    /// What messages call the provider.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "OpenAI",
            Self::Anthropic => "Anthropic",
            Self::Gemini => "Gemini",
        }
    }
}
