//! Runs every shared vector through core, as a language layer would, and lets the mock judge.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test says so by failing"
)]

mod runner;
#[path = "../mock/support.rs"]
mod support;

use std::collections::BTreeMap;
use std::path::Path;

use composio_contract::Error;
use runner::{Runner, Vector};
use serde_json::{Value, json};
use support::Mock;

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors");

fn lower(error: &Error) -> String {
    let lowered = json!({"error": {
        "kind": error.kind().name(),
        "message": error.to_string(),
        "debug": format!("{error:?}"),
        "status": error.status(),
        "code": error.code(),
        "slug": error.slug(),
        "suggested_fix": error.suggested_fix(),
        "request_id": error.request_id(),
        "retryable": error.is_retryable(),
        "details": error.details(),
    }});
    lowered.to_string()
}

async fn play(mock: &Mock, name: &str) -> Vec<String> {
    let run = mock.run(name);
    let vector: Vector = serde_json::from_str(&run.text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut runner = Runner::new(vector);
    for index in 0..runner.steps() {
        let outcome = match runner.step(index).await {
            Ok(result) => format!("{{\"result\":{result}}}"),
            Err(error) => lower(&error),
        };
        run.report(index, &outcome);
    }
    run.problems()
}

/// The vectors that core cannot run, with the reason.
fn gaps() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(Path::new(VECTORS).join("shared/gaps.json")).unwrap();
    let mut all: BTreeMap<String, BTreeMap<String, String>> = serde_json::from_str(&text).unwrap();
    all.remove("rust").unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_vector() {
    let mock = Mock::start(Path::new(VECTORS), &[]);
    let Value::Array(names) = mock.get("/__mock/vectors") else { panic!("no list of vectors") };
    let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
    assert!(names.len() > 400, "only {} vectors", names.len());
    let gaps = gaps();
    let mut failures: Vec<String> = gaps
        .keys()
        .filter(|gap| !names.contains(&gap.as_str()))
        .map(|gap| format!("{gap}: listed as a gap, but there is no such vector"))
        .collect();
    for name in &names {
        let problems = play(&mock, name).await;
        match gaps.contains_key(*name) {
            true if problems.is_empty() => failures.push(format!("{name}: listed as a gap, but it passes")),
            true => {}
            false => failures.extend(problems.into_iter().map(|problem| format!("{name}: {problem}"))),
        }
    }
    assert!(failures.is_empty(), "{} problems:\n{}", failures.len(), failures.join("\n"));
}
