//! What is no document, or none that can be used: always a reason, never a panic.

use composio_openapi::Document;
use serde_json::json;

fn refusal(text: &str) -> String {
    Document::load(text).unwrap_err().to_string()
}

#[test]
fn documents_are_refused_with_a_reason() {
    for (text, expected) in [
        ("", "it is no YAML"),
        ("[]", "it holds no mapping"),
        ("{", "it is no JSON"),
        ("{}", "it has neither `openapi` nor `swagger`"),
        ("a: b", "it has neither `openapi` nor `swagger`"),
        (r#"{"openapi": "2.0"}"#, "OpenAPI 2.0 is not supported"),
        (r#"{"openapi": "4.0.0"}"#, "OpenAPI 4.0.0 is not supported"),
        (r#"{"swagger": "1.2"}"#, "Swagger 1.2 is not supported"),
        (r#"{"openapi": "3.0.0"}"#, "it has no operation below `paths`"),
        (r#"{"openapi": "3.0.0", "paths": {"/a": 1, "/b": {"get": null}, "c": {"get": {}}}}"#, "it has no operation"),
        (r#"{"openapi": "3.0.0", "paths": {"/a": {"$ref": "a.yaml"}}}"#, "it has no operation"),
    ] {
        let reason = refusal(text);
        assert!(reason.contains(expected), "{text}: {reason}");
    }
}

#[test]
fn a_bomb_of_aliases_is_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for at in 1..12 {
        let before = format!("*a{}", at - 1);
        text.push_str(&format!("a{at}: &a{at} [{}]\n", [before.as_str(); 10].join(", ")));
    }
    assert!(refusal(&text).starts_with("it is no YAML: "));
}

#[test]
fn nesting_without_end_is_refused() {
    for depth in [200, 100_000] {
        let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(!refusal(&format!("a: {deep}")).is_empty());
        let schema = format!("{}{{}}{}", r#"{"items": "#.repeat(depth), "}".repeat(depth));
        let text = format!(
            r#"{{"openapi": "3.0.0", "paths": {{"/a": {{"post": {{"operationId": "op", "requestBody": {{"content":
            {{"application/json": {{"schema": {schema}}}}}}}}}}}}}}}"#
        );
        let document = Document::load(&text).unwrap();
        let refused = document.input(document.operation("op").unwrap()).unwrap_err().to_string();
        assert!(refused.contains("nested too deep"), "{refused}");
    }
}

#[test]
fn operations_with_unusable_references_are_refused_one_by_one() {
    let body = |reference: &str| json!({"content": {"application/json": {"schema": {"properties": {"p": {"$ref": reference}}}}}});
    let deep = (0..70).fold(json!({}), |inner, _| json!({"items": inner}));
    let document = json!({
        "openapi": "3.0.0",
        "paths": {"/x": {
            "get": {"operationId": "fine", "parameters": []},
            "put": {"operationId": "remote", "requestBody": body("https://x.example/a.json#/B")},
            "post": {"operationId": "broken", "requestBody": body("#/components/schemas/None")},
            "patch": {"operationId": "circle", "requestBody": body("#/components/schemas/A")},
            "delete": {"operationId": "deep", "requestBody": body("#/components/schemas/Deep")},
            "options": {"operationId": "loop", "parameters": [{"$ref": "#/components/parameters/P"}]},
        }},
        "components": {
            "schemas": {"A": {"$ref": "#/components/schemas/B"}, "B": {"$ref": "#/components/schemas/A"}, "Deep": deep},
            "parameters": {"P": {"$ref": "#/components/parameters/P"}},
        },
    });
    let document = Document::load(&document.to_string()).unwrap();
    for (name, expected) in [
        ("fine", None),
        ("remote", Some("leaves the document")),
        ("broken", Some("leads nowhere")),
        ("circle", Some("goes in a circle")),
        ("deep", Some("nested deeper than")),
        ("loop", Some("goes in a circle")),
    ] {
        let done = document.input(document.operation(name).unwrap());
        match expected {
            None => assert!(done.is_ok(), "{name}"),
            Some(expected) => {
                let reason = done.unwrap_err().to_string();
                assert!(reason.contains(expected), "{name}: {reason}");
            }
        }
    }
}

