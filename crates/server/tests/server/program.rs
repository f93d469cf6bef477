//! The program `composio`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use composio_contract::{Backend as _, CreateSession};
use composio_router::{Router, RouterConfig};
use serde_json::Value;

fn composio(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_composio"))
        .args(arguments)
        .args(["--data".as_ref(), folder.as_os_str()])
        .env_remove("COMPOSIO_CONFIG")
        .env_remove("COMPOSIO_DATABASE")
        .env_remove("COMPOSIO_LOG")
        .env_remove("COMPOSIO_MASTER_KEY")
        .current_dir(folder)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn keys_are_made_listed_and_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let made = composio(folder.path(), &["keys", "create", "--project", "shop", "--name", "ci", "--json"]);
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let (key, id) = (made["key"].as_str().unwrap(), made["id"].as_str().unwrap());
    assert!(key.starts_with(&format!("ck_{id}_")));
    let plain = composio(folder.path(), &["keys", "create"]);
    assert!(text(&plain.stdout).starts_with("ck_") && text(&plain.stdout).lines().count() == 1);
    assert!(!text(&plain.stderr).contains(text(&plain.stdout).trim()));

    let list = composio(folder.path(), &["keys", "list", "--json"]);
    let list: Value = serde_json::from_slice(&list.stdout).unwrap();
    assert_eq!((list[0]["project"].as_str(), list[1]["project"].as_str()), (Some("shop"), Some("default")));
    assert!(composio(folder.path(), &["keys", "revoke", id]).status.success());
    let again = composio(folder.path(), &["keys", "revoke", id]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("keys list"));
    assert!(text(&composio(folder.path(), &["keys", "list"]).stdout).starts_with("ID "));

    // The secret is nowhere in the data.
    let secret = key.rsplit('_').next().unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let content = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!content.windows(secret.len()).any(|window| window == secret.as_bytes()));
    }
}

