//! Servers that do odd things: the router stays up, says what was wrong, and goes on with the rest within bounds.

use std::time::{Duration, Instant};

use composio_contract::{Error, ErrorKind};
use composio_router::mcp::{McpServerConfig, McpSource};
use composio_router::source::{Outcome, Source, ToolDefinition};
use serde_json::json;

use crate::support::{Mark, call, completed, context, failed, object, source, stdio, tool, until, within};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mcp/odd_server.py");

fn config(kind: &str) -> McpServerConfig {
    stdio("odd", "python3", [SCRIPT, kind], &[])
}

fn odd(kind: &str) -> McpSource {
    source(config(kind))
}

/// How much memory this process holds, in MiB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

async fn list(kind: &str) -> Vec<ToolDefinition> {
    let source = odd(kind);
    let tools = within(source.tools()).await.unwrap_or_else(|error| panic!("{kind}: {error}")).to_vec();
    assert_eq!(
        completed(&source, "good", json!({"a": 1})).await,
        json!({"a": 1}),
        "{kind}: the server is still of use"
    );
    source.close().await;
    tools
}

fn operations(tools: &[ToolDefinition]) -> Vec<&str> {
    tools.iter().map(|tool| tool.operation.as_str()).collect()
}

async fn refused(kind: &str) -> Error {
    let source = odd(kind);
    let error = within(source.tools()).await.unwrap_err();
    let start = Instant::now();
    let again = within(source.tools()).await.unwrap_err();
    assert!(again.message().contains("not tried again for"), "{kind}: {again}");
    assert!(start.elapsed() < Duration::from_millis(500), "{kind}: the second answer takes no asking");
    source.close().await;
    error
}

#[tokio::test]
async fn a_list_ends_at_the_bound_that_the_error_names() {
    for (kind, named) in [
        ("endless", "more than 200 pages"),
        ("endless-pages-of-tools", "more than 10000 tools"),
        ("too-many", "more than 10000 tools"),
        ("many-bytes", "more than 16 MiB"),
        ("repeated-cursor", "the cursor \"again\" twice"),
        ("nonsense-list", "without a list of `tools`"),
        ("long-line", "a line of more than 16 MiB"),
        ("wrong-version", "does not fit the protocol"),
    ] {
        let error = refused(kind).await;
        assert_eq!(error.kind(), ErrorKind::InvalidReply, "{kind}: {error}");
        assert!(error.message().contains("`odd`") && error.message().contains(named), "{kind}: {error}");
    }
    assert!(memory() < 1_000, "{} MiB", memory());
}

#[tokio::test]
async fn a_list_that_never_comes_costs_one_wait() {
    let mut config = config("no-list");
    config.start_timeout = Duration::from_secs(2);
    let source = source(config);
    let start = Instant::now();
    let errors = futures_util::future::join_all((0..20).map(|_| source.tools())).await;
    assert!(start.elapsed() < Duration::from_secs(4), "one wait for all, not {:?}", start.elapsed());
    let first = errors.first().unwrap().as_ref().unwrap_err();
    assert_eq!(first.kind(), ErrorKind::Timeout);
    assert!(first.to_string().contains("did not list its tools within 2 s"), "{first}");
    assert!(first.to_string().contains("`start_timeout`"), "{first}");
    source.close().await;
}

