//! The formats of AI providers.

use composio_contract::RawJson;
use composio_core::provider;
use napi_derive::napi;

use crate::convert::parse;
use crate::errors::{Result, guard};

/// How one AI provider writes tools, tool calls and results. Everything is JSON.
#[napi]
pub struct Provider(provider::Provider);

impl Provider {
    pub(crate) fn format(&self) -> provider::Provider {
        self.0
    }
}

#[napi]
impl Provider {
    /// The format of that name.
    #[napi(constructor)]
    pub fn new(name: String) -> Result<Self> {
        guard(|| name.parse()).map(Self)
    }

    /// Tools of the catalogue as the provider's API takes them.
    #[napi]
    pub fn format_tools(&self, tools: String) -> Result<String> {
        let tools = parse(tools)?;
        guard(|| Ok(self.0.format_tools(&tools)?.as_str().to_owned()))
    }

    /// The tool calls in a model's reply: `id`, `slug`, `arguments`, `problem` of each.
    #[napi]
    pub fn tool_calls(&self, reply: String) -> Result<String> {
        let reply = parse(reply)?;
        guard(|| Ok(RawJson::encode(&self.0.tool_calls(&reply)?)?.as_str().to_owned()))
    }

    /// The messages that give the results, one a call, back to the model.
    #[napi]
    pub fn format_results(&self, calls: String, results: String) -> Result<String> {
        let (calls, results) = (parse(calls)?, parse(results)?);
        guard(|| {
            let results: Vec<RawJson> = results.decode("results")?;
            Ok(self.0.format_results(&calls.decode::<Vec<provider::ToolCall>>("calls")?, &results)?.as_str().to_owned())
        })
    }
}
