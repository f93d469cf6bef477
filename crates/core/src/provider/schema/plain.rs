//! Schemas that every step of the compiler would leave as they are, seen without taking them apart. Most tools of a
//! hosted backend have such.

use std::borrow::Cow;
use std::fmt;

use composio_contract::RawJson;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::dialect::Dialect;
use super::{DEEPEST, ENOUGH};
use crate::provider::names::encode_argument;

/// The longest enumeration that is looked through for duplicates.
const MAX_VALUES: usize = 64;

/// Whether a provider takes the schema of a tool's arguments word for word, and is not to hold a model to it. False where
/// only the compiler can tell.
pub(super) fn is_plain(schema: &RawJson, dialect: Dialect) -> bool {
    // A keyword with null would look like one that is not there.
    if schema.as_str().len() > ENOUGH || schema.as_str().contains("null") {
        return false;
    }
    let Ok(plain) = serde_json::from_str::<Plain<'_>>(schema.as_str()) else { return false };
    let Some(properties) = &plain.properties else { return false };
    let required = plain.required.as_deref().unwrap_or_default();
    let names_fit = match dialect {
        // With an optional argument a schema is not strict.
        Dialect::OpenAi => properties.named.iter().any(|(name, _)| !required.contains(name)),
        Dialect::Anthropic => {
            let names = properties.named.iter().map(|(name, _)| name).chain(required);
            names.into_iter().all(|name| matches!(encode_argument(name), Some(Cow::Borrowed(_))))
        }
        Dialect::Gemini => true,
    };
    names_fit && plain.values.is_none() && matches!(plain.kind, Some(Kind::Object)) && plain.fits(dialect, 0)
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Object,
    Array,
    String,
    Number,
    Integer,
    Boolean,
    Null,
}

/// A schema of few words, each said in the way that needs no change.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "some keywords only have to be of the right type")]
struct Plain<'a> {
    #[serde(rename = "type")]
    kind: Option<Kind>,
    #[serde(borrow, default)]
    title: Option<Text<'a>>,
    #[serde(borrow, default)]
    description: Option<Text<'a>>,
    #[serde(borrow, default)]
    format: Option<Text<'a>>,
    #[serde(borrow, rename = "enum", default)]
    values: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    properties: Option<Properties<'a>>,
    #[serde(borrow, default)]
    required: Option<Vec<Text<'a>>>,
    #[serde(borrow, default)]
    items: Option<Box<Plain<'a>>>,
    #[serde(default)]
    additional_properties: Option<bool>,
    #[serde(default)]
    minimum: Option<f64>,
    #[serde(default)]
    maximum: Option<f64>,
    #[serde(default)]
    min_items: Option<f64>,
    #[serde(default)]
    max_items: Option<f64>,
    #[serde(default)]
    min_length: Option<IgnoredAny>,
    #[serde(default)]
    max_length: Option<IgnoredAny>,
    #[serde(default)]
    pattern: Option<IgnoredAny>,
    #[serde(default)]
    default: Option<IgnoredAny>,
    #[serde(default)]
    examples: Option<IgnoredAny>,
}

