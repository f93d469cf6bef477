//! Starts, crashes, waits and ends.

use std::time::{Duration, Instant};

use composio_contract::{Error, ErrorKind};
use composio_router::mcp::McpTransport;
use composio_router::source::Source;
use futures_util::future::join_all;
use serde_json::json;

use crate::support::{
    Mark, Recorder, call, completed, context, everything, io_counter, object, source, stdio, tool, until, within,
};

#[tokio::test]
async fn many_first_uses_start_one_process() {
    let recorder = Recorder::new();
    let source = recorder.source(&[]);
    assert!(recorder.mark.processes().is_empty(), "not before it is used");
    let outcomes = join_all((0..50).map(|n| completed(&source, "echo", json!({"n": n})))).await;
    assert_eq!(outcomes.len(), 50);
    assert_eq!(recorder.with_method("initialize").len(), 1);
    assert_eq!(recorder.with_method("tools/list").len(), 3);
    assert_eq!(recorder.mark.processes().len(), 1);
    source.close().await;
}

#[tokio::test]
async fn a_kill_in_the_middle_of_a_call_fails_it_and_the_next_call_works() {
    let mark = Mark::new();
    let source = source(everything(&mark));
    let long = tool(&source, "trigger-long-running-operation").await;
    let generation = source.generation();
    let pid = mark.processes()[0];
    let before = io_counter(pid, "rchar");
    let context = context();
    let call = source.call(&long, object(json!({"duration": 600, "steps": 600})), &context);
    let (result, ()) = tokio::join!(within(call), async {
        // More than the wake-ups of its event loop, less than a request.
        until("the request is read", || io_counter(pid, "rchar") > before + 100).await;
        mark.kill().await;
    });
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert!(
        error.message().contains("`everything` (command `node`)") && error.message().contains("signal 9"),
        "{error}"
    );
    assert!(error.is_retryable());

    assert_eq!(completed(&source, "echo", json!({"message": "again"})).await, json!({"text": "Echo: again"}));
    assert!(source.generation() > generation, "another run may have other tools");
    source.close().await;
}

#[tokio::test]
async fn a_kill_between_calls_is_not_noticed() {
    let recorder = Recorder::new();
    let source = recorder.source(&[]);
    let echo = tool(&source, "echo").await;
    recorder.mark.kill().await;
    within(source.call(&echo, object(json!({})), &context())).await.unwrap();
    assert_eq!(recorder.with_method("initialize").len(), 2);
    source.close().await;
}

#[tokio::test]
async fn a_crash_tells_the_servers_last_words_without_its_secrets() {
    let recorder = Recorder::new();
    let source = recorder.source(&[]);
    let error = call(&source, "die", json!({})).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    let message = error.message();
    assert!(message.contains("exited with status 3"), "{message}");
    assert!(message.contains("the key is [redacted]\nout of memory, or so"), "{message}");
    source.close().await;
}

#[tokio::test]
async fn a_second_crash_makes_callers_wait_and_says_for_how_long() {
    let recorder = Recorder::new();
    let source = recorder.source(&[]);
    let (die, echo) = (tool(&source, "die").await, tool(&source, "echo").await);
    let (context, none) = (context(), || object(json!({})));
    for _ in 0..2 {
        within(source.call(&die, none(), &context)).await.unwrap_err();
    }

    let start = Instant::now();
    let error = within(source.call(&echo, none(), &context)).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_millis(500), "it fails at once, not after {:?}", start.elapsed());
    assert!(error.message().contains("exited with status 3"), "{error}");
    assert!(error.message().contains("not tried again for"), "{error}");

    // The wait comes to its end.
    let start = Instant::now();
    while within(source.call(&echo, none(), &context)).await.is_err() {
        assert!(start.elapsed() < Duration::from_secs(10), "it is never tried again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    source.close().await;
}

async fn start_error(config: composio_router::mcp::McpServerConfig) -> Error {
    let source = source(config);
    let error = within(source.tools()).await.unwrap_err();
    let again = within(source.tools()).await.unwrap_err();
    assert!(again.message().contains("not tried again for"), "{again}");
    assert_eq!(again.kind(), error.kind());
    source.close().await;
    error
}

#[tokio::test]
async fn a_missing_command_is_named() {
    let error = start_error(stdio("lost", "no-such-program", ["--token=abc"], &[("KEY", "sk-very-secret")])).await;
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert_eq!(
        error.to_string(),
        "MCP server `lost` (command `no-such-program`) was not started: the command was not found \
         (is it installed and on PATH? A path with folders in it must exist)"
    );
}

#[tokio::test]
async fn a_missing_folder_and_a_file_that_cannot_be_run_are_told_apart() {
    let mut config = stdio("lost", "python3", [], &[]);
    if let McpTransport::Stdio { cwd, .. } = &mut config.transport {
        *cwd = Some("/no/such/folder".into());
    }
    let error = start_error(config).await;
    assert!(error.message().contains("working directory does not exist"), "{error}");

    let file = tempfile::NamedTempFile::new().unwrap();
    let error = start_error(stdio("lost", file.path().to_str().unwrap(), [], &[])).await;
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.message().contains("permission was denied"), "{error}");
}

