//! Finding tools by use case, for `COMPOSIO_SEARCH_TOOLS` and the search call alike.

use std::collections::BTreeMap;

use composio_contract::{
    CustomTool, CustomTools, Error, ExecuteMetaRequest, RawJson, Result, SearchQuery, SearchReply, SearchRequest,
    SearchResult, SearchedTool, TimeInfo,
};
use composio_search::{Document, Hit, Index};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{MetaTool, offered};
use crate::catalog::{CatalogTool, Loads, ToolkitTools, parameter_names};
use crate::custom;
use crate::router::Router;
use crate::sessions::LiveSession;

/// Tools for one use case, primary and related together.
const HITS: usize = 10;
/// Primary tools for one use case at most; their schemas come along.
const PRIMARY: usize = 5;
/// A primary tool is at least this relevant, measured by the best one.
const PRIMARY_SHARE: f64 = 0.5;
const MAX_QUERIES: usize = 20;
const MAX_USE_CASE: usize = 1_024;
const MAX_KNOWN_FIELDS: usize = 500;

pub(super) fn input_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "queries": {
                "type": "array",
                "description": "One entry a step of the task.",
                "minItems": 1,
                "maxItems": MAX_QUERIES,
                "items": {
                    "type": "object",
                    "properties": {
                        "use_case": {
                            "type": "string",
                            "description": "What is to be done, in a plain sentence, such as \"list the open issues of a \
                                            repository\". Leave out names and ids that belong into the arguments.",
                            "minLength": 1,
                            "maxLength": MAX_USE_CASE,
                        },
                        "known_fields": {
                            "type": "string",
                            "description": "What is known already, as `name: value` pairs with commas between.",
                            "maxLength": MAX_KNOWN_FIELDS,
                        },
                    },
                    "required": ["use_case"],
                },
            },
        },
        "required": ["queries"],
    })
}

#[derive(Debug, Deserialize)]
struct Arguments {
    queries: Vec<SearchQuery>,
}

impl Router {
    pub(super) async fn run_search(
        &self,
        session: &LiveSession,
        request: &ExecuteMetaRequest,
    ) -> Result<Result<RawJson, String>> {
        let arguments: Arguments = match MetaTool::Search.arguments(request.arguments.as_ref()) {
            Ok(arguments) => arguments,
            Err(error) => return Ok(Err(error)),
        };
        let request =
            SearchRequest { queries: arguments.queries, model: None, experimental: request.experimental.clone() };
        let reply = self.search_tools(session, &request).await?;
        RawJson::encode(&reply).map(Ok)
    }

    /// Finds tools for each use case among those the session allows.
    ///
    /// # Errors
    /// [`composio_contract::ErrorKind::Validation`] where a query is empty or too long.
    pub(crate) async fn search_tools(&self, session: &LiveSession, request: &SearchRequest) -> Result<SearchReply> {
        check(&request.queries)?;
        let custom = custom_tools(session, request.experimental.as_ref())?;
        let overlay = index(&custom);
        self.list_by_account(session, |_| true).await?;
        let toolkits = self.catalog.load(|toolkit| session.policy.toolkit(&toolkit.slug).is_ok()).await;
        let mut schemas = BTreeMap::new();
        let results: Vec<_> = {
            let loads = self.catalog.loads();
            let found = |(query, index): (&SearchQuery, _)| {
                let hits = loads.index.search_with(&overlay, &query.use_case, HITS, |slug| {
                    composio_contract::is_custom_slug(slug)
                        || loads.get(slug).is_some_and(|tool| session.policy.decide(&tool.subject()).is_ok())
                });
                result(index, query, &hits, &loads, &custom, &mut schemas)
            };
            request.queries.iter().zip(1..).map(found).collect()
        };
        let missed = results.iter().filter(|result| result.error.is_some()).count();
        let toolkits_found: Vec<&str> = schemas.values().map(|tool: &SearchedTool| tool.toolkit.as_str()).collect();
        let mut connected = BTreeMap::new();
        for slug in toolkits_found.iter().copied().filter(|slug| self.accounts.config(slug).is_some()) {
            if !connected.contains_key(slug) {
                connected.insert(slug, self.has_account(session, slug).await?);
            }
        }
        let statuses = connection_statuses(&toolkits, &toolkits_found, &connected);
        Ok(SearchReply {
            success: missed == 0,
            error: (missed > 0).then(|| format!("{missed} of {} use cases found no tool", results.len())),
            toolkit_connection_statuses: statuses,
            next_steps_guidance: guidance(session, &toolkits, missed),
            session: json!({
                "id": session.id,
                "generate_id": false,
                "instructions": "The session is known from the connection; no id needs to be passed on.",
            }),
            time_info: Some(time_info()),
            tool_schemas: schemas,
            results,
        })
    }
}

fn check(queries: &[SearchQuery]) -> Result<()> {
    if queries.is_empty() || queries.len() > MAX_QUERIES {
        return Err(Error::validation(format!(
            "`queries` has {} entries; it must have 1 to {MAX_QUERIES}",
            queries.len()
        )));
    }
    for (place, query) in queries.iter().enumerate() {
        let length = query.use_case.chars().count();
        if query.use_case.trim().is_empty() || length > MAX_USE_CASE {
            return Err(Error::validation(format!(
                "`queries[{place}].use_case` must have 1 to {MAX_USE_CASE} characters, not {length}"
            )));
        }
        if query.known_fields.as_ref().is_some_and(|known| known.chars().count() > MAX_KNOWN_FIELDS) {
            return Err(Error::validation(format!(
                "`queries[{place}].known_fields` may have at most {MAX_KNOWN_FIELDS} characters"
            )));
        }
    }
    Ok(())
}

