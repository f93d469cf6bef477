//! Schemas of arguments and results.

use composio_openapi::Document;
use composio_schema::Schema;
use serde_json::{Value, json};

use crate::{document, input};

fn body(schema: Value) -> Value {
    json!({"requestBody": {"required": true, "content": {"application/json": {"schema": schema}}}})
}

#[test]
fn parameters_and_fields_are_one_flat_object() {
    let document = document(
        "3.0.3",
        json!({
            "parameters": [
                {"name": "id", "in": "query", "schema": {"type": "integer", "default": 3}, "deprecated": true},
                {"name": "filter[name]", "in": "query", "required": true, "schema": {"type": "string"}, "description": "By name."},
                {"name": "X-Mode", "in": "header", "schema": {"enum": ["a", "b", "a"]}},
                {"name": "Authorization", "in": "header", "schema": {"type": "string"}},
                {"name": "id", "in": "cookie", "schema": {"type": "string"}, "example": "c"},
            ],
            "requestBody": {"required": true, "content": {"application/json": {"schema": {
                "allOf": [{"$ref": "#/components/schemas/Base"}, {"properties": {"id": {"type": "string"}}, "required": ["id", "id"]}],
            }}}},
        }),
        json!({"Base": {
            "type": "object", "required": ["kind", "made"],
            "properties": {"kind": {"type": "string"}, "made": {"type": "string", "readOnly": true}, "$odd name!": {"type": "boolean"}},
        }}),
    );
    let input = input(&document);
    insta::assert_json_snapshot!(input.schema);
    Schema::compile(&input.schema).unwrap();
}

#[test]
fn three_zero_becomes_json_schema() {
    let document = document(
        "3.0.3",
        body(json!({"type": "object", "properties": {
            "nullable": {"type": "string", "nullable": true, "enum": ["a"]},
            "nullable_ref": {"allOf": [{"$ref": "#/components/schemas/Big"}], "nullable": true, "description": "D."},
            "described_ref": {"allOf": [{"$ref": "#/components/schemas/Small"}], "description": "Mine."},
            "exclusive": {"type": "number", "minimum": 1, "exclusiveMinimum": true, "maximum": 9, "exclusiveMaximum": false},
            "tuple": {"type": "array", "items": [{"type": "string"}, {"type": "integer"}]},
            "nonsense": {"type": "any", "required": true, "enum": [], "minLength": "x", "pattern": 7, "xml": {}, "example": [1]},
            "free": {"type": "object"},
            "choice": {"oneOf": [{"type": "string"}, {"$ref": "#/components/schemas/Big"}], "discriminator": {"propertyName": "t"}},
        }})),
        json!({
            "Small": {"type": "string", "description": "Theirs.", "maxLength": 3},
            "Big": {"type": "object", "description": "x".repeat(700), "properties": {"a": {"type": "string", "writeOnly": true}}},
        }),
    );
    let mut schema = input(&document).schema;
    schema["$defs"]["Big"]["description"] = json!("…");
    insta::assert_json_snapshot!(schema);
    Schema::compile(&schema).unwrap();
}

#[test]
fn three_one_keeps_what_stands_beside_a_reference() {
    let document = document(
        "3.1.0",
        body(json!({"type": "object", "properties": {
            "a": {"$ref": "#/components/schemas/Name", "minLength": 2, "description": "Longer."},
            "b": {"type": ["integer", "null"], "exclusiveMinimum": 0, "const": 5, "examples": [5]},
            "c": true,
            "d": {"type": "object", "patternProperties": {"^x": {"type": "string"}}, "additionalProperties": false},
        }})),
        json!({"Name": {"type": "string"}}),
    );
    let schema = input(&document).schema;
    insta::assert_json_snapshot!(schema);
    Schema::compile(&schema).unwrap();
}

#[test]
fn recursion_ends_in_a_definition() {
    let document = document(
        "3.0.3",
        body(json!({"$ref": "#/components/schemas/Tree"})),
        json!({
            "Tree": {"type": "object", "properties": {
                "value": {"$ref": "#/components/schemas/Leaf"},
                "children": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}},
                "once": {"$ref": "#/components/schemas/Once"},
            }},
            "Leaf": {"type": "integer"},
            "Once": {"type": "object", "properties": {"tree": {"$ref": "#/components/schemas/Tree"}}},
        }),
    );
    let schema = input(&document).schema;
    insta::assert_json_snapshot!(schema);
    let checked = Schema::compile(&schema).unwrap();
    assert!(checked.check(&json!({"id": "1", "children": [{"children": [{"value": 1}]}]})).is_ok());
    assert!(checked.check(&json!({"id": "1", "children": [{"children": [{"value": "x"}]}]})).is_err());
}

