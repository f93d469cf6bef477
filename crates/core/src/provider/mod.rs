//! How each AI provider writes tools, tool calls and tool results: JSON to JSON, so that every language has them.

mod anthropic;
mod google;
mod names;
mod openai;
mod schema;

use std::borrow::Cow;
use std::str::FromStr;

use composio_contract::{Error, ErrorKind, RawJson, Result, Tool};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use schema::{Compiled, Dialect, Written};
pub use schema::{SchemaChange, SchemaChangeKind};

pub(crate) use names::{function_name, is_alias};

use crate::outcome::{Outcome, with_results};
use crate::run::Call;

/// An AI provider's format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Provider {
    /// OpenAI chat completions.
    #[default]
    OpenAi,
    /// OpenAI Responses.
    OpenAiResponses,
    /// Anthropic messages.
    Anthropic,
    /// Google Gemini.
    Google,
}

impl Provider {
    /// Every provider.
    pub const ALL: [Self; 4] = [Self::OpenAi, Self::OpenAiResponses, Self::Anthropic, Self::Google];

    /// The name by which languages and vectors choose it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::OpenAiResponses => "openai_responses",
            Self::Anthropic => "anthropic",
            Self::Google => "google",
        }
    }

    /// What a reply of the provider's is, for an error.
    fn reply(self) -> &'static str {
        match self {
            Self::OpenAi => "an OpenAI chat completion, which has `choices`",
            Self::OpenAiResponses => "an OpenAI response, which has `output`",
            Self::Anthropic => "an Anthropic message, which has `content`",
            Self::Google => "a Gemini response, which has `candidates`",
        }
    }

    fn dialect(self) -> Dialect {
        match self {
            Self::OpenAi | Self::OpenAiResponses => Dialect::OpenAi,
            Self::Anthropic => Dialect::Anthropic,
            Self::Google => Dialect::Gemini,
        }
    }

    /// The tools as the provider's API takes them, from a list of the catalogue's tools that a caller may have changed.
    ///
    /// A tool's schema is written in what the provider takes of JSON Schema, and a name that it would refuse as an alias;
    /// [`Provider::schema_report`] says what that changes. OpenAI holds a model to a schema where nothing in it is optional.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`] where an item is not a tool.
    pub fn format_tools(self, tools: &RawJson) -> Result<RawJson> {
        let tools: Vec<Listed> = tools.decode("tools")?;
        self.write(tools.iter().map(|tool| {
            let description = tool.description.as_deref().unwrap_or_default();
            Function::new(&tool.slug, description, tool.input_parameters.as_ref(), self.dialect())
        }))
    }

    /// The tools as the provider's API takes them; see [`Provider::format_tools`].
    ///
    /// # Errors
    /// None in practice.
    pub fn wrap(self, tools: &[Tool]) -> Result<RawJson> {
        self.write(
            tools
                .iter()
                .map(|tool| Function::new(&tool.slug, &tool.description, Some(&tool.input_parameters), self.dialect())),
        )
    }

    fn write<'a>(self, functions: impl Iterator<Item = Function<'a>>) -> Result<RawJson> {
        match self {
            Self::OpenAi => openai::chat_tools(functions),
            Self::OpenAiResponses => openai::responses_tools(functions),
            Self::Anthropic => anthropic::tools(functions),
            Self::Google => google::tools(functions),
        }
    }

    /// What [`Provider::format_tools`] changes of a list of the catalogue's tools.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`] where an item is not a tool.
    pub fn schema_report(self, tools: &RawJson) -> Result<Vec<SchemaReport>> {
        let tools: Vec<Listed> = tools.decode("tools")?;
        Ok(tools
            .iter()
            .map(|tool| {
                let Compiled { changes, not_strict, .. } =
                    schema::compile(tool.input_parameters.as_ref(), self.dialect());
                SchemaReport {
                    slug: tool.slug.clone(),
                    name: function_name(&tool.slug).into_owned(),
                    strict: not_strict.is_none(),
                    not_strict,
                    changes,
                }
            })
            .collect())
    }

    /// The tool calls in a model's reply, in order; none is an empty list.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`] where the reply is not this provider's.
    pub fn tool_calls(self, reply: &RawJson) -> Result<Vec<ToolCall>> {
        let reply: Value = reply.decode("reply")?;
        let calls = match self {
            Self::OpenAi => openai::chat_calls(&reply),
            Self::OpenAiResponses => openai::responses_calls(&reply),
            Self::Anthropic => anthropic::calls(&reply),
            Self::Google => google::calls(&reply),
        };
        calls.ok_or_else(|| {
            Error::validation(format!("the reply is not of the format {}: not {}", self.name(), self.reply()))
        })
    }

    /// The messages that give the results back to the model.
    ///
    /// `results` has one object a call: `data`, `error`, `successful`.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`] where there are not as many results as calls.
    pub fn format_results(self, calls: &[ToolCall], results: &[RawJson]) -> Result<RawJson> {
        if calls.len() != results.len() {
            let message = format!("there are {} results for {} tool calls", results.len(), calls.len());
            return Err(Error::validation(message));
        }
        let pairs = calls.iter().zip(results);
        let messages: Vec<Value> = match self {
            Self::OpenAi => pairs.map(|(call, result)| openai::chat_result(call, result)).collect(),
            Self::OpenAiResponses => pairs.map(|(call, result)| openai::responses_result(call, result)).collect(),
            Self::Anthropic => anthropic::results(pairs).into_iter().collect(),
            Self::Google => return google::results(pairs),
        };
        RawJson::encode(&messages)
    }
}

