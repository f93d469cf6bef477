//! `COMPOSIO_PROXY_EXECUTE`: a request to the API behind a toolkit, for what none of its tools does.

use composio_contract::{ExecuteMetaRequest, ProxyExecuteRequest, ProxyParameter, ProxyReply, RawJson, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{MetaOutcome, MetaTool};
use crate::approval::{Answers, Approvals, Asking};
use crate::fingerprint::{self, Fingerprint};
use crate::openapi;
use crate::policy::Ask;
use crate::question::{AskedAccount, Question};
use crate::record::Record;
use crate::router::Router;
use crate::sessions::LiveSession;
use crate::source::{Outcome, Tag};

const APPROVAL: &str = "approval";

pub(super) fn input_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "toolkit_slug": {
                "type": "string",
                "description": "The toolkit whose API is called.",
                "minLength": 1,
            },
            "endpoint": {
                "type": "string",
                "description": "A path below the API's base URL, such as `/user`, or a URL on one of the API's hosts.",
                "minLength": 1,
            },
            "method": {
                "type": "string",
                "enum": ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"],
            },
            "parameters": {
                "type": "array",
                "description": "Query parameters and headers. What signs the request is added to them.",
                "items": {
                    "type": "object",
                    "properties": {
                        "name": {"type": "string", "minLength": 1},
                        "value": {"type": "string"},
                        "type": {"type": "string", "enum": ["query", "header"]},
                    },
                    "required": ["name", "value", "type"],
                },
            },
            "body": {"description": "The body, as JSON."},
            "account": {
                "type": "string",
                "description": "Which connected account to use, where a toolkit has several.",
            },
        },
        "required": ["toolkit_slug", "endpoint", "method"],
    })
}

#[derive(Debug, Deserialize)]
struct Arguments {
    toolkit_slug: String,
    endpoint: String,
    method: String,
    #[serde(default)]
    parameters: Option<Vec<ProxyParameter>>,
    #[serde(default)]
    body: Option<Value>,
    #[serde(default)]
    account: Option<String>,
}

#[derive(Debug, Serialize)]
struct Answer {
    status: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<RawJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    binary_data: Option<Value>,
}

impl Router {
    pub(super) async fn run_proxy(
        &self,
        session: &LiveSession,
        request: &ExecuteMetaRequest,
        whole: Fingerprint,
        record: &mut Record<'_>,
    ) -> Result<MetaOutcome> {
        let tool = MetaTool::ProxyExecute;
        let failed = |error: String| Ok(MetaOutcome::Ended(Outcome::failed(error)));
        let given = match tool.arguments::<Arguments>(request.arguments.as_ref()) {
            Ok(given) => given,
            Err(error) => return failed(error),
        };
        let source = match self.catalog.source(&given.toolkit_slug) {
            Ok(source) => source,
            Err(error) => return failed(error.to_string()),
        };
        let toolkit = source.toolkit().slug.as_str();
        let tags = openapi::tags(&given.method);
        let ask = session.policy.decide_raw(toolkit, &tags).map_err(|denial| denial.error(tool.slug()))?;

        let shown: Map<String, Value> =
            request.arguments.as_ref().map_or_else(|| Ok(Map::new()), |raw| raw.decode("arguments"))?;
        let Arguments { toolkit_slug, endpoint, method, parameters, body, account } = given;
        let body = body.filter(|body| !body.is_null()).map(RawJson::from);
        let raw = ProxyExecuteRequest { toolkit_slug, endpoint, method, body, parameters };
        let account = match self.raw_signer(session, source, &raw, account.as_deref()).await {
            Ok(account) => account,
            Err(error) => return failed(error.to_string()),
        };
        let asked = self.asked_account(account.as_ref().filter(|_| ask != Ask::Never)).await?;
        // Who lets one API be called has not let others be.
        let api = [tool.slug().as_bytes(), toolkit.as_bytes()];
        let identity = fingerprint::over(api.into_iter().chain(asked.iter().flat_map(AskedAccount::identity)));
        let question = Question {
            key: APPROVAL.to_owned(),
            slug: tool.slug(),
            toolkit,
            title: tool.name(),
            account: asked,
            arguments: &shown,
            ask,
            identity,
        };
        let asking = Asking { slug: tool.slug(), arguments: whole.hash };
        let answers = Answers { responses: request.input_responses.as_ref(), state: request.request_state.as_deref() };
        match self.approvals(session, asking, vec![question], answers).await? {
            Approvals::Pending(reply) => return Ok(MetaOutcome::Pending(reply)),
            Approvals::Settled(mut declined) => {
                if let Some(reason) = declined.remove(APPROVAL) {
                    return failed(reason);
                }
            }
        }
        if !tags.contains(&Tag::ReadOnly) {
            record.begin().await?;
        }
        match self.raw_call(session, source, &raw, account).await {
            Ok(reply) => Ok(MetaOutcome::Ended(outcome(reply)?)),
            Err(error) => failed(error.to_string()),
        }
    }
}

/// An error of the API is a failed run, with all that the API said.
fn outcome(reply: ProxyReply) -> Result<Outcome> {
    let ProxyReply { status, headers, data, binary_data, .. } = reply;
    let error = status.as_u64().filter(|status| *status >= 400).map(|status| format!("the API answered {status}"));
    let data = RawJson::encode(&Answer { status, headers, data, binary_data })?;
    Ok(match error {
        None => Outcome::Completed(data),
        Some(error) => Outcome::Failed { error, data: Some(data) },
    })
}
