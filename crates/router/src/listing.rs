//! Lists: a session's tools and toolkits, and those of the whole catalogue.

use std::sync::Arc;

use composio_contract::{
    ErrorKind, Extra, Page, PageQuery, Result, SessionToolkit, SessionToolkitsQuery, Tool, Toolkit, ToolkitMeta,
    ToolkitsQuery, ToolsQuery,
};
use serde_json::{Value, json};

use crate::accounts::wire;
use crate::catalog::{CatalogTool, ToolkitTools, VERSION};
use crate::meta::{self, MetaTool};
use crate::page::Window;
use crate::policy::Preloaded;
use crate::router::Router;
use crate::sessions::LiveSession;
use crate::source::ToolkitInfo;

const MAX_TOOLS: u32 = 500;
const MAX_SESSION_TOOLKITS: u32 = 50;
const MAX_TOOLKITS: u32 = 1_000;
const UNKNOWN_TIME: &str = "1970-01-01T00:00:00Z";

impl Router {
    /// The session's meta tools, then those listed directly.
    pub(crate) async fn tools_of(&self, session: &LiveSession, query: &PageQuery) -> Result<Page<Tool>> {
        let window = Window::new(query.limit, query.cursor.as_deref(), MAX_TOOLS)?;
        let mut tools: Vec<Listed> = meta::offered(&session.policy).map(Listed::Meta).collect();
        tools.extend(self.preloaded(session).await?.into_iter().map(Listed::Preloaded));
        let page = window.cut(tools.iter());
        // Only those of the page are written out, which is what costs.
        Ok(Page {
            items: page.items.into_iter().map(Listed::on_the_wire).collect(),
            next_cursor: page.next_cursor,
            total_pages: page.total_pages,
            current_page: page.current_page,
            total_items: page.total_items,
        })
    }

    /// All pages of a session's list at once: each page by itself has to look at every tool again.
    ///
    /// # Errors
    /// As [`composio_contract::Backend::session_tools`].
    pub async fn every_session_tool(&self, session_id: &str) -> Result<Vec<Tool>> {
        let session = self.called(session_id).await?;
        let mut tools: Vec<Tool> = meta::offered(&session.policy).map(MetaTool::on_the_wire).collect();
        tools.extend(self.preloaded(&session).await?.iter().map(|tool| tool.on_the_wire()));
        Ok(tools)
    }

    async fn preloaded(&self, session: &LiveSession) -> Result<Vec<Arc<CatalogTool>>> {
        let allowed = |tool: &CatalogTool| session.policy.decide(&tool.subject()).is_ok();
        match session.policy.preload() {
            Preloaded::All => {
                self.list_by_account(session, |_| true).await?;
                let toolkits = self.catalog.load(|toolkit| session.policy.toolkit(&toolkit.slug).is_ok()).await;
                // A toolkit that cannot be read was warned of when it was loaded.
                let tools = toolkits.into_iter().filter_map(|each| each.tools.ok());
                Ok(tools
                    .flat_map(|tools| tools.iter().map(Arc::clone).collect::<Vec<_>>())
                    .filter(|tool| allowed(tool))
                    .collect())
            }
            Preloaded::Only(slugs) => {
                let mut tools: Vec<Arc<CatalogTool>> = Vec::new();
                for slug in slugs {
                    self.list_for_tool(session, slug).await?;
                    match self.catalog.tool_if_there(slug).await {
                        Ok(Some(tool)) if !allowed(&tool) => {
                            tracing::warn!(
                                tool = slug,
                                "`preload.tools` lists a tool that the session's filters leave out"
                            );
                        }
                        Ok(Some(tool)) if !tools.iter().any(|listed| listed.slug() == tool.slug()) => tools.push(tool),
                        Ok(Some(_)) => {}
                        Ok(None) => {
                            tracing::debug!(tool = slug, "`preload.tools` lists a tool that is not there or held")
                        }
                        Err(error) => tracing::warn!(tool = slug, %error, "a tool of `preload.tools` cannot be read"),
                    }
                }
                Ok(tools)
            }
        }
    }

