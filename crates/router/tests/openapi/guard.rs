//! Where requests may go, and what signs them.

use composio_contract::ErrorKind;
use composio_openapi::KeyPlace;
use composio_router::openapi::{ApiKeyAuth, StaticAuth};
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
