//! `COMPOSIO_MULTI_EXECUTE_TOOL`: several tools at the same time.

use composio_contract::{Error, ExecuteMetaRequest, ExecuteReply, RawJson, Result};
use futures_util::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{MetaOutcome, MetaTool};
use crate::approval::{Answers, Approvals, Asking};
use crate::execute::Call;
use crate::fingerprint::Fingerprint;
use crate::record::Record;
use crate::router::Router;
use crate::sessions::LiveSession;
use crate::source::Outcome;

const MAX_ITEMS: usize = 50;

pub(super) fn input_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "tools": {
                "type": "array",
                "description": "The calls; they run at the same time.",
                "minItems": 1,
                "maxItems": MAX_ITEMS,
                "items": {
                    "type": "object",
                    "properties": {
                        "tool_slug": {"type": "string", "description": "The slug, as a search gave it.", "minLength": 1},
                        "arguments": {"type": "object", "description": "What the tool's schema asks for."},
                        "account": {
                            "type": "string",
                            "description": "Which connected account to use, where a toolkit has several.",
                        },
                    },
                    "required": ["tool_slug"],
                },
            },
        },
        "required": ["tools"],
    })
}

#[derive(Debug, Deserialize)]
struct Arguments {
    tools: Vec<Item>,
}

#[derive(Debug, Deserialize)]
struct Item {
    tool_slug: String,
    #[serde(default)]
    arguments: Map<String, Value>,
    #[serde(default)]
    account: Option<String>,
}

#[derive(Debug, Serialize)]
struct Results {
    results: Vec<ItemResult>,
    total_count: usize,
    success_count: usize,
    error_count: usize,
}

#[derive(Debug, Serialize)]
struct ItemResult {
    index: usize,
    tool_slug: String,
    response: Response,
    /// The same as in the response; callers look for it in both places.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Response {
    successful: bool,
    data: RawJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_id: Option<String>,
}

/// What became of an item before anything was run.
enum Prepared {
    Ready(Call),
    Refused(Call, String),
    Impossible(Error),
}

impl Router {
    pub(super) async fn run_multi(
        &self,
        session: &LiveSession,
        request: &ExecuteMetaRequest,
        whole: Fingerprint,
        record: &mut Record<'_>,
    ) -> Result<MetaOutcome> {
        let arguments: Arguments = match MetaTool::MultiExecute.arguments(request.arguments.as_ref()) {
            Ok(arguments) => arguments,
            Err(error) => return Ok(MetaOutcome::Ended(Outcome::failed(error))),
        };
        let slugs: Vec<String> = arguments.tools.iter().map(|item| item.tool_slug.clone()).collect();
        let mut items = stream::iter(arguments.tools.into_iter().map(|item| self.prepare_item(session, item)))
            .buffered(self.limits.parallel)
            .collect::<Vec<_>>()
            .await;
        if let Some(pending) = self.ask_for_items(session, request, whole, &mut items).await? {
            return Ok(MetaOutcome::Pending(pending));
        }
        if items.iter().any(|item| matches!(item, Prepared::Ready(call) if call.may_change_something())) {
            record.begin().await?;
        }
        let runs = slugs.into_iter().zip(items).enumerate().map(|(index, (slug, item))| async move {
            let ended = match item {
                Prepared::Ready(call) => match self.run(session, call, None).await {
                    Ok(ended) => ended,
                    Err(error) => return item_result(index, slug, Outcome::failed(error.to_string()), None),
                },
                Prepared::Refused(call, reason) => self.refuse(session, &call, reason),
                Prepared::Impossible(error) => {
                    return item_result(index, slug, Outcome::failed(error.to_string()), None);
                }
            };
            item_result(index, slug, ended.outcome, Some(ended.log_id))
        });
        let results: Vec<ItemResult> = stream::iter(runs).buffered(self.limits.parallel).collect().await;
        let (total, failed) = (results.len(), results.iter().filter(|result| !result.response.successful).count());
        let data = RawJson::encode(&Results {
            results,
            total_count: total,
            success_count: total - failed,
            error_count: failed,
        })?;
        Ok(MetaOutcome::Ended(if failed == 0 {
            Outcome::Completed(data)
        } else {
            Outcome::Failed { error: format!("{failed} out of {total} tools failed"), data: Some(data) }
        }))
    }

    async fn prepare_item(&self, session: &LiveSession, item: Item) -> Prepared {
        match self.prepare(session, &item.tool_slug, item.arguments, item.account.as_deref()).await {
            Ok(call) => Prepared::Ready(call),
            Err(error) => Prepared::Impossible(error),
        }
    }

    /// Asks for every item at once, before any is run. Items that the user declines are marked as refused.
    async fn ask_for_items(
        &self,
        session: &LiveSession,
        request: &ExecuteMetaRequest,
        whole: Fingerprint,
        items: &mut Vec<Prepared>,
    ) -> Result<Option<Box<ExecuteReply>>> {
        let mut questions = Vec::new();
        for (index, item) in items.iter().enumerate() {
            if let Prepared::Ready(call) = item {
                questions.push(self.question(call, key(index)).await?);
            }
        }
        let asking = Asking { slug: MetaTool::MultiExecute.slug(), arguments: whole.hash };
        let answers = Answers { responses: request.input_responses.as_ref(), state: request.request_state.as_deref() };
        let mut declined = match self.approvals(session, asking, questions, answers).await? {
            Approvals::Pending(reply) => return Ok(Some(reply)),
            Approvals::Settled(declined) => declined,
        };
        let settled = std::mem::take(items).into_iter().enumerate().map(|(index, item)| match item {
            Prepared::Ready(call) => match declined.remove(&key(index)) {
                Some(reason) => Prepared::Refused(call, reason),
                None => Prepared::Ready(call),
            },
            other => other,
        });
        *items = settled.collect();
        Ok(None)
    }
}

/// The key of the question about an item.
fn key(index: usize) -> String {
    format!("approval_{index}")
}

fn item_result(index: usize, tool_slug: String, outcome: Outcome, log_id: Option<String>) -> ItemResult {
    let (successful, data, error) = match outcome {
        Outcome::Completed(data) => (true, data, None),
        Outcome::Failed { error, data } => (false, data.unwrap_or_else(RawJson::empty_object), Some(error)),
    };
    ItemResult { index, tool_slug, response: Response { successful, data, error: error.clone(), log_id }, error }
}