#[tokio::test]
async fn a_server_that_exits_at_once_is_quoted() {
    let recorder = Recorder::new();
    let error = start_error(recorder.config(&["--fail"])).await;
    assert_eq!(error.kind(), ErrorKind::Connection);
    let message = error.message();
    assert!(message.contains("exited with status 1") && message.contains("no licence for key [redacted]"), "{message}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let recorder = Recorder::new();
    let mut config = recorder.config(&["--deaf"]);
    config.start_timeout = Duration::from_millis(300);
    let error = start_error(config).await;
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.message().contains("not ready within 0.3 s"), "{error}");
    assert!(recorder.mark.processes().is_empty());
}

#[tokio::test]
async fn nothing_is_left_after_close() {
    let recorder = Recorder::new();
    let source = recorder.source(&["--child"]);
    source.tools().await.unwrap();
    assert_eq!(recorder.mark.processes().len(), 2, "the server and what it started");
    within(source.close()).await;
    until("the child of the server has gone", || recorder.mark.processes().is_empty()).await;

    let error = source.tools().await.map(|_| ()).err();
    assert!(error.is_none(), "the tools are known");
    let error = call(&source, "echo", json!({})).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    within(source.close()).await;
}

#[tokio::test]
async fn a_killed_servers_children_go_with_it() {
    let recorder = Recorder::new();
    let source = recorder.source(&["--child"]);
    let error = call(&source, "die", json!({})).await.unwrap_err();
    assert!(error.message().contains("exited with status 3"), "{error}");
    until("the child of the server has gone", || recorder.mark.processes().is_empty()).await;
    source.close().await;
}

#[tokio::test]
async fn a_server_that_will_not_stop_is_killed() {
    let recorder = Recorder::new();
    let source = recorder.source(&["--stubborn"]);
    source.tools().await.unwrap();
    within(source.close()).await;
    assert!(recorder.mark.processes().is_empty());
}

#[tokio::test]
async fn a_source_that_is_dropped_stops_its_server() {
    let recorder = Recorder::new();
    let source = recorder.source(&["--child"]);
    source.tools().await.unwrap();
    drop(source);
    until("all have gone", || recorder.mark.processes().is_empty()).await;
}

#[test]
fn a_runtime_that_ends_takes_its_servers_with_it() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let recorder = Recorder::new();
    let source = runtime.block_on(async {
        let source = recorder.source(&["--child", "--stubborn"]);
        source.tools().await.unwrap();
        source
    });
    drop(runtime);
    let other = tokio::runtime::Runtime::new().unwrap();
    other.block_on(until("all have gone", || recorder.mark.processes().is_empty()));
    let error = other.block_on(call(&source, "echo", json!({}))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn close_ends_a_start_that_is_under_way() {
    let recorder = Recorder::new();
    let source = recorder.source(&["--deaf"]);
    let (tools, ()) = tokio::join!(within(source.tools()), async {
        until("it is being started", || !recorder.messages().is_empty()).await;
        within(source.close()).await;
    });
    assert_eq!(tools.unwrap_err().kind(), ErrorKind::Closed);
    until("it has gone", || recorder.mark.processes().is_empty()).await;
}
