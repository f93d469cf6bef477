//! Running a tool: policy, arguments, limits, log.

use crate::common::{Fixture, tool, value};
use composio_contract::{Backend as _, ErrorKind, ExecuteRequest, ResultType};
use composio_router::store::RunStatus;
use serde_json::json;

#[tokio::test]
async fn a_call_runs_as_the_sessions_user_and_is_logged() {
    let fixture = Fixture::new();
    let session = fixture.session(json!({})).await;
    let reply = fixture.execute(&session, "shelf_write_note", json!({"text": "milk"})).await.unwrap();
    assert_eq!(reply.result_type, Some(ResultType::Completed));
    assert_eq!(value(reply.data.as_ref()), json!({"user": "ada", "arguments": {"text": "milk"}}));

    fixture.router.store().flush().await.unwrap();
    let log = fixture.log(&session).await.unwrap();
    let [entry] = log.as_slice() else { panic!("{log:?}") };
    assert_eq!(Some(&entry.id), reply.log_id.as_ref());
    assert_eq!((entry.tool_slug.as_str(), entry.user_id.as_str()), ("SHELF_WRITE_NOTE", "ada"));
    assert_eq!((entry.status, entry.arguments_size), (RunStatus::Completed, 15));
}

#[tokio::test]
async fn wrong_arguments_fail_without_reaching_the_tool() {
    let fixture = Fixture::new();
    let session = fixture.session(json!({})).await;
    let reply = fixture.execute(&session, "SHELF_READ_NOTE", json!({"txt": 1})).await.unwrap();
    assert_eq!(reply.result_type, Some(ResultType::Failed));
    assert_eq!(
        reply.error.as_deref().unwrap(),
        "the arguments of SHELF_READ_NOTE are wrong, and it was not run:\n`txt` is not a known property; did you mean \
         `text`?\n`text` is required and missing",
    );
    assert_eq!(reply.data.as_ref().unwrap().as_str(), "{}");
    assert!(fixture.slugs_called().is_empty());
}

/// Each level of the schema doubles what a plain checker has to look at.
#[tokio::test]
async fn a_schema_that_explodes_holds_up_nobody() {
    let fixture = Fixture::new();
    let session = fixture.session(json!({})).await;
    let step = |before: &serde_json::Value| json!({"anyOf": [before, before]});
    let mut exploding = tool("SHELF_EXPLODE", "Explode", "Has a schema that explodes.", json!({}), &[]);
    let mut defs = serde_json::Map::from_iter([("l0".to_owned(), json!({"required": ["never"]}))]);
    for level in 1..=40 {
        let before = json!({"$ref": format!("#/$defs/l{}", level - 1)});
        defs.insert(format!("l{level}"), step(&before));
    }
    exploding.input_schema = json!({"type": "object", "$ref": "#/$defs/l40", "$defs": defs});
    let mut chained = tool("SHELF_CHAIN", "Chain", "Has a schema that goes on and on.", json!({}), &[]);
    let chain = (1..5_000).map(|n| (format!("l{n}"), json!({"$ref": format!("#/$defs/l{}", n - 1)})));
    let chain: serde_json::Map<_, _> = chain.chain([("l0".to_owned(), json!(true))]).collect();
    chained.input_schema = json!({"type": "object", "$ref": "#/$defs/l4999", "$defs": chain});
    fixture.shelf.replace_tools(vec![exploding, chained]);

    let reply = fixture.execute(&session, "SHELF_EXPLODE", json!({"x": 1})).await.unwrap();
    let error = reply.error.unwrap();
    assert!(error.contains("it was not run:") && error.contains("fits none of its 2 alternatives"), "{error}");
    let reply = fixture.execute(&session, "SHELF_CHAIN", json!({})).await.unwrap();
    let error = reply.error.unwrap();
    assert!(
        error.contains("they cannot be checked: the JSON Schema is too complex: it is nested more than"),
        "{error}"
    );
    assert!(fixture.slugs_called().is_empty());
    let reply = fixture.execute(&session, "SHELF_EXPLODE", json!({"never": 1})).await.unwrap();
    assert_eq!(reply.result_type, Some(ResultType::Completed));
}

#[tokio::test]
async fn what_goes_wrong_in_a_tool_is_a_failed_result() {
    let fixture = Fixture::with(json!({"call_timeout": 0.05, "output_limit": 1000}), Vec::new());
    let session = fixture.session(json!({})).await;
    for (slug, error) in [
        ("SHELF_BURN", "it does not burn"),
        ("SHELF_BREAK", "the shelf's server is gone"),
        (
            "SHELF_WAIT",
            "SHELF_WAIT did not finish within 0.05 s and was stopped; ask for less, or raise `router.call_timeout`",
        ),
        (
            "SHELF_FLOOD",
            "SHELF_FLOOD returned 1011 bytes and at most 1000 are passed on; ask for less, such as a page or a part",
        ),
    ] {
        let reply = fixture.execute(&session, slug, json!({})).await.unwrap();
        assert_eq!((reply.result_type, reply.error.as_deref()), (Some(ResultType::Failed), Some(error)));
    }
}

