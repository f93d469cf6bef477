//! A session: its state, and the calls that one request answers.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use composio_contract::{
    Error, ErrorKind, ExecuteMetaRequest, LinkRequest, Page, PageQuery, RawJson, Reply, Result, SearchQuery,
    SearchRequest, Session as Wire, Tool,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::aliases::Aliases;
use crate::auto_files::{KnownTools, for_model, listed};
use crate::client::Client;
use crate::create::read_update;
use crate::custom::CustomToolSet;
use crate::files::Files;
use crate::mcp::{Endpoint, McpServer};
use crate::outcome::Outcome;
use crate::provider::Provider;
use crate::run::{Call, Run, RunMode};
use crate::{proxy, toolkits};

/// The most tools that one page can have.
const TOOLS_A_PAGE: u32 = 500;

/// A tool-router session. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Session(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) client: Client,
    pub(crate) id: String,
    pub(crate) user_id: String,
    pub(crate) tools: CustomToolSet,
    pub(crate) known: KnownTools,
    pub(crate) aliases: Aliases,
    state: ArcSwap<State>,
    mcp: Endpoint,
    assistive_prompt: Option<String>,
}

impl Inner {
    fn has_automatic_files(&self) -> bool {
        self.client.file_options().automatic.is_some()
    }

    /// Every page of the session's tools at the backend.
    pub(crate) async fn pages(&self) -> Result<Vec<Reply<Page<Tool>>>> {
        let backend = self.client.backend()?;
        let mut pages = Vec::new();
        let mut query = PageQuery { limit: Some(TOOLS_A_PAGE), cursor: None };
        loop {
            let page = backend.session_tools(&self.id, &query).await?;
            if self.has_automatic_files() {
                self.known.learn(&page.items);
            }
            self.aliases.learn(page.items.iter());
            let next = page.next_cursor.clone().filter(|cursor| !cursor.is_empty());
            pages.push(page);
            match next {
                None => return Ok(pages),
                Some(_) if next == query.cursor => {
                    return Err(Error::new(ErrorKind::InvalidReply, "the backend's list of tools does not end"));
                }
                Some(_) => query.cursor = next,
            }
        }
    }
}

/// What an update changes.
#[derive(Debug)]
struct State {
    config: RawJson,
    config_version: i64,
    preload: Option<RawJson>,
    warnings: RawJson,
}

#[derive(Deserialize)]
struct ConfigView {
    #[serde(default)]
    user_id: String,
    #[serde(default)]
    preload: Option<RawJson>,
}

impl State {
    fn read(wire: &Wire) -> Result<(Self, String)> {
        let view: ConfigView =
            wire.config.decode("config").map_err(|error| error.with_kind(ErrorKind::InvalidReply))?;
        let warnings = wire.warnings.clone().filter(Value::is_array).unwrap_or_else(|| Value::Array(Vec::new()));
        let state = Self {
            config: wire.config.clone(),
            config_version: wire.config_version,
            preload: view.preload,
            warnings: warnings.into(),
        };
        Ok((state, view.user_id))
    }
}

impl Session {
    pub(crate) fn bind(client: Client, reply: Reply<Wire>, mut tools: CustomToolSet, mcp: bool) -> Result<Self> {
        let (_, wire) = reply.into_parts();
        let (state, user_id) = State::read(&wire)?;
        let endpoint = Endpoint::resolve(wire.mcp, &wire.session_id, &*client.backend()?, mcp)?;
        tools.adopt(wire.experimental.as_ref());
        Ok(Self(Arc::new(Inner {
            client,
            id: wire.session_id,
            user_id,
            tools,
            known: KnownTools::default(),
            aliases: Aliases::default(),
            state: ArcSwap::from_pointee(state),
            mcp: endpoint,
            assistive_prompt: wire.experimental.and_then(|experimental| experimental.assistive_prompt),
        })))
    }

    /// The session's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Whom the session acts for.
    #[must_use]
    pub fn user_id(&self) -> &str {
        &self.0.user_id
    }

    /// The effective configuration, as of the last create, use or update.
    #[must_use]
    pub fn config(&self) -> RawJson {
        self.0.state.load().config.clone()
    }

    /// The version of [`Session::config`].
    #[must_use]
    pub fn config_version(&self) -> i64 {
        self.0.state.load().config_version
    }

    /// What the backend warned of in the last create, use or update: a list of objects with `code` and `message`.
    #[must_use]
    pub fn warnings(&self) -> RawJson {
        self.0.state.load().warnings.clone()
    }

