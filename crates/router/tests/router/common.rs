//! A toolkit for tests, a router that serves it, and short ways to call it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use composio_contract::{
    Backend as _, CreateSession, Error, ErrorKind, ExecuteMetaRequest, ExecuteReply, ExecuteRequest, RawJson, Result,
};
use composio_router::source::{CallContext, Outcome, Source, Tag, ToolDefinition, ToolkitInfo};
use composio_router::store::LogEntry;
use composio_router::{Router, RouterConfig};
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::sync::{Barrier, Notify};

use crate::database;

/// A shelf of notes.
#[derive(Debug)]
pub(crate) struct Shelf {
    info: ToolkitInfo,
    tools: Mutex<Vec<ToolDefinition>>,
    generation: AtomicU64,
    /// Slugs and arguments of the calls that reached the source.
    pub(crate) calls: Mutex<Vec<(String, Value)>>,
    /// Told when a call of `SHELF_WAIT` has begun.
    pub(crate) waiting: Notify,
    /// Where two calls of `SHELF_MEET` meet.
    meeting: Barrier,
    /// How often the tools were asked for.
    pub(crate) asked: AtomicU64,
    pub(crate) closed: AtomicU64,
}

pub(crate) fn tool(slug: &str, title: &str, description: &str, properties: Value, tags: &[Tag]) -> ToolDefinition {
    let required: Vec<&String> = properties.as_object().unwrap().keys().collect();
    ToolDefinition {
        slug: slug.to_owned(),
        operation: slug.to_lowercase(),
        title: title.to_owned(),
        description: description.to_owned(),
        input_schema: json!({
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        }),
        output_schema: None,
        tags: tags.to_vec(),
        cautions: Vec::new(),
        facts: Value::Null,
    }
}

impl Shelf {
    pub(crate) fn new() -> Arc<Self> {
        let text = json!({"text": {"type": "string"}});
        Arc::new(Self {
            info: ToolkitInfo {
                slug: "shelf".to_owned(),
                name: "Shelf".to_owned(),
                description: "Notes on a shelf.".to_owned(),
            },
            tools: Mutex::new(vec![
                tool("SHELF_READ_NOTE", "Read a note", "Reads a note from the shelf.", text.clone(), &[Tag::ReadOnly]),
                tool("SHELF_WRITE_NOTE", "Write a note", "Puts a new note on the shelf.", text, &[Tag::Create]),
                tool("SHELF_BURN", "Burn the shelf", "Destroys every note.", json!({}), &[Tag::Destructive]),
                tool("SHELF_WAIT", "Wait", "Never ends.", json!({}), &[]),
                tool("SHELF_FLOOD", "Flood", "Returns too much.", json!({}), &[]),
                tool("SHELF_MEET", "Meet", "Ends with a second call.", json!({}), &[]),
                tool("SHELF_BREAK", "Break", "Loses its server.", json!({}), &[]),
            ]),
            generation: AtomicU64::new(1),
            calls: Mutex::default(),
            waiting: Notify::new(),
            meeting: Barrier::new(2),
            asked: AtomicU64::new(0),
            closed: AtomicU64::new(0),
        })
    }

    pub(crate) fn replace_tools(&self, tools: Vec<ToolDefinition>) {
        *self.tools.lock().unwrap() = tools;
        self.generation.fetch_add(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Source for Shelf {
    fn toolkit(&self) -> &ToolkitInfo {
        &self.info
    }

    async fn tools(&self) -> Result<Arc<[ToolDefinition]>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(self.tools.lock().unwrap().clone().into())
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    async fn call(
        &self,
        tool: &ToolDefinition,
        arguments: Map<String, Value>,
        context: &CallContext,
    ) -> Result<Outcome> {
        self.calls.lock().unwrap().push((tool.slug.clone(), Value::Object(arguments.clone())));
        match tool.slug.as_str() {
            "SHELF_WAIT" => {
                self.waiting.notify_one();
                std::future::pending().await
            }
            "SHELF_MEET" => {
                self.meeting.wait().await;
                Ok(Outcome::Completed(RawJson::empty_object()))
            }
            "SHELF_FLOOD" => Ok(Outcome::Completed(json!({"text": "x".repeat(context.output_limit)}).into())),
            "SHELF_BREAK" => Err(Error::new(ErrorKind::Connection, "the shelf's server is gone")),
            "SHELF_BURN" => Ok(Outcome::failed("it does not burn")),
            _ => Ok(Outcome::Completed(json!({"user": context.user_id, "arguments": arguments}).into())),
        }
    }

    async fn close(&self) {
        self.closed.fetch_add(1, Ordering::SeqCst);
    }
}

/// A toolkit whose server does not start.
#[derive(Debug)]
pub(crate) struct Broken(pub(crate) ToolkitInfo);

impl Broken {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(ToolkitInfo {
            slug: "broken".to_owned(),
            name: "Broken".to_owned(),
            description: "Its server does not start.".to_owned(),
        }))
    }
}

#[async_trait]
impl Source for Broken {
    fn toolkit(&self) -> &ToolkitInfo {
        &self.0
    }