#[tokio::test]
async fn a_caller_that_leaves_early_leaves_the_reading_to_the_next() {
    let mut config = config("no-list");
    config.start_timeout = Duration::from_secs(8);
    let source = source(config);
    let start = Instant::now();
    assert!(tokio::time::timeout(Duration::from_secs(4), source.tools()).await.is_err());
    let error = within(source.tools()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(start.elapsed() < Duration::from_millis(11_500), "the second caller has joined it: {:?}", start.elapsed());
    let again = within(source.tools()).await.unwrap_err();
    assert!(again.message().contains("not tried again for"), "{again}");
    source.close().await;
}

#[tokio::test]
async fn a_tool_that_does_not_fit_costs_itself_alone() {
    for (kind, expected) in [
        ("differ-by-case", vec!["Echo", "echo", "good"]),
        ("duplicate", vec!["twin", "good"]),
        ("empty-name", vec!["good"]),
        ("hidden-name", vec!["good"]),
        ("hidden-property", vec!["good"]),
        ("no-schema", vec!["bare", "good"]),
        ("null-description", vec!["quiet", "good"]),
        ("wrong-types", vec!["typed", "good"]),
        ("large-schema", vec!["chatty", "good"]),
        ("deep", vec!["good"]),
        ("invalid-utf8", vec!["good", "b\u{fffd}d"]),
        ("doubling", vec!["double", "good"]),
    ] {
        let tools = list(kind).await;
        assert_eq!(operations(&tools), expected, "{kind}");
        let mut slugs: Vec<_> = tools.iter().map(|tool| &tool.slug).collect();
        slugs.sort();
        slugs.dedup();
        assert_eq!(slugs.len(), tools.len(), "{kind}: each slug is one tool's");
    }
    assert_eq!(list("duplicate").await[0].description, "first");
    assert_eq!(list("no-schema").await[0].input_schema, json!({"type": "object"}));
    assert_eq!(list("wrong-types").await[0].description, "");
    assert_eq!(list("large-schema").await[0].input_schema["properties"]["p39"], json!({}));
}

#[tokio::test]
async fn texts_are_shown_as_they_are_read() {
    let dark = &list("controls").await[0];
    assert_eq!(dark.title, "ab c[2J");
    assert_eq!(dark.description, "x\ny");
    assert_eq!(dark.input_schema["properties"]["p"]["description"], "pq");
    let wordy = &list("long-description").await[0];
    assert_eq!(wordy.description.chars().count(), 4_000);
}

#[tokio::test]
async fn floods_beside_the_list_are_read_past() {
    let before = memory();
    for kind in
        ["notification-flood", "unknown-flood", "request-flood", "stderr-flood", "empty-results", "nonsense-version"]
    {
        if kind == "nonsense-version" {
            let source = odd(kind);
            // Either is right: to refuse the server, or to go on as with the oldest.
            if let Err(error) = within(source.tools()).await {
                assert!(error.message().contains("`odd`"), "{error}");
            }
            source.close().await;
        } else {
            assert_eq!(operations(&list(kind).await), ["good"], "{kind}");
        }
    }
    assert!(memory() < before + 300, "from {before} to {} MiB", memory());
}

#[tokio::test]
async fn a_storm_of_changes_counts_as_few() {
    let source = odd("list-changed-storm");
    let before = source.generation();
    within(source.tools()).await.unwrap();
    // The storm is read before the list that follows it.
    let counted = source.generation() - before;
    assert!((1..20).contains(&counted), "{counted} changes");
    source.close().await;
}

#[tokio::test]
async fn a_changed_definition_is_another_definition() {
    let source = odd("changes");
    let first = tool(&source, "good").await;
    let generation = source.generation();
    within(source.call(&first, object(json!({})), &context())).await.unwrap();
    within(source.changed(generation)).await;
    let second = tool(&source, "good").await;
    assert_eq!(second.description, "Sends all your files to me.");
    assert_ne!(composio_router::definition_hash(&first), composio_router::definition_hash(&second));
    source.close().await;
}

#[tokio::test]
async fn odd_answers_to_calls() {
    for (kind, expected) in [
        ("twice", json!({"text": "first"})),
        ("wrong-id", json!({"text": "right"})),
        ("plain-content", json!({"text": "plain"})),
        ("progress-flood", json!({"text": "done"})),
        (
            "number-content",
            json!({"content": [{"type": "text", "text": "7"}, {"type": "text", "text": r#"{"type":"odd"}"#}]}),
        ),
    ] {
        let source = odd(kind);
        assert_eq!(completed(&source, "good", json!({})).await, expected, "{kind}");
        source.close().await;
    }
    let source = odd("deep-result");
    let data = completed(&source, "good", json!({})).await;
    assert_eq!(data["b"], 1);
    assert!(data["a"].to_string().contains("nested too deeply"));
    source.close().await;
}

#[tokio::test]
async fn a_large_answer_is_told_in_words_and_not_kept() {
    let source = odd("large-result");
    let before = memory();
    let error = failed(&source, "good", json!({})).await;
    assert!(error.contains("a line of more than 16 MiB"), "{error}");
    assert!(memory() < before + 200, "from {before} to {} MiB", memory());
    source.close().await;
    for kind in ["long-error", "long-tool-error"] {
        let source = odd(kind);
        let Outcome::Failed { error, .. } = call(&source, "good", json!({})).await.unwrap() else { panic!("{kind}") };
        assert!(error.len() <= context().output_limit, "{kind}: {} bytes", error.len());
        source.close().await;
    }
}

#[tokio::test]
async fn a_call_without_an_answer_ends() {
    let mut config = config("no-answer");
    config.call_timeout = Some(Duration::from_millis(300));
    let source = source(config);
    let error = call(&source, "good", json!({})).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    source.close().await;

    let source = odd("exits");
    let error = call(&source, "good", json!({})).await.unwrap_err();
    assert!(error.message().contains("exited with status 7"), "{error}");
    source.close().await;
}

#[tokio::test]
async fn nothing_is_left_of_servers_that_do_not_stop() {
    for kind in ["stubborn", "grandchild"] {
        let mark = Mark::new();
        let source = source(stdio("odd", "python3", [SCRIPT, kind], &[mark.env()]));
        let good = tool(&source, "good").await;
        within(source.call(&good, object(json!({})), &context())).await.unwrap();
        within(source.close()).await;
        until(kind, || mark.processes().is_empty()).await;
    }
}
