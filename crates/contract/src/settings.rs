//! What a session may do: the settings a caller sends, shorthands included, and the configuration that is stored.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use crate::{CustomTool, CustomToolkit, Extra, Patch};

/// The settings of a create or an update. [`Patch::Keep`] is not sent.
///
/// Reading accepts the shorthands (a list for `{"enable": [...]}`, a bool for `{"enable": b}`, one account for a list
/// of one) and writing gives the long form:
///
/// ```
/// use composio_contract::Settings;
///
/// let settings: Settings = serde_json::from_str(r#"{"toolkits": ["github"], "proxy_execute": false, "tags": null}"#)?;
/// assert_eq!(
///     serde_json::to_string(&settings)?,
///     r#"{"toolkits":{"enable":["github"]},"tags":null,"proxy_execute":{"enable":false}}"#,
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Which toolkits.
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub toolkits: Patch<Filter>,
    /// Which tools, by toolkit.
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub tools: Patch<BTreeMap<String, ToolFilter>>,
    /// Which tools, by tag.
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub tags: Patch<Filter>,
    /// Whether the model may connect accounts.
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub manage_connections: Patch<ManageConnections>,
    /// Auth config ids by toolkit.
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub auth_configs: Patch<Value>,
    /// Connected account ids or aliases by toolkit.
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub connected_accounts: Patch<BTreeMap<String, Accounts>>,
    /// The sandbox for code.
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub workbench: Patch<Switch>,
    /// Several accounts of one toolkit.
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub multi_account: Patch<MultiAccount>,
    /// Whether raw API calls are allowed.
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub proxy_execute: Patch<Switch>,
    /// Callbacks of the hosted backend, as given.
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub hooks: Patch<Value>,
    /// Tools that are listed directly, beside the meta tools.
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub preload: Patch<Preload>,
    /// Whether the model may search for tools.
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub search: Patch<Switch>,
    /// How tools are run.
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub execute: Patch<ExecuteSettings>,
    /// Paid tools of the hosted backend, as given.
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub instant: Patch<Value>,
    /// What is still experimental in the contract.
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub experimental: Patch<ExperimentalSettings>,
}

fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn enable_list(value: Value) -> Option<Value> {
    value.is_array().then(|| json!({ "enable": value }))
}

fn enable_bool(value: Value) -> Option<Value> {
    value.is_boolean().then(|| json!({ "enable": value }))
}

/// Lets a type that derives serde's traits with `remote = "Self"` be read from a shorthand too.
macro_rules! with_shorthand {
    ($name:ident, $expected:literal, $expand:expr) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let object = match Value::deserialize(deserializer)? {
                    object @ Value::Object(_) => object,
                    other => {
                        let given = describe(&other);
                        $expand(other)
                            .ok_or_else(|| D::Error::custom(format!("expected {}, got {given}", $expected)))?
                    }
                };
                $name::deserialize(object).map_err(D::Error::custom)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $name::serialize(self, serializer)
            }
        }
    };
}

/// A choice by slug or tag: only those enabled, or all but those disabled.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Filter {
    /// Only these. An empty list allows nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable: Option<Vec<String>>,
    /// All but these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disable: Option<Vec<String>>,
    /// The user is asked before each run of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require_approval: Option<Vec<String>>,
    /// Fields of later contracts.
    #[serde(flatten)]
    pub extra: Extra,
}
with_shorthand!(Filter, "a list, or an object with `enable` or `disable`", enable_list);

/// A choice among one toolkit's tools, by slug or by tag.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct ToolFilter {
    /// Only these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable: Option<Vec<String>>,
    /// All but these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disable: Option<Vec<String>>,
    /// By tag; takes the place of the session's own tags for this toolkit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Filter>,
    /// The user is asked before each run of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require_approval: Option<Vec<String>>,
    /// Fields of later contracts.
    #[serde(flatten)]
    pub extra: Extra,
}
with_shorthand!(ToolFilter, "a list, or an object with `enable`, `disable` or `tags`", enable_list);

/// A part of the session that is on or off.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Switch {
    /// On or off; where it is not given, the backend's default holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable: Option<bool>,
    /// The part's own options.
    #[serde(flatten)]
    pub extra: Extra,
}
with_shorthand!(Switch, "a boolean, or an object with `enable`", enable_bool);

impl Switch {
    /// A switch without further options.
    #[must_use]
    pub fn new(enable: bool) -> Self {
        Self { enable: Some(enable), extra: Extra::new() }
    }
}

/// Whether and how the model may connect accounts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct ManageConnections {
    /// On or off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable: Option<bool>,
    /// Where the user's browser goes once the account is connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
    /// Whether the model may wait for the user to finish.
    #[serde(default, alias = "wait_for_connections", skip_serializing_if = "Option::is_none")]
    pub enable_wait_for_connections: Option<bool>,
    /// Fields of later contracts.
    #[serde(flatten)]
    pub extra: Extra,
}
with_shorthand!(ManageConnections, "a boolean, or an object with `enable`", enable_bool);

/// Several connected accounts of one toolkit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MultiAccount {
    /// On or off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable: Option<bool>,
    /// At most so many a toolkit: 2 to 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_accounts_per_toolkit: Option<u8>,
    /// Whether a call must name its account where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require_explicit_selection: Option<bool>,
    /// Fields of later contracts.
    #[serde(flatten)]
    pub extra: Extra,
}