#[test]
fn a_path_through_the_document_is_followed() {
    let document = json!({
        "openapi": "3.1.0",
        "paths": {"/a~b/{c}": {"get": {"operationId": "op", "parameters": [
            {"name": "c", "in": "path", "required": true, "schema": {"type": "integer"}},
            {"$ref": "#/paths/~1a~0b~1%7Bc%7D/get/x-list/1"},
        ], "x-list": [1, {"name": "q", "in": "query", "schema": {"$ref": "#/x-types/kind%20of"}}]}}},
        "x-types": {"kind of": {"type": "boolean"}},
    });
    let document = Document::load(&document.to_string()).unwrap();
    let schema = document.input(&document.operations()[0]).unwrap().schema;
    assert_eq!(schema["properties"], json!({"c": {"type": "integer"}, "q": {"type": "boolean"}}));
}

/// A small document whose operation reads most of it again and again.
#[test]
fn what_refers_to_large_parts_too_often_is_refused() {
    let large = json!({"name": "p", "in": "query", "schema": {"type": "string", "description": "x".repeat(200_000)}});
    let parameters: Vec<_> = (0..1_000).map(|_| json!({"$ref": "#/components/parameters/large"})).collect();
    let document = json!({
        "openapi": "3.1.0",
        "paths": {
            "/often": {"get": {"operationId": "often", "parameters": parameters}},
            "/once": {"get": {"operationId": "once", "parameters": [{"$ref": "#/components/parameters/large"}]}},
        },
        "components": {"parameters": {"large": large}},
    });
    let document = Document::load(&document.to_string()).unwrap();
    let refused = document.input(document.operation("often").unwrap()).unwrap_err().to_string();
    assert!(refused.contains("refers to large parts of the document too often"), "{refused}");
    // The next one is read all the same.
    assert!(document.input(document.operation("once").unwrap()).is_ok());
    assert!(document.bytes_read() > 60 << 20);
}

#[test]
fn long_lists_are_read_in_a_time_that_grows_with_their_length() {
    let values: Vec<String> = (0..60_000).map(|n| format!("value{n}")).collect();
    let properties: serde_json::Map<_, _> = (0..5_000).map(|n| (format!("p{n}"), json!({"type": "string"}))).collect();
    let names: Vec<String> = properties.keys().cloned().collect();
    let shared: serde_json::Map<_, _> =
        (0..3_000).map(|n| (format!("f{n}"), json!({"$ref": format!("#/components/x{n}/same")}))).collect();
    let mut components: serde_json::Map<_, _> =
        (0..3_000).map(|n| (format!("x{n}"), json!({"same": {"$ref": "#/components/schemas/s"}}))).collect();
    components.insert("schemas".to_owned(), json!({"s": {"description": "x".repeat(1_000)}}));
    let body = |schema| json!({"content": {"application/json": {"schema": schema}}});
    let document = json!({
        "openapi": "3.1.0",
        "paths": {
            "/enum": {"post": {"operationId": "enum", "requestBody": body(json!({"enum": values}))}},
            "/wide": {"post": {"operationId": "wide", "requestBody": body(json!({"properties": properties, "required": names}))}},
            "/shared": {"post": {"operationId": "shared", "requestBody": body(json!({"items": {"properties": shared}}))}},
        },
        "components": components,
    });
    let document = Document::load(&document.to_string()).unwrap();
    for name in ["enum", "wide", "shared"] {
        let input = document.input(document.operation(name).unwrap());
        assert!(input.is_ok() || input.unwrap_err().to_string().contains("larger than"), "{name}");
    }
}
