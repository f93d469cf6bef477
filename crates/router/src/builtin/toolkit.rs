//! A toolkit made of functions of this process.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use composio_contract::{Error, ErrorKind, RawJson, Result};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::schema;
use crate::source::{CallContext, Outcome, Source, Tag, ToolDefinition, ToolkitInfo};

type Handler = Box<dyn Fn(Value, CallContext) -> Pin<Box<dyn Future<Output = Result<RawJson>> + Send>> + Send + Sync>;

/// A toolkit made of functions: each takes typed arguments and answers a typed result, from which the schemas follow.
///
/// ```
/// use composio_router::builtin::Builtin;
/// use composio_router::source::{CallContext, Source, Tag};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// struct Arguments {
///     /// Whom to greet.
///     name: String,
/// }
///
/// #[derive(serde::Serialize, schemars::JsonSchema)]
/// struct Greeting {
///     text: String,
/// }
///
/// async fn hello(arguments: Arguments, _: CallContext) -> composio_contract::Result<Greeting> {
///     Ok(Greeting { text: format!("Hello {}", arguments.name) })
/// }
///
/// let toolkit = Builtin::new("greeting", "Greetings", "Says hello.")
///     .tool("hello", "Say hello", "Greets someone.", &[Tag::ReadOnly], hello);
/// assert_eq!(toolkit.toolkit().slug, "greeting");
/// ```
pub struct Builtin {
    info: ToolkitInfo,
    tools: Arc<[ToolDefinition]>,
    handlers: Vec<Handler>,
}

impl Builtin {
    /// A toolkit without tools.
    #[must_use]
    pub fn new(slug: &str, name: &str, description: &str) -> Self {
        let info = ToolkitInfo { slug: slug.to_owned(), name: name.to_owned(), description: description.to_owned() };
        Self { info, tools: Arc::from([]), handlers: Vec::new() }
    }

    /// Adds a tool. The schemas come from `A` and `R`, both of which must be objects.
    #[must_use]
    pub fn tool<A, R, F, Fut>(
        mut self,
        operation: &str,
        title: &str,
        description: &str,
        tags: &[Tag],
        function: F,
    ) -> Self
    where
        A: DeserializeOwned + JsonSchema,
        R: Serialize + JsonSchema,
        F: Fn(A, CallContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R>> + Send + 'static,
    {
        let definition = ToolDefinition {
            slug: format!("{}_{operation}", self.info.slug).to_ascii_uppercase(),
            operation: operation.to_owned(),
            title: title.to_owned(),
            description: description.to_owned(),
            input_schema: schema::of_arguments::<A>(),
            output_schema: Some(schema::of_result::<R>()),
            tags: tags.to_vec(),
            cautions: Vec::new(),
            facts: Value::Null,
        };
        self.tools = self.tools.iter().cloned().chain([definition]).collect();
        self.handlers.push(Box::new(move |arguments, context| {
            let run = serde_json::from_value(arguments)
                .map(|arguments| function(arguments, context))
                .map_err(|error| Error::validation(format!("the arguments do not fit the tool: {error}")));
            Box::pin(async move { RawJson::encode(&run?.await?) })
        }));
        self
    }
}

impl fmt::Debug for Builtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builtin").field("info", &self.info).finish_non_exhaustive()
    }
}

#[async_trait]
impl Source for Builtin {
    fn toolkit(&self) -> &ToolkitInfo {
        &self.info
    }

    async fn tools(&self) -> Result<Arc<[ToolDefinition]>> {
        Ok(Arc::clone(&self.tools))
    }

    fn generation(&self) -> u64 {
        0
    }

    async fn call(
        &self,
        tool: &ToolDefinition,
        arguments: Map<String, Value>,
        context: &CallContext,
    ) -> Result<Outcome> {
        let position = self.tools.iter().position(|known| known.operation == tool.operation);
        let Some(handler) = position.and_then(|position| self.handlers.get(position)) else {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("the toolkit {} has no operation {:?}", self.info.slug, tool.operation),
            ));
        };
        match handler(Value::Object(arguments), context.clone()).await {
            Ok(result) if result.as_str().len() > context.output_limit => Ok(Outcome::failed(format!(
                "the result has {} bytes, more than the limit of {}; ask for less",
                result.as_str().len(),
                context.output_limit
            ))),
            Ok(result) => Ok(Outcome::Completed(result)),
            Err(error) if error.kind() == ErrorKind::Internal => Err(error),
            Err(error) => Ok(Outcome::failed(match error.suggested_fix() {
                Some(fix) => format!("{}; {fix}", error.message()),
                None => error.message().to_owned(),
            })),
        }
    }

    async fn close(&self) {}
}