/// The custom tools that came with a request, or those bound to the session where none came.
pub(super) fn custom_tools(session: &LiveSession, experimental: Option<&RawJson>) -> Result<CustomTools> {
    let given = custom::from_request(experimental)?;
    if given.is_empty() { Ok(session.custom.clone()) } else { custom::bind(given) }
}

fn index(custom: &CustomTools) -> Index {
    let mut index = Index::new();
    for (tool, toolkit) in custom::each(custom) {
        let parameters: Vec<&str> = parameter_names(&tool.input_schema).collect();
        index.insert(&Document {
            id: &tool.slug,
            name: &tool.name,
            toolkit,
            description: &tool.description,
            parameters: &parameters,
        });
    }
    index
}

fn result(
    index: u64,
    query: &SearchQuery,
    hits: &[Hit<'_>],
    loads: &Loads,
    custom: &CustomTools,
    schemas: &mut BTreeMap<String, SearchedTool>,
) -> SearchResult {
    let best = hits.first().map_or(0.0, |hit| hit.score);
    let primary = hits.iter().take(PRIMARY).take_while(|hit| hit.score >= best * PRIMARY_SHARE).count();
    let mut toolkits: Vec<String> = Vec::new();
    for (place, hit) in hits.iter().enumerate() {
        let full = place < primary;
        let described = custom::each(custom)
            .find(|(tool, _)| tool.slug == hit.id)
            .map(|(tool, toolkit)| describe_custom(tool, toolkit))
            .or_else(|| loads.get(hit.id).map(|tool| describe(tool, full)));
        let Some(described) = described else { continue };
        if !toolkits.contains(&described.toolkit) {
            toolkits.push(described.toolkit.clone());
        }
        // A tool may be primary for one use case and related for another; the whole schema wins.
        if full || !schemas.contains_key(hit.id) {
            schemas.insert(hit.id.to_owned(), described);
        }
    }
    let slugs: Vec<String> = hits.iter().map(|hit| hit.id.to_owned()).collect();
    let (primary, related) = slugs.split_at(primary);
    SearchResult {
        index,
        use_case: query.use_case.clone(),
        execution_guidance: primary.first().map(|slug| format!("Start with {slug}.")),
        error: primary
            .is_empty()
            .then(|| "no tool fits; try other words for the same thing, or a more general use case".to_owned()),
        primary_tool_slugs: primary.to_vec(),
        related_tool_slugs: related.to_vec(),
        toolkits,
    }
}

/// A tool as a search shows it; a related one comes without its schema.
pub(super) fn describe(tool: &CatalogTool, full: bool) -> SearchedTool {
    SearchedTool {
        tool_slug: tool.slug().to_owned(),
        toolkit: tool.toolkit().slug.clone(),
        description: Some(tool.definition.description.clone()),
        input_schema: full.then(|| tool.input_schema().clone()),
        output_schema: full.then(|| tool.source.details(&tool.definition).output_schema).flatten().map(RawJson::from),
        has_full_schema: Some(full),
    }
}

pub(super) fn describe_custom(tool: &CustomTool, toolkit: &str) -> SearchedTool {
    SearchedTool {
        tool_slug: tool.slug.clone(),
        toolkit: toolkit.to_lowercase(),
        description: Some(tool.description.clone()),
        input_schema: Some(RawJson::from(tool.input_schema.clone())),
        output_schema: tool.output_schema.clone().map(RawJson::from),
        has_full_schema: Some(true),
    }
}

/// `connected` has the toolkits that need an account, and whether there is an active one.
fn connection_statuses(toolkits: &[ToolkitTools<'_>], found: &[&str], connected: &BTreeMap<&str, bool>) -> Vec<Value> {
    let shown = toolkits.iter().filter(|each| found.contains(&each.toolkit.slug.as_str()));
    shown
        .map(|each| {
            let (is_active, message) = match connected.get(each.toolkit.slug.as_str()) {
                None => (true, "Ready: this toolkit needs no connected account."),
                Some(true) => (true, "Ready: the user's account is connected."),
                Some(false) => (
                    false,
                    "The user has not connected an account: make a link with COMPOSIO_MANAGE_CONNECTIONS before you run \
                     these tools.",
                ),
            };
            json!({
                "toolkit": each.toolkit.slug,
                "description": each.toolkit.description,
                "has_active_connection": is_active,
                "status_message": message,
            })
        })
        .collect()
}

fn guidance(session: &LiveSession, toolkits: &[ToolkitTools<'_>], missed: usize) -> Vec<String> {
    let has = |wanted| offered(&session.policy).any(|tool| tool == wanted);
    let mut lines = Vec::new();
    if has(MetaTool::MultiExecute) {
        lines.push("Run the tools with COMPOSIO_MULTI_EXECUTE_TOOL; arguments must fit their schema.".to_owned());
    }
    if has(MetaTool::Schemas) {
        lines.push("Related tools come without a schema: ask COMPOSIO_GET_TOOL_SCHEMAS before you run one.".to_owned());
    }
    if missed > 0 {
        lines.push("Where nothing was found, search again in other words before you tell the user so.".to_owned());
    }
    for each in toolkits {
        if let Err(error) = &each.tools {
            lines.push(format!("The toolkit `{}` was not searched: {error}", each.toolkit.slug));
        }
    }
    lines
}

fn time_info() -> TimeInfo {
    let now = Timestamp::now();
    TimeInfo {
        current_time_utc: format!("{now:.3}"),
        current_time_utc_epoch_seconds: now.as_second(),
        message: format!("It is {now:.0} (UTC)."),
    }
}
