//! What the program's children can see of it.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::unprivileged;

const SECRET: &str = "secret-of-the-environment";

#[test]
fn a_server_that_the_program_starts_can_read_neither_its_memory_nor_its_environment() {
    looks(unprivileged::composio, unprivileged::uid(), &["environ", "mem", "maps", "fd", "auxv"]);
}

#[test]
fn nor_if_both_run_as_root() {
    // Root sees how many files are open, but not which.
    let own = rustix::process::geteuid().as_raw();
    looks(unprivileged::composio_as_is, own, &["environ", "mem", "maps", "auxv"]);
}

fn looks(composio: impl Fn(&Path, &[&str]) -> Command, uid: u32, closed: &[&str]) {
    let folder = unprivileged::folder();
    let peek = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/mcp-servers/peek.py");
    std::fs::copy(peek, folder.path().join("peek.py")).unwrap();
    let config = "[[mcp]]\nslug = 'peek'\ncommand = 'python3'\nargs = ['peek.py']\n";
    std::fs::write(folder.path().join("composio.toml"), config).unwrap();
    let output =
        composio(folder.path(), &["tools", "run", "PEEK_PARENT", "--json"]).env("SECRET", SECRET).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown} {}", String::from_utf8_lossy(&output.stderr));
    let outcome: Value = serde_json::from_str(&shown).unwrap();
    let found = &outcome["data"];
    for name in closed {
        assert_eq!(found["parent"][name], "PermissionError", "{outcome:#}");
        // The same user's other processes it can read: it is the program that keeps to itself.
        assert_eq!(found["sibling"][name], "read", "{outcome:#}");
    }
    assert_eq!(found["uid"], uid);
    assert!(!shown.contains(SECRET), "{outcome:#}");
}

#[test]
fn the_program_can_still_do_all_it_does_as_a_user_without_rights() {
    let folder = unprivileged::folder();
    let run = |arguments: &[&str]| {
        let output = unprivileged::composio(folder.path(), arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let content = "x".repeat(100_000);
    let write = serde_json::json!({"path": "a/b.txt", "content": content}).to_string();
    run(&["tools", "run", "FILES_WRITE", &write, "--user", "ada"]);
    assert!(run(&["tools", "run", "FILES_READ", r#"{"path": "a/b.txt"}"#, "--user", "ada"]).contains("xxx"));
    run(&["tools", "run", "SQLITE_EXECUTE", r#"{"sql": "CREATE TABLE t (a)"}"#, "--user", "ada"]);
    run(&["doctor"]);
}
