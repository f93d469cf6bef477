//! Asking the user before a tool runs.
//!
//! A call that needs approval is answered with the questions and a `request_state`. The caller sends the same call again
//! with that state and the user's answers. The state belongs to one session and to what the user was asked about: the tools,
//! their definitions, the accounts and the arguments. It serves once and lapses.

use std::collections::HashMap;
use std::time::Duration;

use composio_contract::{Error, ErrorKind, ExecuteReply, RawJson, Result, ResultType};
use serde::Deserialize;
use uuid::Uuid;

use crate::policy::Ask;
use crate::question::{self, Question};
use crate::router::Router;
use crate::sessions::LiveSession;
use crate::store::ApprovalRow;
use crate::{clock, fingerprint};

/// How long the user may take.
const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// What the caller sent back after it was asked.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Answers<'a> {
    pub(crate) responses: Option<&'a RawJson>,
    pub(crate) state: Option<&'a str>,
}

/// The call that the questions are part of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asking<'a> {
    /// The tool or meta tool that is called.
    pub(crate) slug: &'a str,
    /// The fingerprint of its arguments.
    pub(crate) arguments: [u8; 32],
}

/// Where the questions stand.
#[derive(Debug)]
pub(crate) enum Approvals {
    /// The user must be asked first; this is the answer to the caller.
    Pending(Box<ExecuteReply>),
    /// Why each key that was declined was; what is not in it may run.
    Settled(HashMap<String, String>),
}

#[derive(Debug, Deserialize)]
struct Response {
    action: String,
    #[serde(default)]
    content: Option<Content>,
}

#[derive(Debug, Deserialize)]
struct Content {
    #[serde(default)]
    decision: Option<String>,
}

impl Router {
    /// Settles the questions of a call, or asks them.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`] where the answers do not belong to this call, came before or too late.
    pub(crate) async fn approvals(
        &self,
        session: &LiveSession,
        asking: Asking<'_>,
        questions: Vec<Question<'_>>,
        answers: Answers<'_>,
    ) -> Result<Approvals> {
        let mut open = Vec::new();
        for question in questions {
            let settled = match question.ask {
                Ask::Never => true,
                Ask::OncePerSession => self.store.is_granted(&session.id, question.identity).await?,
                Ask::EveryCall => false,
            };
            if !settled {
                open.push(question);
            }
        }
        if open.is_empty() {
            return Ok(Approvals::Settled(HashMap::new()));
        }
        let asked = asking.fingerprint(&open);
        let Some(state) = answers.state else { return self.ask(session, asking, asked, &open).await };
        let row = self.store.take_approval(&session.id, state).await?;
        check(row, asking, asked)?;
        let responses: HashMap<String, Response> =
            answers.responses.map_or_else(|| Ok(HashMap::new()), |raw| raw.decode("input_responses"))?;
        // All answers are read before any is acted on.
        let decided = open.into_iter().map(|question| {
            let response = responses
                .get(&question.key)
                .ok_or_else(|| Error::validation(format!("`input_responses` has no answer to `{}`", question.key)))?;
            Ok((decide(&question.key, response)?, question))
        });
        let mut declined = HashMap::new();
        for (refusal, question) in decided.collect::<Result<Vec<_>>>()? {
            match refusal {
                None if question.ask == Ask::OncePerSession => {
                    self.store.grant(&session.id, question.slug, question.identity).await?;
                }
                None => {}
                Some(reason) => drop(declined.insert(question.key, reason)),
            }
        }
        Ok(Approvals::Settled(declined))
    }

    async fn ask(
        &self,
        session: &LiveSession,
        asking: Asking<'_>,
        asked: [u8; 32],
        open: &[Question<'_>],
    ) -> Result<Approvals> {
        let state = format!("apr_{}", Uuid::new_v4().simple());
        let lifetime = i64::try_from(LIFETIME.as_millis()).unwrap_or(i64::MAX);
        self.store
            .add_approval(ApprovalRow {
                state: state.clone(),
                session_id: session.id.clone(),
                tool_slug: asking.slug.to_owned(),
                arguments: asked,
                expires_at: clock::millis().saturating_add(lifetime),
            })
            .await?;
        Ok(Approvals::Pending(Box::new(ExecuteReply {
            result_type: Some(ResultType::InputRequired),
            data: None,
            error: None,
            log_id: None,
            input_requests: Some(question::requests(open)),
            request_state: Some(state),
        })))
    }
}

impl Asking<'_> {
    /// What an answer to these questions is for.
    fn fingerprint(&self, open: &[Question<'_>]) -> [u8; 32] {
        let questions = open.iter().flat_map(|question| [question.key.as_bytes(), &question.identity]);
        fingerprint::over([self.slug.as_bytes(), &self.arguments].into_iter().chain(questions))
    }
}

fn check(row: Option<ApprovalRow>, asking: Asking<'_>, asked: [u8; 32]) -> Result<()> {
    let again = |message: &str| {
        Error::new(ErrorKind::Validation, message)
            .with_suggested_fix("make the call without `request_state` to ask the user anew")
    };
    let Some(row) = row else {
        return Err(again("`request_state` is not one that this session waits for, or it was used before"));
    };
    if row.expires_at <= clock::millis() {
        return Err(again("the user's answer came too late: `request_state` has lapsed"));
    }
    if row.tool_slug != asking.slug || row.arguments != asked {
        return Err(again(
            "`request_state` belongs to another call: the tool, its definition, its account or its arguments have changed since \
             the user was asked",
        ));
    }
    Ok(())
}

/// None to go ahead, or why not. Only the word itself is a yes: a client that accepts a form without having filled it in has not
/// asked its user.
fn decide(key: &str, response: &Response) -> Result<Option<String>> {
    let decision = response.content.as_ref().and_then(|content| content.decision.as_deref());
    match (response.action.as_str(), decision) {
        ("accept", Some("approve" | "always_approve")) => Ok(None),
        ("accept", Some("deny")) | ("decline", _) => {
            Ok(Some("the user declined this call; do not repeat it".to_owned()))
        }
        ("accept", None) => {
            Err(Error::validation(format!("the answer to `{key}` has no decision, and the tool did not run"))
                .with_suggested_fix(
                    "make the call without `request_state` to ask the user anew, and answer with \
                 {\"action\": \"accept\", \"content\": {\"decision\": \"approve\"}}",
                ))
        }
        ("accept", Some(other)) => {
            Err(Error::validation(format!("the decision `{other}` is not one of `approve` and `deny`")))
        }
        ("cancel", _) => Ok(Some("the user dismissed the question; the tool did not run".to_owned())),
        (other, _) => {
            Err(Error::validation(format!("the action `{other}` is not one of `accept`, `decline` and `cancel`")))
        }
    }
}