/// How tools are run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExecuteSettings {
    /// Whether the model may run several tools in one call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_multi_execute: Option<bool>,
    /// Fields of later contracts.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Tools that are listed directly.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Preload {
    /// Which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<PreloadTools>,
    /// Fields of later contracts.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Which tools are listed directly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PreloadTools {
    /// A word: `all`.
    Named(String),
    /// Slugs.
    List(Vec<String>),
}

impl PreloadTools {
    /// Whether every tool is listed.
    #[must_use]
    pub fn is_all(&self) -> bool {
        matches!(self, Self::Named(word) if word == "all")
    }
}

/// One or several accounts; a single one is read as a list of one.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Accounts(pub Vec<String>);

impl<'de> Deserialize<'de> for Accounts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(account) => Ok(Self(vec![account])),
            list @ Value::Array(_) => Vec::deserialize(list).map(Self).map_err(D::Error::custom),
            other => Err(D::Error::custom(format!("expected an account or a list of them, got {}", describe(&other)))),
        }
    }
}

/// What is still experimental in the contract.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExperimentalSettings {
    /// What the assistive prompt should know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assistive_prompt_config: Option<AssistivePromptConfig>,
    /// Custom tools; they run in the caller's process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_tools: Option<Vec<CustomTool>>,
    /// Custom toolkits; they run in the caller's process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_toolkits: Option<Vec<CustomToolkit>>,
    /// What happens to a tool that needs approval where the client cannot ask: `deny` or `allow`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_elicitation_support_fallback: Option<String>,
    /// When the user is asked before a tool runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Permissions>,
    /// Fields of later contracts.
    #[serde(flatten)]
    pub extra: Extra,
}

/// What the assistive prompt should know.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AssistivePromptConfig {
    /// The user's IANA time zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_timezone: Option<String>,
}

/// When the user is asked before a tool runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Permissions {
    /// For every tool that has no override.
    pub default: PermissionDefault,
    /// By tool or toolkit slug.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub overrides: BTreeMap<String, PermissionOverride>,
    /// Fields of later contracts.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The rule for tools without one of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PermissionDefault {
    /// Nobody is asked.
    AllowAll,
    /// The user is asked each time.
    AskEveryCall,
    /// The user is asked the first time.
    AskOncePerSession,
}

/// The rule for one tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PermissionOverride {
    /// Nobody is asked.
    AlwaysAllow,
    /// It never runs.
    AlwaysDeny,
    /// The user is asked the first time.
    AskOnce,
    /// The user is asked each time.
    AskAlways,
}

/// A stored choice; the counterpart of [`Filter`], whose lists have other names in replies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Selection {
    /// Only these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<Vec<String>>,
    /// All but these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<Vec<String>>,
    /// The user is asked before each run of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require_approval: Option<Vec<String>>,
}

impl From<Filter> for Selection {
    fn from(filter: Filter) -> Self {
        Self { enabled: filter.enable, disabled: filter.disable, require_approval: filter.require_approval }
    }
}

/// A stored choice among one toolkit's tools; the counterpart of [`ToolFilter`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ToolSelection {
    /// Only these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<Vec<String>>,
    /// All but these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<Vec<String>>,
    /// By tag; takes the place of the session's own tags for this toolkit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Selection>,
    /// The user is asked before each run of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require_approval: Option<Vec<String>>,
}

impl From<ToolFilter> for ToolSelection {
    fn from(filter: ToolFilter) -> Self {
        Self {
            enabled: filter.enable,
            disabled: filter.disable,
            tags: filter.tags.map(Into::into),
            require_approval: filter.require_approval,
        }
    }
}

/// A session's effective configuration, as replies carry it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SessionConfig {
    /// Whom the session acts for.
    pub user_id: String,
    /// Which toolkits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub toolkits: Option<Selection>,
    /// Which tools, by toolkit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<BTreeMap<String, ToolSelection>>,
    /// Which tools, by tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Selection>,
    /// Whether the model may search.
    pub search: Switch,
    /// How tools are run.
    pub execute: ExecuteSettings,
    /// Which tools are listed directly.
    pub preload: StoredPreload,
    /// Always false here: paid tools exist on the hosted backend only.
    pub instant: Value,
    /// Whether the model may connect accounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manage_connections: Option<StoredManageConnections>,
    /// Auth config ids by toolkit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_configs: Option<Value>,
    /// Connected accounts by toolkit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected_accounts: Option<BTreeMap<String, Accounts>>,
    /// Several accounts of one toolkit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multi_account: Option<MultiAccount>,
    /// Whether raw API calls are allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_execute: Option<Switch>,
    /// The sandbox for code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workbench: Option<Switch>,
}

/// Which tools a stored configuration lists directly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredPreload {
    /// `all`, or slugs.
    pub tools: PreloadTools,
}

impl Default for StoredPreload {
    fn default() -> Self {
        Self { tools: PreloadTools::List(Vec::new()) }
    }
}

/// [`ManageConnections`] as stored: its switch has another name in replies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StoredManageConnections {
    /// On or off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Where the user's browser goes once the account is connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
    /// Whether the model may wait for the user to finish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_wait_for_connections: Option<bool>,
}
