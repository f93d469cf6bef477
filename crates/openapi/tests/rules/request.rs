//! From arguments to requests.

use composio_openapi::{Body, Document, PartContent};
use serde_json::{Value, json};

use crate::{document, prepare, url};

fn bytes(body: &Body) -> String {
    match body {
        Body::Bytes { content, .. } => String::from_utf8(content.clone()).unwrap(),
        other => panic!("no bytes: {other:?}"),
    }
}

fn with_body(media_type: &str, media: Value) -> Value {
    json!({"requestBody": {"required": true, "content": {media_type: media}}})
}

#[test]
fn parameters_are_written_in_their_styles() {
    let list = json!({"type": "array", "items": {"type": "string"}});
    let document = document(
        "3.0.3",
        json!({"parameters": [
            {"name": "id", "in": "path", "required": true, "style": "matrix", "schema": list},
            {"name": "many", "in": "query", "schema": list},
            {"name": "pipes", "in": "query", "schema": list, "style": "pipeDelimited", "explode": false},
            {"name": "deep", "in": "query", "schema": {"type": "object"}, "style": "deepObject"},
            {"name": "json", "in": "query", "content": {"application/json": {"schema": {"type": "object"}}}},
            {"name": "raw", "in": "query", "schema": {"type": "string"}, "allowReserved": true},
        ]}),
        json!({}),
    );
    let given = json!({
        "id": ["a", "b/c"], "many": ["x", "y z"], "pipes": ["1", "2"], "deep": {"k": "v"}, "json": {"a": [1]}, "raw": "a/b:c",
    });
    assert_eq!(
        url(&document, given),
        "https://api.example/v1/x/;id=a,b%2Fc?many=x&many=y%20z&pipes=1|2&deep%5Bk%5D=v&json=%7B%22a%22%3A%5B1%5D%7D&raw=a/b:c",
    );
}

