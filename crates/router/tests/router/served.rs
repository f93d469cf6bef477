//! A toolkit whose server may change its tools at any time, and routers over such.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use composio_contract::{
    Backend as _, CreateAccount, ErrorKind, ExecuteReply, ExecuteRequest, IdRef, NewConnection, PageQuery, RawJson,
    Result, ResultType, SearchQuery, SearchRequest,
};
use composio_router::accounts::AuthScheme;
use composio_router::source::{CallContext, Outcome, Pinning, Source, Tag, ToolDefinition, ToolkitInfo};
use composio_router::{Router, RouterConfig, slug};
use serde_json::{Map, Value, json};

use crate::common::create;
use crate::database;

/// A tool as the server lists it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) tags: Vec<Tag>,
}

pub(crate) fn entry(name: &str, description: &str) -> Entry {
    Entry { name: name.to_owned(), description: description.to_owned(), tags: Vec::new() }
}

/// The toolkit.
#[derive(Debug)]
pub(crate) struct Served {
    info: ToolkitInfo,
    pinning: Option<Pinning>,
    auth: Option<AuthScheme>,
    /// None while it cannot be reached.
    tools: Mutex<Option<Vec<Entry>>>,
    generation: AtomicU64,
    /// The operations that ran, and what signed them.
    pub(crate) calls: Mutex<Vec<(String, Option<String>)>>,
    /// The descriptions by which they ran.
    pub(crate) descriptions: Mutex<Vec<(String, String)>>,
}

impl Served {
    pub(crate) fn new(slug: &str, tools: &[Entry]) -> Arc<Self> {
        Arc::new(Self::of(slug, tools, Some(Pinning::Hold), None))
    }

    pub(crate) fn of(slug: &str, tools: &[Entry], pinning: Option<Pinning>, auth: Option<AuthScheme>) -> Self {
        Self {
            info: ToolkitInfo { slug: slug.to_owned(), name: slug.to_owned(), description: format!("Serves {slug}.") },
            pinning,
            auth,
            tools: Mutex::new(Some(tools.to_vec())),
            generation: AtomicU64::new(0),
            calls: Mutex::default(),
            descriptions: Mutex::default(),
        }
    }