    /// The session's toolkits, each with the account that its calls would use: an active one, else the newest.
    pub(crate) async fn toolkits_of(
        &self,
        session: &LiveSession,
        query: &SessionToolkitsQuery,
    ) -> Result<Page<SessionToolkit>> {
        let window = Window::new(query.limit, query.cursor.as_deref(), MAX_SESSION_TOOLKITS)?;
        let wanted: Option<Vec<&str>> = query.toolkits.as_deref().map(|list| list.split(',').map(str::trim).collect());
        let mut toolkits = Vec::new();
        for toolkit in self.catalog.toolkits() {
            let is_wanted = session.policy.toolkit(&toolkit.slug).is_ok()
                && wanted
                    .as_ref()
                    .is_none_or(|wanted| wanted.iter().any(|slug| slug.eq_ignore_ascii_case(&toolkit.slug)))
                && query.search.as_deref().is_none_or(|words| mentions(toolkit, words));
            if !is_wanted {
                continue;
            }
            let needs_account = self.accounts.config(&toolkit.slug).is_some();
            let rows = if needs_account { self.accounts_of(session, &toolkit.slug).await? } else { Vec::new() };
            let account = rows.iter().rev().find(|row| wire::status(row) == "ACTIVE");
            if query.is_connected.is_some_and(|wanted| wanted != account.is_some()) {
                continue;
            }
            toolkits.push(SessionToolkit {
                slug: toolkit.slug.clone(),
                name: toolkit.name.clone(),
                enabled: true,
                is_no_auth: !needs_account,
                meta: toolkit_meta(toolkit),
                composio_managed_auth_schemes: Vec::new(),
                connected_account: account.or(rows.last()).map(wire::account_ref),
            });
        }
        Ok(window.cut(toolkits.into_iter()))
    }