    /// Which tools are listed directly: an object with `tools`.
    #[must_use]
    pub fn preload(&self) -> Option<RawJson> {
        self.0.state.load().preload.clone()
    }

    /// Where and how an MCP client reaches the session. With the embedded router the first call starts a listener on a
    /// free port of this machine, which opens the session to whoever has the headers; closing the client ends it.
    ///
    /// # Errors
    /// Where the embedded router cannot serve it.
    pub fn mcp(&self) -> Result<McpServer> {
        match &self.0.mcp {
            Endpoint::At(server) => Ok(server.clone()),
            Endpoint::Here => self.0.client.backend()?.serve_mcp(&self.0.id).map(McpServer::with_own_headers),
        }
    }

    /// Why [`Session::mcp`] has no headers, for the caller's log. Starts nothing.
    #[must_use]
    pub fn mcp_warning(&self) -> Option<&str> {
        match &self.0.mcp {
            Endpoint::At(server) => server.warning.as_deref(),
            Endpoint::Here => None,
        }
    }

    /// A system prompt that explains the session's tools to a model, where one was asked for.
    #[must_use]
    pub fn assistive_prompt(&self) -> Option<&str> {
        self.0.assistive_prompt.as_deref()
    }

    /// The client that the session came from.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.0.client
    }

    /// The session's file mount.
    #[must_use]
    pub fn files(&self) -> Files {
        Files::new(self.0.client.clone(), self.0.id.clone())
    }

    /// The session's tools, all pages, and the custom tools that are listed directly: a list, each as the backend sent
    /// it. Where files go by themselves, a tool's input has a text in place of each file.
    ///
    /// # Errors
    /// What the backend says.
    pub async fn tools(&self) -> Result<RawJson> {
        #[derive(Deserialize)]
        struct Items {
            items: Vec<RawJson>,
        }
        let mut tools: Vec<RawJson> = Vec::new();
        let mut slugs = Vec::new();
        for page in self.0.pages().await? {
            let items = page.raw().decode::<Items>("tools")?.items;
            for (item, tool) in items.into_iter().zip(page.into_parts().1.items) {
                tools.push(if self.0.has_automatic_files() { listed(item, &tool)? } else { item });
                slugs.push(tool.slug);
            }
        }
        let is_listed = |slug: &str| slugs.iter().any(|listed| listed.eq_ignore_ascii_case(slug));
        for tool in self.0.tools.preloaded(is_listed) {
            tools.push(RawJson::encode(&tool)?);
        }
        RawJson::encode(&tools)
    }

    /// The same as [`Session::tools`], written the way a provider takes tools.
    ///
    /// # Errors
    /// What the backend says.
    pub async fn provider_tools(&self, provider: Provider) -> Result<RawJson> {
        let pages = self.0.pages().await?;
        let mut tools: Vec<Tool> = pages.into_iter().flat_map(|page| page.into_parts().1.items).collect();
        if self.0.has_automatic_files() {
            for tool in &mut tools {
                if let Some(input) = for_model(&tool.input_parameters) {
                    tool.input_parameters = input;
                }
            }
        }
        let is_listed = |slug: &str| tools.iter().any(|tool| tool.slug.eq_ignore_ascii_case(slug));
        let own: Vec<Tool> = self.0.tools.preloaded(is_listed).collect();
        tools.extend(own);
        provider.wrap(&tools)
    }

    /// What a provider does not take of the session's tools as they are, and what [`Session::provider_tools`] makes of it:
    /// a list, a [`SchemaReport`](crate::provider::SchemaReport) for each.
    ///
    /// # Errors
    /// What the backend says.
    pub async fn schema_report(&self, provider: Provider) -> Result<RawJson> {
        RawJson::encode(&provider.schema_report(&self.tools().await?)?)
    }

    /// Plans the run of one tool or several at once. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`] where a slug is empty or ambiguous, or arguments are no object.
    pub fn run(&self, calls: Vec<Call>, mode: RunMode) -> Result<Run> {
        Run::plan(self.0.clone(), calls, mode)
    }

    /// Runs one of the backend's meta tools, always there.
    ///
    /// # Errors
    /// [`ErrorKind::ToolInputRequired`] where the user must answer first, else what the backend says.
    pub async fn execute_meta(&self, mut call: Call) -> Result<Outcome> {
        call.check()?;
        let request = ExecuteMetaRequest {
            slug: std::mem::take(&mut call.slug),
            arguments: call.arguments,
            input_responses: call.input_responses,
            request_state: call.request_state,
            experimental: self.0.tools.payload(),
        };
        Outcome::of(self.0.client.backend()?.execute_meta(&self.0.id, &request).await?, &request.slug)
    }

    /// Calls a toolkit's API with the user's credentials; `options` has the arguments by name.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`] for a bad method, endpoint or parameter, else what the backend says.
    pub async fn proxy_execute(&self, options: &RawJson) -> Result<RawJson> {
        let request = proxy::read(options)?;
        proxy::reply(self.0.client.backend()?.proxy_execute(&self.0.id, &request).await?)
    }

    /// Finds tools by use case.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`] where the query is empty or longer than 1,024 characters, else what the backend says.
    pub async fn search(&self, query: &str, model: Option<&str>) -> Result<RawJson> {
        if query.trim().is_empty() {
            return Err(Error::validation("query: must not be empty"));
        }
        if query.chars().count() > 1024 {
            return Err(Error::validation("query: must have at most 1,024 characters"));
        }
        let request = SearchRequest {
            queries: vec![SearchQuery { use_case: query.to_owned(), known_fields: None }],
            model: model.map(str::to_owned),
            experimental: self.0.tools.payload(),
        };
        Ok(self.0.client.backend()?.search(&self.0.id, &request).await?.into_parts().0)
    }

    /// The toolkits of the session and whether they are connected; `options` has the arguments by name.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`] for bad options, else what the backend says.
    pub async fn toolkits(&self, options: &RawJson) -> Result<RawJson> {
        let query = toolkits::read(options)?;
        let reply = self.0.client.backend()?.session_toolkits(&self.0.id, &query).await?;
        toolkits::connections(&reply)
    }

    /// Starts connecting an account; `options` has `toolkit`, `callback_url`, `alias` and `experimental`.
    /// The answer has `id`, `status` and `redirect_url`.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`] where the toolkit is empty, else what the backend says.
    pub async fn authorize(&self, options: &RawJson) -> Result<RawJson> {
        let request: LinkRequest = options.decode("authorize")?;
        if request.toolkit.trim().is_empty() {
            return Err(Error::validation("toolkit: must not be empty"));
        }
        let reply = self.0.client.backend()?.link(&self.0.id, &request).await?;
        Ok(RawJson::from(json!({
            "id": reply.connected_account_id,
            "status": "INITIATED",
            "redirect_url": reply.redirect_url,
        })))
    }

    /// Waits until a connected account is active; see [`Client::wait_for_connection`].
    ///
    /// # Errors
    /// As there.
    pub async fn wait_for_connection(&self, account_id: &str, timeout: Option<Duration>) -> Result<RawJson> {
        self.0.client.wait_for_connection(account_id, timeout).await
    }

    /// Changes the configuration: a field that is left out stays, `null` clears it. The session's own copy is
    /// refreshed only on success.
    ///
    /// # Errors
    /// [`ErrorKind::SessionConfigConflict`] where `expected_config_version` is no longer the stored one.
    pub async fn update(&self, options: &RawJson) -> Result<RawJson> {
        let request = read_update(options, &self.0.tools)?;
        let conditional = request.expected_config_version.is_some();
        let reply = self.0.client.backend()?.update_session(&self.0.id, &request).await.map_err(|error| match error
            .kind()
        {
            ErrorKind::Conflict if conditional => error.with_kind(ErrorKind::SessionConfigConflict),
            _ => error,
        })?;
        let (state, _) = State::read(&reply)?;
        self.0.state.store(Arc::new(state));
        Ok(reply.into_parts().0)
    }

    /// Earlier configurations, newest first; `options` has `limit` and `cursor`.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`] where the limit is not within 1 to 100, else what the backend says.
    pub async fn config_history(&self, options: &RawJson) -> Result<RawJson> {
        let query: PageQuery = options.decode("list_config_history")?;
        if query.limit.is_some_and(|limit| !(1..=100).contains(&limit)) {
            return Err(Error::validation("limit: must be 1 to 100"));
        }
        Ok(self.0.client.backend()?.config_history(&self.0.id, &query).await?.into_parts().0)
    }

    /// Deletes the session.
    ///
    /// # Errors
    /// What the backend says.
    pub async fn delete(&self) -> Result<RawJson> {
        self.0.client.delete_session(&self.0.id).await
    }

    /// The custom tools, or those of one toolkit, with their final slugs: a list.
    ///
    /// # Errors
    /// None in practice.
    pub fn custom_tools(&self, toolkit: Option<&str>) -> Result<RawJson> {
        self.0.tools.list(toolkit)
    }

    /// The custom toolkits with their tools: a list.
    ///
    /// # Errors
    /// None in practice.
    pub fn custom_toolkits(&self) -> Result<RawJson> {
        self.0.tools.list_toolkits()
    }
}
