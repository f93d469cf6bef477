//! Swagger 2.0, and YAML.

use composio_openapi::{Body, Document, SecurityKind};
use serde_json::json;

const PETS: &str = r##"
swagger: "2.0"
info: {title: Pets, version: "1"}
host: pets.example
basePath: /v1
schemes: [http, https]
consumes: [application/json]
produces: [application/json]
securityDefinitions:
  basic: {type: basic}
  oauth: {type: oauth2, flow: accessCode, authorizationUrl: "https://a.example", tokenUrl: "https://t.example", scopes: {r: Reads}}
parameters:
  limit: {name: limit, in: query, type: integer, format: int32, maximum: 100}
  pet: {name: pet, in: body, required: true, schema: {$ref: "#/definitions/Pet"}}
definitions:
  Pet: {type: object, required: [name], properties: {name: {type: string}, on: {type: boolean}}}
paths:
  /pets/{id}:
    parameters:
      - {name: id, in: path, required: true, type: string}
    get:
      operationId: list
      parameters:
        - $ref: "#/parameters/limit"
        - {name: tags, in: query, type: array, items: {type: string}, collectionFormat: pipes}
        - {name: ids, in: query, type: array, items: {type: string}}
        - {name: all, in: query, type: array, items: {type: string}, collectionFormat: multi}
      responses:
        200: {description: ok, schema: {type: array, items: {$ref: "#/definitions/Pet"}}}
    post:
      operationId: create
      parameters: [{$ref: "#/parameters/pet"}]
      responses: {201: {description: made}}
    put:
      operationId: upload
      consumes: [multipart/form-data]
      parameters:
        - {name: note, in: formData, type: string, description: "A note."}
        - {name: photo, in: formData, type: file, required: true}
      responses: {200: {description: ok}}
"##;

#[test]
fn swagger_becomes_the_same_tools() {
    let document = Document::load(PETS).unwrap();
    let operation = |name: &str| document.operation(name).unwrap();
    let inputs = json!({
        "list": document.input(operation("list")).unwrap().schema,
        "create": document.input(operation("create")).unwrap().schema,
        "upload": document.input(operation("upload")).unwrap().schema,
        "listed": document.output(operation("list")).unwrap(),
    });
    insta::assert_json_snapshot!(inputs);
    let base = document.base_url(operation("list"), None, &Default::default()).unwrap();
    assert_eq!(base.as_str(), "https://pets.example/v1");
    let given = json!({"id": "1", "tags": ["a", "b"], "ids": ["1", "2"], "all": ["x", "y"]});
    let prepared = document.input(operation("list")).unwrap().prepare(given.as_object().unwrap()).unwrap();
    assert_eq!(prepared.query, "tags=a|b&ids=1,2&all=x&all=y");
    let given = json!({"id": "1", "photo": "p.png", "note": "n"});
    let prepared = document.input(operation("upload")).unwrap().prepare(given.as_object().unwrap()).unwrap();
    assert!(matches!(prepared.body, Body::Multipart(_)));
    assert_eq!(prepared.body.files(), ["p.png"]);
    let kinds: Vec<_> = document.security_schemes().iter().map(|scheme| &scheme.kind).collect();
    assert!(matches!(kinds.as_slice(), [SecurityKind::Basic, SecurityKind::OAuth2 { .. }]), "{kinds:?}");
}