#[test]
fn a_server_for_others_without_a_key_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let output = composio(folder.path(), &["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("composio keys create"), "{}", text(&output.stderr));
}

#[test]
fn a_configuration_is_checked_and_described() {
    let folder = tempfile::tempdir().unwrap();
    assert!(composio(folder.path(), &["config", "check"]).status.success());
    let schema: Value = serde_json::from_slice(&composio(folder.path(), &["config", "schema"]).stdout).unwrap();
    assert!(schema["properties"]["router"].is_object());
    std::fs::write(folder.path().join("composio.toml"), "[router]\ncall_timout = 5\n").unwrap();
    let output = composio(folder.path(), &["config", "check"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("composio.toml:2:1"), "{}", text(&output.stderr));
}

#[test]
fn the_doctor_finds_what_is_wrong() {
    let folder = private_folder();
    let output = composio(folder.path(), &["doctor"]);
    assert!(output.status.success(), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("toolkit time"));
    let config = "[[mcp]]\nslug = 'gone'\ncommand = '/nowhere/at-all'\n";
    std::fs::write(folder.path().join("composio.toml"), config).unwrap();
    let output = composio(folder.path(), &["doctor", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let findings: Value = serde_json::from_slice(&output.stdout).unwrap();
    let bad: Vec<&Value> = findings.as_array().unwrap().iter().filter(|finding| finding["ok"] == false).collect();
    assert_eq!(bad.len(), 1, "{findings:#}");
    assert_eq!(bad[0]["subject"], "toolkit gone");
}

#[test]
fn the_doctor_tells_of_tools_that_are_left_out() {
    let folder = private_folder();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/mcp-servers/fickle.py");
    let config =
        format!("[[mcp]]\nslug = \"git\"\ncommand = \"python3\"\nargs = [{script:?}, \"tools.json\"]\ncwd = \".\"\n");
    std::fs::write(folder.path().join("composio.toml"), config).unwrap();
    let tools = serde_json::json!([
        {"name": "log", "inputSchema": {"type": "object"}},
        {"name": "", "inputSchema": {"type": "object"}},
        {"name": "re\u{202e}ad", "inputSchema": {"type": "object"}},
        {"name": "x".repeat(257), "inputSchema": {"type": "object"}},
        {"name": "write", "inputSchema": {"type": "object", "properties": {"a\u{e0041}": {}}}},
    ]);
    std::fs::write(folder.path().join("tools.json"), tools.to_string()).unwrap();
    let output = composio(folder.path(), &["doctor", "--json"]);
    assert!(output.status.success());
    let findings: Value = serde_json::from_slice(&output.stdout).unwrap();
    let finding = findings.as_array().unwrap().iter().find(|finding| finding["subject"] == "toolkit git").unwrap();
    let message = finding["message"].as_str().unwrap();
    assert!(message.starts_with("tools: 1, left out: 4 ("), "{message}");
    for reason in [
        "`` has an empty name",
        "`read` has hidden characters in its name",
        "has a name of more than 256 characters",
        "`write` has an `inputSchema` that has hidden characters in the name or value \"a\"",
    ] {
        assert!(message.contains(reason), "{message}");
    }
}

/// A folder as the program itself makes one for its data.
fn private_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    folder
}

/// All that lies in a folder, and the folder, with their modes.
#[cfg(unix)]
fn modes(folder: &Path) -> Vec<(std::path::PathBuf, u32)> {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let mut found = vec![(folder.to_owned(), mode(folder))];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(modes(&path));
        } else {
            found.push((path.clone(), mode(&path)));
        }
    }
    found
}

#[cfg(unix)]
#[test]
fn what_the_data_folder_gets_is_its_owners_alone_whatever_the_umask() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o777)).unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::new("sh")
            .args(["-c", "umask 000 && exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_composio"), "--data"])
            .arg(&data)
            .args(arguments)
            .env_remove("COMPOSIO_CONFIG")
            .env_remove("COMPOSIO_DATABASE")
            .env_remove("COMPOSIO_MASTER_KEY")
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
    };
    let write = r#"{"path": "deep/er/note.txt", "content": "x"}"#;
    run(&["tools", "run", "FILES_WRITE", write, "--user", "ada"]);
    run(&[
        "tools",
        "run",
        "FILES_WRITE",
        r#"{"path": "added.txt", "content": "x", "if_exists": "append"}"#,
        "--user",
        "ada",
    ]);
    let table = r#"{"path": "own.db", "sql": "CREATE TABLE t (a)"}"#;
    run(&["tools", "run", "SQLITE_EXECUTE", table, "--user", "ada"]);
    let new = folder.path().join("new/master.key");
    run(&["accounts", "rotate-key", "--file", new.to_str().unwrap()]);
    let mut found = modes(&data);
    found.extend(modes(&folder.path().join("new")));
    for name in ["router.db", "router.db-stamp", "master.key", "note.txt", "added.txt", "own.db"] {
        assert!(found.iter().any(|(path, _)| path.ends_with(name)), "{name}: {found:?}");
    }
    for (path, mode) in &found {
        let expected = if *path == data {
            0o777
        } else if path.is_dir() {
            0o700
        } else {
            0o600
        };
        assert_eq!(*mode, expected, "{} has mode {mode:o}", path.display());
    }
}

