//! Tools, as the catalogue has them and as a caller adds them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Extra, RawJson};

/// A tool of a toolkit.
///
/// In memory only the fields that session logic reads are named; what else the backend sent is in the reply's text.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Tool {
    /// The tool's slug, such as `GITHUB_CREATE_ISSUE`.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// What it does, for a model.
    #[serde(default)]
    pub description: String,
    /// The toolkit it belongs to.
    pub toolkit: ToolToolkit,
    /// The JSON Schema of its arguments.
    pub input_parameters: RawJson,
    /// The JSON Schema of its result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_parameters: Option<RawJson>,
    /// Hints such as `readOnlyHint`.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The tool's version.
    #[serde(default)]
    pub version: String,
    /// Every version there is.
    #[serde(default)]
    pub available_versions: Vec<String>,
    /// Whether it should no longer be used.
    #[serde(default)]
    pub is_deprecated: bool,
    /// Whether it runs without a connected account.
    #[serde(default)]
    pub no_auth: bool,
    /// The OAuth scopes it needs.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The same facts in the shape of older contracts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<Value>,
    /// What it does, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub human_description: Option<String>,
}

/// The toolkit of a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolToolkit {
    /// The toolkit's slug, lower case.
    pub slug: String,
    /// Its name for people.
    #[serde(default)]
    pub name: String,
    /// A URL of its logo; empty where it has none.
    #[serde(default)]
    pub logo: String,
}

/// A tool whose code runs in the caller's process.
///
/// A request carries `slug` as the caller wrote it; in a reply `slug` is the final one and `original_slug` the caller's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CustomTool {
    /// The slug.
    pub slug: String,
    /// In replies: the slug as the caller wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_slug: Option<String>,
    /// The name for people, 1 to 128 characters.
    pub name: String,
    /// What it does, for a model, 1 to 5,120 characters.
    pub description: String,
    /// The JSON Schema of the arguments, of type `object`.
    pub input_schema: Value,
    /// The JSON Schema of the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Value>,
    /// The toolkit that the tool joins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extends_toolkit: Option<String>,
    /// Whether it is listed directly, not only found by search.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preload: Option<bool>,
}

/// A toolkit of custom tools.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CustomToolkit {
    /// The slug.
    pub slug: String,
    /// The name for people, 1 to 128 characters.
    pub name: String,
    /// What its tools are about, 1 to 2,048 characters.
    pub description: String,
    /// Whether its tools are listed directly, where they do not say themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preload: Option<bool>,
    /// Its tools.
    pub tools: Vec<CustomTool>,
}

/// The custom tools that travel with attach, search and execute.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CustomTools {
    /// Tools that stand alone or extend a toolkit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub custom_tools: Vec<CustomTool>,
    /// Toolkits of tools.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub custom_toolkits: Vec<CustomToolkit>,
}

impl CustomTools {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.custom_tools.is_empty() && self.custom_toolkits.is_empty()
    }
}

/// `GET /tools`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ToolsQuery {
    /// Only this toolkit's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub toolkit_slug: Option<String>,
    /// Only these, joined by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_slugs: Option<String>,
    /// Words to look for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// At most so many a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Further parameters of the contract.
    #[serde(flatten)]
    pub extra: Extra,
}
