//! Where requests may go, and what signs them.

use composio_contract::ErrorKind;
use composio_openapi::KeyPlace;
use composio_router::openapi::{ApiKeyAuth, DocumentPlace, OpenApiConfig, OpenApiSource, StaticAuth};
use composio_router::source::Source as _;
use serde_json::json;

use crate::api::Pets;

const SECRET: &str = "hunter2-hunter2";

async fn signed(auth: StaticAuth) -> Pets {
    Pets::with(json!({}), |config| config.auth = Some(auth)).await
}

fn key(place: Option<(KeyPlace, &str)>) -> StaticAuth {
    StaticAuth::ApiKey(ApiKeyAuth { key: SECRET.into(), place: place.map(|(place, name)| (place, name.to_owned())) })
}

#[tokio::test]
async fn each_kind_of_credential_goes_where_it_belongs_and_is_never_told() {
    let basic = StaticAuth::Basic { username: "ada".to_owned(), password: SECRET.into() };
    for (auth, header, expected) in [
        (StaticAuth::Bearer(SECRET.into()), "authorization", format!("Bearer {SECRET}")),
        (basic, "authorization", "Basic YWRhOmh1bnRlcjItaHVudGVyMg==".to_owned()),
        (key(None), "x-key", SECRET.to_owned()),
        (key(Some((KeyPlace::Header, "X-Other"))), "x-other", SECRET.to_owned()),
        (key(Some((KeyPlace::Cookie, "sid"))), "cookie", format!("sid={SECRET}")),
    ] {
        let pets = signed(auth).await;
        let reply = pets.run("PETS_ECHO", json!({})).await;
        assert_eq!(pets.last().header(header), Some(expected.as_str()));
        let data = reply.data.unwrap();
        assert!(data.as_str().contains("***") && !data.as_str().contains(SECRET), "{data}");
        assert!(!data.as_str().contains("aHVudGVy") && !data.as_str().contains("YWRhOmh1"), "{data}");
    }
    let pets = signed(key(Some((KeyPlace::Query, "k")))).await;
    let reply = pets.run("PETS_ECHO", json!({})).await;
    assert_eq!(pets.last().line, format!("GET /v1/echo?k={SECRET}"));
    assert!(!reply.data.unwrap().as_str().contains(SECRET));
}

#[tokio::test]
async fn an_operation_that_needs_nothing_is_not_signed() {
    let pets = signed(key(None)).await;
    pets.done("PETS_OPEN", json!({})).await;
    assert_eq!(pets.last().header("x-key"), None);
}

#[tokio::test]
async fn a_private_server_is_reached_only_where_the_configuration_names_it() {
    // The document's own word does not count.
    let pets = Pets::with(json!({}), |config| {
        let port = config.base_url.take().unwrap().port().unwrap();
        config.variables.insert("unused".to_owned(), port.to_string());
        let text = include_str!("pets.yaml").replace("https://pets.example/v1", &format!("http://127.0.0.1:{port}/v1"));
        config.document = composio_router::openapi::DocumentPlace::Text(text.into());
        config.auth = Some(key(None));
    })
    .await;
    let error = pets.failed("PETS_OPEN", json!({})).await;
    assert!(error.contains("127.0.0.1 is blocked"), "{error}");
    assert_eq!(pets.count(), 0);
}

#[tokio::test]
async fn a_redirect_elsewhere_is_checked_again() {
    let pets = signed(key(None)).await;
    let error = pets.failed("PETS_GET_PET", json!({"id": "elsewhere"})).await;
    assert!(error.contains("127.0.0.1 is blocked"), "{error}");
}

#[tokio::test]
async fn raw_calls_stay_on_the_toolkits_hosts() {
    let pets = signed(key(None)).await;
    let reply = pets
        .proxy(json!({
            "toolkit_slug": "pets", "endpoint": "/pets?page=3", "method": "post", "body": {"a": 1},
            "parameters": [
                {"name": "q", "value": "x y", "type": "query"},
                {"name": "X-Trace", "value": "t", "type": "header"},
            ],
        }))
        .await
        .unwrap();
    let seen = pets.last();
    assert_eq!(seen.line, "POST /v1/pets?page=3&q=x+y");
    assert_eq!((seen.header("x-trace"), seen.header("x-key")), (Some("t"), Some(SECRET)));
    assert_eq!((seen.body.as_str(), reply.status), ("{\"a\":1}", json!(200)));

    let absolute = format!("http://127.0.0.1:{}/v1/pets/404", pets.port);
    let reply = pets.proxy(json!({"toolkit_slug": "pets", "endpoint": absolute, "method": "GET"})).await.unwrap();
    assert_eq!(reply.status, json!(404));
    let binary =
        pets.proxy(json!({"toolkit_slug": "pets", "endpoint": "pets/7/photo", "method": "GET"})).await.unwrap();
    let binary = binary.binary_data.unwrap();
    assert_eq!((&binary["content_type"], &binary["size"]), (&json!("image/png"), &json!(8)));

    let before = pets.count();
    for endpoint in ["https://evil.example/", "http://127.0.0.1:1/v1/pets", "https://127.0.0.1@evil.example/"] {
        let request = json!({"toolkit_slug": "pets", "endpoint": endpoint, "method": "GET"});
        let error = pets.proxy(request).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BlockedUrl, "{error}");
        assert!(!error.to_string().contains(SECRET));
    }
    assert_eq!(pets.count(), before);
    let error = pets.proxy(json!({"toolkit_slug": "time", "endpoint": "/", "method": "GET"})).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn a_session_may_have_no_raw_calls() {
    let pets = Pets::with(json!({"proxy_execute": false}), |_| {}).await;
    let error = pets.proxy(json!({"toolkit_slug": "pets", "endpoint": "/pets", "method": "GET"})).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(pets.count(), 0);
}

/// What is not seen and may command a reader all the same does not get through, wherever a document has it.
#[tokio::test]
async fn texts_of_a_document_are_shown_as_they_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("sly.json");
    let result = json!({"type": "object", "properties": {"a": {"description": "r\u{202e}s"}}});
    let read = |description: &str, choice: &str| {
        json!({
            "operationId": format!("read_{}", choice.len()),
            "summary": "Reads\u{200b}.",
            "parameters": [{"name": "p", "in": "query", "description": description, "schema": {"enum": [choice]}}],
            "responses": {"200": {"description": "d", "content": {"application/json": {"schema": result}}}},
        })
    };
    let document = json!({
        "openapi": "3.1.0",
        "info": {"title": "Sly", "version": "1", "description": "About\u{1b}[2J\u{202e} it."},
        "servers": [{"url": "http://127.0.0.1:1"}],
        "paths": {"/a": {"get": read("x\u{202e}y\u{e0041}", "a")}, "/b": {"get": read("z", "b\u{e0041}")}},
    });
    std::fs::write(&place, document.to_string()).unwrap();
    let source = OpenApiSource::new(OpenApiConfig::new("sly", DocumentPlace::File(place))).unwrap();
    let tools = source.tools().await.unwrap();
    assert_eq!(tools.len(), 1, "{tools:?}");
    assert_eq!(tools[0].input_schema["properties"]["p"]["description"], "xy");
    assert_eq!(source.left_out().count(), 1);
    assert!(source.left_out().reasons()[0].contains("hidden characters"), "{:?}", source.left_out());
    let output = source.details(&tools[0]).output_schema.unwrap();
    assert!(output.to_string().contains("\"rs\""), "{output}");
    let shown = format!("{:?}{output}", tools[0]);
    assert!(!shown.contains(composio_router::text::is_hidden), "{shown}");
}