#[tokio::test]
async fn what_there_is_not_is_an_error() {
    let fixture = Fixture::with(json!({}), vec![crate::common::Broken::new()]);
    let tools = json!({"custom_tools": [
        {"slug": "add", "name": "Add", "description": "Adds.", "input_schema": {"type": "object"}},
    ]});
    let session = fixture.session(json!({"experimental": tools})).await;
    fixture.execute(&session, "SHELF_BURN", json!({})).await.unwrap();
    for (slug, kind, message) in [
        (
            "SHELF_READ_NOTES",
            ErrorKind::NotFound,
            "there is no tool `SHELF_READ_NOTES` (did you mean SHELF_READ_NOTE?)",
        ),
        ("GMAIL_SEND", ErrorKind::NotFound, "there is no tool `GMAIL_SEND` (find tools with a search"),
        ("BROKEN_X", ErrorKind::Connection, "`broken-server` does not start"),
        ("LOCAL_ADD", ErrorKind::Validation, "`LOCAL_ADD` is a custom tool: its code lies in the program"),
        ("Add", ErrorKind::Validation, "`Add` is a custom tool"),
    ] {
        let error = fixture.execute(&session, slug, json!({})).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().starts_with(message), "{error}");
    }
    let error = fixture.execute("trs_none", "SHELF_BURN", json!({})).await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::NotFound, Some(404)));

    let account = ExecuteRequest {
        tool_slug: "SHELF_BURN".to_owned(),
        account: Some("work".to_owned()),
        ..ExecuteRequest::default()
    };
    let error = fixture.router.execute(&session, &account).await.unwrap_err().to_string();
    assert!(error.contains("need no connected account; leave `account` out"), "{error}");
}

#[tokio::test]
async fn a_refused_call_names_the_setting_and_is_logged() {
    let fixture = Fixture::new();
    let session = fixture.session(json!({"tools": {"shelf": {"disable": ["shelf_burn"]}}})).await;
    let error = fixture.execute(&session, "SHELF_BURN", json!({})).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(
        error.to_string(),
        "`SHELF_BURN` is not available in this session: the setting `tools.shelf.disable` lists it",
    );
    assert!(fixture.slugs_called().is_empty());
    fixture.router.store().flush().await.unwrap();
    let log = fixture.log(&session).await.unwrap();
    assert_eq!(log.iter().map(|entry| entry.status).collect::<Vec<_>>(), [RunStatus::Refused]);
}

#[tokio::test]
async fn a_dropped_call_is_cancelled_and_logged() {
    let fixture = Fixture::new();
    let session = fixture.session(json!({})).await;
    tokio::select! {
        _ = fixture.execute(&session, "SHELF_WAIT", json!({})) => panic!("it ended"),
        () = fixture.shelf.waiting.notified() => {}
    }
    fixture.router.store().flush().await.unwrap();
    let log = fixture.log(&session).await.unwrap();
    assert_eq!(log[0].error.as_deref(), Some("cancelled by the caller"));
}

#[tokio::test]
async fn tools_follow_their_source() {
    let fixture = Fixture::new();
    let session = fixture.session(json!({})).await;
    fixture.execute(&session, "SHELF_BURN", json!({})).await.unwrap();
    fixture.execute(&session, "SHELF_BURN", json!({})).await.unwrap();
    assert_eq!(fixture.shelf.asked.load(std::sync::atomic::Ordering::SeqCst), 1);

    fixture.shelf.replace_tools(vec![crate::common::tool("SHELF_DUST", "Dust", "Dusts the shelf.", json!({}), &[])]);
    assert!(fixture.execute(&session, "SHELF_BURN", json!({})).await.is_err());
    assert!(fixture.execute(&session, "SHELF_DUST", json!({})).await.is_ok());
}

#[tokio::test]
async fn a_closed_router_answers_nothing() {
    let fixture = Fixture::new();
    let session = fixture.session(json!({})).await;
    fixture.router.close().await.unwrap();
    fixture.router.close().await.unwrap();
    assert_eq!(fixture.shelf.closed.load(std::sync::atomic::Ordering::SeqCst), 1);
    assert_eq!(fixture.execute(&session, "SHELF_BURN", json!({})).await.unwrap_err().kind(), ErrorKind::Closed);
}
