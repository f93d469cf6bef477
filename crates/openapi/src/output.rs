//! What an operation answers.

use serde_json::Value;

use crate::Refused;
use crate::document::Document;
use crate::input::is_json;
use crate::operation::Operation;
use crate::schema::{Builder, Side};

/// How many bytes of definitions the schema of a result takes in.
const DEFINITIONS: usize = 32 * 1024;
/// The largest schema of a result, in bytes.
const MAX_SCHEMA: usize = 256 * 1024;

impl Document {
    /// The JSON Schema of the body that a success has; none where it has no JSON, or a schema that is too large to tell.
    ///
    /// # Errors
    /// As for [`Document::input`].
    pub fn output(&self, operation: &Operation) -> Result<Option<Value>, Refused> {
        self.begin();
        let value = operation.read(self)?;
        let Some(response) = self.success(&value) else { return Ok(None) };
        let content = response.get("content").and_then(Value::as_object);
        let media = content.into_iter().flatten().find(|(kind, _)| is_json(kind) || *kind == "*/*");
        let Some(schema) = media.and_then(|(_, media)| media.get("schema")) else { return Ok(None) };
        let mut builder = Builder::new(self, Side::Response, DEFINITIONS);
        let root = builder.convert(schema)?;
        let schema = builder.finish(root)?;
        Ok(Some(schema).filter(|schema| schema.to_string().len() <= MAX_SCHEMA))
    }

    /// The response of a success: the lowest status from 200 to 299, else the one for all of them, else the default.
    pub(crate) fn success(&self, operation: &Value) -> Option<Value> {
        let responses = operation.get("responses")?.as_object()?;
        let mut statuses: Vec<&String> = responses.keys().filter(|status| status.starts_with('2')).collect();
        statuses.sort();
        let response =
            statuses.first().and_then(|status| responses.get(*status)).or_else(|| responses.get("default"))?;
        self.resolve(response.clone()).ok()
    }
}