    pub(crate) fn lists(&self, tools: &[Entry]) {
        *self.tools.lock().unwrap() = Some(tools.to_vec());
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn is_away(&self) {
        *self.tools.lock().unwrap() = None;
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// The operations that ran since the last look.
    pub(crate) fn ran(&self) -> Vec<String> {
        std::mem::take(&mut *self.calls.lock().unwrap()).into_iter().map(|(name, _)| name).collect()
    }
}

#[async_trait]
impl Source for Served {
    fn toolkit(&self) -> &ToolkitInfo {
        &self.info
    }

    async fn tools(&self) -> Result<Arc<[ToolDefinition]>> {
        let tools = self.tools.lock().unwrap().clone();
        let tools = tools.ok_or_else(|| composio_contract::Error::new(ErrorKind::Connection, "the server is away"))?;
        let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
        let slugs = slug::tools(&self.info.slug, &names);
        let define = |(tool, slug): (&Entry, String)| ToolDefinition {
            slug,
            operation: tool.name.clone(),
            title: tool.name.clone(),
            description: tool.description.clone(),
            input_schema: json!({"type": "object"}),
            output_schema: None,
            tags: tool.tags.clone(),
            cautions: if self.pinning.is_some() { vec![Tag::Destructive, Tag::OpenWorld] } else { Vec::new() },
            facts: json!(tool.tags.iter().map(|tag| tag.name()).collect::<Vec<_>>()),
        };
        Ok(tools.iter().zip(slugs).map(define).collect())
    }

    fn auth(&self) -> Option<&AuthScheme> {
        self.auth.as_ref()
    }

    fn pinning(&self) -> Option<Pinning> {
        self.pinning
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    async fn call(&self, tool: &ToolDefinition, _: Map<String, Value>, context: &CallContext) -> Result<Outcome> {
        let mut request = composio_egress::Request::get("http://127.0.0.1/")?;
        if let Some(credential) = &context.credential {
            credential.sign(&mut request)?;
        }
        let account = request.headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
        self.calls.lock().unwrap().push((tool.operation.clone(), account));
        self.descriptions.lock().unwrap().push((tool.operation.clone(), tool.description.clone()));
        Ok(Outcome::Completed(RawJson::empty_object()))
    }

    async fn close(&self) {}
}

/// A router in a folder, which a later one in the same folder shares its store with.
pub(crate) fn router(folder: &Path, sources: &[&Arc<Served>]) -> Router {
    let off = json!({"enabled": false});
    let mut options = json!({"data_dir": folder});
    if let Some(url) = database::of(folder) {
        options["database"] = url.into();
    }
    let config = json!({"router": options, "toolkits": {"files": off, "sqlite": off, "http": off, "time": off}});
    let builder = Router::builder().config(RouterConfig::from_json(config).unwrap());
    sources.iter().fold(builder, |builder, source| builder.source(Arc::clone(source) as _)).build().unwrap()
}

pub(crate) async fn session(router: &Router, settings: Value) -> String {
    router.create_session(&create(settings)).await.unwrap().session_id.clone()
}

pub(crate) async fn run(router: &Router, session: &str, slug: &str) -> Result<ExecuteReply> {
    run_with(router, session, slug, json!({})).await
}

/// With fields of the request.
pub(crate) async fn run_with(router: &Router, session: &str, slug: &str, more: Value) -> Result<ExecuteReply> {
    let mut request = json!({"tool_slug": slug});
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let request: ExecuteRequest = serde_json::from_value(request).unwrap();
    router.execute(session, &request).await.map(|reply| reply.into_parts().1)
}

/// The state of a call that must have been answered with a question.
pub(crate) async fn asked(router: &Router, session: &str, slug: &str) -> String {
    let reply = run(router, session, slug).await.unwrap();
    assert_eq!(reply.result_type, Some(ResultType::InputRequired), "{reply:?}");
    reply.request_state.unwrap()
}

pub(crate) fn answer(state: &str, response: Value) -> Value {
    json!({"request_state": state, "input_responses": {"approval": response}})
}

pub(crate) fn approval(state: &str) -> Value {
    answer(state, json!({"action": "accept", "content": {"decision": "approve"}}))
}

/// The slugs that a session is shown of toolkits, in whatever way.
pub(crate) async fn shown(router: &Router, session: &str) -> Vec<String> {
    let page = router.session_tools(session, &PageQuery { limit: Some(500), cursor: None }).await.unwrap();
    let mut slugs: Vec<String> =
        page.items.iter().map(|tool| tool.slug.clone()).filter(|slug| !slug.starts_with("COMPOSIO_")).collect();
    let query = SearchQuery { use_case: "delete things by name".to_owned(), ..SearchQuery::default() };
    let request = SearchRequest { queries: vec![query], ..SearchRequest::default() };
    let found = router.search(session, &request).await.unwrap();
    slugs.extend(found.tool_schemas.keys().cloned());
    slugs.sort();
    slugs.dedup();
    slugs
}

/// A new account of `ada` for a toolkit with bearer tokens.
pub(crate) async fn account(router: &Router, toolkit: &str, alias: &str) -> String {
    let state = json!({"authScheme": "BEARER_TOKEN", "val": {"token": format!("token-of-{alias}")}});
    let create = CreateAccount {
        auth_config: IdRef { id: format!("ac_{toolkit}") },
        connection: NewConnection {
            user_id: Some("ada".to_owned()),
            alias: Some(alias.to_owned()),
            state: Some(state.into()),
            ..Default::default()
        },
    };
    router.create_connected_account(&create).await.unwrap().id.clone()
}