impl Plain<'_> {
    fn fits(&self, dialect: Dialect, depth: usize) -> bool {
        let required = self.required.as_deref().unwrap_or_default();
        let is_named_once = required.iter().enumerate().all(|(at, name)| !required.iter().take(at).any(|n| n == name));
        let values = self.values.as_deref();
        let values_fit = values.is_none_or(|values| {
            let is_new = |(at, value): (usize, &&RawValue)| !values.iter().take(at).any(|v| v.get() == value.get());
            !values.is_empty() && values.len() <= MAX_VALUES && values.iter().enumerate().all(is_new)
        });
        let named = self.properties.as_ref().map_or(&[][..], |properties| &properties.named);
        is_named_once
            && values_fit
            && (self.kind != Some(Kind::Array) || self.items.is_some() || !dialect.needs_items())
            && (dialect != Dialect::Gemini || self.fits_gemini(named))
            && (named.is_empty() || depth < DEEPEST)
            && named.iter().all(|(_, property)| property.fits(dialect, depth + 1))
            && self.items.as_ref().is_none_or(|items| items.fits(dialect, depth))
    }

    fn fits_gemini(&self, named: &[(Text<'_>, Plain<'_>)]) -> bool {
        let is_told = self.min_length.is_some()
            || self.max_length.is_some()
            || self.pattern.is_some()
            || self.default.is_some()
            || self.examples.is_some()
            || self.format.is_some();
        let is_text = |value: &&RawValue| value.get().starts_with('"') && value.get().len() > 2;
        let required = self.required.as_deref().unwrap_or_default();
        !is_told
            && self.kind.is_some()
            && self.values.as_deref().is_none_or(|values| values.iter().all(is_text))
            && required.iter().all(|name| named.iter().any(|(property, _)| property == name))
    }
}

/// A text, borrowed where it has no escapes.
#[derive(Deserialize, PartialEq)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

struct Properties<'a> {
    named: Vec<(Text<'a>, Plain<'a>)>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Properties<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Named;
        impl<'de> Visitor<'de> for Named {
            type Value = Properties<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("properties")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Properties<'de>, A::Error> {
                let mut named = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    named.push(entry);
                }
                Ok(Properties { named })
            }
        }
        deserializer.deserialize_map(Named)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::provider::schema::compile;

    /// What is plain is what the compiler leaves as it is.
    #[test]
    fn a_plain_schema_is_one_that_stays() {
        let object = |property: Value| json!({"type": "object", "properties": {"a": property, "b": {"type": "string"}}, "required": ["a"]});
        let schemas = [
            object(json!({"type": "string", "title": "A", "description": "a"})),
            object(json!({"type": "string", "enum": ["x", "y"]})),
            object(json!({"type": "string", "enum": ["x", "x"]})),
            object(json!({"type": "integer", "enum": [1, 2], "minimum": 1, "maximum": 2})),
            object(json!({"type": "string", "enum": [""]})),
            object(json!({"type": "array", "items": {"type": "string"}, "minItems": 1})),
            object(json!({"type": "array"})),
            object(json!({"type": "object", "additionalProperties": true})),
            object(json!({"type": "object", "properties": {"c": {"type": "null"}}, "required": ["c", "c"]})),
            object(json!({"type": "object", "properties": {}, "required": ["gone"]})),
            object(json!({"type": "string", "pattern": "^a", "minLength": 1, "default": "a"})),
            object(json!({"type": "string", "format": "date"})),
            object(json!({"type": "string", "default": null})),
            object(json!({"type": ["string", "null"]})),
            object(json!({"type": "string", "nullable": true})),
            object(json!({"type": "string", "x-order": 1})),
            object(json!({"const": 1})),
            object(json!({"$ref": "#/$defs/A"})),
            object(json!({"type": "file"})),
            object(json!({"enum": ["a"]})),
            object(json!({})),
            object(json!(false)),
            json!({"type": "object", "properties": {"$a": {"type": "string"}}}),
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}),
            json!({"type": "object", "properties": {}}),
            json!({"type": "object"}),
            json!({"properties": {"a": {"type": "string"}}}),
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "anyOf": [{"required": ["a"]}, {}]}),
        ];
        let mut plain = 0;
        for schema in schemas {
            let raw = RawJson::from(schema.clone());
            for dialect in [Dialect::OpenAi, Dialect::Anthropic, Dialect::Gemini] {
                if is_plain(&raw, dialect) {
                    plain += 1;
                    let compiled = compile(Some(&raw), dialect);
                    assert_eq!(compiled.schema, schema, "{dialect:?}");
                    assert!(compiled.changes.is_empty() && compiled.not_strict.is_some(), "{dialect:?}: {schema}");
                }
            }
        }
        assert_eq!(plain, 33);
    }
}
