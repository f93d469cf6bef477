//! Asking the user before a tool runs.

use crate::common::{Fixture, value};
use composio_contract::{
    Backend as _, ErrorKind, ExecuteMetaRequest, ExecuteReply, ExecuteRequest, Result, ResultType,
};
use serde_json::{Value, json};

struct Call<'a> {
    fixture: &'a Fixture,
    session: &'a str,
}

impl Call<'_> {
    async fn ask(&self, text: &str) -> String {
        let reply = self.fixture.execute(self.session, "SHELF_WRITE_NOTE", json!({"text": text})).await.unwrap();
        assert_eq!(reply.result_type, Some(ResultType::InputRequired), "{reply:?}");
        reply.request_state.unwrap()
    }

    async fn answer(&self, text: &str, state: &str, response: Value) -> Result<ExecuteReply> {
        let request = ExecuteRequest {
            tool_slug: "SHELF_WRITE_NOTE".to_owned(),
            arguments: Some(json!({"text": text}).into()),
            input_responses: Some(json!({"approval": response}).into()),
            request_state: Some(state.to_owned()),
            ..ExecuteRequest::default()
        };
        self.fixture.router.execute(self.session, &request).await.map(|reply| reply.into_parts().1)
    }
}

fn every_call() -> Value {
    json!({"tags": {"require_approval": ["createHint"]}})
}

#[tokio::test]
async fn an_accepted_call_runs_once() {
    let fixture = Fixture::new();
    let session = fixture.session(every_call()).await;
    let call = Call { fixture: &fixture, session: &session };
    let asked = fixture.execute(&session, "SHELF_WRITE_NOTE", json!({"text": "a"})).await.unwrap();
    insta::assert_json_snapshot!(value(asked.input_requests.as_ref()));
    assert!(fixture.slugs_called().is_empty());

    let state = asked.request_state.unwrap();
    let reply =
        call.answer("a", &state, json!({"action": "accept", "content": {"decision": "approve"}})).await.unwrap();
    assert_eq!(reply.result_type, Some(ResultType::Completed));
    let again = call.answer("a", &state, json!({"action": "accept"})).await.unwrap_err();
    assert!(again.to_string().contains("or it was used before"), "{again}");
    assert_eq!(fixture.slugs_called(), ["SHELF_WRITE_NOTE"]);
    // Each run is asked for anew, and a tool that needs no approval is not asked for.
    call.ask("a").await;
    assert!(fixture.execute(&session, "SHELF_READ_NOTE", json!({"text": "a"})).await.unwrap().request_state.is_none());
}

#[tokio::test]
async fn a_declined_call_fails() {
    let fixture = Fixture::new();
    let session = fixture.session(every_call()).await;
    let call = Call { fixture: &fixture, session: &session };
    for (response, error) in [
        (json!({"action": "decline"}), "the user declined this call; do not repeat it"),
        (json!({"action": "cancel"}), "the user dismissed the question; the tool did not run"),
        (json!({"action": "accept", "content": {"decision": "deny"}}), "the user declined this call; do not repeat it"),
    ] {
        let state = call.ask("a").await;
        let reply = call.answer("a", &state, response).await.unwrap();
        assert_eq!((reply.result_type, reply.error.as_deref()), (Some(ResultType::Failed), Some(error)));
    }
    assert!(fixture.slugs_called().is_empty());
}

#[tokio::test]
async fn a_state_belongs_to_its_session_and_arguments() {
    let fixture = Fixture::new();
    let session = fixture.session(every_call()).await;
    let other = fixture.session(every_call()).await;
    let call = Call { fixture: &fixture, session: &session };
    let state = call.ask("a").await;
    let accept = || json!({"action": "accept"});

    let elsewhere = Call { fixture: &fixture, session: &other }.answer("a", &state, accept()).await.unwrap_err();
    assert!(elsewhere.to_string().contains("not one that this session waits for"), "{elsewhere}");
    let changed = call.answer("b", &state, accept()).await.unwrap_err();
    assert_eq!(changed.kind(), ErrorKind::Validation);
    assert!(changed.to_string().contains("the tool or its arguments have changed"), "{changed}");
    let made_up = call.answer("a", "apr_0", accept()).await.unwrap_err();
    assert!(made_up.to_string().contains("not one that this session waits for"), "{made_up}");
    let unknown = call.answer("a", &call.ask("a").await, json!({"action": "yes"})).await.unwrap_err();
    assert!(unknown.to_string().contains("the action `yes` is not one of"), "{unknown}");
    assert!(fixture.slugs_called().is_empty());
}

#[tokio::test]
async fn once_is_remembered_for_the_session_only() {
    let fixture = Fixture::new();
    let once = json!({"experimental": {"permissions": {
        "default": "allow_all", "overrides": {"SHELF_WRITE_NOTE": "ask_once"},
    }}});
    let session = fixture.session(once.clone()).await;
    let call = Call { fixture: &fixture, session: &session };
    let state = call.ask("a").await;
    call.answer("a", &state, json!({"action": "accept"})).await.unwrap();
    let reply = fixture.execute(&session, "SHELF_WRITE_NOTE", json!({"text": "b"})).await.unwrap();
    assert_eq!(reply.result_type, Some(ResultType::Completed));

    let other = fixture.session(once).await;
    Call { fixture: &fixture, session: &other }.ask("b").await;
}

#[tokio::test]
async fn a_call_that_cannot_run_is_not_asked_about() {
    let fixture = Fixture::new();
    let session = fixture.session(every_call()).await;
    let reply = fixture.execute(&session, "SHELF_WRITE_NOTE", json!({})).await.unwrap();
    assert_eq!(reply.result_type, Some(ResultType::Failed));
}

#[tokio::test]
async fn a_multi_execute_asks_for_all_its_items_before_it_runs_any() {
    let fixture = Fixture::new();
    let session = fixture.session(every_call()).await;
    let note = |text: &str| json!({"tool_slug": "SHELF_WRITE_NOTE", "arguments": {"text": text}});
    let read = json!({"tool_slug": "SHELF_READ_NOTE", "arguments": {"text": "c"}});
    let mut request = ExecuteMetaRequest {
        slug: "COMPOSIO_MULTI_EXECUTE_TOOL".to_owned(),
        arguments: Some(json!({"tools": [note("a"), read, note("b")]}).into()),
        ..ExecuteMetaRequest::default()
    };
    let asked = fixture.router.execute_meta(&session, &request).await.unwrap().into_parts().1;
    assert_eq!(asked.result_type, Some(ResultType::InputRequired));
    let questions = value(asked.input_requests.as_ref());
    assert_eq!(questions.as_object().unwrap().keys().collect::<Vec<_>>(), ["approval_0", "approval_2"]);
    assert!(fixture.slugs_called().is_empty());

    request.request_state = asked.request_state;
    let responses = json!({"approval_0": {"action": "accept"}, "approval_2": {"action": "decline"}});
    request.input_responses = Some(responses.into());
    let reply = fixture.router.execute_meta(&session, &request).await.unwrap().into_parts().1;
    assert_eq!(reply.error.as_deref(), Some("1 out of 3 tools failed"));
    let data = value(reply.data.as_ref());
    let successes: Vec<&Value> =
        data["results"].as_array().unwrap().iter().map(|result| &result["response"]["successful"]).collect();
    assert_eq!(successes, [true, true, false]);
}
