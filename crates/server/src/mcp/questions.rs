//! The questions of a call that waits for the user, as MCP asks them, and the answers as the contract takes them.

use std::collections::BTreeMap;
use std::time::Duration;

use composio_contract::{Error, ErrorKind, ExecuteReply, RawJson, Result};
use rmcp::model::{
    ClientCapabilities, ElicitRequest, ElicitRequestParams, ElicitationSchema, InputRequest, InputRequiredResult,
};
use rmcp::{Peer, RoleServer, ServiceError};
use serde::Deserialize;

/// How long the user may take; the call's questions lapse then.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// A question of the contract.
#[derive(Debug, Deserialize)]
struct Question {
    message: String,
    requested_schema: ElicitationSchema,
}

/// Whether a client can put a form before its user.
pub(super) fn can_ask(capabilities: Option<&ClientCapabilities>) -> bool {
    // One that names no mode has the one that was there first, which is the form.
    capabilities
        .and_then(|capabilities| capabilities.elicitation.as_ref())
        .is_some_and(|modes| modes.form.is_some() || modes.url.is_none())
}

/// The questions as the answer to the call; the client calls again with the user's answers.
pub(super) fn as_result(reply: &ExecuteReply) -> Result<InputRequiredResult> {
    let requests = read(reply)?
        .into_iter()
        .map(|(key, question)| (key, InputRequest::Elicitation(ElicitRequest::new(question.into()))))
        .collect();
    Ok(InputRequiredResult::new(Some(requests), reply.request_state.clone()))
}

/// Asks the questions one after the other, and gives the answers.
///
/// # Errors
/// [`ErrorKind::Timeout`] where the user takes too long, or another one where the client cannot be asked.
pub(super) async fn ask(peer: &Peer<RoleServer>, reply: &ExecuteReply) -> Result<RawJson> {
    let mut answers = BTreeMap::new();
    for (key, question) in read(reply)? {
        let answer = peer.create_elicitation_with_timeout(question.into(), Some(PATIENCE)).await.map_err(unanswered)?;
        answers.insert(key, answer);
    }
    RawJson::encode(&answers)
}

fn unanswered(error: ServiceError) -> Error {
    match error {
        ServiceError::Timeout { .. } => Error::new(ErrorKind::Timeout, "the user did not answer in time"),
        error => Error::new(ErrorKind::Connection, format!("the user could not be asked: {error}")).with_source(error),
    }
}

fn read(reply: &ExecuteReply) -> Result<BTreeMap<String, Question>> {
    reply.input_requests.as_ref().map_or_else(|| Ok(BTreeMap::new()), |raw| raw.decode("input_requests"))
}

impl From<Question> for ElicitRequestParams {
    fn from(question: Question) -> Self {
        Self::FormElicitationParams {
            meta: None,
            message: question.message,
            requested_schema: question.requested_schema,
        }
    }
}
