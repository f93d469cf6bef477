//! The formats of AI providers.

use std::sync::Arc;

use composio_contract::RawJson;
use composio_core::provider::{Provider, ToolCall};

use crate::convert::{parse, text};
use crate::errors::{Result, guard};

/// How one AI provider writes tools, tool calls and results. All texts are JSON.
#[derive(Debug, uniffi::Object)]
pub struct NativeProvider(Provider);

impl NativeProvider {
    pub(crate) fn format(&self) -> Provider {
        self.0
    }
}

#[uniffi::export]
impl NativeProvider {
    /// `openai`, `openai_responses`, `anthropic` or `google`.
    #[uniffi::constructor]
    pub fn new(name: String) -> Result<Arc<Self>> {
        guard(|| Ok(Arc::new(Self(name.parse()?))))
    }

    /// Tools of the catalogue as the provider's API takes them.
    pub fn format_tools(&self, tools: String) -> Result<String> {
        let tools = parse(tools)?;
        guard(|| Ok(text(&self.0.format_tools(&tools)?)))
    }

    /// The tool calls in a model's reply, a list of `id`, `slug`, `arguments`, `problem`.
    pub fn tool_calls(&self, reply: String) -> Result<String> {
        let reply = parse(reply)?;
        guard(|| Ok(text(&RawJson::encode(&self.0.tool_calls(&reply)?)?)))
    }

    /// The messages that give the results back to the model. Takes the list that `tool_calls` gave, and a result each.
    pub fn format_results(&self, calls: String, results: Vec<String>) -> Result<String> {
        let calls = parse(calls)?;
        let results = results.into_iter().map(parse).collect::<Result<Vec<_>>>()?;
        guard(|| {
            let calls: Vec<ToolCall> = calls.decode("calls")?;
            Ok(text(&self.0.format_results(&calls, &results)?))
        })
    }
}
