use std::fs;
use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use crate::User;

fn paths(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|item| item["path"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn text_and_bytes_go_in_and_out() {
    let user = User::new();
    let written = user.ok("FILES_WRITE", json!({ "path": "notes/ü.txt", "content": "grüß\n\"dich\"" })).await;
    assert_eq!(
        (&written["path"], &written["size"], &written["kind"]),
        (&json!("notes/ü.txt"), &json!(13), &json!("file"))
    );
    let read = user.ok("FILES_READ", json!({ "path": "notes/ü.txt" })).await;
    assert_eq!(read, json!({ "path": "notes/ü.txt", "size": 13, "content": "grüß\n\"dich\"", "encoding": "text" }));

    user.ok("FILES_WRITE", json!({ "path": "b", "content": "/wAB", "encoding": "base64" })).await;
    assert_eq!(fs::read(user.context.workspace.root().join("b")).unwrap(), [0xff, 0, 1]);
    let read = user.ok("FILES_READ", json!({ "path": "b" })).await;
    assert_eq!((&read["content"], &read["encoding"]), (&json!("/wAB"), &json!("base64")));

    let error = user.error("FILES_WRITE", json!({ "path": "b", "content": "no", "encoding": "base64" })).await;
    assert!(error.contains("not base64"), "{error}");
    let error = user.error("FILES_WRITE", json!({ "path": "b", "content": "x", "if_exists": "fail" })).await;
    assert!(error.contains("already"), "{error}");
    user.ok("FILES_WRITE", json!({ "path": "b", "content": "Ag==", "encoding": "base64", "if_exists": "append" }))
        .await;
    assert_eq!(fs::read(user.context.workspace.root().join("b")).unwrap(), [0xff, 0, 1, 2]);
}

#[tokio::test]
async fn a_large_text_is_read_in_parts_that_cut_no_character() {
    let user = User::new();
    let text = "aé文🦀".repeat(50);
    user.ok("FILES_WRITE", json!({ "path": "t", "content": text })).await;
    for limit in [4, 5, 7, 64, 10_000] {
        let mut whole = String::new();
        let mut offset = json!(0);
        while !offset.is_null() {
            let part = user.ok("FILES_READ", json!({ "path": "t", "offset": offset, "limit": limit })).await;
            assert_eq!(part["encoding"], "text");
            whole.push_str(part["content"].as_str().unwrap());
            offset = part["next_offset"].clone();
        }
        assert_eq!(whole, text, "{limit}");
    }
}

#[tokio::test]
async fn what_leads_outside_is_refused() {
    let user = User::new();
    fs::write(user.outer.path().join("secret"), "secret").unwrap();
    symlink("../secret", user.context.workspace.root().join("link")).unwrap();
    for path in ["../secret", "/etc/passwd", "link", "a/../../secret", "C:\\secret", "x\0"] {
        let error = user.error("FILES_READ", json!({ "path": path })).await;
        assert!(error.contains("refused") || error.contains("outside"), "{path}: {error}");
    }
    let found = user.ok("FILES_SEARCH", json!({ "text": "secret" })).await;
    assert_eq!(found["matches"], json!([]), "{found}");
    assert!(user.error("FILES_MOVE", json!({ "from": "link", "to": "../b" })).await.contains("refused"));
    assert!(user.error("FILES_DELETE", json!({ "path": "../secret" })).await.contains("refused"));
    assert_eq!(fs::read_to_string(user.outer.path().join("secret")).unwrap(), "secret");
}

#[tokio::test]
async fn lists_moves_and_deletes() {
    let user = User::new();
    for path in ["a/1", "a/2", "b"] {
        user.ok("FILES_WRITE", json!({ "path": path, "content": "x" })).await;
    }
    assert_eq!(paths(&user.ok("FILES_LIST", json!({})).await["entries"]), ["a", "b"]);
    let page = user.ok("FILES_LIST", json!({ "recursive": true, "limit": 2 })).await;
    assert_eq!((paths(&page["entries"]), &page["next_cursor"]), (vec!["a", "a/1"], &json!("a/1")));
    let page = user.ok("FILES_LIST", json!({ "recursive": true, "limit": 2, "cursor": "a/1" })).await;
    assert_eq!((paths(&page["entries"]), &page["next_cursor"]), (vec!["a/2", "b"], &Value::Null));
    assert!(user.error("FILES_MOVE", json!({ "from": "b", "to": "a/1" })).await.contains("already"));
    user.ok("FILES_MOVE", json!({ "from": "b", "to": "a/1", "overwrite": true })).await;
    assert!(user.error("FILES_DELETE", json!({ "path": "a" })).await.contains("recursive"));
    let deleted = user.ok("FILES_DELETE", json!({ "path": "a", "recursive": true })).await;
    assert_eq!(deleted["deleted"]["kind"], "folder");
    assert_eq!(user.ok("FILES_LIST", json!({})).await["entries"], json!([]));
    assert!(user.error("FILES_READ", json!({ "path": "a/1" })).await.contains("nothing at this path"));
}

#[tokio::test]
async fn searches_by_text_expression_and_name() {
    let user = User::new();
    for (path, content) in
        [("a.md", "one\nTwo two\r\nthree"), ("sub/b.md", "two.\n"), ("sub/c.csv", "2wo\n"), ("bin", "two\0")]
    {
        user.ok("FILES_WRITE", json!({ "path": path, "content": content })).await;
    }
    let found = user.ok("FILES_SEARCH", json!({ "text": "two" })).await;
    assert_eq!(
        found["matches"],
        json!([
            { "path": "a.md", "line": 2, "text": "Two two" },
            { "path": "sub/b.md", "line": 1, "text": "two." },
        ])
    );
    assert_eq!((&found["files_searched"], &found["truncated"]), (&json!(4), &json!(false)));
    let found = user.ok("FILES_SEARCH", json!({ "text": "Two", "case_sensitive": true })).await;
    assert_eq!(paths(&found["matches"]), ["a.md"]);
    assert_eq!(paths(&user.ok("FILES_SEARCH", json!({ "text": "two." })).await["matches"]), ["sub/b.md"]);
    let found = user.ok("FILES_SEARCH", json!({ "regex": "^[t2]wo", "limit": 2 })).await;
    assert_eq!((paths(&found["matches"]), &found["truncated"]), (vec!["a.md", "sub/b.md"], &json!(true)));
    let found = user.ok("FILES_SEARCH", json!({ "name": "*.MD" })).await;
    assert_eq!(paths(&found["files"]), ["a.md", "sub/b.md"]);
    let found = user.ok("FILES_SEARCH", json!({ "name": "sub/*", "text": "wo" })).await;
    assert_eq!(paths(&found["matches"]), ["sub/b.md", "sub/c.csv"]);
    let found = user.ok("FILES_SEARCH", json!({ "path": "sub", "name": "*", "limit": 1 })).await;
    assert_eq!((paths(&found["files"]), &found["truncated"]), (vec!["sub/b.md"], &json!(true)));

    for (arguments, reason) in [
        (json!({}), "nothing to find"),
        (json!({ "text": "a", "regex": "b" }), "not both"),
        (json!({ "text": "" }), "empty"),
        (json!({ "regex": "(" }), "regular expression"),
        (json!({ "regex": "(a{1000}){1000}" }), "regular expression"),
        (json!({ "name": "[" }), "glob"),
        (json!({ "text": "a", "path": "none" }), "nothing at this path"),
    ] {
        let error = user.error("FILES_SEARCH", arguments.clone()).await;
        assert!(error.contains(reason), "{arguments}: {error}");
    }
}

#[tokio::test]
async fn a_file_too_large_to_search_is_named() {
    let user = User::new();
    let large = fs::File::create(user.context.workspace.root().join("large")).unwrap();
    large.set_len(16 * 1024 * 1024 + 1).unwrap();
    let found = user.ok("FILES_SEARCH", json!({ "text": "x" })).await;
    assert_eq!(found["skipped"], json!(["large"]));
}
