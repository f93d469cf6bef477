//! What a call sends, and what comes of the answer.

use serde_json::{Value, json};

use crate::api::Pets;

#[tokio::test]
async fn every_usable_operation_is_a_tool() {
    let pets = Pets::start().await;
    let loaded = pets.router.load_toolkits(|| ()).await;
    let (_, count) = loaded.into_iter().find(|(slug, _)| slug == "pets").unwrap();
    // The one with a reference out of the document is left out.
    assert_eq!(count.unwrap(), 10);
    let tool = pets.tool("PETS_CREATE_PET").await;
    let schema: Value = tool.input_parameters.decode("schema").unwrap();
    insta::assert_json_snapshot!(schema);
    assert_eq!(tool.tags, ["createHint", "openWorldHint"]);
    let tool = pets.tool("PETS_PATCH_PET").await;
    assert!(tool.is_deprecated && tool.description.starts_with("Deprecated. "), "{tool:?}");
    let tool = pets.tool("PETS_LIST_PETS").await;
    let schema: Value = tool.output_parameters.unwrap().decode("schema").unwrap();
    assert_eq!(schema["properties"]["body"]["items"], json!({"$ref": "#/$defs/Pet"}));
    assert!(schema["$defs"]["Pet"]["properties"]["id"].is_object());
}

#[tokio::test]
async fn arguments_go_where_the_document_says() {
    let pets = Pets::start().await;
    let given = json!({
        "page": 1, "tag": ["a", "b c"], "filter_age": {"min": 2}, "X-Trace": "t", "flavour": "dark & sweet",
    });
    let result = pets.done("PETS_LIST_PETS", given).await;
    let seen = pets.last();
    assert_eq!(seen.line, "GET /v1/pets?page=1&tag=a,b%20c&filter%5Bage%5D%5Bmin%5D=2");
    assert_eq!(seen.header("x-trace"), Some("t"));
    assert_eq!(seen.header("cookie"), Some("flavour=dark%20%26%20sweet"));
    assert_eq!(seen.header("accept"), Some("application/json, */*;q=0.5"));
    assert_eq!((&result["status"], &result["body"]), (&json!(200), &json!([{"id": 1}])));
    assert_eq!(result["next"]["arguments"]["page"], 2);
    assert_eq!(result["next"]["arguments"]["X-Trace"], "t");
    assert!(result["headers"].get("x-powered-by").is_none(), "{result}");

    let pet = json!({"name": "Rex", "traits": {"free": [1, {"form": null}]}, "owner": null});
    pets.done("PETS_CREATE_PET", pet.clone()).await;
    assert_eq!(serde_json::from_str::<Value>(&pets.last().body).unwrap(), pet);
    assert_eq!(pets.last().header("content-type"), Some("application/json"));

    // `id` is a parameter and a field.
    let form = json!({"id": "7", "id_in_body": "a b", "tags": ["x", "y"], "deep": {"k": 1}});
    pets.done("PETS_PATCH_PET", form).await;
    assert_eq!(pets.last().line, "PATCH /v1/pets/7");
    assert_eq!(pets.last().body, "id=a%20b&tags=x&tags=y&deep=%7B%22k%22%3A1%7D");

    let result = pets.done("PETS_DELETE_PET", json!({"id": "a/b?c"})).await;
    assert_eq!(pets.last().line, "DELETE /v1/pets/a%2Fb%3Fc");
    assert_eq!((&result["status"], result.get("body")), (&json!(204), None));
}

#[tokio::test]
async fn wrong_arguments_never_reach_the_api() {
    let pets = Pets::start().await;
    for (tool, arguments, expected) in [
        ("PETS_GET_PET", json!({}), "`id` is required and missing"),
        ("PETS_GET_PET", json!({"id": ".."}), "cannot stand in a path"),
        ("PETS_GET_PET", json!({"id": ""}), "`id` is empty"),
        ("PETS_CREATE_PET", json!({"name": "x", "id": 7}), "`id` is not a known property"),
        ("PETS_CREATE_PET", json!({"name": "", "friends": [{}]}), "friends[0]"),
        ("PETS_LIST_PETS", json!({"X-Trace": "a\r\nX-Evil: 1"}), "characters that a header cannot have"),
        ("PETS_POST_PHOTO", json!({"id": "7", "photo": "../secret"}), "../secret"),
    ] {
        let error = pets.failed(tool, arguments).await;
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(pets.count(), 0);
}

#[tokio::test]
async fn files_go_to_and_fro() {
    let pets = Pets::start().await;
    let result = pets.done("PETS_GET_PHOTO", json!({"id": "7"})).await;
    let path = result["file"]["path"].as_str().unwrap().to_owned();
    assert_eq!(result["file"]["media_type"], "image/png");
    assert_eq!(std::fs::read(pets.file(&path)).unwrap(), b"\x89PNG\r\n\x1a\n");

    std::fs::write(pets.file("cat.txt"), "meow").unwrap();
    pets.done("PETS_POST_PHOTO", json!({"id": "7", "photo": "cat.txt", "note": "hi"})).await;
    let seen = pets.last();
    assert!(seen.header("content-type").unwrap().starts_with("multipart/form-data; boundary="));
    assert!(
        seen.body
            .contains("name=\"photo\"; filename=\"cat.txt\"\r\nContent-Type: application/octet-stream\r\n\r\nmeow\r\n")
    );
    assert!(seen.body.contains("name=\"note\"\r\n\r\nhi\r\n"), "{}", seen.body);
    pets.done("PETS_PUT_PHOTO", json!({"id": "7", "body": "cat.txt"})).await;
    assert_eq!((pets.last().body.as_str(), pets.last().header("content-type")), ("meow", Some("image/png")));

    let result = pets.done("PETS_GET_PET", json!({"id": "long"})).await;
    assert_eq!((result.get("body"), &result["file"]["media_type"]), (None, &json!("application/json")));
}

#[tokio::test]
async fn errors_of_the_api_are_failures_with_its_words() {
    let pets = Pets::start().await;
    let reply = pets.run("PETS_GET_PET", json!({"id": "404"})).await;
    assert_eq!(reply.error.as_deref(), Some("PETS_GET_PET: the API answered 404 Not Found: no such pet"));
    let data: Value = reply.data.unwrap().decode("data").unwrap();
    assert_eq!((&data["status"], &data["body"]), (&json!(404), &json!({"message": "no such pet"})));
    let error = pets.failed("PETS_GET_PET", json!({"id": "429"})).await;
    assert!(error.ends_with("429 Too Many Requests: slow down. Wait 120 s before the next call"), "{error}");
    assert_eq!(pets.count(), 2, "a wait that long is the caller's");
}

#[tokio::test]
async fn only_what_does_no_harm_twice_is_repeated() {
    let pets = Pets::start().await;
    pets.done("PETS_GET_PET", json!({"id": "503"})).await;
    assert_eq!(pets.count(), 2);
    let error = pets.failed("PETS_PATCH_PET", json!({"id": "503"})).await;
    assert!(error.contains("503"), "{error}");
    assert_eq!(pets.count(), 3);
}

#[tokio::test]
async fn large_numbers_come_back_as_they_were() {
    let pets = Pets::start().await;
    let reply = pets.run("PETS_GET_PET", json!({"id": "big"})).await;
    assert!(reply.data.unwrap().as_str().contains("12345678901234567890123"));
}
