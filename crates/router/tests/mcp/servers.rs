//! The public reference servers: what they list, and that calls of them work.

use composio_router::source::{Source, Tag};
use serde_json::json;

use crate::support::{Mark, call, completed, everything, failed, installed, source, stdio, tool};

#[tokio::test]
async fn everything_lists_and_runs() {
    let source = source(everything(&Mark::new()));
    assert_eq!(source.toolkit().description, "Tools of everything.");

    let echo = tool(&source, "echo").await;
    assert_eq!(echo.slug, "EVERYTHING_ECHO");
    assert_eq!(echo.input_schema["properties"]["message"]["type"], "string");
    assert_eq!(echo.tags, [Tag::ReadOnly, Tag::Idempotent]);
    assert!(source.toolkit().description.starts_with("Everything Server"), "{}", source.toolkit().description);

    let data = completed(&source, "echo", json!({"message": "hello"})).await;
    assert_eq!(data, json!({"text": "Echo: hello"}));

    let forecast = tool(&source, "get-structured-content").await;
    let data = completed(&source, "get-structured-content", json!({"location": "Chicago"})).await;
    for property in forecast.output_schema.unwrap()["required"].as_array().unwrap() {
        assert!(data.get(property.as_str().unwrap()).is_some(), "{property} in {data}");
    }

    let data = completed(&source, "get-tiny-image", json!({})).await;
    let kinds: Vec<_> = data["content"].as_array().unwrap().iter().map(|item| item["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["text", "image", "text"]);

    let reason = failed(&source, "get-sum", json!({"a": "one"})).await;
    assert!(reason.contains("number"), "{reason}");
    source.close().await;
}

#[tokio::test]
async fn only_a_few_variables_of_this_environment_reach_a_server() {
    let source = source(everything(&Mark::new()));
    let data = completed(&source, "get-env", json!({})).await;
    let names: Vec<_> = data.as_object().unwrap().keys().map(String::as_str).collect();
    assert!(names.contains(&"PATH") && names.contains(&"MCP_TEST_MARK"), "{names:?}");
    assert!(!names.contains(&"CARGO_MANIFEST_DIR"), "{names:?}");
    source.close().await;
}

#[tokio::test]
async fn filesystem_reads_its_folder_and_refuses_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    std::fs::write(path.join("note.txt"), "as written").unwrap();
    let script = installed("node_modules/@modelcontextprotocol/server-filesystem/dist/index.js");
    let source = source(stdio("files", "node", [script.as_str(), path.to_str().unwrap()], &[]));

    let data = completed(&source, "read_text_file", json!({"path": path.join("note.txt")})).await;
    assert_eq!(data, json!({"content": "as written"}));
    let reason = failed(&source, "read_text_file", json!({"path": "/etc/passwd"})).await;
    assert!(reason.contains("Access denied"), "{reason}");
    assert_eq!(tool(&source, "write_file").await.tags, [Tag::Destructive, Tag::Idempotent]);
    source.close().await;
}

#[tokio::test]
async fn time_answers_with_an_object() {
    let source = source(stdio("time", &installed("python/bin/mcp-server-time"), [], &[]));
    assert_eq!(tool(&source, "get_current_time").await.slug, "TIME_GET_CURRENT_TIME");
    let data = completed(&source, "get_current_time", json!({"timezone": "Asia/Tokyo"})).await;
    assert_eq!(data["timezone"], "Asia/Tokyo");
    assert!(data["datetime"].as_str().unwrap().ends_with("+09:00"), "{data}");
    source.close().await;
}

#[tokio::test]
async fn git_sees_a_repository() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    assert!(std::process::Command::new("git").args(["init", "--quiet", path]).status().unwrap().success());
    std::fs::write(folder.path().join("new.txt"), "x").unwrap();
    let source = source(stdio("git", &installed("python/bin/mcp-server-git"), ["--repository", path], &[]));

    // The operation's own `git_` is not doubled.
    assert_eq!(tool(&source, "git_status").await.slug, "GIT_STATUS");
    let data = completed(&source, "git_status", json!({"repo_path": path})).await;
    assert!(data.to_string().contains("new.txt"), "{data}");
    source.close().await;
}

#[tokio::test]
async fn fifty_calls_at_a_time() {
    let source = source(everything(&Mark::new()));
    tool(&source, "get-sum").await;
    let calls = (0..50).map(|n| completed(&source, "get-sum", json!({"a": n, "b": 1000})));
    let sums = futures_util::future::join_all(calls).await;
    for (n, sum) in sums.iter().enumerate() {
        assert!(sum["text"].as_str().unwrap().contains(&format!(" {}.", n + 1000)), "{n}: {sum}");
    }
    source.close().await;
}

#[tokio::test]
async fn a_server_offers_what_it_is_configured_to() {
    let mut config = everything(&Mark::new());
    config.allow = Some(vec!["echo".to_owned(), "get-sum".to_owned()]);
    config.deny = vec!["get-sum".to_owned()];
    let source = source(config);
    let names: Vec<_> = source.tools().await.unwrap().iter().map(|tool| tool.operation.clone()).collect();
    assert_eq!(names, ["echo"]);
    assert!(call(&source, "echo", json!({"message": "x"})).await.is_ok());
    source.close().await;
}
