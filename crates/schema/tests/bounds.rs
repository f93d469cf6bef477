//! What a schema or a value may cost, whoever wrote it.

use composio_schema::Schema;
use serde_json::{Map, Value, json};

/// `$defs` `l0` to `l<levels>`, each made of the one before by `step`; the last one is what is checked.
fn levels(levels: usize, step: impl Fn(Value) -> Value) -> Value {
    let mut defs = Map::new();
    defs.insert("l0".to_owned(), json!({"type": "object", "required": ["never"]}));
    for level in 1..=levels {
        let before = json!({"$ref": format!("#/$defs/l{}", level - 1)});
        defs.insert(format!("l{level}"), step(before));
    }
    json!({"$ref": format!("#/$defs/l{levels}"), "$defs": defs})
}

#[allow(clippy::unwrap_used, reason = "a schema that does not compile, and a value that fits, fail the test")]
fn said(schema: &Value, value: &Value) -> String {
    Schema::compile(schema).unwrap().check(value).unwrap_err().to_string()
}

#[test]
fn what_doubles_with_each_level_is_looked_at_once() {
    for keyword in ["anyOf", "oneOf", "allOf"] {
        let schema = levels(40, |before| json!({ keyword: [before, before] }));
        let said = said(&schema, &json!({}));
        assert!(said.len() < 2_000, "{keyword}: {said}");
        assert!(said.contains("alternatives") || said.contains("`never` is required and missing"), "{keyword}: {said}");
    }
    let schema = levels(40, |before| json!({"if": before, "then": before, "else": before}));
    assert_eq!(said(&schema, &json!({})), "`never` is required and missing");
    let right = levels(40, |before| json!({"anyOf": [before, before]}));
    assert!(Schema::compile(&right).unwrap().check(&json!({"never": 1})).is_ok());
}

/// The small checker does not know `unevaluatedProperties`; the other one cannot be stopped.
#[cfg(feature = "full")]
#[test]
fn what_cannot_be_stopped_is_not_begun() {
    let doubled = levels(40, |before| json!({"anyOf": [before, before], "unevaluatedProperties": false}));
    let node = json!({"allOf": [{"$ref": "#/$defs/node"}, {"unevaluatedProperties": {"$ref": "#/$defs/node"}}]});
    let alternative = json!({"properties": {"next": node}, "required": ["no"]});
    let tree = json!({
        "$ref": "#/$defs/node",
        "$defs": {"node": {"type": "object", "anyOf": [alternative, alternative]}},
    });
    let mut deep = json!({});
    for _ in 0..60 {
        deep = json!({ "next": deep });
    }
    let error = Schema::compile(&doubled).unwrap_err();
    assert!(error.is_too_complex(), "{error}");
    let invalid = Schema::compile(&tree).unwrap().check(&deep).unwrap_err();
    assert!(invalid.is_too_complex(), "{invalid}");
    assert!(invalid.to_string().contains("send fewer or smaller values"), "{invalid}");
}

#[test]
fn a_chain_of_references_does_not_end_the_stack() {
    let error = Schema::compile(&levels(100_000, |before| before)).unwrap_err();
    assert!(error.is_too_complex(), "{error}");
    let error = Schema::compile(&levels(300, |before| json!({"allOf": [before]}))).unwrap_err();
    assert!(error.is_too_complex(), "{error}");
    let longest = levels(95, |before| json!({"allOf": [{"anyOf": [before]}]}));
    assert!(said(&longest, &json!({})).contains("alternatives"));
    let tree = levels(160, |before| json!({"properties": {"a": before}}));
    assert!(Schema::compile(&tree).unwrap().check(&json!({"a": {"a": {}}})).is_ok());
    // Each level of the value goes through the chain anew.
    for (references, depth, is_too_complex) in [(60, 120, true), (10, 28, false)] {
        let mut recursive = levels(references, |before| before);
        recursive["$defs"]["l0"] = json!({"properties": {"a": {"$ref": "#"}}, "required": ["never"]});
        let value = (0..depth).fold(json!({}), |value, _| json!({ "a": value }));
        let small = Schema::compile(&recursive).unwrap().check(&value).unwrap_err();
        assert_eq!(small.is_too_complex(), is_too_complex, "{small}");
        if cfg!(not(feature = "full")) {
            continue;
        }
        recursive["$defs"]["l0"]["unevaluatedItems"] = json!(false);
        let full = Schema::compile(&recursive).unwrap().check(&value).unwrap_err();
        assert_eq!(full.is_too_complex(), is_too_complex, "{full}");
    }
}

