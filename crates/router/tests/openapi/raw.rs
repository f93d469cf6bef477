//! A model's raw calls: COMPOSIO_PROXY_EXECUTE.

use composio_contract::{ErrorKind, ExecuteMetaRequest, ExecuteReply, RawJson, ResultType};
use serde_json::{Value, json};

use crate::api::Pets;

const SLUG: &str = "COMPOSIO_PROXY_EXECUTE";

async fn pets(mut settings: Value) -> Pets {
    settings["proxy_execute"] = json!(true);
    Pets::with(settings, |_| {}).await
}

fn get(endpoint: &str) -> Value {
    json!({"toolkit_slug": "pets", "endpoint": endpoint, "method": "GET"})
}

fn data(reply: ExecuteReply) -> Value {
    reply.data.unwrap().decode("data").unwrap()
}

#[tokio::test]
async fn a_session_says_that_its_model_may_make_raw_calls() {
    let pets = pets(json!({})).await;
    let session = pets.session().await;
    assert!(session.tool_router_tools.iter().any(|slug| slug == SLUG), "{:?}", session.tool_router_tools);
    let schema: Value = pets.tool(SLUG).await.input_parameters.decode("schema").unwrap();
    insta::assert_json_snapshot!(schema);

    // Without toolkits that have an API there is nothing to call.
    for settings in
        [json!({}), json!({"proxy_execute": false}), json!({"proxy_execute": true, "toolkits": {"enable": ["time"]}})]
    {
        let pets = Pets::with(settings.clone(), |_| {}).await;
        let session = pets.session().await;
        assert!(!session.tool_router_tools.iter().any(|slug| slug == SLUG), "{settings}");
        let error = pets.raw(get("/pets")).await.unwrap_err();
        assert_eq!((error.kind(), error.status()), (ErrorKind::PermissionDenied, Some(403)), "{error}");
        assert!(error.to_string().contains("`proxy_execute.enable`"), "{error}");
        assert_eq!(pets.count(), 0);
    }
}

#[tokio::test]
async fn what_the_api_answers_is_the_result() {
    let pets = pets(json!({})).await;
    let request = json!({
        "toolkit_slug": "PETS", "endpoint": "pets", "method": "POST", "body": {"a": [1]},
        "parameters": [
            {"name": "q", "value": "x y", "type": "query"}, {"name": "X-Trace", "value": "t", "type": "header"},
        ],
    });
    let reply = pets.raw(request).await.unwrap();
    assert_eq!((&reply.result_type, &reply.error), (&Some(ResultType::Completed), &None));
    assert_eq!(
        data(reply),
        json!({
            "status": 200, "headers": {"content-type": "application/json"}, "data": {"id": 7},
        })
    );
    let seen = pets.last();
    assert_eq!((seen.line.as_str(), seen.body.as_str()), ("POST /v1/pets?q=x+y", "{\"a\":[1]}"));
    assert_eq!(seen.header("x-trace"), Some("t"));

    let reply = pets.raw(get("/pets/404")).await.unwrap();
    assert_eq!(reply.error.as_deref(), Some("the API answered 404"));
    assert_eq!(data(reply)["data"]["message"], "no such pet");
    let binary = data(pets.raw(get("/pets/7/photo")).await.unwrap());
    assert_eq!(binary["binary_data"]["content_type"], "image/png");
}

#[tokio::test]
async fn a_wrong_call_is_a_failed_result_and_reaches_nothing() {
    let pets = pets(json!({})).await;
    let origin = format!("http://127.0.0.1:{}", pets.port);
    for (arguments, reason) in [
        (json!({"toolkit_slug": "pets", "endpoint": "/pets"}), "method"),
        (json!({"toolkit_slug": "pets", "endpoint": "/pets", "method": "FETCH"}), "FETCH"),
        (json!({"toolkit_slug": "pest", "endpoint": "/", "method": "GET"}), "no toolkit `pest`"),
        (json!({"toolkit_slug": "time", "endpoint": "/", "method": "GET"}), "time"),
        (get("https://evil.example/"), "is no server of this toolkit"),
        (get("/../../admin"), "leads out of the base path"),
        (get("%2e%2e/admin"), "leads out of the base path"),
        (get(&format!("{}/admin", origin)), "leaves the base path"),
        (get(&format!("{}/v1/..%2fadmin", origin)), "leaves the base path"),
        (get(&format!("{}/v1x/pets", origin)), "leaves the base path"),
        (
            json!({"toolkit_slug": "pets", "endpoint": "/pets", "method": "GET", "account": "work"}),
            "need no connected account",
        ),
    ] {
        let error = pets.raw(arguments.clone()).await.unwrap().error.unwrap();
        assert!(error.contains(reason), "{arguments}: {error}");
    }
    assert_eq!(pets.count(), 0);
}

