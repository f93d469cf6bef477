//! Meta tools: what a model finds, reads and runs other tools with.

mod connections;
mod multi;
mod proxy;
mod schemas;
mod search;

use std::sync::OnceLock;

use composio_contract::{Error, ErrorKind, ExecuteMetaRequest, ExecuteReply, RawJson, Result, Tool, ToolToolkit};
use composio_schema::Schema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::catalog::wire_defaults;
use crate::fingerprint;
use crate::policy::Policy;
use crate::record::{Record, Said, WrongArguments};
use crate::router::Router;
use crate::sessions::LiveSession;
use crate::source::{Outcome, Tag};

/// A meta tool of this router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetaTool {
    Search,
    Schemas,
    MultiExecute,
    ManageConnections,
    WaitForConnections,
    ProxyExecute,
}

/// The meta tools that a session has.
pub(crate) fn offered(policy: &Policy) -> impl Iterator<Item = MetaTool> {
    let search = policy.search().then_some([MetaTool::Search, MetaTool::Schemas]);
    let multi = policy.multi_execute().then_some(MetaTool::MultiExecute);
    let manage = policy.manage_connections().then_some(MetaTool::ManageConnections);
    let wait = policy.wait_for_connections().then_some(MetaTool::WaitForConnections);
    let raw = policy.raw_calls().then_some(MetaTool::ProxyExecute);
    let all = search.into_iter().flatten().chain(multi).chain(manage).chain(wait).chain(raw);
    all.filter(|tool| !policy.forbids_meta_tool(tool.slug()))
}

/// Whether a slug is one of a meta tool, offered here or only elsewhere.
pub(crate) fn is_meta(slug: &str) -> bool {
    slug.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("COMPOSIO_"))
}

impl MetaTool {
    pub(crate) const ALL: [Self; 6] = [
        Self::Search,
        Self::Schemas,
        Self::MultiExecute,
        Self::ManageConnections,
        Self::WaitForConnections,
        Self::ProxyExecute,
    ];

    pub(crate) fn slug(self) -> &'static str {
        match self {
            Self::Search => "COMPOSIO_SEARCH_TOOLS",
            Self::Schemas => "COMPOSIO_GET_TOOL_SCHEMAS",
            Self::MultiExecute => "COMPOSIO_MULTI_EXECUTE_TOOL",
            Self::ManageConnections => "COMPOSIO_MANAGE_CONNECTIONS",
            Self::WaitForConnections => "COMPOSIO_WAIT_FOR_CONNECTIONS",
            Self::ProxyExecute => "COMPOSIO_PROXY_EXECUTE",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Search => "Search tools",
            Self::Schemas => "Get tool schemas",
            Self::MultiExecute => "Run tools",
            Self::ManageConnections => "Manage connections",
            Self::WaitForConnections => "Wait for connections",
            Self::ProxyExecute => "Call an API",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::Search => {
                "Finds tools for what you want to do. Give each step of the task as a query of its own; the answer has \
                 the best tools for each, with the JSON Schema of their arguments. Search before you run a tool you have \
                 not used yet, and never make up a slug."
            }
            Self::Schemas => {
                "Gives the JSON Schema of the arguments of tools whose slugs you know, for instance those that a search \
                 listed as related without a schema."
            }
            Self::MultiExecute => {
                "Runs one or more tools at the same time and gives each one's result in the order asked. Use slugs and \
                 argument schemas that a search gave. Put only calls together that do not need each other's results."
            }
            Self::ManageConnections => {
                "Says whether the user's accounts of toolkits are connected, and makes a link for each that is not. Call it \
                 before you run a tool of a toolkit without an active connection, and give the user the link."
            }
            Self::WaitForConnections => {
                "Waits until the user has followed the links that COMPOSIO_MANAGE_CONNECTIONS made."
            }
            Self::ProxyExecute => {
                "Sends a request to the API behind a toolkit, signed by the user's connected account where it needs one. Use \
                 it only where no tool does what is wanted."
            }
        }
    }

    fn input_schema(self) -> Value {
        match self {
            Self::Search => search::input_schema(),
            Self::Schemas => schemas::input_schema(),
            Self::MultiExecute => multi::input_schema(),
            Self::ManageConnections => connections::manage_schema(),
            Self::WaitForConnections => connections::wait_schema(),
            Self::ProxyExecute => proxy::input_schema(),
        }
    }

    fn tags(self) -> Vec<Tag> {
        match self {
            Self::Search | Self::Schemas | Self::WaitForConnections => vec![Tag::ReadOnly, Tag::Idempotent],
            Self::MultiExecute | Self::ManageConnections => Vec::new(),
            Self::ProxyExecute => vec![Tag::OpenWorld],
        }
    }

    fn validator(self) -> Option<&'static Schema> {
        static VALIDATORS: [OnceLock<Option<Schema>>; MetaTool::ALL.len()] =
            [const { OnceLock::new() }; MetaTool::ALL.len()];
        let place = Self::ALL.iter().position(|tool| *tool == self)?;
        VALIDATORS.get(place)?.get_or_init(|| Schema::compile(&self.input_schema()).ok()).as_ref()
    }

    /// The meta tool as the contract has it.
    pub(crate) fn on_the_wire(self) -> Tool {
        Tool {
            slug: self.slug().to_owned(),
            name: self.name().to_owned(),
            description: self.description().to_owned(),
            toolkit: ToolToolkit { slug: "composio".to_owned(), name: "Composio".to_owned(), logo: String::new() },
            input_parameters: RawJson::from(self.input_schema()),
            output_parameters: Some(RawJson::empty_object()),
            tags: self.tags().into_iter().map(|tag| tag.name().to_owned()).collect(),
            ..wire_defaults(self.name())
        }
    }

    /// Checks and reads the arguments of a call.
    fn arguments<T: DeserializeOwned>(self, raw: Option<&RawJson>) -> Result<T, String> {
        let value: Value = match raw {
            Some(raw) => raw.decode("arguments").map_err(|error| error.to_string())?,
            None => json!({}),
        };
        if let Some(validator) = self.validator() {
            validator.check(&value).map_err(|error| format!("the arguments of {} are wrong:\n{error}", self.slug()))?;
        }
        serde_json::from_value(value).map_err(|error| format!("the arguments of {} are wrong: {error}", self.slug()))
    }

    /// What is wrong with the arguments of a call, as its schema says.
    fn wrong_arguments(self, raw: Option<&RawJson>) -> Option<WrongArguments> {
        let value: Value = raw.map_or_else(|| Some(json!({})), |raw| raw.decode("arguments").ok())?;
        let invalid = self.validator()?.check(&value).err()?;
        Some(WrongArguments::new(&invalid, &self.input_schema()))
    }
}