#[test]
fn a_circle_without_progress_ends() {
    for circle in [
        json!({"$ref": "#"}),
        json!({"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}}),
        json!({"$dynamicRef": "#a", "$dynamicAnchor": "a"}),
    ] {
        if let Ok(schema) = Schema::compile(&circle) {
            let wrong = schema.check(&json!({})).unwrap_err();
            assert!(wrong.is_too_complex(), "{circle}: {wrong}");
        }
    }
}

#[test]
fn large_schemas_are_refused() {
    let properties: Map<String, Value> = (0..150_000).map(|n| (format!("p{n}"), json!({"type": "string"}))).collect();
    let error = Schema::compile(&json!({ "properties": properties })).unwrap_err();
    assert!(error.to_string().starts_with("the JSON Schema is too complex: it consists of more than"), "{error}");
    let patterns: Map<String, Value> = (0..3_000).map(|n| (format!("^p{n}$"), json!(true))).collect();
    assert!(Schema::compile(&json!({ "patternProperties": patterns })).unwrap_err().is_too_complex());
}

#[test]
fn patterns_that_are_too_large_are_not_checked() {
    let large =
        ["a".repeat(5_000), "((a{100}){100}){100}".to_owned(), r"\w{1000}".to_owned(), "^.{1,2048}$".to_owned()];
    for pattern in large {
        let schema = Schema::compile(&json!({"type": "string", "minLength": 2, "pattern": pattern})).unwrap();
        assert_eq!(schema.unchecked_patterns(), 1, "{pattern}");
        assert!(schema.check(&json!("b!")).is_ok() && schema.check(&json!("b")).is_err());
    }
    let many: Map<String, Value> =
        (0..200).map(|n| (format!("p{n}"), json!({"pattern": format!("{n}[a-z]{{900}}")}))).collect();
    let schema = Schema::compile(&json!({ "properties": many })).unwrap();
    assert!((150..200).contains(&schema.unchecked_patterns()), "{}", schema.unchecked_patterns());
}

#[test]
fn long_values_are_told_shortly() {
    let schema = json!({"type": "object", "properties": {"list": {"type": "array", "items": {"type": "string"}}}});
    let many = said(&schema, &json!({"list": vec![7; 100_000]}));
    assert!(many.starts_with("`list[0]`: expected a string, got the number 7\n"), "{many}");
    assert!(many.ends_with("and at least 188 more"), "{many}");

    let closed = json!({"properties": {"known": {}}, "additionalProperties": false});
    let strangers: Map<String, Value> = (0..200_000).map(|n| (format!("s{n}"), json!(1))).collect();
    let strangers = said(&closed, &strangers.into());
    assert!(strangers.ends_with("and 199988 more"), "{strangers}");

    let long = json!({"list": "x".repeat(4 << 20)});
    assert!(said(&schema, &long).len() < 500);
}

#[test]
fn patterns_that_explode_end() {
    // The small checker refuses look-around.
    if cfg!(feature = "full") {
        let evil = json!({"type": "string", "pattern": "^(?=a)((a+)+)+$"});
        let text = json!(format!("{}b", "a".repeat(5_000)));
        assert!(Schema::compile(&evil).unwrap().check(&text).is_err());
    }
    let large = json!({"type": "array", "items": {"pattern": "^([a-z]{1,50}-){1,20}x$"}});
    let value = json!(vec!["a".repeat(2_000); 300]);
    assert!(Schema::compile(&large).unwrap().check(&value).is_err());
}

#[test]
fn patterns_for_names_and_lists_of_required_names_are_counted() {
    let patterns: Map<String, Value> = (0..1_500).map(|n| (format!("^{n}a"), json!(true))).collect();
    let many: Map<String, Value> = (0..50_000).map(|n| (format!("z{n}"), json!(0))).collect();
    let schema = Schema::compile(&json!({ "patternProperties": patterns })).unwrap();
    assert!(schema.check(&many.into()).unwrap_err().is_too_complex());

    let names: Vec<String> = (0..5_000).map(|n| format!("n{n}")).collect();
    for alternatives in [json!({"not": {"required": names}}), json!({"anyOf": [{"required": names}, true]})] {
        let schema = Schema::compile(&json!({ "items": alternatives })).unwrap();
        match schema.check(&json!(vec![json!({}); 50_000])) {
            Ok(()) => {}
            Err(invalid) => assert!(invalid.is_too_complex(), "{invalid}"),
        }
    }
}

#[test]
fn classes_and_repetitions_weigh_what_they_are_written_out_as() {
    for pattern in [r"\pL{1000}", r"\p{Lu}{1000}", "(a{300})?{300}", "a{300}{300}"] {
        let schema = Schema::compile(&json!({ "pattern": pattern })).unwrap();
        assert_eq!(schema.unchecked_patterns(), 1, "{pattern}");
    }
}

#[test]
fn names_that_many_schemas_share_are_refused() {
    let anchors: Map<String, Value> = (0..2_000).map(|n| (format!("d{n}"), json!({"$anchor": "a"}))).collect();
    let error = Schema::compile(&json!({"$defs": anchors, "$ref": "#a"})).unwrap_err();
    assert!(error.is_too_complex(), "{error}");
}

#[test]
fn unique_items_are_compared_within_bounds() {
    let schema = Schema::compile(&json!({"type": "array", "uniqueItems": true})).unwrap();
    let mut texts: Vec<String> = (0..50_000).map(|n| n.to_string()).collect();
    assert!(schema.check(&json!(texts)).is_ok());
    texts.push("77".to_owned());
    assert!(!schema.check(&json!(texts)).unwrap_err().is_too_complex());
    let numbers: Vec<u32> = (0..100_000).collect();
    assert!(schema.check(&json!(numbers)).unwrap_err().is_too_complex());
}

#[test]
fn the_reason_why_a_schema_is_unusable_is_short() {
    let kinds: Vec<String> = (0..2_000).map(|n| format!("kind{n}")).collect();
    let error = Schema::compile(&json!({ "type": kinds })).unwrap_err();
    assert!(error.to_string().len() < 4_000, "{error}");
}