#[tokio::test]
async fn filters_hold_for_raw_calls_too() {
    for (settings, method, setting) in [
        (json!({"tags": {"enable": ["readOnlyHint"]}}), "POST", "tags.enable"),
        (json!({"tags": {"disable": ["destructiveHint"]}}), "DELETE", "tags.disable"),
        (json!({"tools": {"pets": {"tags": {"enable": ["readOnlyHint"]}}}}), "PUT", "tools.pets.tags.enable"),
        (json!({"tools": {"pets": {"enable": ["PETS_LIST_PETS"]}}}), "GET", "tools.pets.enable"),
        (json!({"tools": {"pets": {"disable": ["PETS_DELETE_PET"]}}}), "GET", "tools.pets.disable"),
    ] {
        let pets = pets(settings.clone()).await;
        let mut request = get("/pets");
        request["method"] = json!(method);
        let error = pets.raw(request).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{settings}");
        assert!(error.to_string().contains(&format!("`{setting}`")), "{settings}: {error}");
        assert_eq!(pets.count(), 0);
    }
    for settings in [
        json!({"tags": {"enable": ["readOnlyHint"]}}),
        json!({"tools": {"pets": {"enable": ["PETS_LIST_PETS", SLUG]}}}),
    ] {
        let pets = pets(settings.clone()).await;
        assert_eq!(pets.raw(get("/pets")).await.unwrap().error, None, "{settings}");
    }
}

#[tokio::test]
async fn the_user_is_asked_as_before_the_strictest_tool() {
    for settings in [
        json!({"tools": {"pets": {"require_approval": ["PETS_DELETE_PET"]}}}),
        json!({"toolkits": {"enable": ["pets"], "require_approval": ["pets"]}}),
    ] {
        let pets = pets(settings.clone()).await;
        let asked = pets.raw(get("/pets")).await.unwrap();
        assert_eq!(asked.result_type, Some(ResultType::InputRequired), "{settings}");
        let questions: Value = asked.input_requests.unwrap().decode("questions").unwrap();
        let message = questions["approval"]["message"].as_str().unwrap();
        assert!(
            message.starts_with("Allow COMPOSIO_PROXY_EXECUTE (\"Call an API\", toolkit pets) to run with"),
            "{message}"
        );
        assert_eq!(pets.count(), 0);

        let answer = |action: &str| json!({"approval": {"action": action, "content": {"decision": "approve"}}});
        let again = |arguments: Value, action: &str| ExecuteMetaRequest {
            arguments: Some(RawJson::from(arguments)),
            input_responses: Some(RawJson::from(answer(action))),
            request_state: asked.request_state.clone(),
            ..ExecuteMetaRequest::default()
        };
        let error = pets.meta(again(get("/pets/7"), "accept")).await.unwrap_err();
        assert!(error.to_string().contains("belongs to another call"), "{error}");
        assert_eq!(pets.count(), 0);

        let asked = pets.raw(get("/pets")).await.unwrap();
        let yes = ExecuteMetaRequest { request_state: asked.request_state, ..again(get("/pets"), "accept") };
        assert_eq!(pets.meta(yes).await.unwrap().error, None);
        assert_eq!(pets.count(), 1);
        let asked = pets.raw(get("/pets")).await.unwrap();
        let no = ExecuteMetaRequest { request_state: asked.request_state, ..again(get("/pets"), "decline") };
        assert!(pets.meta(no).await.unwrap().error.unwrap().contains("declined"));
        assert_eq!(pets.count(), 1);
    }
}

#[tokio::test]
async fn a_session_that_leaves_tools_out_has_no_raw_calls_unless_it_says_so() {
    let request = || json!({"toolkit_slug": "pets", "endpoint": "/pets/7", "method": "DELETE"});
    for narrowed in [
        json!({"tools": {"pets": {"disable": ["PETS_DELETE_PET"]}}}),
        json!({"tools": {"pets": {"require_approval": ["PETS_DELETE_PET"]}}}),
        json!({"toolkits": {"require_approval": ["pets"]}}),
        json!({"tags": {"disable": ["destructiveHint"]}}),
        json!({"experimental": {"permissions": {"default": "allow_all", "overrides": {"PETS_DELETE_PET": "always_deny"}}}}),
        json!({"experimental": {"permissions": {"default": "ask_every_call"}}}),
    ] {
        let pets = Pets::with(narrowed.clone(), |_| {}).await;
        let error = pets.proxy(request()).await.unwrap_err();
        assert_eq!((error.kind(), error.status()), (ErrorKind::PermissionDenied, Some(403)), "{error}");
        assert!(error.to_string().contains("`proxy_execute.enable` is not set"), "{error}");
        assert_eq!(pets.count(), 0);
        let mut explicit = narrowed;
        explicit["proxy_execute"] = json!(true);
        let pets = Pets::with(explicit, |_| {}).await;
        assert_eq!(pets.proxy(request()).await.unwrap().status, 204);
    }
    // The model's tool for raw calls has a rule of its own, which the app's calls do not get around.
    let rule = |rule: &str| {
        let overrides = json!({"COMPOSIO_PROXY_EXECUTE": rule});
        json!({"experimental": {"permissions": {"default": "allow_all", "overrides": overrides}}})
    };
    for narrowed in ["always_deny", "ask_always", "ask_once"] {
        let pets = Pets::with(rule(narrowed), |_| {}).await;
        let error = pets.proxy(request()).await.unwrap_err();
        assert_eq!((error.kind(), pets.count()), (ErrorKind::PermissionDenied, 0), "{narrowed}: {error}");
    }
    let mut denied = rule("always_deny");
    denied["proxy_execute"] = json!(true);
    let pets = Pets::with(denied, |_| {}).await;
    assert_eq!(pets.proxy(request()).await.unwrap_err().kind(), ErrorKind::PermissionDenied);
    let other = Pets::with(json!({"tools": {"time": {"disable": ["TIME_NOW"]}}}), |_| {}).await;
    assert_eq!(other.proxy(request()).await.unwrap().status, 204);
}
