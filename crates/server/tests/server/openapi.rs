//! `composio openapi check`

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const GOOD: &str = r#"{"openapi": "3.1.0", "info": {"title": "A", "version": "1"}, "paths": {
    "/a": {"get": {"operationId": "a"}}, "/b": {"get": {"operationId": "b", "parameters": [{"$ref": "b.yaml#/x"}]}}}}"#;

fn check(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_composio"));
    command
        .args(["openapi", "check"])
        .args(arguments)
        .current_dir(folder)
        .env_remove("COMPOSIO_CONFIG")
        .output()
        .unwrap()
}

#[test]
fn each_document_is_told_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("more")).unwrap();
    for (name, text) in [
        ("good.json", GOOD),
        ("more/swagger.yml", "swagger: '2.0'\ninfo: {title: S, version: '1'}\npaths: {/s: {get: {responses: {}}}}\n"),
        ("more/none.json", r#"{"openapi": "3.0.0", "info": {}, "paths": {}}"#),
        ("broken.json", "{\"openapi\": "),
        ("notes.txt", "no document"),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let output = check(folder.path(), &[".", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let findings: Value = serde_json::from_slice(&output.stdout).unwrap();
    let told: Vec<String> = findings
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            format!("{} {} {}", one["path"].as_str().unwrap(), one["result"].as_str().unwrap(), one["operations"])
        })
        .collect();
    assert_eq!(
        told,
        [
            "./broken.json refused 0",
            "./good.json loaded 1",
            "./more/none.json refused 0",
            "./more/swagger.yml loaded 1"
        ],
    );
    assert!(findings[0]["reason"].as_str().unwrap().starts_with("it is no JSON: "), "{findings}");
    assert!(findings[1]["left_out"][0]["reason"].as_str().unwrap().contains("leaves the document"), "{findings}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("4 documents: 2 loaded, 2 refused, 0 failed"));

    let output = check(folder.path(), &["good.json"]);
    assert!(output.status.success());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("loaded") && text.contains("left out") && text.contains("good.json"), "{text}");

    let output = check(folder.path(), &["missing.json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("missing.json cannot be read"));
}
