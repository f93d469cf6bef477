//! Servers to run against, and ways to look at their processes.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use composio_contract::Error;
use composio_router::mcp::{McpServerConfig, McpSource, McpTransport};
use composio_router::source::{CallContext, Outcome, Source, ToolDefinition};
use composio_router::workspace::Workspace;
use serde_json::{Map, Value};
use tokio::runtime::Handle;

/// Longer than anything here takes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A file of an installed server; `MCP_SERVERS` names the folder where it is not the repository's own.
pub(crate) fn installed(path: &str) -> String {
    let folder = std::env::var_os("MCP_SERVERS").map_or_else(|| repository().join(".mcp-servers"), PathBuf::from);
    let file = folder.join(path);
    assert!(file.exists(), "{} is missing: run tests/mcp-servers/install.sh first", file.display());
    file.to_string_lossy().into_owned()
}

pub(crate) fn stdio<'a>(
    slug: &str,
    command: &str,
    args: impl IntoIterator<Item = &'a str>,
    env: &[(&str, &str)],
) -> McpServerConfig {
    let env: BTreeMap<_, _> = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    let args = args.into_iter().map(str::to_owned).collect();
    McpServerConfig::new(slug, McpTransport::Stdio { command: command.to_owned(), args, env, cwd: None })
}

pub(crate) fn everything(mark: &Mark) -> McpServerConfig {
    let script = installed("node_modules/@modelcontextprotocol/server-everything/dist/index.js");
    stdio("everything", "node", [script.as_str(), "stdio"], &[mark.env()])
}

/// The recording server, and what it has recorded.
pub(crate) struct Recorder {
    pub(crate) mark: Mark,
    folder: tempfile::TempDir,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self { mark: Mark::new(), folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn config(&self, flags: &[&str]) -> McpServerConfig {
        let script = repository().join("tests/mcp-servers/recorder.py");
        let file = self.file();
        let args = [script.to_str().unwrap(), file.to_str().unwrap()].into_iter().chain(flags.iter().copied());
        stdio("recorder", "python3", args, &[self.mark.env(), ("RECORDER_KEY", "sk-very-secret")])
    }

    pub(crate) fn source(&self, flags: &[&str]) -> McpSource {
        source(self.config(flags))
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("messages")
    }

    pub(crate) fn messages(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.file()).unwrap_or_default();
        // The last line may not be written to its end.
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    pub(crate) fn with_method(&self, method: &str) -> Vec<Value> {
        self.messages().into_iter().filter(|message| message["method"] == method).collect()
    }
}

/// A variable in a server's environment that tells its processes, and those that they start, from all others.
pub(crate) struct Mark(String);

impl Mark {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        Self(format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    pub(crate) fn env(&self) -> (&str, &str) {
        ("MCP_TEST_MARK", &self.0)
    }

    /// The processes that are alive. The environment of a zombie is empty.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let wanted = format!("MCP_TEST_MARK={}", self.0);
        let has_mark = |pid: &u32| {
            std::fs::read(format!("/proc/{pid}/environ"))
                .is_ok_and(|environ| environ.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes()))
        };
        std::fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(has_mark)
            .collect()
    }

    /// Kills all, and waits until the kernel has done so.
    pub(crate) async fn kill(&self) {
        let processes = self.processes();
        for pid in &processes {
            std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
        }
        until("they have died", || processes.iter().all(has_died)).await;
    }
}

/// Whether a process has gone, or waits for its parent to take note of its end.
fn has_died(pid: &u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_none_or(|rest| rest.is_empty() || rest.starts_with(" Z"))
}

/// How many bytes a process has read (`rchar`) or written (`wchar`), of files, pipes and sockets.
pub(crate) fn io_counter(pid: u32, name: &str) -> u64 {
    let counters = std::fs::read_to_string(format!("/proc/{pid}/io")).unwrap();
    let value = counters.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    value.unwrap().parse().unwrap()
}

pub(crate) fn source(config: McpServerConfig) -> McpSource {
    McpSource::new(config, Handle::current()).unwrap()
}

pub(crate) fn context() -> CallContext {
    CallContext {
        user_id: "user".to_owned(),
        session_id: "session".to_owned(),
        workspace: Arc::new(Workspace::open(std::env::temp_dir().join("composio-mcp-tests")).unwrap()),
        time_limit: DEADLINE,
        output_limit: 1 << 20,
        listener: None,
        credential: None,
    }
}

pub(crate) async fn tool(source: &McpSource, operation: &str) -> ToolDefinition {
    let tools = source.tools().await.unwrap();
    let found = tools.iter().find(|tool| tool.operation == operation);
    found.unwrap_or_else(|| panic!("no {operation} in {tools:?}")).clone()
}

pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("not an object: {other}"),
    }
}

pub(crate) async fn call(source: &McpSource, operation: &str, arguments: Value) -> Result<Outcome, Error> {
    let tool = tool(source, operation).await;
    within(source.call(&tool, object(arguments), &context())).await
}

pub(crate) async fn completed(source: &McpSource, operation: &str, arguments: Value) -> Value {
    match call(source, operation, arguments).await.unwrap() {
        Outcome::Completed(data) => data.decode("the result").unwrap(),
        Outcome::Failed { error, .. } => panic!("{operation} failed: {error}"),
    }
}

pub(crate) async fn failed(source: &McpSource, operation: &str, arguments: Value) -> String {
    match call(source, operation, arguments).await.unwrap() {
        Outcome::Completed(data) => panic!("{operation} returned {data}"),
        Outcome::Failed { error, .. } => error,
    }
}

/// Fails a test that would hang.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(DEADLINE, future).await.expect("no answer before the deadline")
}

/// Looks until a condition holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < DEADLINE, "not before the deadline: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The same for a condition that takes a call.
pub(crate) async fn until_async(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < DEADLINE, "not before the deadline: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
