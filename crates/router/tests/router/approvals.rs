//! Asking the user before a tool runs.

use crate::common::{Fixture, value};
use crate::served::{self, Served, approval, entry, run_with};
use composio_contract::{
    Backend as _, ErrorKind, ExecuteMetaRequest, ExecuteReply, ExecuteRequest, Result, ResultType,
};
use composio_router::accounts::AuthScheme;
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

fn approve() -> Value {
    json!({"action": "accept", "content": {"decision": "approve"}})
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
    let reply = call.answer("a", &state, approve()).await.unwrap();
    assert_eq!(reply.result_type, Some(ResultType::Completed));
    let again = call.answer("a", &state, approve()).await.unwrap_err();
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
    let accept = approve;

    let elsewhere = Call { fixture: &fixture, session: &other }.answer("a", &state, accept()).await.unwrap_err();
    assert!(elsewhere.to_string().contains("not one that this session waits for"), "{elsewhere}");
    let changed = call.answer("b", &state, accept()).await.unwrap_err();
    assert_eq!(changed.kind(), ErrorKind::Validation);
    assert!(changed.to_string().contains("its account or its arguments have changed"), "{changed}");
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
    call.answer("a", &state, approve()).await.unwrap();
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
    let responses = json!({"approval_0": approve(), "approval_2": {"action": "decline"}});
    request.input_responses = Some(responses.into());
    let reply = fixture.router.execute_meta(&session, &request).await.unwrap().into_parts().1;
    assert_eq!(reply.error.as_deref(), Some("1 out of 3 tools failed"));
    let data = value(reply.data.as_ref());
    let successes: Vec<&Value> =
        data["results"].as_array().unwrap().iter().map(|result| &result["response"]["successful"]).collect();
    assert_eq!(successes, [true, true, false]);
}

/// A toolkit with accounts, a router over it, and two accounts of the user's: `personal` and, newest and so the default, `company`.
async fn mailbox() -> (tempfile::TempDir, std::sync::Arc<Served>, composio_router::Router) {
    let folder = tempfile::tempdir().unwrap();
    let mail = Served::of("mail", &[entry("send", "Sends.")], None, Some(AuthScheme::Bearer));
    let mail = std::sync::Arc::new(mail);
    let router = served::router(folder.path(), &[&mail]);
    for alias in ["personal", "company"] {
        served::account(&router, "mail", alias).await;
    }
    (folder, mail, router)
}

fn with_account(mut more: Value, account: &str) -> Value {
    more["account"] = account.into();
    more
}

#[tokio::test]
async fn an_answer_is_for_the_account_that_was_asked_about() {
    let (_folder, mail, router) = mailbox().await;
    let multi = json!({"multi_account": {"enable": true, "require_explicit_selection": false}});
    let mut settings = json!({"toolkits": {"require_approval": ["mail"]}});
    settings.as_object_mut().unwrap().extend(multi.as_object().unwrap().clone());
    let session = served::session(&router, settings).await;
    let asked = run_with(&router, &session, "MAIL_SEND", with_account(json!({}), "personal")).await.unwrap();
    let question = value(asked.input_requests.as_ref());
    let message = question["approval"]["message"].as_str().unwrap();
    assert!(message.contains("as the account \"personal\" (ca_"), "{message}");
    assert_eq!(question["approval"]["call"]["account"]["alias"], "personal");
    let state = asked.request_state.unwrap();
    for other in [with_account(approval(&state), "company"), approval(&state)] {
        let state =
            run_with(&router, &session, "MAIL_SEND", with_account(json!({}), "personal")).await.unwrap().request_state;
        let mut other = other.clone();
        other["request_state"] = state.into();
        let error = run_with(&router, &session, "MAIL_SEND", other).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Validation);
        assert!(error.to_string().contains("its account or its arguments have changed"), "{error}");
    }
    assert!(mail.ran().is_empty());
    // By its alias or by its id it is the same account.
    let id = question["approval"]["call"]["account"]["id"].as_str().unwrap();
    run_with(&router, &session, "MAIL_SEND", with_account(approval(&state), id)).await.unwrap();
    assert_eq!(
        mail.calls.lock().unwrap().as_slice(),
        [("send".to_owned(), Some("Bearer token-of-personal".to_owned()))]
    );
    mail.ran();

    // The default is an account too, and another may become the default while the user thinks.
    let state = served::asked(&router, &session, "MAIL_SEND").await;
    served::account(&router, "mail", "third").await;
    run_with(&router, &session, "MAIL_SEND", approval(&state)).await.unwrap_err();
    let item = |account: &str| json!({"tools": [{"tool_slug": "MAIL_SEND", "account": account}]});
    let mut request = ExecuteMetaRequest {
        slug: "COMPOSIO_MULTI_EXECUTE_TOOL".to_owned(),
        arguments: Some(item("personal").into()),
        ..ExecuteMetaRequest::default()
    };
    request.request_state = router.execute_meta(&session, &request).await.unwrap().request_state.clone();
    request.arguments = Some(item("company").into());
    request.input_responses = Some(json!({"approval_0": approve()}).into());
    router.execute_meta(&session, &request).await.unwrap_err();
    assert!(mail.ran().is_empty());
}

