//! What holds for every schema, however odd.

use composio_contract::RawJson;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::dialect::Dialect;
use super::plain::is_plain;
use super::{Written, compile, write};

const DIALECTS: [Dialect; 3] = [Dialect::OpenAi, Dialect::Anthropic, Dialect::Gemini];

/// Schemas of the words that matter, also where they make no sense, with references to each other.
fn schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({})),
        any::<bool>().prop_map(Value::from),
        Just(json!({"type": "string", "format": "date", "default": "x"})),
        Just(json!({"type": ["string", "null", "string"], "enum": ["a", "a", null, ""]})),
        Just(json!({"type": "integer", "exclusiveMinimum": 3, "nullable": true})),
        Just(json!({"type": "file", "required": true})),
        Just(json!({"const": false})),
        Just(json!({"$ref": "#/$defs/A"})),
        Just(json!({"$ref": "#/$defs/B", "description": "b"})),
        Just(json!({"$ref": "#"})),
        Just(json!({"$ref": "#/$defs/None"})),
    ];
    leaf.prop_recursive(6, 48, 4, |inner| {
        let named = prop::collection::btree_map("[a-d$]{1,2}", inner.clone(), 0..4);
        let list = prop::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            (named.clone(), prop::collection::vec("[a-d$]{1,2}", 0..4)).prop_map(
                |(properties, required)| json!({"type": "object", "properties": properties, "required": required})
            ),
            named.clone().prop_map(|patterns| json!({"patternProperties": patterns})),
            inner.clone().prop_map(|items| json!({"type": "array", "items": items})),
            list.clone().prop_map(|items| json!({"type": "array", "items": items, "additionalItems": false})),
            (prop_oneof!["anyOf", "oneOf", "allOf"], list).prop_map(|(word, list)| json!({ word: list })),
            (inner.clone(), named).prop_map(|(more, properties)| json!({
                "additionalProperties": more, "properties": properties, "allOf": [{"$ref": "#/$defs/A"}], "not": {}
            })),
        ]
    })
}

fn tool() -> impl Strategy<Value = Value> {
    (schema(), schema(), schema()).prop_map(|(mut root, a, b)| {
        if let Value::Object(root) = &mut root {
            root.insert("$defs".to_owned(), json!({"A": a, "B": b}));
        }
        root
    })
}

/// Looks at each schema within a schema.
fn each(schema: &Value, look: &mut dyn FnMut(&serde_json::Map<String, Value>)) {
    let Value::Object(members) = schema else { return };
    look(members);
    for (keyword, value) in members {
        match (keyword.as_str(), value) {
            ("properties" | "patternProperties", Value::Object(named)) => {
                named.values().for_each(|one| each(one, look))
            }
            ("anyOf" | "oneOf" | "prefixItems", Value::Array(list)) => list.iter().for_each(|one| each(one, look)),
            ("items" | "additionalProperties" | "not", one) => each(one, look),
            _ => {}
        }
    }
}

