//! How long a router takes to be made and to run a tool that does nothing: `cargo bench -p composio-router`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark may stop at the first error")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use composio_contract::{Backend as _, CreateSession, ExecuteRequest, RawJson, Result};
use composio_router::source::{CallContext, Outcome, Source, ToolDefinition, ToolkitInfo};
use composio_router::{Router, RouterConfig};
use serde_json::{Map, Value, json};

const CALLS: usize = 20_000;
const ROUTERS: usize = 50;

#[derive(Debug)]
struct Nothing(ToolkitInfo);

#[async_trait]
impl Source for Nothing {
    fn toolkit(&self) -> &ToolkitInfo {
        &self.0
    }

    async fn tools(&self) -> Result<Arc<[ToolDefinition]>> {
        Ok(Arc::new([ToolDefinition {
            slug: "BENCH_NOTHING".to_owned(),
            operation: "nothing".to_owned(),
            title: "Nothing".to_owned(),
            description: "Does nothing.".to_owned(),
            input_schema: json!({"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}),
            output_schema: None,
            tags: Vec::new(),
            cautions: Vec::new(),
            facts: Value::Null,
        }]))
    }

    fn generation(&self) -> u64 {
        0
    }

    async fn call(&self, _: &ToolDefinition, _: Map<String, Value>, _: &CallContext) -> Result<Outcome> {
        Ok(Outcome::Completed(RawJson::empty_object()))
    }

    async fn close(&self) {}
}

fn open(folder: &std::path::Path) -> Router {
    let mut config = RouterConfig::default();
    config.router.data_dir = Some(folder.to_owned());
    let info = ToolkitInfo { slug: "bench".to_owned(), name: "Bench".to_owned(), description: String::new() };
    Router::builder().config(config).source(Arc::new(Nothing(info))).build().unwrap()
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    println!("{what}: median {:?}, 99 % {:?}", times[times.len() / 2], times[times.len() * 99 / 100]);
}

#[tokio::main]
async fn main() {
    let user = CreateSession { user_id: "ada".to_owned(), ..CreateSession::default() };
    let mut times = Vec::new();
    for _ in 0..ROUTERS {
        let folder = tempfile::tempdir().unwrap();
        let start = Instant::now();
        let router = open(folder.path());
        router.create_session(&user).await.unwrap();
        times.push(start.elapsed());
    }
    report("open a new database and create a session", times);

    let folder = tempfile::tempdir().unwrap();
    let router = open(folder.path());
    let session = router.create_session(&user).await.unwrap().session_id.clone();
    let request = ExecuteRequest {
        tool_slug: "BENCH_NOTHING".to_owned(),
        arguments: Some(json!({"text": "hello"}).into()),
        ..ExecuteRequest::default()
    };
    let mut times = Vec::new();
    for _ in 0..CALLS {
        let start = Instant::now();
        router.execute(&session, &request).await.unwrap();
        times.push(start.elapsed());
    }
    report("execute", times);
    router.close().await.unwrap();
    let logged = router.store().log_entries(router.project(), &session, u64::MAX >> 1).await.unwrap().len();
    println!("{logged} of {CALLS} calls are in the log");
}