#[tokio::test]
async fn a_grant_is_for_one_account() {
    let (_folder, mail, router) = mailbox().await;
    let session = served::session(
        &router,
        json!({
            "experimental": {"permissions": {"default": "ask_once_per_session"}},
            "multi_account": {"enable": true, "require_explicit_selection": true},
        }),
    )
    .await;
    let ask = |account: &'static str| run_with(&router, &session, "MAIL_SEND", with_account(json!({}), account));
    let state = ask("personal").await.unwrap().request_state.unwrap();
    run_with(&router, &session, "MAIL_SEND", with_account(approval(&state), "personal")).await.unwrap();
    assert_eq!(ask("personal").await.unwrap().result_type, Some(ResultType::Completed));
    let other = ask("company").await.unwrap();
    assert_eq!(other.result_type, Some(ResultType::InputRequired));
    let state = other.request_state.unwrap();
    run_with(&router, &session, "MAIL_SEND", with_account(approval(&state), "company")).await.unwrap();
    for account in ["personal", "company"] {
        assert_eq!(ask(account).await.unwrap().result_type, Some(ResultType::Completed));
    }
    assert_eq!(mail.ran().len(), 5);
    // Without an account there is nothing to ask about.
    let reply = run_with(&router, &session, "MAIL_SEND", json!({})).await.unwrap();
    assert_eq!(reply.result_type, Some(ResultType::Failed));
    assert!(reply.error.unwrap().contains("the user has several accounts of `mail`"));
}

#[tokio::test]
async fn only_the_word_itself_is_a_yes() {
    let fixture = Fixture::new();
    let session = fixture.session(every_call()).await;
    let call = Call { fixture: &fixture, session: &session };
    for response in [
        json!({"action": "accept"}),
        json!({"action": "accept", "content": null}),
        json!({"action": "accept", "content": {}}),
        json!({"action": "accept", "content": {"decision": null}}),
        json!({"action": "accept", "content": {"approve": true}}),
        json!({"action": "accept", "content": {"decision": "APPROVE"}}),
        json!({"action": "accept", "content": {"decision": "allow"}}),
        json!({"action": "approve", "content": {"decision": "approve"}}),
        json!({"content": {"decision": "approve"}}),
        json!({"action": "accept", "content": {"decision": ["approve"]}}),
        json!({"action": "accept", "content": {"decision": true}}),
        json!("approve"),
    ] {
        let state = call.ask("a").await;
        let error = call.answer("a", &state, response.clone()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Validation, "{response}: {error:?}");
        // It does not serve a second time either.
        call.answer("a", &state, approve()).await.unwrap_err();
    }
    let declined = call.ask("a").await;
    let response = json!({"action": "decline", "content": {"decision": "approve"}});
    assert_eq!(call.answer("a", &declined, response).await.unwrap().result_type, Some(ResultType::Failed));
    assert!(fixture.slugs_called().is_empty());
}

#[tokio::test]
async fn an_answer_to_one_question_is_none_to_another() {
    let fixture = Fixture::new();
    let once = json!({"experimental": {"permissions": {"default": "ask_once_per_session"}}});
    let session = fixture.session(once).await;
    let items = json!({"tools": [
        {"tool_slug": "SHELF_WRITE_NOTE", "arguments": {"text": "a"}},
        {"tool_slug": "SHELF_READ_NOTE", "arguments": {"text": "a"}},
    ]});
    let mut request = ExecuteMetaRequest {
        slug: "COMPOSIO_MULTI_EXECUTE_TOOL".to_owned(),
        arguments: Some(items.into()),
        ..ExecuteMetaRequest::default()
    };
    request.request_state = fixture.router.execute_meta(&session, &request).await.unwrap().request_state.clone();
    request.input_responses = Some(json!({"approval_0": approve(), "approval": approve()}).into());
    let error = fixture.router.execute_meta(&session, &request).await.unwrap_err();
    assert!(error.to_string().contains("has no answer to `approval_1`"), "{error}");
    // Nothing was granted by the half of an answer.
    let reply = fixture.execute(&session, "SHELF_WRITE_NOTE", json!({"text": "a"})).await.unwrap();
    assert_eq!(reply.result_type, Some(ResultType::InputRequired));
    assert!(fixture.slugs_called().is_empty());
}
