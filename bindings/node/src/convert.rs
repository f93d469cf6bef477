//! Texts and numbers of JavaScript as the core takes them.

use std::time::Duration;

use composio_contract::{Error, RawJson};
use composio_core::{Call, LocalOutcome};
use napi_derive::napi;

use crate::errors::{Result, guard};

/// JSON text that the TypeScript layer wrote.
pub(crate) fn parse(text: String) -> Result<RawJson> {
    guard(|| RawJson::parse(text))
}

/// The same where there may be none.
pub(crate) fn parse_some(text: Option<String>) -> Result<Option<RawJson>> {
    text.map(parse).transpose()
}

/// A length of time in milliseconds, above 0. `what` names it in the error.
pub(crate) fn millis(what: &str, millis: f64) -> composio_contract::Result<Duration> {
    let invalid = || Error::validation(format!("{what}: expected a number of milliseconds above 0, got {millis}"));
    Duration::try_from_secs_f64(millis / 1000.0).ok().filter(|duration| !duration.is_zero()).ok_or_else(invalid)
}

/// One call of a tool. `arguments` and `input_responses` are JSON.
#[napi(object, object_to_js = false)]
pub struct ToolCall {
    /// The tool.
    pub slug: String,
    /// Its arguments.
    pub arguments: Option<String>,
    /// The connected account to use.
    pub account: Option<String>,
    /// The user's answers to an earlier call.
    pub input_responses: Option<String>,
    /// The state that came with the questions.
    pub request_state: Option<String>,
    /// Why a model's call cannot run.
    pub problem: Option<String>,
}

impl ToolCall {
    pub(crate) fn lift(self) -> Result<Call> {
        Ok(Call {
            slug: self.slug,
            arguments: parse_some(self.arguments)?,
            account: self.account,
            input_responses: parse_some(self.input_responses)?,
            request_state: self.request_state,
            problem: self.problem,
        })
    }
}

/// A custom tool to run. `arguments` is JSON.
#[napi(object, object_from_js = false)]
pub struct LocalCall {
    /// Names the call within its run.
    pub id: u32,
    /// The tool's final slug.
    pub slug: String,
    /// Its arguments.
    pub arguments: String,
}

impl LocalCall {
    pub(crate) fn lower(call: &composio_core::LocalCall) -> Self {
        let id = u32::try_from(call.id).unwrap_or(u32::MAX);
        Self { id, slug: call.slug.clone(), arguments: call.arguments.as_str().to_owned() }
    }
}

/// How a custom tool ended. `data` is JSON.
#[napi(object, object_to_js = false)]
pub struct LocalResult {
    /// The call.
    pub id: u32,
    /// What the tool returned.
    pub data: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
}

impl LocalResult {
    pub(crate) fn lift(self) -> Result<LocalOutcome> {
        Ok(LocalOutcome { id: self.id as usize, data: parse_some(self.data)?, error: self.error })
    }
}