    fn scheme_of(&self, each: &ToolkitTools<'_>) -> Option<&'static str> {
        self.accounts.config(&each.toolkit.slug).map(|config| config.scheme.name())
    }

    /// The catalogue's toolkits.
    pub(crate) async fn all_toolkits(&self, query: &ToolkitsQuery) -> Result<Page<Toolkit>> {
        let window = Window::new(query.limit, query.cursor.as_deref(), MAX_TOOLKITS)?;
        let wanted = |toolkit: &ToolkitInfo| query.search.as_deref().is_none_or(|words| mentions(toolkit, words));
        let toolkits = self.catalog.load(wanted).await;
        Ok(window.cut(toolkits.iter().map(|each| catalogue_toolkit(each, self.scheme_of(each)))))
    }

    /// One toolkit of the catalogue.
    pub(crate) async fn one_toolkit(&self, slug: &str) -> Result<Toolkit> {
        let wanted = self.catalog.toolkit(slug)?;
        let found = self.catalog.load(|toolkit| toolkit.slug == wanted.slug).await;
        found
            .first()
            .map(|each| catalogue_toolkit(each, self.scheme_of(each)))
            .ok_or_else(|| self.catalog.unknown_toolkit(slug, ErrorKind::NotFound))
    }

    /// The catalogue's tools; with a query those that fit it, best first.
    pub(crate) async fn all_tools(&self, query: &ToolsQuery) -> Result<Page<Tool>> {
        let window = Window::new(query.limit, query.cursor.as_deref(), MAX_TOOLS)?;
        let wanted: Option<Vec<&str>> =
            query.toolkit_slug.as_deref().map(|list| list.split(',').map(str::trim).collect());
        for slug in wanted.iter().flatten() {
            self.catalog.toolkit(slug)?;
        }
        let of_toolkit =
            |slug: &str| wanted.as_ref().is_none_or(|wanted| wanted.iter().any(|each| each.eq_ignore_ascii_case(slug)));
        let listed: Option<Vec<String>> =
            query.tool_slugs.as_deref().map(|list| list.split(',').map(|slug| slug.trim().to_uppercase()).collect());
        let toolkits = self.catalog.load(|toolkit| of_toolkit(&toolkit.slug)).await;
        let fits = |tool: &CatalogTool| {
            // What an account lists is for its user alone.
            !tool.source.lists_by_account()
                && of_toolkit(&tool.toolkit().slug)
                && listed.as_ref().is_none_or(|listed| listed.iter().any(|slug| slug == tool.slug()))
        };
        let tools: Vec<Arc<CatalogTool>> = match query.query.as_deref().filter(|words| !words.trim().is_empty()) {
            Some(words) => {
                let loads = self.catalog.loads();
                let hits = loads.index.search(words, usize::MAX, |slug| loads.get(slug).is_some_and(|tool| fits(tool)));
                hits.iter().filter_map(|hit| loads.get(hit.id).map(Arc::clone)).collect()
            }
            None => toolkits
                .into_iter()
                .filter_map(|each| each.tools.ok())
                .flat_map(|tools| tools.iter().map(Arc::clone).collect::<Vec<_>>())
                .filter(|tool| fits(tool))
                .collect(),
        };
        Ok(window.cut(tools.iter().map(|tool| tool.on_the_wire())))
    }

    /// One tool of the catalogue, or a meta tool.
    pub(crate) async fn one_tool(&self, slug: &str) -> Result<Tool> {
        match MetaTool::ALL.into_iter().find(|tool| tool.slug().eq_ignore_ascii_case(slug)) {
            Some(tool) => Ok(tool.on_the_wire()),
            None => match self.catalog.tool(slug).await? {
                tool if tool.source.lists_by_account() => Err(self.catalog.unknown_tool(slug)),
                tool => Ok(tool.on_the_wire()),
            },
        }
    }
}

/// A tool of a session's list.
enum Listed {
    Meta(MetaTool),
    Preloaded(Arc<CatalogTool>),
}

impl Listed {
    fn on_the_wire(&self) -> Tool {
        match self {
            Self::Meta(tool) => tool.on_the_wire(),
            Self::Preloaded(tool) => tool.on_the_wire(),
        }
    }
}

fn mentions(toolkit: &ToolkitInfo, words: &str) -> bool {
    let text = format!("{} {}", toolkit.slug, toolkit.name).to_lowercase();
    words.to_lowercase().split_whitespace().all(|word| text.contains(word))
}

fn toolkit_meta(toolkit: &ToolkitInfo) -> ToolkitMeta {
    ToolkitMeta { description: toolkit.description.clone(), logo: String::new(), extra: Extra::new() }
}

/// What the contract asks for and the router does not know (when a toolkit was made) has a fixed value.
fn catalogue_toolkit(each: &ToolkitTools<'_>, scheme: Option<&'static str>) -> Toolkit {
    let toolkit = each.toolkit;
    let facts = |value: Value| value.as_object().cloned().unwrap_or_default();
    let count = each.tools.as_ref().map_or(0, |tools| tools.len());
    Toolkit {
        slug: toolkit.slug.clone(),
        name: toolkit.name.clone(),
        meta: ToolkitMeta {
            extra: facts(json!({
                "created_at": UNKNOWN_TIME,
                "updated_at": UNKNOWN_TIME,
                "categories": [],
                "triggers_count": 0,
                "tools_count": count,
                "version": VERSION,
                "available_versions": [VERSION],
            })),
            ..toolkit_meta(toolkit)
        },
        no_auth: scheme.is_none(),
        extra: facts(json!({
            "type": "native",
            "enabled": true,
            "is_local_toolkit": false,
            "auth_schemes": [scheme.unwrap_or("NO_AUTH")],
            "composio_managed_auth": [],
            "composio_managed_auth_schemes": [],
            "deprecated": {"toolkitId": toolkit.slug, "rawProxyInfoByAuthSchemes": []},
        })),
    }
}
