//! What the mock lets pass and what it reports.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::Mock;
use serde_json::{Value, json};

fn vectors() -> Value {
    json!([
        {
            "name": "two_calls", "rule": "r", "steps": [{ "call": "client" }],
            "exchange": [
                {
                    "request": { "method": "POST", "path": "/api/v3.1/a", "body": { "id": 1, "note": null } },
                    "response": { "status": 201, "body": { "url": "{{base_url}}/b" } },
                },
                { "request": { "method": "GET", "path": "/api/v3.1/b", "query": { "limit": "5" } } },
            ],
        },
        {
            "name": "forbidden", "rule": "r", "steps": [{ "call": "client" }],
            "exchange": [
                {
                    "request": {
                        "method": "GET", "path": "/api/v3.1/a", "headers": { "x-team": "blue" }, "forbidden_headers": ["cookie"],
                    },
                },
                { "request": { "method": "GET", "path": "/presigned/up" } },
            ],
        },
        {
            "name": "any_order", "rule": "r", "unordered": true, "steps": [{ "call": "client" }],
            "exchange": [
                { "request": { "method": "GET", "path": "/api/v3.1/a" }, "response": { "body": 1 } },
                { "request": { "method": "GET", "path": "/api/v3.1/b" }, "response": { "body": 2 } },
            ],
        },
        {
            "name": "again", "rule": "r", "steps": [{ "call": "client" }],
            "exchange": [
                { "request": { "method": "GET", "path": "/api/v3.1/a" }, "response": { "drop_connection": true } },
                { "request": { "method": "GET", "path": "/api/v3.1/a", "not_before_ms": 60_000 } },
                { "request": { "method": "GET", "path": "/api/v3.1/c" }, "repeat": true },
            ],
        },
        {
            "name": "slow", "rule": "r", "steps": [{ "call": "client" }],
            "exchange": [{ "request": { "method": "GET", "path": "/api/v3.1/a" }, "response": { "delay_ms": 60_000 } }],
        },
        {
            "name": "outcomes", "rule": "r",
            "steps": [
                { "call": "use", "expect": { "n": 9_007_199_254_740_993_u64, "f": 1.0, "gone": null } },
                { "call": "use", "equals": { "a": null } },
                {
                    "call": "use",
                    "error": { "kind": "not_found", "status": 404, "message_contains": "no such", "not_contains": "s3cret" },
                },
                { "call": "use", "expect": { "text": { "$json": { "a": { "$contains": "x" } } }, "b": { "$absent": true } } },
            ],
        },
    ])
}

