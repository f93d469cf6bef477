//! What a server in a sandbox can get at, by one that tries.

#![cfg(target_os = "linux")]

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use composio_contract::{Backend as _, CreateSession, ErrorKind, ExecuteRequest, RawJson};
use composio_router::{Router, RouterConfig};
use serde_json::{Value, json};
use tempfile::TempDir;

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("work")).unwrap();
        std::fs::write(folder.path().join("outside.txt"), "outside").unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn config(&self, keys: &str) -> RouterConfig {
        // A sandbox may hide the repository.
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/mcp-servers/peek.py");
        std::fs::copy(script, Path::new(&self.path("work")).join("peek.py")).unwrap();
        let text = format!(
            "[[mcp]]\nslug = \"peek\"\ncommand = \"python3\"\nargs = [\"peek.py\"]\ncwd = {:?}\n{keys}\n",
            self.path("work")
        );
        let mut config = RouterConfig::from_toml(&text, self.folder.path().join("composio.toml")).unwrap();
        config.router.data_dir = Some(self.folder.path().join("data"));
        config
    }

    /// What the server found.
    async fn look(&self, keys: &str, arguments: Value) -> Result<Value, String> {
        let router = Router::builder().config(self.config(keys)).build().map_err(|error| error.to_string())?;
        let create = CreateSession { user_id: "ada".into(), ..CreateSession::default() };
        let session = router.create_session(&create).await.unwrap().session_id.clone();
        let request = ExecuteRequest {
            tool_slug: "PEEK_FILES".to_owned(),
            arguments: Some(RawJson::from(arguments)),
            ..ExecuteRequest::default()
        };
        let reply = router.execute(&session, &request).await.map_err(|error| error.to_string())?.into_parts().1;
        router.close().await.unwrap();
        assert_eq!(reply.error, None);
        Ok(reply.data.unwrap().decode("data").unwrap())
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[tokio::test]
async fn limits_hold_for_the_server() {
    let place = Place::new();
    // The number of root's processes has no limit.
    let processes = if is_root() { "" } else { "processes = 300, " };
    let keys = format!("limits = {{ memory = \"256MiB\", {processes}open_files = 77 }}");
    let found = place.look(&keys, json!({"allocate": 1 << 30})).await.unwrap();
    assert_eq!((&found["limits"]["DATA"], &found["limits"]["NOFILE"]), (&json!(256 << 20), &json!(77)));
    assert!(is_root() || found["limits"]["NPROC"] == 300, "{found:#}");
    assert_eq!(found["allocate"], "MemoryError");
}

#[tokio::test]
async fn a_server_in_bubblewrap_sees_its_folder_and_little_else() {
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let paths = [place.path("work"), place.path("data"), place.path("outside.txt"), "/etc/passwd".to_owned()];
    let arguments = json!({"paths": paths, "port": port});
    let keys = "sandbox = \"bwrap\"\nlimits = { network = false }";
    let works = Command::new("bwrap").args(["--unshare-pid", "--unshare-net", "--ro-bind", "/", "/", "true"]).status();
    if !works.as_ref().is_ok_and(|status| status.success()) {
        // This machine has no bubblewrap, or forbids namespaces: then the server must not run at all.
        eprintln!("bubblewrap does not work here: {works:?}");
        place.look(keys, arguments).await.unwrap_err();
        return;
    }
    let found = place.look(keys, arguments.clone()).await.unwrap();
    let [work, data, outside, system] = &paths;
    assert_eq!((&found["read"][work], &found["write"][work]), (&json!("done"), &json!("done")), "{found:#}");
    assert!(Path::new(work).join("made-by-peek").exists());
    // The data folder is empty there, and what is written to it stays there.
    assert!(!Path::new(data).join("made-by-peek").exists() && Path::new(data).join("router.db").exists());
    assert_eq!(found["read"][outside], "FileNotFoundError", "{found:#}");
    assert_eq!((&found["read"][system], &found["write"][system]), (&json!("done"), &json!("OSError")), "{found:#}");
    assert_ne!(found["connect"], "done", "{found:#}");
    assert_eq!(found["cwd"], json!(Path::new(work).canonicalize().unwrap()));
    assert!(found["pid"].as_u64().unwrap() < 100, "{found:#}");
    // Without all that it gets at everything.
    let open = place.look("", arguments).await.unwrap();
    assert_eq!((&open["read"][outside], &open["connect"]), (&json!("done"), &json!("done")), "{open:#}");
    assert!(Path::new(data).join("made-by-peek").exists());
}

#[tokio::test]
async fn what_the_router_keeps_elsewhere_is_hidden_from_the_first_start_on() {
    let place = Place::new();
    let keys = format!(
        "sandbox = \"bwrap\"\n[router]\ndatabase = {:?}\nworkspace = {:?}\n[accounts]\nmaster_key_file = {:?}",
        place.path("db/router.db"),
        place.path("users/{user_id}"),
        place.path("keys/master.key"),
    );
    // The sandbox has a /tmp of its own, so that only what lies elsewhere proves anything.
    let elsewhere = tempfile::Builder::new().prefix(".sandbox").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let moved = keys.replace(place.folder.path().to_str().unwrap(), elsewhere.path().to_str().unwrap());
    std::fs::create_dir(elsewhere.path().join("keys")).unwrap();
    let path = |name: &str| elsewhere.path().join(name).to_str().unwrap().to_owned();
    let paths = [path("keys/master.key"), path("db/router.db"), path("users"), "/run/dbus".to_owned()];
    let works = Command::new("bwrap").args(["--unshare-pid", "--ro-bind", "/", "/", "true"]).status();
    if !works.as_ref().is_ok_and(|status| status.success()) {
        eprintln!("bubblewrap does not work here: {works:?}");
        place.look(&moved, json!({ "paths": paths })).await.unwrap_err();
        return;
    }
    let found = place.look(&moved, json!({ "paths": paths })).await.unwrap();
    let key = std::fs::read(&paths[0]).unwrap();
    assert!(!key.is_empty() && Path::new(&paths[1]).exists());
    assert_eq!(
        (&found["bytes"][&paths[0]], &found["read"][&paths[1]]),
        (&json!(0), &json!("FileNotFoundError")),
        "{found:#}"
    );
    assert_eq!(found["read"][&paths[3]], "FileNotFoundError", "{found:#}");
}

#[tokio::test]
async fn a_server_of_another_user_cannot_read_the_routers_files() {
    let place = Place::new();
    if !is_root() {
        let error = place.look("run_as = \"65534:65534\"", json!({})).await.unwrap_err();
        assert!(error.contains("`run_as`, which only root can do"), "{error}");
        return;
    }
    std::os::unix::fs::chown(place.path("work"), Some(65_534), Some(65_534)).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(place.folder.path(), mode).unwrap();
    let database = place.path("data/router.db");
    let paths = [place.path("work"), database.clone()];
    let found = place.look("run_as = \"65534:65534\"", json!({ "paths": paths })).await;
    // The interpreter itself may be closed to that user.
    match found {
        Ok(found) => {
            assert_eq!(found["read"][&database], "PermissionError", "{found:#}");
            assert_eq!(found["write"][&paths[0]], "done", "{found:#}");
        }
        Err(error) => assert!(error.contains("Permission denied"), "{error}"),
    }
}

#[tokio::test]
async fn what_cannot_be_is_a_mistake_of_the_configuration() {
    let place = Place::new();
    let build = |keys: &str| Router::builder().config(place.config(keys)).build().map(drop).unwrap_err();
    for (keys, what) in [
        ("limits = { network = false }", "needs `sandbox` = \"bwrap\""),
        ("limits = { memory = \"lots\" }", "`limits.memory` = \"lots\""),
        ("sandbox = []", "an empty `sandbox`"),
    ] {
        let error = build(keys);
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
        assert!(error.message().contains("`peek`") && error.message().contains(what), "{error}");
    }
    let text = "[[mcp]]\nslug = \"far\"\nurl = \"http://127.0.0.1:1/\"\nsandbox = \"bwrap\"\n";
    let config = RouterConfig::from_toml(text, "/nowhere/composio.toml").unwrap();
    let error = Router::builder().config(config).build().map(drop).unwrap_err();
    assert!(error.message().contains("are for a server with a `command`"), "{error}");
}