    async fn tools(&self) -> Result<Arc<[ToolDefinition]>> {
        Err(Error::new(ErrorKind::Connection, "`broken-server` does not start: no such file"))
    }

    fn generation(&self) -> u64 {
        0
    }

    async fn call(&self, _: &ToolDefinition, _: Map<String, Value>, _: &CallContext) -> Result<Outcome> {
        Err(Error::new(ErrorKind::Connection, "`broken-server` does not start: no such file"))
    }

    async fn close(&self) {}
}

/// A router over a [`Shelf`] in a folder of its own.
pub(crate) struct Fixture {
    pub(crate) router: Router,
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) folder: TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with(json!({}), Vec::new())
    }

    pub(crate) fn with(router: Value, more: Vec<Arc<dyn Source>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::new();
        let mut options = json!({"data_dir": folder.path()});
        if let Some(url) = database::of(folder.path()) {
            options["database"] = url.into();
        }
        options.as_object_mut().unwrap().extend(router.as_object().unwrap().clone());
        let off = json!({"enabled": false});
        let config = json!({
            "router": options,
            "toolkits": {"files": off, "sqlite": off, "http": off, "time": off},
        });
        let mut builder =
            Router::builder().config(RouterConfig::from_json(config).unwrap()).source(Arc::clone(&shelf) as _);
        for source in more {
            builder = builder.source(source);
        }
        Self { router: builder.build().unwrap(), shelf, folder }
    }

    /// The id of a new session of the user `ada`.
    pub(crate) async fn session(&self, settings: Value) -> String {
        self.try_session(settings).await.unwrap()
    }

    pub(crate) async fn try_session(&self, settings: Value) -> Result<String> {
        Ok(self.router.create_session(&create(settings)).await?.session_id.clone())
    }

    pub(crate) async fn execute(&self, session: &str, slug: &str, arguments: Value) -> Result<ExecuteReply> {
        let request =
            ExecuteRequest { tool_slug: slug.to_owned(), arguments: Some(arguments.into()), ..Default::default() };
        self.router.execute(session, &request).await.map(|reply| reply.into_parts().1)
    }

    pub(crate) async fn meta(&self, session: &str, slug: &str, arguments: Value) -> Result<ExecuteReply> {
        let request =
            ExecuteMetaRequest { slug: slug.to_owned(), arguments: Some(arguments.into()), ..Default::default() };
        self.router.execute_meta(session, &request).await.map(|reply| reply.into_parts().1)
    }

    /// The newest entries of the session's log, newest first.
    pub(crate) async fn log(&self, session: &str) -> Result<Vec<LogEntry>> {
        self.router.store().log_entries(self.router.project(), session, 10).await
    }

    pub(crate) fn slugs_called(&self) -> Vec<String> {
        self.shelf.calls.lock().unwrap().iter().map(|(slug, _)| slug.clone()).collect()
    }
}

pub(crate) fn create(settings: Value) -> CreateSession {
    let mut whole = json!({"user_id": "ada"});
    whole.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    serde_json::from_value(whole).unwrap()
}

pub(crate) fn value(raw: Option<&RawJson>) -> Value {
    raw.unwrap().decode("a reply").unwrap()
}

/// Puts fixed texts in place of ids and times.
pub(crate) fn redact(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match name.as_str() {
                    "session_id" | "id" | "log_id" | "request_state" => *field = "[id]".into(),
                    "current_time_utc" | "current_time_utc_epoch_seconds" | "created_at" => *field = "[time]".into(),
                    "message" if field.as_str().is_some_and(|text| text.starts_with("It is ")) => {
                        *field = "[time]".into()
                    }
                    _ => redact(field),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact),
        _ => {}
    }
}

pub(crate) fn redacted(raw: &RawJson) -> Value {
    let mut value = raw.decode("a reply").unwrap();
    redact(&mut value);
    value
}