#[test]
fn what_matches_passes() {
    let mock = Mock::of(&vectors());
    let run = mock.run("own/two_calls");
    let base_url = run.instructions["base_url"].as_str().unwrap().to_owned();
    assert_eq!(run.instructions["client"]["base_url"], *base_url);
    let (status, body) = run.call("POST", "/api/v3.1/a", r#"{"note": null, "id": 1}"#);
    assert_eq!((status, body), (201, format!(r#"{{"url":"{base_url}/b"}}"#)));
    assert_eq!(run.call("GET", "/api/v3.1/b?limit=5", "").0, 200);
    assert_eq!(run.problems(), Vec::<String>::new());
}

#[test]
fn a_wrong_body_is_reported() {
    let mock = Mock::of(&vectors());
    for (body, problem) in [
        (r#"{"id": 2, "note": null}"#, "body.id: expected 1, got 2"),
        (r#"{"id": 1}"#, "body.note: expected null, got nothing"),
        (r#"{"id": 1, "note": null, "more": 3}"#, "body.more: unexpected, 3"),
        (r#"{"id": "1", "note": null}"#, r#"body.id: expected 1, got "1""#),
        ("{", "body: expected"),
    ] {
        let run = mock.run("own/two_calls");
        assert_eq!(run.call("POST", "/api/v3.1/a", body).0, 418, "{body}");
        assert!(run.problems()[0].contains(problem), "{body}: {:?}", run.problems());
    }
}

#[test]
fn a_wrong_place_or_query_is_reported() {
    let mock = Mock::of(&vectors());
    let run = mock.run("own/two_calls");
    assert_eq!(run.call("POST", "/api/v3.1/z", "{}").0, 418);
    assert_eq!(run.call("GET", "/api/v3.1/b?limit=5&cursor=c", "").0, 418);
    let problems = run.problems();
    assert!(problems[0].contains("expected POST /api/v3.1/a"), "{problems:?}");
    assert!(problems[1].contains(r#"query.cursor: unexpected, "c""#), "{problems:?}");
}

#[test]
fn a_missing_request_is_reported() {
    let mock = Mock::of(&vectors());
    let run = mock.run("own/two_calls");
    run.call("POST", "/api/v3.1/a", r#"{"id": 1, "note": null}"#);
    assert_eq!(run.problems(), ["missing request: GET /api/v3.1/b was never made"]);
}

#[test]
fn an_extra_request_is_reported() {
    let mock = Mock::of(&vectors());
    let run = mock.run("own/two_calls");
    run.call("POST", "/api/v3.1/a", r#"{"id": 1, "note": null}"#);
    run.call("GET", "/api/v3.1/b?limit=5", "");
    assert_eq!(run.call("GET", "/api/v3.1/b?limit=5", "").0, 418);
    assert_eq!(run.problems(), ["request 3 (GET /api/v3.1/b): unexpected, every exchange has been used"]);
}

#[test]
fn headers_are_judged() {
    let mock = Mock::of(&vectors());
    let run = mock.run("own/forbidden");
    run.send("GET", "/api/v3.1/a", &[("x-team", "red"), ("cookie", "a=1")], "");
    run.call("GET", "/presigned/up", "");
    let problems = run.problems();
    for part in
        ["header x-api-key: expected", r#"header x-team: expected "blue", got Some("red")"#, "header cookie: forbidden"]
    {
        assert!(problems[0].contains(part), "{problems:?}");
    }
    assert!(problems[1].contains("header x-api-key: forbidden"), "{problems:?}");
}

#[test]
fn unordered_exchanges_match_by_content() {
    let mock = Mock::of(&vectors());
    let run = mock.run("own/any_order");
    assert_eq!(run.call("GET", "/api/v3.1/b", ""), (200, "2".to_owned()));
    assert_eq!(run.call("GET", "/api/v3.1/a", ""), (200, "1".to_owned()));
    assert_eq!(run.problems(), Vec::<String>::new());
    let ordered = mock.run("own/two_calls");
    assert_eq!(ordered.call("GET", "/api/v3.1/b?limit=5", "").0, 418);
}

#[test]
fn connections_drop_time_is_judged_and_the_last_exchange_may_repeat() {
    let mock = Mock::of(&vectors());
    let run = mock.run("own/again");
    assert_eq!(run.call("GET", "/api/v3.1/a", "").0, 0);
    run.call("GET", "/api/v3.1/a", "");
    for _ in 0..3 {
        assert_eq!(run.call("GET", "/api/v3.1/c", "").0, 200);
    }
    let problems = run.problems();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("at least 60000 expected"), "{problems:?}");
    assert_eq!(mock.get("/__mock/stats")["requests_abandoned"], 0);
}

#[test]
fn outcomes_are_judged() {
    let mock = Mock::of(&vectors());
    let good = [
        (0, r#"{"result": {"n": 9007199254740993, "f": 1, "more": 2}}"#),
        (1, r#"{"result": {"a": null}}"#),
        (2, r#"{"error": {"kind": "not_found", "status": 404, "message": "no such thing"}}"#),
        (3, r#"{"result": {"text": "{\"a\": \"axa\"}"}}"#),
    ];
    let bad = [
        (0, r#"{"result": {"n": 9007199254740992, "f": 1}}"#),
        (0, r#"{"error": {"kind": "validation", "message": "m"}}"#),
        (1, r#"{"result": {}}"#),
        (1, r#"{"result": {"a": null, "b": 1}}"#),
        (2, r#"{"result": {}}"#),
        (2, r#"{"error": {"kind": "conflict", "status": 404, "message": "no such thing"}}"#),
        (2, r#"{"error": {"kind": "not_found", "status": 400, "message": "no such thing"}}"#),
        (2, r#"{"error": {"kind": "not_found", "status": 404, "message": "gone"}}"#),
        (2, r#"{"error": {"kind": "not_found", "status": 404, "message": "no such thing s3cret"}}"#),
        (2, r#"{"error": {"kind": "not_found", "status": 404, "message": "no such thing ak_test_4f1c0ffee"}}"#),
        (3, r#"{"result": {"text": "{\"a\": \"b\"}"}}"#),
        (3, r#"{"result": {"text": "{\"a\": \"x\"}", "b": null}}"#),
    ];
    assert!(mock.run("own/outcomes").text.contains("9007199254740993"));
    for (outcomes, count) in [(good.as_slice(), 0), (bad.as_slice(), 1)] {
        for (step, outcome) in outcomes {
            let run = mock.run("own/outcomes");
            let problems = run.report(*step, outcome)["problems"].as_array().unwrap().len();
            assert_eq!((problems, run.problems().len()), (count, count), "step {step}: {outcome}");
        }
    }
}

#[test]
fn a_client_that_goes_away_is_counted() {
    let mock = Mock::of(&vectors());
    let run = mock.run("own/slow");
    let key = run.key().unwrap();
    drop(mock.open("GET", &run.path("/api/v3.1/a"), &[("x-api-key", key)], b""));
    let deadline = Instant::now() + Duration::from_secs(10);
    while mock.get("/__mock/stats")["requests_abandoned"] != 1 {
        assert!(Instant::now() < deadline, "{}", mock.get("/__mock/stats"));
    }
}

#[test]
fn an_unknown_vector_or_field_is_refused() {
    let mock = Mock::of(&vectors());
    assert_eq!(mock.send("POST", "/__mock/runs", &[], r#"{"vector": "own/none"}"#).0, 400);
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("shared")).unwrap();
    std::fs::write(folder.path().join("shared/shared.json"), "{}").unwrap();
    let vector = json!({ "vectors": [{ "name": "a", "rule": "r", "steps": [], "exchanges": [] }] });
    std::fs::write(folder.path().join("own.json"), vector.to_string()).unwrap();
    let refused =
        Command::new(env!("CARGO_BIN_EXE_mock-backend")).arg("--vectors").arg(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("own/a") && said.contains("exchanges"), "{said}");
}