#[test]
fn a_body_that_is_no_plain_object_is_one_argument() {
    for (schema, expected) in [
        (json!({"type": "array", "items": {"type": "string"}}), json!({"type": "array", "items": {"type": "string"}})),
        (json!({"type": "object"}), json!({"type": "object"})),
        (
            json!({"type": "object", "additionalProperties": {"type": "integer"}}),
            json!({"type": "object", "additionalProperties": {"type": "integer"}}),
        ),
        (json!({}), json!({})),
    ] {
        let document = document("3.0.3", body(schema), json!({}));
        let schema = input(&document).schema;
        assert_eq!((&schema["properties"]["body"], &schema["required"]), (&expected, &json!(["id", "body"])));
    }
    let either =
        json!({"oneOf": [{"type": "object", "properties": {"a": {}}}, {"type": "object", "properties": {"b": {}}}]});
    let schema = input(&document("3.0.3", body(either), json!({}))).schema;
    assert!(schema["properties"]["body"]["oneOf"].is_array() && schema.get("oneOf").is_none(), "{schema}");
}

#[test]
fn which_fields_go_together_keeps_a_body_flat() {
    let schema = json!({"type": "object", "properties": {"a": {}, "b": {}}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]});
    let schema = input(&document("3.0.3", body(schema), json!({}))).schema;
    assert_eq!(schema["properties"], json!({"id": {"type": "string"}, "a": {}, "b": {}}));
}

#[test]
fn a_required_field_that_is_described_nowhere_is_an_argument() {
    let schema = json!({"type": "object", "properties": {"a": {}}, "required": ["b"]});
    let schema = input(&document("3.0.3", body(schema), json!({}))).schema;
    assert_eq!(schema["properties"], json!({"id": {"type": "string"}, "a": {}, "b": {}}));
    assert_eq!(schema["required"], json!(["id", "b"]));
}

#[test]
fn an_optional_body_requires_none_of_its_fields() {
    let fields = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]});
    for (declared, expected) in
        [(json!(true), json!(["id", "a"])), (json!(false), json!(["id"])), (json!(null), json!(["id", "a"]))]
    {
        let operation =
            json!({"requestBody": {"required": declared, "content": {"application/json": {"schema": fields}}}});
        assert_eq!(input(&document("3.0.3", operation, json!({}))).schema["required"], expected);
    }
}

#[test]
fn what_is_too_large_to_be_told_accepts_anything() {
    let mut schemas = json!({});
    for at in 0..200 {
        let next = format!("#/components/schemas/S{}", at + 1);
        let last = format!("#/components/schemas/S{}", at / 2);
        schemas[format!("S{at}")] = json!({"type": "object", "description": "x".repeat(900), "properties": {"n": {"$ref": next}, "m": {"$ref": last}}});
    }
    schemas["S200"] = json!({"type": "string"});
    let document = document(
        "3.0.3",
        body(json!({"type": "object", "properties": {"s": {"$ref": "#/components/schemas/S0"}}})),
        schemas,
    );
    let schema = input(&document).schema;
    assert!(schema.to_string().len() < 100_000);
    let checked = Schema::compile(&schema).unwrap();
    assert!(checked.check(&json!({"id": "1", "s": {"n": {"n": {}}}})).is_ok());
}

#[test]
fn the_result_is_that_of_a_success() {
    let response = |schema: Value| json!({"description": "", "content": {"application/json": {"schema": schema}}});
    for (responses, expected) in [
        (
            json!({"201": response(json!({"type": "integer"})), "404": response(json!({}))}),
            Some(json!({"type": "integer"})),
        ),
        (json!({"2XX": response(json!({"type": "string"}))}), Some(json!({"type": "string"}))),
        (json!({"default": response(json!({"type": "null"}))}), Some(json!({"type": "null"}))),
        (json!({"204": {"description": ""}}), None),
        (json!({"200": {"content": {"text/plain": {"schema": {"type": "string"}}}}}), None),
    ] {
        let document = document("3.1.0", json!({"responses": responses}), json!({}));
        assert_eq!(document.output(document.operation("op").unwrap()).unwrap(), expected);
    }
}

#[test]
fn names_of_operations_are_theirs_alone() {
    let one = |id: &str| json!({"operationId": id});
    let paths = json!({
        "/a": {"get": one("same"), "post": one("same"), "put": {}},
        "/a/{b}": {"get": {}, "delete": one("own"), "parameters": []},
        "/a/b": {"get": {}},
        "/a-b": {"get": {}},
        "x-note": {"get": {}},
    });
    let document = json!({"openapi": "3.0.0", "info": {}, "paths": paths}).to_string();
    let document = Document::load(&document).unwrap();
    let names: Vec<&str> = document.operations().iter().map(|operation| operation.name.as_str()).collect();
    assert_eq!(names, ["same get_a", "same post_a", "put_a", "get_a_by_b", "own", "GET /a/b", "GET /a-b"]);
}
