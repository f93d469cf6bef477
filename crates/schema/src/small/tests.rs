//! The small checker and the full one say the same, each keyword word for word.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::Checker;
use crate::reference::References;
use crate::weight::MAX_PATH;
use crate::{Invalid, full};

type Said = Result<(), Vec<String>>;

#[allow(clippy::unwrap_used, reason = "a schema that does not compile fails the test")]
fn both(schema: &Value, value: &Value) -> (Said, Said) {
    let references = || References::of(schema, MAX_PATH).unwrap();
    let small = Checker::compile(schema, references()).unwrap().check(value, schema, true);
    let full = full::Checker::compile(schema, references()).unwrap().check(value, schema, true);
    let (small, full) = (small.map_err(|wrong| lines(&wrong)), full.map_err(|wrong| lines(&wrong)));
    (small, full)
}

/// Sorted: the order of keywords is each checker's own.
fn lines(wrong: &Invalid) -> Vec<String> {
    let mut lines: Vec<_> = wrong.to_string().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn the_words_are_the_same() {
    let schema = json!({
        "type": "object",
        "properties": {
            "title": {"type": "string", "minLength": 2, "maxLength": 5, "pattern": "^[a-z]+$"},
            "count": {"type": "integer", "minimum": 1, "exclusiveMaximum": 9, "multipleOf": 2},
            "mode": {"enum": ["fast", "slow"]},
            "kind": {"const": "a"},
            "id": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "tree": {"$ref": "#/$defs/tree"},
            "pair": {"prefixItems": [{"type": "string"}, {"type": "integer"}], "items": false},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2, "uniqueItems": true},
            "shape": {"oneOf": [{"type": "object", "required": ["url"]}, {"type": "string"}]},
        },
        "required": ["title"],
        "additionalProperties": false,
        "$defs": {"tree": {
            "type": "object",
            "properties": {"leaves": {"type": "array", "items": {"$ref": "#/$defs/tree"}}},
            "required": ["leaves"],
        }},
    });
    for value in [
        json!({"title": "abc", "count": 2.0, "tree": {"leaves": [{"leaves": []}]}, "pair": ["a", 1], "id": null}),
        json!({"titel": "abc"}),
        json!({"title": "x"}),
        json!({"title": "LOUDLY"}),
        json!({"title": 7}),
        json!({"title": "abc", "count": 9}),
        json!({"title": "abc", "count": 0}),
        json!({"title": "abc", "count": 2.5}),
        json!({"title": "abc", "mode": "quick", "kind": "b"}),
        json!({"title": "abc", "id": 4}),
        json!({"title": "abc", "tree": {"leaves": [{}, 4]}}),
        json!({"title": "abc", "pair": ["a", "b", "c"]}),
        json!({"title": "abc", "tags": ["a", 7, "c"]}),
        json!({"title": "abc", "tags": []}),
        json!({"title": "abc", "tags": ["a", "a"]}),
        json!({"title": "abc", "shape": {"uri": "x"}}),
        json!([]),
    ] {
        let (small, full) = both(&schema, &value);
        assert_eq!(small, full, "{value}");
    }
}

#[test]
fn it_says_whether_there_are_too_few_or_too_many() {
    let schema = json!({"contains": {"type": "string"}, "minContains": 1, "maxContains": 2});
    let said = |value: &Value| both(&schema, value).0.err().unwrap().join("");
    assert!(said(&json!([1])).ends_with("holds 0 items of the kind wanted; expected at least 1"));
    assert!(said(&json!(["a", "b", "c"])).ends_with("holds 3 items of the kind wanted; expected at most 2"));
}