proptest! {
    /// It stands alone, names what is required once, and is small enough; each dialect in its own words.
    #[test]
    fn a_compiled_schema_keeps_the_rules(tool in tool()) {
        for dialect in DIALECTS {
            let compiled = compile(Some(&RawJson::from(tool.clone())), dialect).schema;
            prop_assert_eq!(&compiled["type"], "object");
            prop_assert!(compiled["properties"].is_object());
            prop_assert!(["anyOf", "oneOf", "enum", "not"].iter().all(|word| compiled.get(word).is_none()), "{}", compiled);
            prop_assert!(compiled.to_string().len() < 4 * super::ENOUGH);
            let mut wrong = Vec::new();
            each(&compiled, &mut |schema| {
                let refused = ["$ref", "allOf", "$defs", "nullable"].into_iter().chain(match dialect {
                    Dialect::Gemini => &["oneOf", "const", "not", "patternProperties", "prefixItems", "default"][..],
                    Dialect::OpenAi => &["const"][..],
                    Dialect::Anthropic => &[][..],
                }.iter().copied());
                wrong.extend(refused.filter(|word| schema.contains_key(*word)).map(str::to_owned));
                let required: Vec<_> = schema.get("required").and_then(Value::as_array).into_iter().flatten().collect();
                if (1..required.len()).any(|at| required[..at].contains(&required[at])) {
                    wrong.push("required twice".to_owned());
                }
                if dialect != Dialect::Anthropic && schema.get("type") == Some(&"array".into()) && !schema["items"].is_object() {
                    wrong.push("an array without items".to_owned());
                }
            });
            prop_assert!(wrong.is_empty(), "{:?} in {}", wrong, compiled);
        }
    }

    /// The short way and the long one come to the same.
    #[test]
    fn what_goes_word_for_word_is_what_would_be_compiled(tool in tool()) {
        for dialect in DIALECTS {
            // Compiled once, many are plain.
            let raw = RawJson::from(compile(Some(&RawJson::from(tool.clone())), dialect).schema);
            let compiled = compile(Some(&raw), dialect);
            let (written, strict) = write(Some(&raw), dialect);
            prop_assert_eq!(matches!(written, Written::AsItIs(_)), is_plain(&raw, dialect));
            prop_assert_eq!(serde_json::to_value(&written).unwrap(), compiled.schema);
            prop_assert_eq!(strict, compiled.not_strict.is_none());
        }
    }
}

/// The contract has no such schemas; a caller that changes tools can make them.
#[test]
fn what_is_no_schema_is_told() {
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    for text in ["true", "[]", "7", &format!(r#"{{"examples": {deep}}}"#)] {
        let raw: RawJson = serde_json::from_str(text).unwrap();
        for dialect in DIALECTS {
            let compiled = compile(Some(&raw), dialect);
            assert_eq!(compiled.schema, json!({"type": "object", "properties": {}}));
            assert_eq!(compiled.changes.len(), 1, "{text}");
        }
    }
    for nothing in [None, Some(RawJson::from(Value::Null))] {
        assert_eq!(compile(nothing.as_ref(), Dialect::OpenAi).changes, Vec::new());
    }
}

/// References, alternatives and names of which a small schema can have many.
#[test]
fn schemas_that_explode_are_cut() {
    let reference = |level: usize| json!({ "$ref": format!("#/$defs/l{level}") });
    let levels = |count: usize, step: &dyn Fn(Value) -> Value| {
        let below = (1..=count).map(|level| (format!("l{level}"), step(reference(level - 1))));
        let defs: Map<String, Value> = below.chain([("l0".to_owned(), json!({"type": "string"}))]).collect();
        json!({"type": "object", "properties": {"a": reference(count)}, "$defs": defs})
    };
    let names: Vec<String> = (0..30_000).map(|n| format!("n{n}")).collect();
    let alternatives: Vec<Value> =
        (0..5_000).map(|n| json!({"properties": {"x": {"const": n}}, "required": names[..9]})).collect();
    let large: Map<String, Value> = (0..3_000).map(|n| (format!("p{n}"), json!({"enum": [n, n + 1]}))).collect();
    for schema in [
        levels(40, &|before| json!({"anyOf": [before, before]})),
        levels(40, &|before| json!({"allOf": [before, before], "properties": {"b": before, "c": before}})),
        levels(20_000, &|before| before),
        levels(5_000, &|before| json!({"items": before})),
        levels(5_000, &|before| json!({"not": {"anyOf": [before]}})),
        json!({"type": "object", "properties": {"a": {"enum": names}}, "required": names}),
        json!({"type": "object", "anyOf": alternatives}),
        json!({"allOf": (0..2_000).map(|_| reference(0)).collect::<Vec<_>>(), "$defs": {"l0": {"properties": large}}}),
    ] {
        for dialect in DIALECTS {
            let compiled = compile(Some(&RawJson::from(schema.clone())), dialect).schema;
            assert_eq!(compiled["type"], "object");
            assert!(compiled.to_string().len() < 2 * super::MOST, "{} bytes", compiled.to_string().len());
        }
    }
}
