//! Texts and numbers of the packages as the core takes them.

use composio_contract::RawJson;
use composio_core::{Call, LocalOutcome};

use crate::errors::{Result, guard};

/// JSON text that a package wrote.
pub(crate) fn parse(text: String) -> Result<RawJson> {
    guard(|| RawJson::parse(text))
}

/// The same where there may be none.
pub(crate) fn parse_some(text: Option<String>) -> Result<Option<RawJson>> {
    text.map(parse).transpose()
}

/// JSON as text.
pub(crate) fn text(json: &RawJson) -> String {
    json.as_str().to_owned()
}

/// One call of a tool. `arguments` and `input_responses` are JSON.
#[derive(Clone, Debug, uniffi::Record)]
pub struct NativeToolCall {
    /// The tool.
    pub slug: String,
    /// Its arguments.
    #[uniffi(default = None)]
    pub arguments: Option<String>,
    /// The connected account to use.
    #[uniffi(default = None)]
    pub account: Option<String>,
    /// The user's answers to an earlier call.
    #[uniffi(default = None)]
    pub input_responses: Option<String>,
    /// The state that came with the questions.
    #[uniffi(default = None)]
    pub request_state: Option<String>,
    /// Why a model's call cannot run.
    #[uniffi(default = None)]
    pub problem: Option<String>,
}

impl NativeToolCall {
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
#[derive(Clone, Debug, uniffi::Record)]
pub struct NativeLocalCall {
    /// Names the call within its run.
    pub id: u64,
    /// The tool's final slug.
    pub slug: String,
    /// Its arguments.
    pub arguments: String,
}

impl NativeLocalCall {
    pub(crate) fn lower(call: &composio_core::LocalCall) -> Self {
        Self { id: call.id as u64, slug: call.slug.clone(), arguments: text(&call.arguments) }
    }
}

/// How a custom tool ended. `data` is JSON.
#[derive(Clone, Debug, uniffi::Record)]
pub struct NativeLocalOutcome {
    /// The call.
    pub id: u64,
    /// What the tool returned.
    #[uniffi(default = None)]
    pub data: Option<String>,
    /// Why it failed.
    #[uniffi(default = None)]
    pub error: Option<String>,
}

impl NativeLocalOutcome {
    pub(crate) fn lift(self) -> Result<LocalOutcome> {
        let id = usize::try_from(self.id).unwrap_or(usize::MAX);
        Ok(LocalOutcome { id, data: parse_some(self.data)?, error: self.error })
    }
}