impl FromStr for Provider {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|provider| provider.name() == name).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|provider| provider.name()).collect();
            Error::validation(format!("provider: expected one of {}, got {name:?}", names.join(", ")))
        })
    }
}

/// How a provider takes a tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SchemaReport {
    /// The tool.
    pub slug: String,
    /// The name that the provider knows it by: the slug, or an alias of at most 64 characters.
    pub name: String,
    /// Whether the provider holds a model to the schema.
    pub strict: bool,
    /// Why it does not.
    pub not_strict: Option<String>,
    /// What became of the tool's schema, in the order in which it is written.
    pub changes: Vec<SchemaChange>,
}

/// A tool of the catalogue's, as far as formats need it.
#[derive(Deserialize)]
struct Listed {
    slug: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    input_parameters: Option<RawJson>,
}

/// A tool as a function that a provider can be told of.
struct Function<'a> {
    name: Cow<'a, str>,
    description: &'a str,
    schema: Written<'a>,
    strict: bool,
}

impl<'a> Function<'a> {
    fn new(slug: &'a str, description: &'a str, parameters: Option<&'a RawJson>, dialect: Dialect) -> Self {
        let (schema, strict) = schema::write(parameters, dialect);
        Self { name: function_name(slug), description, schema, strict }
    }
}

/// One tool call of a model's reply.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ToolCall {
    /// The provider's id of the call; empty where it has none.
    pub id: String,
    /// The tool.
    pub slug: String,
    /// The arguments, an object.
    pub arguments: RawJson,
    /// Why the arguments could not be read. The model is told, and the tool does not run.
    pub problem: Option<String>,
}

impl ToolCall {
    /// A call whose arguments are a JSON value.
    fn with_value(id: &str, slug: &str, arguments: Option<&Value>) -> Self {
        match arguments {
            Some(arguments @ Value::Object(_)) => {
                Self { id: id.to_owned(), slug: slug.to_owned(), arguments: arguments.clone().into(), problem: None }
            }
            None | Some(Value::Null) => Self::with_text(id, slug, ""),
            Some(other) => Self::with_text(id, slug, &other.to_string()),
        }
    }

    /// A call whose arguments are JSON text, as a model wrote it; nothing is `{}`.
    fn with_text(id: &str, slug: &str, text: &str) -> Self {
        let call = |arguments, problem| Self { id: id.to_owned(), slug: slug.to_owned(), arguments, problem };
        if text.trim().is_empty() {
            return call(RawJson::empty_object(), None);
        }
        match RawJson::parse(text.trim().to_owned()) {
            Ok(arguments) if arguments.is_object() => call(arguments, None),
            Ok(_) => call(RawJson::empty_object(), Some("the arguments must be a JSON object".to_owned())),
            Err(error) => call(RawJson::empty_object(), Some(format!("the arguments are {}", error.message()))),
        }
    }

    /// The call, ready to run.
    #[must_use]
    pub fn to_call(&self) -> Call {
        Call {
            slug: self.slug.clone(),
            arguments: Some(self.arguments.clone()),
            problem: self.problem.clone(),
            ..Call::default()
        }
    }
}

/// The results of a model's tool calls, one a call: `data`, `error`, `successful`.
///
/// What the model got wrong (an unknown tool, one that it may not use, wrong arguments) becomes a failed result for it
/// to mend. So does any error of one call beside others that ran, so that nothing that ran is lost.
///
/// # Errors
/// The first other error where no tool ran, and [`ErrorKind::ToolInputRequired`] where a tool waits for the user: the
/// model cannot answer that. Its details then have `results`, what the other calls ended with, null for those that wait.
pub fn tool_results(outcomes: Vec<Result<Outcome>>) -> Result<Vec<RawJson>> {
    let (mut ran, mut waiting, mut refused) = (false, None, None);
    let mut results: Vec<Option<RawJson>> = Vec::with_capacity(outcomes.len());
    for outcome in outcomes {
        results.push(match outcome {
            Ok(outcome) => {
                ran = true;
                Some(outcome.as_tool_response()?)
            }
            Err(error) if error.kind() == ErrorKind::ToolInputRequired => {
                waiting.get_or_insert(error);
                None
            }
            Err(error) => {
                let result = Outcome::failed(error.to_string()).as_tool_response()?;
                if is_the_models(error.kind()) {
                    ran = true;
                } else {
                    refused.get_or_insert(error);
                }
                Some(result)
            }
        });
    }
    match (waiting, refused) {
        (Some(error), _) if results.len() > 1 => Err(with_results(error, &results)?),
        (Some(error), _) => Err(error),
        (None, Some(error)) if !ran => Err(error),
        _ => Ok(results.into_iter().flatten().collect()),
    }
}

/// Whether an error is for the model to mend, not for the program.
fn is_the_models(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Validation
            | ErrorKind::BadRequest
            | ErrorKind::UnprocessableEntity
            | ErrorKind::NotFound
            | ErrorKind::PermissionDenied
            | ErrorKind::FileNotFound
            | ErrorKind::File
            | ErrorKind::SensitiveFile
            | ErrorKind::UploadNotAllowed
            | ErrorKind::BlockedUrl
            | ErrorKind::TooLarge
            | ErrorKind::Upload
    )
}

fn text<'a>(value: &'a Value, keys: &[&str]) -> &'a str {
    keys.iter().find_map(|key| value.get(key).and_then(Value::as_str)).unwrap_or_default()
}