#[test]
fn free_form_bodies_and_large_numbers_survive() {
    let text = r#"{"id": "1", "body": {"$odd": [1, {"a b": null}], "big": 9007199254740993}}"#;
    let document = document("3.0.3", with_body("application/json", json!({"schema": {"type": "object"}})), json!({}));
    let arguments: Value = serde_json::from_str(text).unwrap();
    let prepared = prepare(&document, arguments.clone()).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&bytes(&prepared.body)).unwrap(), arguments["body"]);

    let open =
        json!({"schema": {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": true}});
    let document = crate::document("3.0.3", with_body("application/json", open), json!({}));
    let prepared = prepare(&document, json!({"id": "1", "a": "x", "other": {"b": 1}})).unwrap();
    assert_eq!(bytes(&prepared.body), r#"{"a":"x","other":{"b":1}}"#);
}

#[test]
fn forms_parts_texts_and_files() {
    let fields = json!({"type": "object", "properties": {
        "list": {"type": "array", "items": {"type": "string"}}, "nested": {"type": "object"}, "deep": {"type": "object"},
        "file": {"type": "string", "format": "binary"}, "files": {"type": "array", "items": {"type": "string", "format": "binary"}},
    }});
    let encoding = json!({"deep": {"style": "deepObject", "explode": true}});
    let media = json!({"schema": fields, "encoding": encoding});
    let form = document("3.0.3", with_body("application/x-www-form-urlencoded", media.clone()), json!({}));
    let given = json!({"id": "1", "list": ["a", "b"], "nested": {"k": 1}, "deep": {"k": [{"l": "m"}]}});
    let prepared = prepare(&form, given).unwrap();
    assert_eq!(bytes(&prepared.body), "list=a&list=b&nested=%7B%22k%22%3A1%7D&deep%5Bk%5D%5B0%5D%5Bl%5D=m");

    let parts = document("3.0.3", with_body("multipart/form-data", media), json!({}));
    let prepared =
        prepare(&parts, json!({"id": "1", "nested": {"k": 1}, "file": "a.png", "files": ["b", "c"]})).unwrap();
    assert_eq!(prepared.body.files(), ["a.png", "b", "c"]);
    let Body::Multipart(parts) = &prepared.body else { panic!("{prepared:?}") };
    assert_eq!(
        parts[0].content,
        PartContent::Text { media_type: Some("application/json".into()), text: "{\"k\":1}".into() }
    );

    let text = document("3.0.3", with_body("text/plain", json!({"schema": {"type": "string"}})), json!({}));
    assert_eq!(bytes(&prepare(&text, json!({"id": "1", "body": "hi"})).unwrap().body), "hi");
    let file = document("3.0.3", with_body("image/png", json!({})), json!({}));
    let expected = Body::File { media_type: "image/png".into(), path: "a.png".into() };
    assert_eq!(prepare(&file, json!({"id": "1", "body": "a.png"})).unwrap().body, expected);
}

#[test]
fn the_json_is_chosen_where_there_are_several() {
    let object = json!({"schema": {"type": "object", "properties": {"a": {"type": "string"}}}});
    let operation = json!({"requestBody": {"content": {
        "application/xml": object, "multipart/form-data": object, "application/vnd.api+json": object,
    }}});
    let prepared = prepare(&document("3.0.3", operation, json!({})), json!({"id": "1", "a": "x"})).unwrap();
    let Body::Bytes { media_type, .. } = prepared.body else { panic!() };
    assert_eq!(media_type, "application/vnd.api+json");
}

#[test]
fn what_cannot_be_written_is_refused() {
    let fields = json!({"schema": {"type": "object", "properties": {"a": {}, "b": {}}, "required": ["a"]}});
    let operation = json!({
        "requestBody": {"required": false, "content": {"application/json": fields}},
        "parameters": [{"name": "X-A", "in": "header", "schema": {"type": "string"}}],
    });
    let document = document("3.0.3", operation, json!({}));
    for (arguments, expected) in [
        (json!({}), "`id` is required and missing"),
        (json!({"id": null}), "`id` is required and missing"),
        (json!({"id": ""}), "`id` is empty; the path needs a value"),
        (json!({"id": ".."}), "`id` has a segment `.` or `..`, which cannot stand in a path"),
        (json!({"id": "1", "b": 1}), "the body's field `a` is required and missing"),
        (json!({"id": "1", "X-A": "a\nb"}), "`X-A` has characters that a header cannot have"),
    ] {
        assert_eq!(prepare(&document, arguments).unwrap_err(), expected);
    }
    assert_eq!(prepare(&document, json!({"id": "1"})).unwrap().body, Body::Empty);
}

#[test]
fn no_value_leads_out_of_its_place_in_the_path() {
    let document = Document::load(
        &json!({"openapi": "3.1.0", "paths": {
            "/files/{a}{b}/raw": {"get": {"operationId": "two"}},
            "/files/{path+}": {"get": {"operationId": "deep"}},
        }})
        .to_string(),
    )
    .unwrap();
    let prepare = |name: &str, arguments: serde_json::Value| {
        let input = document.input(document.operation(name).unwrap()).unwrap();
        input.prepare(arguments.as_object().unwrap()).map(|prepared| prepared.path)
    };
    assert!(prepare("two", json!({"a": ".", "b": "."})).is_err());
    for (a, b) in [
        (".%2e", "x"),
        ("../../admin", "x"),
        ("a/../..", "x"),
        ("..\\admin", "x"),
        ("%252e%252e/", "x"),
        ("..;v=1/", "x"),
    ] {
        assert!(prepare("two", json!({"a": a, "b": b})).is_err(), "{a}");
    }
    assert!(prepare("deep", json!({"path": "docs/../../secret"})).is_err());
    assert_eq!(prepare("deep", json!({"path": "docs/v1..2/a.txt"})).unwrap(), "/files/docs/v1..2/a.txt");
    assert_eq!(prepare("two", json!({"a": "owner/repo", "b": "100%"})).unwrap(), "/files/owner%2Frepo100%25/raw");
}
