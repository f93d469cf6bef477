//! Meta tools: search, schemas, multi-execute.

use composio_contract::{Backend as _, ErrorKind, ResultType, SearchQuery, SearchRequest};
use serde_json::{Value, json};

use crate::common::{Broken, Fixture, redacted, value};

fn queries(use_cases: &[&str]) -> SearchRequest {
    let query = |use_case: &&str| SearchQuery { use_case: (*use_case).to_owned(), known_fields: None };
    SearchRequest { queries: use_cases.iter().map(query).collect(), ..SearchRequest::default() }
}

#[tokio::test]
async fn a_search_finds_what_the_session_allows() {
    let fixture = Fixture::with(json!({}), vec![Broken::new()]);
    let session = fixture.session(json!({"tags": {"disable": ["destructiveHint"]}})).await;
    let request = queries(&["put a new note on the shelf", "destroy every note", "qwertz"]);
    let reply = fixture.router.search(&session, &request).await.unwrap();
    assert!(!reply.tool_schemas.contains_key("SHELF_BURN"));
    insta::assert_json_snapshot!(redacted(reply.raw()));
}

#[tokio::test]
async fn a_search_knows_the_custom_tools_of_the_request_or_the_session() {
    let fixture = Fixture::new();
    let custom = |slug: &str, description: &str| {
        json!({"custom_tools": [
            {"slug": slug, "name": slug, "description": description, "input_schema": {"type": "object"}},
        ]})
    };
    let session = fixture.session(json!({"experimental": custom("weigh", "Weighs a parcel.")})).await;
    let request = queries(&["weigh a parcel"]);
    let reply = fixture.router.search(&session, &request).await.unwrap();
    assert_eq!(reply.results[0].primary_tool_slugs, ["LOCAL_WEIGH"]);

    let with = SearchRequest {
        experimental: Some(custom("measure", "Measures a parcel.").into()),
        ..queries(&["measure a parcel"])
    };
    let reply = fixture.router.search(&session, &with).await.unwrap();
    assert_eq!(reply.results[0].primary_tool_slugs, ["LOCAL_MEASURE"]);
    assert!(!reply.tool_schemas.contains_key("LOCAL_WEIGH"));
}

#[tokio::test]
async fn the_search_tool_gives_the_same() {
    let fixture = Fixture::new();
    let session = fixture.session(json!({})).await;
    let arguments = json!({"queries": [{"use_case": "read a note"}]});
    let reply = fixture.meta(&session, "COMPOSIO_SEARCH_TOOLS", arguments).await.unwrap();
    let direct = fixture.router.search(&session, &queries(&["read a note"])).await.unwrap();
    let mut found = value(reply.data.as_ref());
    crate::common::redact(&mut found);
    assert_eq!(found, redacted(direct.raw()));
    assert_eq!(found["results"][0]["primary_tool_slugs"][0], "SHELF_READ_NOTE");

    let wrong = fixture.meta(&session, "COMPOSIO_SEARCH_TOOLS", json!({"queries": [{"use": "x"}]})).await.unwrap();
    assert_eq!(wrong.result_type, Some(ResultType::Failed));
    assert!(wrong.error.unwrap().contains("`queries[0].use_case` is required and missing"));
}

#[tokio::test]
async fn schemas_are_given_for_what_is_allowed() {
    let fixture = Fixture::new();
    let session = fixture.session(json!({"tools": {"shelf": {"disable": ["SHELF_BURN"]}}})).await;
    let arguments = json!({"tool_slugs": ["shelf_read_note", "SHELF_BURN", "SHELF_RED_NOTE"]});
    let reply = fixture.meta(&session, "COMPOSIO_GET_TOOL_SCHEMAS", arguments).await.unwrap();
    insta::assert_json_snapshot!(value(reply.data.as_ref()));
    let none = fixture.meta(&session, "COMPOSIO_GET_TOOL_SCHEMAS", json!({"tool_slugs": ["X"]})).await.unwrap();
    assert_eq!(none.result_type, Some(ResultType::Failed));
}