#[test]
fn what_the_small_one_does_not_know_it_refuses() {
    let unusable = [
        (json!({"type": "objekt"}), "/type"),
        (json!({"properties": {"a": {"unevaluatedProperties": false}}}), "/properties/a/unevaluatedProperties"),
        (json!({"$dynamicRef": "#a"}), "/$dynamicRef"),
        (json!({"pattern": "(?=a)b"}), "/pattern"),
        (json!({"minLength": -1}), "/minLength"),
        (json!({"multipleOf": 0}), "/multipleOf"),
        (json!({"properties": [1]}), "/properties"),
        (json!({"required": "a"}), "/required"),
        (json!({"items": {"$ref": "https://example.com/a.json"}}), "/items/$ref"),
        (json!({"$ref": "#/$defs/none"}), "/$ref"),
        (json!({"properties": {"a": {"$id": "https://example.com/b"}}}), "/properties/a/$id"),
    ];
    for (schema, place) in unusable {
        let error = Checker::compile(&schema, References::default()).err().unwrap().to_string();
        assert!(error.starts_with(&format!("not a usable JSON Schema: at `{place}`: ")), "{schema}: {error}");
    }
    let circle = json!({"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}});
    assert!(
        Checker::compile(&circle, References::default()).err().unwrap().to_string().contains("leads back to itself")
    );
}

#[test]
fn references_go_by_anchor_by_id_and_by_pointer() {
    let schema = json!({
        "$id": "https://example.com/root",
        "properties": {
            "a": {"$ref": "#number"},
            "b": {"$ref": "https://example.com/root#/$defs/n~1x"},
            "c": {"$ref": "https://example.com/root"},
        },
        "$defs": {"n/x": {"$anchor": "number", "type": "number"}},
    });
    for value in
        [json!({"a": 1, "b": 2, "c": {"a": 3}}), json!({"a": "x"}), json!({"b": "x"}), json!({"c": {"a": "x"}})]
    {
        let (small, full) = both(&schema, &value);
        assert_eq!(small, full, "{value}");
    }
}

#[test]
fn before_2019_nothing_counts_beside_a_reference() {
    let mut schema = json!({"definitions": {"a": {"type": "integer"}}, "properties": {"x": {"$ref": "#/definitions/a", "minimum": 5}}});
    assert!(both(&schema, &json!({"x": 1})).0.is_err());
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    let (small, full) = both(&schema, &json!({"x": 1}));
    assert_eq!((small, full), (Ok(()), Ok(())));
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-4_i64..12).prop_map(Value::from),
        (-8_i32..24).prop_map(|n| json!(f64::from(n) / 4.0)),
        "[ab]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[abc]", inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

fn schemas() -> impl Strategy<Value = Value> {
    let kind = prop::sample::select(vec!["array", "boolean", "integer", "null", "number", "object", "string"]);
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        kind.clone().prop_map(|kind| json!({"type": kind})),
        prop::collection::hash_set(kind, 1..4).prop_map(|kinds| json!({"type": kinds})),
        prop::collection::vec(values(), 1..4).prop_map(|options| json!({"enum": options})),
        values().prop_map(|value| json!({"const": value})),
        (-2_i64..8, 1_i64..8).prop_map(|(low, span)| json!({"minimum": low, "exclusiveMaximum": low + span})),
        (-2_i64..8).prop_map(|low| json!({"exclusiveMinimum": low, "maximum": low + 3})),
        (1_i32..8).prop_map(|n| json!({"multipleOf": f64::from(n) / 4.0})),
        (0_u64..3).prop_map(|n| json!({"minLength": n, "maxLength": n + 1})),
        (0_u64..3).prop_map(|n| json!({"minItems": n, "maxItems": n + 1, "uniqueItems": true})),
        (0_u64..3).prop_map(|n| json!({"minProperties": n, "maxProperties": n + 1})),
        "[ab]{1,2}".prop_map(|pattern| json!({"pattern": format!("^{pattern}")})),
        prop::collection::btree_set("[abc]", 0..3).prop_map(|names| json!({"required": names})),
        Just(json!({"$ref": "#/$defs/leaf"})),
    ];
    leaf.prop_recursive(4, 40, 3, |inner| {
        let some = || prop::collection::vec(inner.clone(), 1..4);
        let named = || prop::collection::btree_map("[abc]", inner.clone(), 0..3);
        prop_oneof![
            some().prop_map(|all| json!({"allOf": all})),
            some().prop_map(|any| json!({"anyOf": any})),
            some().prop_map(|one| json!({"oneOf": one})),
            inner.clone().prop_map(|not| json!({"not": not})),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| json!({"if": a, "then": b, "else": c})),
            (named(), inner.clone()).prop_map(|(own, rest)| json!({"properties": own, "additionalProperties": rest})),
            (named(), inner.clone()).prop_map(|(own, rest)| {
                let patterns: serde_json::Map<_, _> = own.into_iter().map(|(n, s)| (format!("^[{n}b]"), s)).collect();
                json!({"patternProperties": patterns, "additionalProperties": rest})
            }),
            inner.clone().prop_map(|names| json!({"propertyNames": names})),
            named().prop_map(|all| json!({"dependentSchemas": all})),
            (some(), inner.clone()).prop_map(|(first, rest)| json!({"prefixItems": first, "items": rest})),
            (inner.clone(), 0_u64..3)
                .prop_map(|(some, n)| json!({"contains": some, "minContains": n, "maxContains": n + 1})),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn they_agree_on_what_fits(schema in schemas(), values in prop::collection::vec(values(), 1..6)) {
        let schema = json!({"allOf": [schema], "$defs": {"leaf": {"type": ["string", "object"]}}});
        for value in values {
            let (small, full) = both(&schema, &value);
            prop_assert_eq!(small.is_ok(), full.is_ok(), "{} with {}: {:?} and {:?}", schema, value, small, full);
        }
    }

    #[test]
    fn no_schema_makes_it_panic(schema in values(), value in values()) {
        if let Ok(checker) = Checker::compile(&schema, References::default()) {
            let _ = checker.check(&value, &schema, false);
        }
    }
}
