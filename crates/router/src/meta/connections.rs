//! `COMPOSIO_MANAGE_CONNECTIONS` and `COMPOSIO_WAIT_FOR_CONNECTIONS`: a model has its user connect accounts.

use std::collections::BTreeMap;
use std::time::Duration;

use composio_contract::{ExecuteMetaRequest, LinkRequest, RawJson, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::MetaTool;
use crate::accounts::wire;
use crate::router::Router;
use crate::sessions::LiveSession;

const MAX_TOOLKITS: usize = 20;
/// Seconds that a model waits for its user, where it says nothing else.
const WAIT: u64 = 30;
/// What a wait leaves of the time that a call may take.
const SLACK: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(500);

fn toolkits(description: &str) -> Value {
    json!({
        "type": "array",
        "description": description,
        "items": {"type": "string", "minLength": 1},
        "minItems": 1,
        "maxItems": MAX_TOOLKITS,
    })
}

pub(super) fn manage_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "toolkits": toolkits("The slugs of the toolkits, as a search gave them."),
            "reinitiate_all": {
                "type": "boolean",
                "description": "Makes a new link also where an account is connected: to use another one, or to connect it \
                                anew after a failure.",
                "default": false,
            },
        },
        "required": ["toolkits"],
    })
}

pub(super) fn wait_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "toolkits": toolkits("The toolkits whose links the user was given."),
            "mode": {
                "type": "string",
                "enum": ["all", "any"],
                "description": "Whether all of them must be connected, or one is enough.",
                "default": "all",
            },
            "timeout_seconds": {"type": "integer", "minimum": 0, "maximum": 600, "default": WAIT},
        },
        "required": ["toolkits"],
    })
}

#[derive(Debug, Deserialize)]
struct Manage {
    toolkits: Vec<String>,
    #[serde(default)]
    reinitiate_all: bool,
}

#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Mode {
    #[default]
    All,
    Any,
}

#[derive(Debug, Deserialize)]
struct Wait {
    toolkits: Vec<String>,
    #[serde(default)]
    mode: Mode,
    #[serde(default = "wait")]
    timeout_seconds: u64,
}

fn wait() -> u64 {
    WAIT
}

#[derive(Debug, Serialize)]
struct Connection {
    toolkit: String,
    /// `active`, `initiated`, `no_auth`, `failed` or `not_connected`.
    status: &'static str,
    has_active_connection: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    accounts: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connected_account_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instruction: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
}

impl Connection {
    fn failed(toolkit: &str, message: String) -> Self {
        Self {
            toolkit: toolkit.to_owned(),
            status: "failed",
            has_active_connection: false,
            accounts: Vec::new(),
            connected_account_id: None,
            redirect_url: None,
            instruction: None,
            error_message: Some(message),
        }
    }
}

#[derive(Serialize)]
struct Answer {
    results: BTreeMap<String, Connection>,
    message: String,
}

impl Router {
    /// How a toolkit stands, without making anything.
    async fn connection(&self, session: &LiveSession, slug: &str) -> Result<Connection> {
        let toolkit = &self.catalog.toolkit(slug)?.slug;
        session.policy.toolkit(toolkit).map_err(|denial| denial.error(toolkit))?;
        let needs_account = self.accounts.config(toolkit).is_some();
        let rows = self.accounts_of(session, toolkit).await?;
        let active = rows.iter().rev().find(|row| wire::status(row) == "ACTIVE");
        let accounts = rows.iter().map(|row| {
            json!({
                "id": row.id,
                "alias": row.alias,
                "status": wire::status(row),
                "status_reason": row.status_reason,
            })
        });
        Ok(Connection {
            toolkit: toolkit.clone(),
            status: match active {
                _ if !needs_account => "no_auth",
                Some(_) => "active",
                None => "not_connected",
            },
            has_active_connection: !needs_account || active.is_some(),
            accounts: accounts.collect(),
            connected_account_id: active.map(|row| row.id.clone()),
            redirect_url: None,
            instruction: None,
            error_message: None,
        })
    }

    async fn connection_with_link(&self, session: &LiveSession, slug: &str, anew: bool) -> Result<Connection> {
        let mut connection = self.connection(session, slug).await?;
        if connection.status == "no_auth" {
            connection.instruction = Some("This toolkit needs no connected account; run its tools.".to_owned());
            return Ok(connection);
        }
        if connection.has_active_connection && !anew {
            return Ok(connection);
        }
        let request = LinkRequest { toolkit: connection.toolkit.clone(), ..LinkRequest::default() };
        let link = self.link_account(session, &request).await?;
        connection.status = "initiated";
        connection.instruction = Some(
            "Give the user `redirect_url` as a link, word for word, and wait until they have followed it.".to_owned(),
        );
        connection.connected_account_id = Some(link.connected_account_id);
        connection.redirect_url = Some(link.redirect_url);
        Ok(connection)
    }

    pub(super) async fn run_manage(
        &self,
        session: &LiveSession,
        request: &ExecuteMetaRequest,
    ) -> Result<RawJson, String> {
        let arguments: Manage = MetaTool::ManageConnections.arguments(request.arguments.as_ref())?;
        let mut results = BTreeMap::new();
        for slug in &arguments.toolkits {
            let connection = self.connection_with_link(session, slug, arguments.reinitiate_all).await;
            let connection = connection.unwrap_or_else(|error| Connection::failed(slug, error.to_string()));
            results.insert(slug.to_lowercase(), connection);
        }
        if let [only] = results.values().collect::<Vec<_>>().as_slice()
            && let Some(message) = &only.error_message
        {
            return Err(message.clone());
        }
        let waiting: Vec<&str> = results
            .values()
            .filter(|connection| connection.status == "initiated")
            .map(|connection| connection.toolkit.as_str())
            .collect();
        let message = if waiting.is_empty() {
            "Nothing is left for the user to do.".to_owned()
        } else {
            format!("The user must follow the links of: {}.", waiting.join(", "))
        };
        RawJson::encode(&Answer { results, message }).map_err(|error| error.to_string())
    }

    pub(super) async fn run_wait(
        &self,
        session: &LiveSession,
        request: &ExecuteMetaRequest,
    ) -> Result<RawJson, String> {
        let arguments: Wait = MetaTool::WaitForConnections.arguments(request.arguments.as_ref())?;
        let longest = self.limits.call_timeout.saturating_sub(SLACK);
        let deadline = Instant::now() + Duration::from_secs(arguments.timeout_seconds).min(longest);
        loop {
            let mut results = BTreeMap::new();
            for slug in &arguments.toolkits {
                let connection = self.connection(session, slug).await.map_err(|error| error.to_string())?;
                results.insert(connection.toolkit.clone(), connection);
            }
            let mut connected = results.values().map(|connection| connection.has_active_connection);
            let done = match arguments.mode {
                Mode::All => connected.all(|is_active| is_active),
                Mode::Any => connected.any(|is_active| is_active),
            };
            if done || Instant::now() >= deadline {
                let message = if done {
                    "Connected.".to_owned()
                } else {
                    "Not connected yet. Ask the user whether they have followed the link, then wait again.".to_owned()
                };
                return RawJson::encode(&Answer { results, message }).map_err(|error| error.to_string());
            }
            tokio::time::sleep_until((Instant::now() + PAUSE).min(deadline)).await;
        }
    }
}
