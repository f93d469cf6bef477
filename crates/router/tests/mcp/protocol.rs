//! What goes over the wire, seen from the server's side.

use std::time::Duration;

use composio_contract::ErrorKind;
use composio_router::source::{CallContext, Outcome, Source};
use serde_json::{Value, json};

use crate::support::{Recorder, call, completed, context, failed, object, tool, until, within};

#[tokio::test]
async fn all_pages_are_listed_and_names_kept_apart() {
    let recorder = Recorder::new();
    let source = recorder.source(&[]);
    let slugs: Vec<_> = source.tools().await.unwrap().iter().map(|tool| tool.slug.clone()).collect();
    assert_eq!(slugs.len(), 9);
    assert_eq!(slugs[0], "RECORDER_ECHO");
    assert!(slugs[6].starts_with("RECORDER_LIST_ALL_") && slugs[7].starts_with("RECORDER_LIST_ALL_"), "{slugs:?}");
    assert_ne!(slugs[6], slugs[7]);
    assert_eq!(source.toolkit().description, "Writes down what it is told.");

    // From memory the second time.
    source.tools().await.unwrap();
    assert_eq!(recorder.with_method("tools/list").len(), 3);
    source.close().await;
}

#[tokio::test]
async fn a_changed_list_is_read_again() {
    let recorder = Recorder::new();
    let source = recorder.source(&[]);
    let before = source.tools().await.unwrap().len();
    let generation = source.generation();
    completed(&source, "grow", json!({})).await;
    until("the generation counts up", || source.generation() > generation).await;
    assert_eq!(source.tools().await.unwrap().len(), before + 1);
    source.close().await;
}

#[tokio::test]
async fn numbers_survive_both_ways() {
    let recorder = Recorder::new();
    let source = recorder.source(&[]);
    let sent = json!({"id": 9_007_199_254_740_993_u64, "max": u64::MAX, "min": i64::MIN, "float": 1.0});
    for operation in ["echo", "text"] {
        let Outcome::Completed(data) = call(&source, operation, sent.clone()).await.unwrap() else { panic!() };
        assert_eq!(serde_json::from_str::<Value>(data.as_str()).unwrap(), sent);
    }
    assert_eq!(recorder.with_method("tools/call")[0]["params"]["arguments"], sent);
    source.close().await;
}

#[tokio::test]
async fn a_dropped_call_is_cancelled_at_the_server() {
    let recorder = Recorder::new();
    let source = recorder.source(&[]);
    let hang = tool(&source, "hang").await;
    let context = context();
    {
        let call = source.call(&hang, object(json!({})), &context);
        tokio::pin!(call);
        tokio::select! {
            outcome = &mut call => panic!("answered: {outcome:?}"),
            () = until("the server has the call", || !recorder.with_method("tools/call").is_empty()) => {}
        }
    }
    until("the server hears of it", || !recorder.with_method("notifications/cancelled").is_empty()).await;
    let cancelled = &recorder.with_method("notifications/cancelled")[0];
    assert_eq!(cancelled["params"]["requestId"], recorder.with_method("tools/call")[0]["id"]);
    source.close().await;
}

#[tokio::test]
async fn a_call_that_takes_too_long_is_cancelled_too() {
    let recorder = Recorder::new();
    let mut config = recorder.config(&[]);
    config.call_timeout = Some(Duration::from_millis(200));
    let source = crate::support::source(config);
    let error = call(&source, "hang", json!({})).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.message().contains("RECORDER_HANG within 0.2 s"), "{error}");
    until("the server hears of it", || !recorder.with_method("notifications/cancelled").is_empty()).await;
    source.close().await;
}

#[tokio::test]
async fn what_a_client_may_offer_is_refused_and_pings_are_answered() {
    let recorder = Recorder::new();
    let source = recorder.source(&[]);
    let answers = completed(&source, "ask", json!({})).await;
    let refused = -32601;
    assert_eq!(
        answers,
        json!({
            "ping": "answered",
            "roots/list": refused,
            "sampling/createMessage": refused,
            "elicitation/create": refused,
        })
    );
    assert_eq!(recorder.with_method("initialize")[0]["params"]["capabilities"], json!({}));
    source.close().await;
}

#[tokio::test]
async fn a_failed_tool_and_a_large_result_are_outcomes() {
    let recorder = Recorder::new();
    let source = recorder.source(&[]);
    assert_eq!(failed(&source, "refuse", json!({})).await, "I would rather not");

    let echo = tool(&source, "echo").await;
    let small = CallContext { output_limit: 10, ..context() };
    let outcome = within(source.call(&echo, object(json!({"text": "longer than that"})), &small)).await.unwrap();
    let Outcome::Failed { error, .. } = outcome else { panic!("{outcome:?}") };
    assert!(error.contains("27 bytes") && error.contains("10 bytes"), "{error}");
    source.close().await;
}

/// Polls a call on a thread without any runtime.
#[test]
fn a_caller_needs_no_runtime() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let recorder = Recorder::new();
    let mut config = recorder.config(&[]);
    config.call_timeout = Some(Duration::from_secs(20));
    let source = composio_router::mcp::McpSource::new(config, runtime.handle().clone()).unwrap();
    let outcome = futures_executor::block_on(async {
        let tools = source.tools().await.unwrap();
        let echo = tools.iter().find(|tool| tool.operation == "echo").unwrap();
        source.call(echo, object(json!({"a": 1})), &context()).await
    });
    assert!(matches!(outcome, Ok(Outcome::Completed(data)) if data.as_str() == r#"{"a":1}"#));
    futures_executor::block_on(source.close());
    assert!(recorder.mark.processes().is_empty());
}