#[tokio::test]
async fn a_multi_execute_answers_in_order_with_counts() {
    let fixture = Fixture::new();
    let session = fixture.session(json!({"tags": {"disable": ["destructiveHint"]}})).await;
    let arguments = json!({"tools": [
        {"tool_slug": "SHELF_READ_NOTE", "arguments": {"text": "a"}},
        {"tool_slug": "SHELF_BURN"},
        {"tool_slug": "SHELF_READ_NOTE", "arguments": {}},
        {"tool_slug": "LOCAL_X", "arguments": {}},
        {"tool_slug": "COMPOSIO_SEARCH_TOOLS", "arguments": {}},
    ]});
    let reply = fixture.meta(&session, "COMPOSIO_MULTI_EXECUTE_TOOL", arguments).await.unwrap();
    assert_eq!(reply.result_type, Some(ResultType::Failed));
    assert_eq!(reply.error.as_deref(), Some("4 out of 5 tools failed"));
    let mut data = value(reply.data.as_ref());
    crate::common::redact(&mut data);
    insta::assert_json_snapshot!(data);
    assert_eq!(fixture.slugs_called(), ["SHELF_READ_NOTE"]);

    fixture.router.store().flush().await.unwrap();
    let log = fixture.log(&session).await.unwrap();
    let whole = log.iter().find(|entry| Some(&entry.id) == reply.log_id.as_ref()).unwrap();
    assert_eq!(whole.tool_slug, "COMPOSIO_MULTI_EXECUTE_TOOL");
}

#[tokio::test]
async fn items_run_at_the_same_time_up_to_the_bound() {
    // Two calls that end only once both have begun. One after the other, the first runs into its limit.
    let meet = json!({"tool_slug": "SHELF_MEET"});
    for (parallel, successes) in [(2, 2), (1, 1)] {
        let fixture = Fixture::with(json!({"call_timeout": 0.5, "max_parallel": parallel}), Vec::new());
        let session = fixture.session(json!({})).await;
        let arguments = json!({"tools": [meet, meet]});
        let reply = fixture.meta(&session, "COMPOSIO_MULTI_EXECUTE_TOOL", arguments).await.unwrap();
        assert_eq!(value(reply.data.as_ref())["success_count"], successes);
    }
}

#[tokio::test]
async fn a_meta_tool_that_is_not_offered_is_refused() {
    let fixture = Fixture::new();
    let session = fixture.session(json!({"search": false, "execute": {"enable_multi_execute": false}})).await;
    let error = async |slug: &str| fixture.meta(&session, slug, json!({})).await.unwrap_err();
    let search = error("COMPOSIO_SEARCH_TOOLS").await;
    assert_eq!(search.kind(), ErrorKind::PermissionDenied);
    assert!(search.to_string().ends_with("the setting `search.enable` is false"), "{search}");
    let multi = error("COMPOSIO_MULTI_EXECUTE_TOOL").await.to_string();
    assert!(multi.ends_with("the setting `execute.enable_multi_execute` is false"), "{multi}");
    let other = error("COMPOSIO_REMOTE_WORKBENCH").await;
    assert_eq!(other.kind(), ErrorKind::NotFound);
    assert!(other.to_string().starts_with("the embedded router does not offer `COMPOSIO_REMOTE_WORKBENCH`"), "{other}");
    let plain = error("SHELF_BURN").await.to_string();
    assert!(plain.starts_with("`SHELF_BURN` is not a meta tool; run it with execute"), "{plain}");
}

#[tokio::test]
async fn queries_are_bounded() {
    let fixture = Fixture::new();
    let session = fixture.session(json!({})).await;
    let long = "x".repeat(1_025);
    for use_cases in [&[][..], &[" "], &[long.as_str()]] {
        let error = fixture.router.search(&session, &queries(use_cases)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Validation, "{error}");
    }
    let data: Value = serde_json::from_str("{}").unwrap();
    let reply = fixture.meta(&session, "COMPOSIO_MULTI_EXECUTE_TOOL", data).await.unwrap();
    assert!(reply.error.unwrap().contains("`tools` is required and missing"));
}