impl Router {
    /// Runs a meta tool.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] or [`ErrorKind::PermissionDenied`] where the session has no such meta tool, or the router
    /// has none.
    pub(crate) async fn execute_meta_tool(
        &self,
        session: &LiveSession,
        request: &ExecuteMetaRequest,
    ) -> Result<ExecuteReply> {
        let tool = find(&session.policy, &request.slug)?;
        let arguments: Map<String, Value> =
            request.arguments.as_ref().map_or_else(|| Ok(Map::new()), |raw| raw.decode("arguments"))?;
        let arguments = fingerprint::of(&arguments);
        let mut record = Record::new(self.store.as_ref(), session, tool.slug(), arguments);
        if tool == MetaTool::ManageConnections {
            record.begin().await?;
        }
        let outcome = match tool {
            MetaTool::Search => self.run_search(session, request).await.map(MetaOutcome::from),
            MetaTool::Schemas => Ok(self.run_schemas(session, request).await.into()),
            MetaTool::MultiExecute => self.run_multi(session, request, arguments, &mut record).await,
            MetaTool::ManageConnections => Ok(self.run_manage(session, request).await.into()),
            MetaTool::WaitForConnections => Ok(self.run_wait(session, request).await.into()),
            MetaTool::ProxyExecute => self.run_proxy(session, request, arguments, &mut record).await,
        };
        match outcome {
            Ok(MetaOutcome::Pending(reply)) => {
                record.discard();
                Ok(*reply)
            }
            Ok(MetaOutcome::Ended(outcome)) => {
                let said = match (&outcome, tool) {
                    (Outcome::Completed(_), _) => Said::Theirs,
                    // How many of its calls failed; each has an entry of its own.
                    (Outcome::Failed { error, data: Some(_) }, MetaTool::MultiExecute) => Said::Ours(error.clone()),
                    _ => {
                        let wrong = tool.wrong_arguments(request.arguments.as_ref());
                        wrong.map_or(Said::Theirs, |wrong| wrong.said())
                    }
                };
                Ok(record.conclude(outcome, said).into_reply())
            }
            Err(error) => {
                record.fail(&error);
                Err(error)
            }
        }
    }
}

/// How a meta tool's run went.
enum MetaOutcome {
    Ended(Outcome),
    /// The user must be asked first.
    Pending(Box<ExecuteReply>),
}

impl From<Result<RawJson, String>> for MetaOutcome {
    fn from(result: Result<RawJson, String>) -> Self {
        Self::Ended(result.map_or_else(Outcome::failed, Outcome::Completed))
    }
}

fn find(policy: &Policy, slug: &str) -> Result<MetaTool> {
    if let Some(tool) = offered(policy).find(|tool| tool.slug().eq_ignore_ascii_case(slug)) {
        return Ok(tool);
    }
    let switched_off = |setting: &str| {
        Error::new(
            ErrorKind::PermissionDenied,
            format!("`{slug}` is not available in this session: the setting `{setting}` is false"),
        )
        .with_status(403)
    };
    Err(match MetaTool::ALL.into_iter().find(|tool| tool.slug().eq_ignore_ascii_case(slug)) {
        Some(MetaTool::Search | MetaTool::Schemas) => switched_off("search.enable"),
        Some(MetaTool::MultiExecute) => switched_off("execute.enable_multi_execute"),
        Some(MetaTool::ProxyExecute) => Error::new(
            ErrorKind::PermissionDenied,
            format!(
                "`{slug}` is not available in this session: it needs a toolkit with an API, and the setting \
                     `proxy_execute.enable`"
            ),
        )
        .with_status(403),
        // Neither is offered where no toolkit needs an account.
        Some(MetaTool::WaitForConnections) if policy.manage_connections() => {
            switched_off("manage_connections.enable_wait_for_connections")
        }
        Some(MetaTool::ManageConnections | MetaTool::WaitForConnections) | None => {
            let here: Vec<&str> = offered(policy).map(MetaTool::slug).collect();
            let here = if here.is_empty() { "none".to_owned() } else { here.join(", ") };
            let what = if is_meta(slug) {
                format!("the embedded router does not offer `{slug}`")
            } else {
                format!("`{slug}` is not a meta tool; run it with execute")
            };
            Error::new(ErrorKind::NotFound, what)
                .with_status(404)
                .with_suggested_fix(format!("the session's meta tools are: {here}"))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_can_be_checked_against() {
        for tool in MetaTool::ALL {
            assert!(tool.validator().is_some(), "{tool:?}");
        }
    }
}
