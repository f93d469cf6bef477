//! The targets with a corpus and its mutations, so that they are known to hold without cargo-fuzz too.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test may stop at the first error")]

use std::path::Path;

use composio_router::RouterConfig;
use fuzz_targets::{
    composio_toml, json_body, mcp_message, mcp_server, mutations, openapi_document, schema, signed_text,
};

const SEED: u64 = 20_260_728;

/// The files of `fuzz/corpus/NAME`, which cargo-fuzz begins with as well.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    files.into_iter().map(|file| std::fs::read(file).unwrap()).collect()
}

fn drive(name: &str, target: fn(&[u8]), count: usize) {
    let corpus = corpus(name);
    for input in corpus.iter().cloned().chain(mutations(&corpus, SEED).take(count)) {
        let shown = input.clone();
        std::panic::catch_unwind(move || target(&input))
            .unwrap_or_else(|_| panic!("{name} fails with {:?}", String::from_utf8_lossy(&shown)));
    }
}

/// Only as they are: a mutation may put a secret where none belongs.
#[test]
fn secrets_of_a_configuration_are_not_shown() {
    for text in corpus("composio_toml") {
        let text = String::from_utf8(text).unwrap();
        let config = RouterConfig::from_toml(&text, "/nowhere/composio.toml").unwrap();
        assert!(!format!("{config:?}").contains("s3cr3t"), "{text}");
    }
}

#[test]
fn json_bodies() {
    drive("json_body", json_body, 4_000);
}

#[test]
fn configurations() {
    drive("composio_toml", composio_toml, 20_000);
}

#[test]
fn schemas() {
    drive("schema", schema, 3_000);
}

#[test]
fn openapi_documents() {
    drive("openapi_document", openapi_document, 3_000);
}

#[test]
fn mcp_messages() {
    drive("mcp_message", mcp_message, 2_000);
}

#[test]
fn answers_of_mcp_servers() {
    drive("mcp_server", mcp_server, 500);
}

#[test]
fn signed_texts() {
    drive("signed_text", signed_text, 800);
}
