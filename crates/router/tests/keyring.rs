//! The master key in a real keyring: GNOME's, on a session bus of its own. `tests/keyring/install.sh` installs both.
//!
//! The program starts itself again within that session.
#![allow(clippy::panic, clippy::unwrap_used, clippy::print_stdout, reason = "a test may stop at the first error")]

use std::path::{Path, PathBuf};
use std::process::Command;

use composio_contract::{Backend as _, CreateAccount, ErrorKind, IdRef, NewConnection, RawJson};
use composio_router::{Router, RouterConfig};
use composio_vault::{MasterKey, MasterKeySource, Vault};
use serde_json::json;

/// Says to the program that it is within.
const WITHIN: &str = "KEYRING_TEST_FOLDER";
const WITHOUT: &str = "KEYRING_TEST_AWAY";
const START: &str = "printf password | gnome-keyring-daemon --unlock --components=secrets >/dev/null && exec \"$0\"";

fn main() {
    if !cfg!(target_os = "linux") {
        println!("there is no such keyring here; the test is for Linux");
        return;
    }
    let place = |name: &str| std::env::var_os(name).map(PathBuf::from);
    if let Some(folder) = place(WITHIN) {
        return within(&folder);
    }
    if let Some(folder) = place(WITHOUT) {
        return without_a_keyring(&folder);
    }
    let folder = tempfile::tempdir().unwrap();
    let program = std::env::current_exe().unwrap();
    let run = |command: &mut Command, name: &str| {
        command.env(name, folder.path()).env("HOME", folder.path()).env("XDG_DATA_HOME", folder.path().join("data"));
        let done = command.env_remove("COMPOSIO_MASTER_KEY").status();
        let done = done.unwrap_or_else(|error| panic!("{command:?}: {error}: run tests/keyring/install.sh first"));
        assert!(done.success(), "{command:?}");
    };
    run(Command::new("dbus-run-session").args(["--", "sh", "-c", START]).arg(&program), WITHIN);
    let nowhere = format!("unix:path={}", folder.path().join("bus").display());
    run(Command::new(&program).env("DBUS_SESSION_BUS_ADDRESS", nowhere), WITHOUT);
    println!("test result: ok. The master key is in the keyring.");
}

fn within(folder: &Path) {
    a_key_is_made_once(folder);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(accounts_are_sealed_with_it(&folder.join("router")));
}

fn a_key_is_made_once(folder: &Path) {
    let source = MasterKeySource::Keyring { name: "many".to_owned(), lock: folder.join("many.lock") };
    let keys: Vec<MasterKey> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| MasterKey::load(&source).unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let (_, wrapped) = Vault::create(keys.first().unwrap()).unwrap();
    for key in &keys {
        Vault::open(key, &wrapped).unwrap();
    }
    let text = secret_tool("lookup", "many");
    MasterKey::parse(&text).unwrap();
    Command::new("sh")
        .args(["-c", "printf s3cret-nonsense | secret-tool store --label=it service composio username many"])
        .status()
        .unwrap();
    let error = MasterKey::load(&source).unwrap_err();
    assert!(error.to_string().contains("the master key") && !format!("{error:?}").contains("s3cret"), "{error:?}");
}

fn secret_tool(command: &str, name: &str) -> String {
    let output = Command::new("secret-tool").args([command, "service", "composio", "username", name]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn router(folder: &Path) -> Router {
    let document = folder.join("keyed.json");
    std::fs::create_dir_all(folder).unwrap();
    let text = json!({
        "openapi": "3.1.0", "info": {"title": "Keyed", "version": "1"}, "servers": [{"url": "https://api.example"}],
        "paths": {"/": {"get": {"operationId": "look", "security": [{"key": []}], "responses": {}}}},
        "components": {"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}}},
    });
    std::fs::write(&document, text.to_string()).unwrap();
    let config = json!({
        "router": {"data_dir": folder},
        "accounts": {"keyring": true},
        "toolkit": [{"slug": "keyed", "openapi": document}],
    });
    Router::builder().config(RouterConfig::from_json(config).unwrap()).build().unwrap()
}

async fn accounts_are_sealed_with_it(folder: &Path) {
    let first = router(folder);
    let mut ids = Vec::new();
    for user in ["ada", "bea"] {
        let state = json!({"authScheme": "API_KEY", "val": {"api_key": "key-of-the-user"}});
        let create = CreateAccount {
            auth_config: IdRef { id: "ac_keyed".to_owned() },
            connection: NewConnection {
                user_id: Some(user.to_owned()),
                state: Some(RawJson::from(state)),
                ..NewConnection::default()
            },
        };
        ids.push(first.create_connected_account(&create).await.unwrap().id.clone());
    }
    first.close().await.unwrap();
    assert!(!folder.join("master.key").exists());

    // Another program over the same folder opens what is sealed.
    let mut ids = ids.into_iter();
    let second = router(folder);
    let revoked = second.revoke_connected_account(&ids.next().unwrap()).await.unwrap();
    assert_eq!(revoked.connected_account.status, "REVOKED");
    second.close().await.unwrap();

    // Whoever takes the key out of the keyring has taken the credentials.
    secret_tool("clear", &folder.to_string_lossy());
    let third = router(folder);
    let error = third.revoke_connected_account(&ids.next().unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("the master key is not the one"), "{error}");
    third.close().await.unwrap();
}

/// On a machine without one the reason says what to do instead.
fn without_a_keyring(folder: &Path) {
    let source = MasterKeySource::Keyring { name: "away".to_owned(), lock: folder.join("away.lock") };
    let error = MasterKey::load(&source).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.suggested_fix().unwrap().contains("COMPOSIO_MASTER_KEY"), "{error:?}");
}