#[cfg(unix)]
#[test]
fn the_doctor_finds_what_others_may_read() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = private_folder();
    assert!(composio(folder.path(), &["doctor"]).status.success());
    let database = folder.path().join("router.db");
    for (path, mode) in [(folder.path(), 0o755), (database.as_path(), 0o640)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let output = composio(folder.path(), &["doctor", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let findings: Value = serde_json::from_slice(&output.stdout).unwrap();
    let finding = findings.as_array().unwrap().iter().find(|finding| finding["subject"] == "modes").unwrap();
    let message = finding["message"].as_str().unwrap();
    assert!(message.contains("has mode 755") && message.contains("router.db has mode 640"), "{finding}");
    let fix = finding["suggested_fix"].as_str().unwrap();
    assert!(fix.contains(&format!("`chmod 700 {}`", folder.path().display())), "{fix}");
    assert!(fix.contains(&format!("`chmod 600 {}`", database.display())), "{fix}");
    // Opening the database has narrowed it.
    assert_eq!(std::fs::metadata(&database).unwrap().permissions().mode() & 0o777, 0o600);
}

#[cfg(unix)]
#[test]
fn users_files_of_before_are_closed_to_others() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = private_folder();
    for name in ["workspaces", "projects"] {
        let users = folder.path().join(name);
        std::fs::create_dir(&users).unwrap();
        std::fs::set_permissions(&users, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    assert!(composio(folder.path(), &["toolkits"]).status.success());
    for name in ["workspaces", "projects"] {
        let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{name}");
    }
}

#[test]
fn a_wrong_command_line_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["serv"][..], &["serve", "--listen", "here"], &["keys", "create", "--project", "../x"]] {
        assert_eq!(composio(folder.path(), arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn changed_tools_are_held_shown_and_accepted() {
    let folder = private_folder();
    let run = |arguments: &[&str]| composio(folder.path(), arguments);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/mcp-servers/fickle.py");
    let config =
        format!("[[mcp]]\nslug = \"git\"\ncommand = \"python3\"\nargs = [{script:?}, \"tools.json\"]\ncwd = \".\"\n");
    std::fs::write(folder.path().join("composio.toml"), config).unwrap();
    let lists = |description: &str| {
        let tools =
            serde_json::json!([{"name": "delete", "description": description, "inputSchema": {"type": "object"}}]);
        std::fs::write(folder.path().join("tools.json"), tools.to_string()).unwrap();
    };
    lists("Deletes a branch.");
    let done = run(&["tools", "run", "GIT_DELETE"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert!(text(&run(&["tools", "diff"]).stderr).contains("No tool is held."));
    let doctor = run(&["doctor"]);
    assert!(doctor.status.success());
    assert!(text(&doctor.stdout).contains("without a sandbox: git;"), "{}", text(&doctor.stdout));

    lists("Deletes everything.");
    let refused = run(&["tools", "run", "GIT_DELETE"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("composio tools trust git delete"), "{}", text(&refused.stderr));
    let doctor = run(&["doctor"]);
    assert_eq!(doctor.status.code(), Some(1));
    assert!(text(&doctor.stdout).contains("pins git") && text(&doctor.stdout).contains("composio tools diff git"));
    let toolkits = run(&["toolkits"]);
    assert!(text(&toolkits.stdout).lines().next().unwrap().contains("HELD"));
    assert!(text(&toolkits.stderr).contains("composio tools diff"));
    let diff = text(&run(&["tools", "diff", "GIT"]).stdout);
    assert!(diff.starts_with("git delete (GIT_DELETE): changed, held since "), "{diff}");
    assert!(diff.contains("- \"Deletes a branch.\"\n") && diff.contains("+ \"Deletes everything.\"\n"), "{diff}");
    let all: Value = serde_json::from_slice(&run(&["tools", "diff", "--json"]).stdout).unwrap();
    assert_eq!(
        (&all[0]["accepted"]["description"], &all[0]["operation"]),
        (&"Deletes a branch.".into(), &"delete".into())
    );

    assert_eq!(run(&["tools", "trust", "git"]).status.code(), Some(2));
    let unknown = run(&["tools", "trust", "git", "delet"]);
    assert!(text(&unknown.stderr).contains("held are: delete"), "{}", text(&unknown.stderr));
    assert_eq!(text(&run(&["tools", "trust", "git", "GIT_DELETE"]).stdout), "accepted delete\n");
    assert!(run(&["tools", "run", "GIT_DELETE"]).status.success());
    assert_eq!(text(&run(&["tools", "trust", "git", "--all", "--json"]).stdout), "[]\n");
}

#[test]
fn tools_are_found_shown_and_run() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| composio(folder.path(), arguments);
    let toolkits = text(&run(&["toolkits"]).stdout);
    assert!(toolkits.contains("sqlite") && toolkits.starts_with("SLUG"), "{toolkits}");
    let found = text(&run(&["tools", "search", "what time is it in Tokyo"]).stdout);
    assert!(found.starts_with("TIME_NOW "), "{found}");
    let found: Value =
        serde_json::from_slice(&run(&["tools", "search", "time", "--limit", "1", "--json"]).stdout).unwrap();
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    let shown = text(&run(&["tools", "show", "files_write"]).stdout);
    assert!(shown.starts_with("FILES_WRITE: ") && shown.contains("required"), "{shown}");

    let done = run(&["tools", "run", "TIME_NOW", r#"{"timezone": "Asia/Tokyo"}"#]);
    assert!(done.status.success());
    assert_eq!(serde_json::from_slice::<Value>(&done.stdout).unwrap()["timezone"], "Asia/Tokyo");
    let failed = run(&["tools", "run", "TIME_NOW", r#"{"timezone": "Mars"}"#, "--json"]);
    assert_eq!(failed.status.code(), Some(1));
    assert_eq!(serde_json::from_slice::<Value>(&failed.stdout).unwrap()["result_type"], "failed");
    for arguments in ["[]", "{"] {
        assert_eq!(run(&["tools", "run", "TIME_NOW", arguments]).status.code(), Some(1));
    }
    let unknown = run(&["tools", "run", "TIME_NOWW"]);
    assert!(text(&unknown.stderr).contains("TIME_NOW?"), "{}", text(&unknown.stderr));
    // Each run had a session of its own, which is gone.
    let sessions = run(&["sessions", "list", "--json"]);
    assert_eq!(text(&sessions.stdout), "[]\n");
}

#[tokio::test]
async fn sessions_are_listed_by_project() {
    let server = crate::common::Server::open().await;
    let session = server.session(None).await;
    let run = |arguments: &[&str]| composio(server.folder.path(), arguments);
    let list = text(&run(&["sessions", "list"]).stdout);
    assert!(list.lines().nth(1).unwrap().starts_with(&format!("{session}  ada ")), "{list}");
    let other = run(&["sessions", "list", "--project", "shop"]);
    assert_eq!(text(&other.stdout).lines().count(), 1);
    let shown: Value = serde_json::from_slice(&run(&["sessions", "show", &session]).stdout).unwrap();
    assert_eq!(shown["session_id"], session.as_str());
    assert_eq!(run(&["sessions", "--project", "shop", "delete", &session]).status.code(), Some(1));
    assert!(run(&["sessions", "delete", &session]).status.success());
    server.call("GET", &format!("/tool_router/session/{session}"), None, None).await.expect(404);
}

#[test]
fn a_token_is_made_for_a_session_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let id = runtime.block_on(async {
        let router = Router::builder().config(RouterConfig::in_folder(folder.path())).build().unwrap();
        let request = CreateSession { user_id: "ada".to_owned(), ..CreateSession::default() };
        let id = router.create_session(&request).await.unwrap().session_id.clone();
        router.close().await.unwrap();
        id
    });
    let made = composio(folder.path(), &["sessions", "token", &id]);
    let token = text(&made.stdout).trim().to_owned();
    assert!(token.starts_with("st_") && !text(&made.stderr).contains(&token));
    let made = composio(folder.path(), &["sessions", "token", &id, "--hours", "1", "--json"]);
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!(made["session_id"], id);
    let router =
        runtime.block_on(async { Router::builder().config(RouterConfig::in_folder(folder.path())).build() }).unwrap();
    for token in [token.as_str(), made["token"].as_str().unwrap()] {
        assert_eq!(runtime.block_on(router.session_of_token(token)).unwrap().unwrap().1, id);
    }
    let revoked = composio(folder.path(), &["sessions", "revoke-token", &id, made["id"].as_str().unwrap()]);
    assert_eq!(revoked.status.code(), Some(0), "{}", text(&revoked.stderr));
    let opens = |token: &str| runtime.block_on(router.session_of_token(token)).unwrap().is_some();
    assert!(opens(&token) && !opens(made["token"].as_str().unwrap()));
    assert_eq!(composio(folder.path(), &["sessions", "revoke-token", &id]).status.code(), Some(0));
    assert!(!opens(&token));
    assert_eq!(composio(folder.path(), &["sessions", "revoke-token", &id, "st_x.y"]).status.code(), Some(1));
    for wrong in [&["sessions", "token", "trs_none"][..], &["sessions", "token", &id, "--project", "shop"][..]] {
        assert_eq!(composio(folder.path(), wrong).status.code(), Some(1));
    }
    assert_eq!(composio(folder.path(), &["sessions", "token", &id, "--hours", "0"]).status.code(), Some(2));
}

#[test]
fn rotating_the_signing_key_ends_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = RouterConfig::in_folder(folder.path());
    let session = CreateSession { user_id: "ada".to_owned(), ..CreateSession::default() };
    let is_good = |token: &str| {
        let opened = runtime.block_on(async {
            let router = Router::builder().config(config.clone()).build().unwrap();
            router.session_of_token(token).await.unwrap()
        });
        opened.is_some()
    };
    let id = runtime.block_on(async {
        let router = Router::builder().config(config.clone()).build().unwrap();
        router.create_session(&session).await.unwrap().session_id.clone()
    });
    let token = || text(&composio(folder.path(), &["sessions", "token", &id]).stdout).trim().to_owned();
    let before = token();
    assert!(is_good(&before));
    let done = composio(folder.path(), &["keys", "rotate-signing", "--json"]);
    assert_eq!(text(&done.stdout).trim(), r#"{"rotated":true}"#);
    assert!(!is_good(&before) && is_good(&token()));
    let nowhere = composio(folder.path(), &["keys", "rotate-signing", "--database", ":memory:"]);
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(text(&nowhere.stderr).contains("in memory"));
}

#[test]
fn the_password_of_a_database_is_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    for (url, expected) in [
        ("postgres://ada:s3cret@127.0.0.1:1/x", "postgres://ada@127.0.0.1:1/x"),
        ("postgres://ada:s3cret@db:port/x", "invalid port number"),
        ("postgres://ada:s3cret@db", "names no database"),
    ] {
        for command in [&["doctor", "--json"][..], &["keys", "list"], &["sessions", "list"], &["serve"]] {
            let done = composio(folder.path(), &[command, &["--database", url]].concat());
            let shown = format!("{}{}", text(&done.stdout), text(&done.stderr));
            assert_eq!(done.status.code(), Some(1), "{command:?} {shown}");
            assert!(shown.contains(expected) && !shown.contains("s3cret"), "{command:?} {shown}");
        }
    }
    let help = Command::new(env!("CARGO_BIN_EXE_composio"))
        .args(["serve", "--help"])
        .env("COMPOSIO_DATABASE", "postgres://ada:s3cret@db/x")
        .output()
        .unwrap();
    let help = text(&help.stdout);
    assert!(help.contains("COMPOSIO_DATABASE") && !help.contains("s3cret"), "{help}");
}

const SHOP: &str = r#"
[[toolkit]]
slug = "shop"
openapi = "shop.json"
connect = { scheme = "api_key", header = "x-key" }
"#;
const DOCUMENT: &str = r#"{
    "openapi": "3.1.0",
    "info": {"title": "Shop", "version": "1"},
    "servers": [{"url": "http://127.0.0.1:9"}],
    "paths": {"/orders": {"get": {"operationId": "orders", "security": [{"key": []}]}}},
    "components": {"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "x-key"}}}
}"#;

fn connect(folder: &Path, user_id: &str) -> String {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut config = RouterConfig::load(Some(&folder.join("composio.toml"))).unwrap();
        config.router.data_dir = Some(folder.to_owned());
        let router = Router::builder().config(config).build().unwrap();
        let state =
            serde_json::json!({"authScheme": "API_KEY", "val": {"status": "ACTIVE", "api_key": "key-of-the-user"}});
        let request = serde_json::json!({
            "auth_config": {"id": "ac_shop"}, "connection": {"user_id": user_id, "state": state},
        });
        let made = router.create_connected_account(&serde_json::from_value(request).unwrap()).await.unwrap();
        let id = made.id.clone();
        router.close().await.unwrap();
        id
    })
}

#[test]
fn accounts_are_listed_and_their_master_key_is_rotated() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| composio(folder.path(), arguments);
    std::fs::write(folder.path().join("composio.toml"), SHOP).unwrap();
    std::fs::write(folder.path().join("shop.json"), DOCUMENT).unwrap();
    let (ada, bea) = (connect(folder.path(), "ada"), connect(folder.path(), "bea"));

    let list = text(&run(&["accounts", "list"]).stdout);
    let lines: Vec<Vec<&str>> = list.lines().map(|line| line.split_whitespace().collect()).collect();
    let expected = [
        vec!["ID", "USER", "TOOLKIT", "STATUS", "ALIAS", "REASON"],
        vec![&bea, "bea", "shop", "ACTIVE"],
        vec![&ada, "ada", "shop", "ACTIVE"],
    ];
    assert_eq!(lines, expected);
    let list = run(&["accounts", "list", "--user", "bea", "--toolkit", "shop", "--json"]);
    assert!(!text(&list.stdout).contains("key-of-the-user"));
    let list: Value = serde_json::from_slice(&list.stdout).unwrap();
    assert_eq!((&list["total_items"], list["items"][0]["id"].as_str()), (&1.into(), Some(bea.as_str())));
    assert!(!text(&run(&["accounts", "list", "--project", "other"]).stdout).contains("ca_"));

    // With the key that is there already, and without saying which, nothing happens.
    let present = folder.path().join("master.key");
    let same = run(&["accounts", "rotate-key", "--file", present.to_str().unwrap()]);
    assert!(same.status.code() == Some(1) && text(&same.stderr).contains("is the present one"));
    assert_eq!(run(&["accounts", "rotate-key"]).status.code(), Some(2));
    let memory = run(&["accounts", "rotate-key", "--file", "new.key", "--database", ":memory:"]);
    assert!(text(&memory.stderr).contains("in memory") && !folder.path().join("new.key").exists());

    let done = run(&["accounts", "rotate-key", "--file", "new.key", "--json"]);
    assert_eq!(text(&done.stdout), "{\"rotated\":true}\n");
    assert!(text(&done.stderr).contains("set `accounts.master_key_file` to /"), "{}", text(&done.stderr));
    let failed = run(&["tools", "run", "SHOP_ORDERS", "--user", "ada"]);
    assert!(text(&failed.stderr).contains("the master key is not the one"), "{}", text(&failed.stderr));
    std::fs::write(folder.path().join("composio.toml"), format!("{SHOP}\n[accounts]\nmaster_key_file = \"new.key\"\n"))
        .unwrap();
    // The credential opens: what the call fails of is that there is no shop.
    let failed = run(&["tools", "run", "SHOP_ORDERS", "--user", "ada"]);
    assert!(!text(&failed.stderr).contains("master key"), "{}", text(&failed.stderr));
    assert!(text(&failed.stderr).contains("127.0.0.1"), "{}", text(&failed.stderr));
}

#[test]
fn a_database_may_be_named_on_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("other.db");
    let made = composio(folder.path(), &["keys", "create", "--database", file.to_str().unwrap()]);
    assert!(made.status.success() && file.exists() && !folder.path().join("router.db").exists());
}

#[test]
fn each_exit_code_is_what_the_help_says() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| composio(folder.path(), arguments);
    let help = text(&run(&["--help"]).stdout);
    let page = text(&run(&["man"]).stdout);
    let codes = [
        ("0", &["config", "check"][..]),
        ("0", &["--help"]),
        ("1", &["sessions", "show", "trs_none"]),
        ("1", &["tools", "run", "TIME_NOW", r#"{"timezone": "Mars"}"#]),
        ("2", &["toolkits", "--none"]),
    ];
    for (code, arguments) in codes {
        assert_eq!(run(arguments).status.code().unwrap().to_string(), code, "{arguments:?}");
        assert!(help.lines().any(|line| line.trim().starts_with(&format!("{code}  "))), "{help}");
        assert!(page.contains(&format!(".TP\n\\fB{code}\\fR\n")), "{page}");
    }
}

#[cfg(unix)]
#[test]
fn a_server_that_is_told_to_stop_ends_with_zero_and_at_once_with_one() {
    let folder = tempfile::tempdir().unwrap();
    for (signal, code) in [("TERM", 0), ("INT", 0)] {
        let mut server = Serving::start(folder.path(), &[]);
        server.signal(signal);
        assert_eq!(server.process.wait().unwrap().code(), Some(code), "{signal}");
    }
    // A call that does not end holds the first stop up, and not the second.
    let mut server = Serving::start(folder.path(), &["--grace", "600"]);
    let mut stream = std::net::TcpStream::connect(&server.address).unwrap();
    let head = format!(
        "POST /api/v3.1/tool_router/session HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
         content-length: 9\r\nexpect: 100-continue\r\n\r\n",
        server.address
    );
    stream.write_all(head.as_bytes()).unwrap();
    // The server asks for the body only when the call is under way.
    stream.read_exact(&mut [0; 12]).unwrap();
    server.signal("TERM");
    server.log_has("stopping");
    server.signal("TERM");
    assert_eq!(server.process.wait().unwrap().code(), Some(1));
}

#[cfg(unix)]
#[test]
fn a_log_that_nobody_reads_holds_up_no_call_and_is_whole_once_it_is_read() {
    // More than a pipe holds.
    const CALLS: usize = 2_000;
    let folder = tempfile::tempdir().unwrap();
    let mut server = Serving::start(folder.path(), &["--log-format", "json"]);
    let mut stream = BufReader::new(std::net::TcpStream::connect(&server.address).unwrap());
    for call in 0..CALLS {
        let head = format!("GET /health/live HTTP/1.1\r\nhost: {}\r\nx-request-id: {call}\r\n\r\n", server.address);
        stream.get_mut().write_all(head.as_bytes()).unwrap();
        let (mut line, mut length) = (String::new(), 0);
        while line != "\r\n" {
            line.clear();
            assert_ne!(stream.read_line(&mut line).unwrap(), 0);
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse().unwrap();
            }
        }
        stream.read_exact(&mut vec![0; length]).unwrap();
    }
    drop(stream);
    server.signal("TERM");
    let lines: Vec<Value> =
        (&mut server.log).lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    assert_eq!(server.process.wait().unwrap().code(), Some(0));
    let ids = lines.iter().filter(|line| line["message"] == "request").map(|line| line["request_id"].as_str().unwrap());
    assert_eq!(ids.collect::<Vec<_>>(), (0..CALLS).map(|call| call.to_string()).collect::<Vec<_>>());
}

#[test]
fn every_command_has_json_for_scripts() {
    let folder = tempfile::tempdir().unwrap();
    let json = |arguments: &[&str]| -> Value {
        let output = composio(folder.path(), &[arguments, &["--json"]].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
    };
    let key = json(&["keys", "create"]);
    assert_eq!(json(&["keys", "revoke", key["id"].as_str().unwrap()])["revoked"], true);
    assert_eq!(json(&["config", "check"])["ok"], true);
    assert_eq!(json(&["config", "schema"])["title"], "RouterConfig");
    assert!(json(&["keys", "list"]).is_array() && json(&["sessions", "list"]).is_array());
    assert!(json(&["toolkits"])["items"].is_array() && json(&["tools", "search", "time"])["items"].is_array());
    assert_eq!(json(&["tools", "show", "TIME_NOW"])["slug"], "TIME_NOW");
    assert_eq!(json(&["tools", "run", "TIME_NOW"])["result_type"], "completed");
    assert_eq!(json(&["doctor"])[0]["ok"], true);
}

#[test]
fn nothing_but_a_terminal_gets_colours() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["toolkits"][..], &["doctor"], &["tools", "search", "time"], &["sessions", "show", "trs_0"]] {
        let output = composio(folder.path(), arguments);
        assert!(!text(&output.stdout).contains('\u{1b}') && !text(&output.stderr).contains('\u{1b}'), "{arguments:?}");
    }
    let forced = Command::new(env!("CARGO_BIN_EXE_composio"))
        .args(["toolkits", "--data"])
        .arg(folder.path())
        .env("CLICOLOR_FORCE", "1")
        .env_remove("NO_COLOR")
        .env_remove("COMPOSIO_CONFIG")
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(text(&forced.stdout).starts_with("\u{1b}[1mSLUG\u{1b}[0m"), "{}", text(&forced.stdout));
}

#[test]
fn shells_and_manuals_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| composio(folder.path(), arguments);
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = text(&run(&["completions", shell]).stdout);
        assert!(script.contains("composio") && script.contains("doctor") && script.contains("listen"), "{shell}");
    }
    assert_eq!(run(&["completions", "csh"]).status.code(), Some(2));
    let page = text(&run(&["man", "tools", "run"]).stdout);
    assert!(
        page.contains(".TH composio-tools-run 1") && page.contains("EXIT STATUS") && page.contains("NO_COLOR"),
        "{page}"
    );
    assert_eq!(run(&["man", "nothing"]).status.code(), Some(1));
    let pages = folder.path().join("man/man1");
    assert!(run(&["man", "--out", pages.to_str().unwrap()]).status.success());
    for name in ["composio.1", "composio-serve.1", "composio-keys-create.1"] {
        assert!(pages.join(name).is_file(), "{name}");
    }
}

/// A server that runs, and is ended with this.
struct Serving {
    process: Child,
    address: String,
    log: BufReader<ChildStderr>,
}

impl Serving {
    fn start(folder: &Path, options: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_composio"))
            .args(["serve", "--listen", "127.0.0.1:0", "--json", "--data"])
            .arg(folder)
            .args(options)
            .env_remove("COMPOSIO_CONFIG")
            .env_remove("COMPOSIO_LOG")
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        let address = said["listening"].as_str().unwrap().strip_prefix("http://").unwrap().to_owned();
        let log = BufReader::new(process.stderr.take().unwrap());
        Self { process, address, log }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.process.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Reads the log up to a line with these words.
    fn log_has(&mut self, words: &str) {
        let mut line = String::new();
        while !line.contains(words) {
            line.clear();
            assert_ne!(self.log.read_line(&mut line).unwrap(), 0, "the log ended");
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
