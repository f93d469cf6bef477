//! What a session's settings say about a tool. Every path to a tool (lists, search, schemas, runs) asks here.
//!
//! A tool must pass every filter; of several demands for approval the strictest holds. Slugs are compared without case.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use composio_contract::{
    Error, ErrorKind, ExperimentalSettings, PermissionDefault, PermissionOverride, Permissions, PreloadTools,
    Selection, SessionConfig,
};

use crate::source::Tag;

/// What the policy looks at in a tool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) toolkit: &'a str,
    pub(crate) slug: &'a str,
    pub(crate) tags: &'a [Tag],
}

/// Whether and how often the user is asked before a tool runs; later ones are stricter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ask {
    Never,
    OncePerSession,
    EveryCall,
}

/// What lists of tools call a raw call of the model's, in lower case.
const RAW_CALL: &str = "composio_proxy_execute";

/// The setting that keeps a tool out of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Denial {
    setting: String,
    verdict: String,
}

impl Denial {
    fn new(setting: impl Into<String>, verdict: impl Into<String>) -> Self {
        Self { setting: setting.into(), verdict: verdict.into() }
    }

    /// The error that a caller gets who asks for `name` all the same.
    pub(crate) fn error(&self, name: &str) -> Error {
        Error::new(ErrorKind::PermissionDenied, format!("`{name}` is not available in this session: {self}"))
            .with_slug("ToolRouter_ToolNotAllowed")
            .with_status(403)
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the setting `{}` {}", self.setting, self.verdict)
    }
}

/// A session's settings, made ready to be asked.
#[derive(Debug, Default)]
pub(crate) struct Policy {
    toolkits: Choice,
    tools: HashMap<String, ToolkitRules>,
    tags: TagRules,
    preload: Preloaded,
    permissions: Option<PermissionRules>,
    search: bool,
    multi_execute: bool,
    proxy: bool,
    raw_calls: bool,
    manage_connections: bool,
    wait_for_connections: bool,
    listed: RwLock<HashMap<String, Arc<HashSet<String>>>>,
}

impl Policy {
    pub(crate) fn new(config: &SessionConfig, experimental: &ExperimentalSettings) -> Self {
        let lower = |list: &Vec<String>| list.iter().map(|slug| slug.to_lowercase()).collect::<HashSet<_>>();
        let tools = config.tools.iter().flatten().map(|(toolkit, selection)| {
            let toolkit = toolkit.to_lowercase();
            let rules = ToolkitRules {
                tools: Choice::new(
                    selection.enabled.as_ref().map(lower),
                    selection.disabled.as_ref().map(lower),
                    selection.require_approval.as_ref().map(lower),
                ),
                tags: selection.tags.as_ref().map(|tags| TagRules::new(tags, format!("tools.{toolkit}.tags"))),
            };
            (toolkit, rules)
        });
        let manage = config.manage_connections.as_ref();
        let proxy = config.proxy_execute.as_ref().and_then(|switch| switch.enable);
        Self {
            toolkits: config.toolkits.as_ref().map_or_else(Choice::default, |selection| {
                Choice::new(
                    selection.enabled.as_ref().map(lower),
                    selection.disabled.as_ref().map(lower),
                    selection.require_approval.as_ref().map(lower),
                )
            }),
            tools: tools.collect(),
            tags: config.tags.as_ref().map_or_else(TagRules::default, |tags| TagRules::new(tags, "tags".to_owned())),
            preload: Preloaded::new(&config.preload.tools),
            permissions: experimental.permissions.as_ref().map(PermissionRules::new),
            search: config.search.enable.unwrap_or(true),
            multi_execute: config.execute.enable_multi_execute.unwrap_or(true),
            proxy: proxy.unwrap_or(true),
            raw_calls: proxy == Some(true),
            manage_connections: manage.is_none_or(|manage| manage.enabled.unwrap_or(true)),
            wait_for_connections: manage.is_some_and(|manage| manage.enable_wait_for_connections == Some(true)),
            listed: RwLock::default(),
        }
    }

    /// Of a toolkit where each account has tools of its own, only these, in lower case: what the user's accounts list now.
    pub(crate) fn list_only(&self, toolkit: &str, slugs: Arc<HashSet<String>>) {
        self.listed.write().unwrap_or_else(PoisonError::into_inner).insert(toolkit.to_lowercase(), slugs);
    }

    fn is_listed(&self, toolkit: &str, slug: &str) -> bool {
        let listed = self.listed.read().unwrap_or_else(PoisonError::into_inner);
        listed.get(toolkit).is_none_or(|slugs| slugs.contains(slug))
    }

    /// Whether the model may search.
    pub(crate) fn search(&self) -> bool {
        self.search
    }

    /// Whether the model may run several tools in one call.
    pub(crate) fn multi_execute(&self) -> bool {
        self.multi_execute
    }

    /// Whether raw calls to a toolkit's API may be made.
    pub(crate) fn proxy(&self, toolkit: &str) -> Result<(), Denial> {
        self.toolkit(toolkit)?;
        if self.proxy { Ok(()) } else { Err(Denial::new("proxy_execute.enable", "is false")) }
    }

    /// Whether the model may make raw calls too: a session must say so, since they reach more than its tools do.
    pub(crate) fn raw_calls(&self) -> bool {
        self.raw_calls
    }

    /// Whether the model may make a raw call to a toolkit's API, and whether the user is asked first. A rule about a single
    /// tool cannot be held against a raw call, which could stand in for that tool: it keeps raw calls out, or demands as
    /// much approval as the tool, unless the rules name COMPOSIO_PROXY_EXECUTE itself.
    pub(crate) fn decide_raw(&self, toolkit: &str, tags: &[Tag]) -> Result<Ask, Denial> {
        self.proxy(toolkit)?;
        let mut ask = self.decide(&Subject { toolkit, slug: RAW_CALL, tags })?;
        let toolkit = toolkit.to_lowercase();
        if let Some(ToolkitRules { tools, .. }) = self.tools.get(&toolkit) {
            let is_named = tools.enable.as_ref().is_some_and(|enable| enable.contains(RAW_CALL));
            if !tools.disable.is_empty() && !is_named {
                let verdict = "lists tools that a raw call could stand in for";
                return Err(Denial::new(format!("tools.{toolkit}.disable"), verdict));
            }
            if !tools.require_approval.is_empty() {
                ask = Ask::EveryCall;
            }
        }
        match &self.permissions {
            Some(permissions) => permissions.of_tools(&toolkit).map(|demanded| ask.max(demanded)),
            None => Ok(ask),
        }
    }

    /// There is no API to call, so that nothing is offered for it.
    pub(crate) fn without_raw_calls(mut self) -> Self {
        self.raw_calls = false;
        self
    }

    /// Whether the model may connect accounts.
    pub(crate) fn manage_connections(&self) -> bool {
        self.manage_connections
    }

    /// Whether the model may wait until they are connected.
    pub(crate) fn wait_for_connections(&self) -> bool {
        self.manage_connections && self.wait_for_connections
    }

    /// There is nothing to connect, so that nothing is offered for it.
    pub(crate) fn without_connections(mut self) -> Self {
        self.manage_connections = false;
        self
    }

    /// Which tools are listed directly.
    pub(crate) fn preload(&self) -> &Preloaded {
        &self.preload
    }

    /// Whether a toolkit is part of the session at all.
    pub(crate) fn toolkit(&self, slug: &str) -> Result<(), Denial> {
        self.toolkits.admit(&slug.to_lowercase(), "toolkits")
    }

    /// Whether nothing of a toolkit is left out or asked about.
    pub(crate) fn has_whole(&self, toolkit: &str) -> bool {
        let toolkit = toolkit.to_lowercase();
        self.toolkit(&toolkit).is_ok()
            && self.toolkits.ask(&toolkit) == Ask::Never
            && !self.tools.contains_key(&toolkit)
            && !self.tags.narrows()
            && self.permissions.is_none()
    }

    /// Whether a tool may be seen and run, and whether the user is asked first.
    pub(crate) fn decide(&self, tool: &Subject<'_>) -> Result<Ask, Denial> {
        let toolkit = tool.toolkit.to_lowercase();
        let slug = tool.slug.to_lowercase();
        self.toolkits.admit(&toolkit, "toolkits")?;
        let rules = self.tools.get(&toolkit);
        let mut ask = self.toolkits.ask(&toolkit);
        if let Some(rules) = rules {
            rules.tools.admit(&slug, &format!("tools.{toolkit}"))?;
            ask = ask.max(rules.tools.ask(&slug));
        }
        let tags = rules.and_then(|rules| rules.tags.as_ref()).unwrap_or(&self.tags);
        tags.admit(tool.tags)?;
        if slug != RAW_CALL && !self.is_listed(&toolkit, &slug) {
            return Err(Denial::new("connected_accounts", "has no account that lists it"));
        }
        ask = ask.max(tags.ask(tool.tags));
        match &self.permissions {
            Some(permissions) => permissions.decide(&toolkit, &slug).map(|demanded| ask.max(demanded)),
            None => Ok(ask),
        }
    }
}

/// Which tools are listed directly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Preloaded {
    All,
    /// Upper case slugs, in the order given.
    Only(Vec<String>),
}

impl Default for Preloaded {
    fn default() -> Self {
        Self::Only(Vec::new())
    }
}

impl Preloaded {
    fn new(tools: &PreloadTools) -> Self {
        match tools {
            PreloadTools::Named(_) => Self::All,
            PreloadTools::List(slugs) => Self::Only(slugs.iter().map(|slug| slug.to_uppercase()).collect()),
        }
    }
}

/// A choice by name: only some, or all but some.
#[derive(Debug, Default)]
struct Choice {
    enable: Option<HashSet<String>>,
    disable: HashSet<String>,
    require_approval: HashSet<String>,
}

impl Choice {
    fn new(
        enable: Option<HashSet<String>>,
        disable: Option<HashSet<String>>,
        require_approval: Option<HashSet<String>>,
    ) -> Self {
        Self { enable, disable: disable.unwrap_or_default(), require_approval: require_approval.unwrap_or_default() }
    }

    fn admit(&self, name: &str, setting: &str) -> Result<(), Denial> {
        if self.enable.as_ref().is_some_and(|enable| !enable.contains(name)) {
            return Err(Denial::new(format!("{setting}.enable"), "does not list it"));
        }
        if self.disable.contains(name) {
            return Err(Denial::new(format!("{setting}.disable"), "lists it"));
        }
        Ok(())
    }

    fn ask(&self, name: &str) -> Ask {
        if self.require_approval.contains(name) { Ask::EveryCall } else { Ask::Never }
    }
}

#[derive(Debug)]
struct ToolkitRules {
    tools: Choice,
    tags: Option<TagRules>,
}

/// A choice by tag: a tool is in if it has one of those enabled and none of those disabled.
#[derive(Debug, Default)]
struct TagRules {
    setting: String,
    enable: Option<Vec<String>>,
    disable: Vec<String>,
    require_approval: Vec<String>,
}

impl TagRules {
    fn new(selection: &Selection, setting: String) -> Self {
        Self {
            setting,
            enable: selection.enabled.clone(),
            disable: selection.disabled.clone().unwrap_or_default(),
            require_approval: selection.require_approval.clone().unwrap_or_default(),
        }
    }

    fn narrows(&self) -> bool {
        self.enable.is_some() || !self.disable.is_empty() || !self.require_approval.is_empty()
    }

    fn admit(&self, tags: &[Tag]) -> Result<(), Denial> {
        if let Some(enable) = &self.enable
            && !overlap(enable, tags).any(|_| true)
        {
            let verdict = format!("lists none of its tags ({})", names(tags));
            return Err(Denial::new(format!("{}.enable", self.setting), verdict));
        }
        match overlap(&self.disable, tags).next() {
            Some(tag) => {
                Err(Denial::new(format!("{}.disable", self.setting), format!("lists its tag `{}`", tag.name())))
            }
            None => Ok(()),
        }
    }

    fn ask(&self, tags: &[Tag]) -> Ask {
        if overlap(&self.require_approval, tags).next().is_some() { Ask::EveryCall } else { Ask::Never }
    }
}

fn overlap<'a>(listed: &'a [String], tags: &'a [Tag]) -> impl Iterator<Item = Tag> + 'a {
    tags.iter().copied().filter(|tag| listed.iter().any(|name| name == tag.name()))
}

fn names(tags: &[Tag]) -> String {
    if tags.is_empty() {
        return "it has none".to_owned();
    }
    tags.iter().map(|tag| tag.name()).collect::<Vec<_>>().join(", ")
}

#[derive(Debug)]
struct PermissionRules {
    default: PermissionDefault,
    overrides: BTreeMap<String, PermissionOverride>,
}

impl PermissionRules {
    fn new(permissions: &Permissions) -> Self {
        let overrides = permissions.overrides.iter().map(|(slug, rule)| (slug.to_lowercase(), *rule));
        Self { default: permissions.default, overrides: overrides.collect() }
    }

    /// A tool's own rule goes before its toolkit's, and that before the default.
    fn decide(&self, toolkit: &str, slug: &str) -> Result<Ask, Denial> {
        let named = [slug, toolkit].into_iter().find_map(|name| self.overrides.get_key_value(name));
        match named {
            Some((name, rule)) => Self::demanded(name, *rule),
            None => Ok(match self.default {
                PermissionDefault::AllowAll => Ask::Never,
                PermissionDefault::AskOncePerSession => Ask::OncePerSession,
                PermissionDefault::AskEveryCall => Ask::EveryCall,
            }),
        }
    }

    /// The strictest rule about a single tool of a toolkit, for a raw call; none where raw calls have a rule of their own.
    fn of_tools(&self, toolkit: &str) -> Result<Ask, Denial> {
        if self.overrides.contains_key(RAW_CALL) {
            return Ok(Ask::Never);
        }
        let prefix = format!("{toolkit}_");
        let rules = self.overrides.iter().filter(|(name, _)| name.starts_with(&prefix));
        rules.map(|(name, rule)| Self::demanded(name, *rule)).try_fold(Ask::Never, |ask, rule| Ok(ask.max(rule?)))
    }

    fn demanded(name: &str, rule: PermissionOverride) -> Result<Ask, Denial> {
        match rule {
            PermissionOverride::AlwaysDeny => {
                Err(Denial::new(format!("experimental.permissions.overrides.{name}"), "is `always_deny`"))
            }
            PermissionOverride::AlwaysAllow => Ok(Ask::Never),
            PermissionOverride::AskOnce => Ok(Ask::OncePerSession),
            PermissionOverride::AskAlways => Ok(Ask::EveryCall),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn policy(config: Value, experimental: Value) -> Policy {
        let mut whole =
            json!({"user_id": "u", "search": {}, "execute": {}, "preload": {"tools": []}, "instant": false});
        whole.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
        Policy::new(&serde_json::from_value(whole).unwrap(), &serde_json::from_value(experimental).unwrap())
    }

    const EXECUTE: Subject<'_> =
        Subject { toolkit: "sqlite", slug: "SQLITE_EXECUTE", tags: &[Tag::Update, Tag::Destructive] };
    const QUERY: Subject<'_> = Subject { toolkit: "sqlite", slug: "SQLITE_QUERY", tags: &[Tag::ReadOnly] };

    fn refusal(config: Value, tool: &Subject<'_>) -> String {
        policy(config, json!({})).decide(tool).unwrap_err().error(tool.slug).to_string()
    }

    #[test]
    fn a_toolkit_is_whole_where_no_setting_narrows_it() {
        let whole = |config: Value, experimental: Value| policy(config, experimental).has_whole("SQLite");
        let none = || json!({});
        assert!(whole(none(), none()));
        assert!(whole(json!({"toolkits": {"enabled": ["sqlite"]}, "tools": {"files": {"enabled": []}}}), none()));
        for config in [
            json!({"toolkits": {"enabled": ["files"]}}),
            json!({"toolkits": {"disabled": ["sqlite"]}}),
            json!({"toolkits": {"require_approval": ["sqlite"]}}),
            json!({"tools": {"sqlite": {"disabled": ["sqlite_execute"]}}}),
            json!({"tags": {"enabled": ["readOnlyHint"]}}),
            json!({"tags": {"disabled": ["readOnlyHint"]}}),
            json!({"tags": {"require_approval": ["readOnlyHint"]}}),
        ] {
            assert!(!whole(config.clone(), none()), "{config}");
        }
        assert!(!whole(none(), json!({"permissions": {"default": "ask_every_call"}})));
    }

    #[test]
    fn a_rule_for_one_tool_binds_raw_calls() {
        let decide = |config: Value, overrides: Value| {
            let experimental = json!({"permissions": {"default": "allow_all", "overrides": overrides}});
            policy(config, experimental).decide_raw("SQLite", &[Tag::ReadOnly])
        };
        assert_eq!(decide(json!({}), json!({})), Ok(Ask::Never));
        assert_eq!(decide(json!({}), json!({"files_write": "always_deny"})), Ok(Ask::Never));
        assert_eq!(decide(json!({}), json!({"SQLITE_QUERY": "ask_once"})), Ok(Ask::OncePerSession));
        let both = json!({"SQLITE_QUERY": "ask_once", "SQLITE_EXECUTE": "ask_always"});
        assert_eq!(decide(json!({}), both), Ok(Ask::EveryCall));
        let denied = decide(json!({}), json!({"SQLITE_EXECUTE": "always_deny"})).unwrap_err();
        let reason = "the setting `experimental.permissions.overrides.sqlite_execute` is `always_deny`";
        assert_eq!(denied.to_string(), reason);
        let own = json!({"SQLITE_EXECUTE": "always_deny", "COMPOSIO_PROXY_EXECUTE": "always_allow"});
        assert_eq!(decide(json!({}), own), Ok(Ask::Never));
        let denied = decide(json!({"proxy_execute": {"enable": false}}), json!({})).unwrap_err();
        assert_eq!(denied.to_string(), "the setting `proxy_execute.enable` is false");
    }

    #[test]
    fn a_refusal_names_its_setting() {
        let cases = [
            (json!({"toolkits": {"enabled": ["Files"]}}), "the setting `toolkits.enable` does not list it"),
            (json!({"toolkits": {"enabled": []}}), "the setting `toolkits.enable` does not list it"),
            (json!({"toolkits": {"disabled": ["SQLite"]}}), "the setting `toolkits.disable` lists it"),
            (
                json!({"tools": {"SQLITE": {"enabled": ["sqlite_query"]}}}),
                "the setting `tools.sqlite.enable` does not list it",
            ),
            (
                json!({"tools": {"sqlite": {"disabled": ["sqlite_execute"]}}}),
                "the setting `tools.sqlite.disable` lists it",
            ),
            (
                json!({"tags": {"enabled": ["readOnlyHint"]}}),
                "the setting `tags.enable` lists none of its tags (updateHint, destructiveHint)",
            ),
            (
                json!({"tags": {"disabled": ["destructiveHint"]}}),
                "the setting `tags.disable` lists its tag `destructiveHint`",
            ),
            (
                json!({"tools": {"sqlite": {"tags": {"disabled": ["updateHint"]}}}}),
                "the setting `tools.sqlite.tags.disable` lists its tag `updateHint`",
            ),
        ];
        for (config, reason) in cases {
            let expected = format!("`SQLITE_EXECUTE` is not available in this session: {reason}");
            assert_eq!(refusal(config.clone(), &EXECUTE), expected, "{config}");
        }
    }

    #[test]
    fn a_toolkits_own_tags_take_the_place_of_the_sessions() {
        let config = json!({
            "tags": {"enabled": ["readOnlyHint"]},
            "tools": {"sqlite": {"tags": {"enabled": ["destructiveHint"]}}},
        });
        let policy = policy(config, json!({}));
        assert_eq!(policy.decide(&EXECUTE), Ok(Ask::Never));
        assert!(policy.decide(&QUERY).is_err());
    }

    #[test]
    fn the_strictest_demand_for_approval_holds() {
        let once = json!({"permissions": {"default": "ask_once_per_session"}});
        assert_eq!(policy(json!({}), once.clone()).decide(&QUERY), Ok(Ask::OncePerSession));
        let tagged = json!({"tags": {"require_approval": ["destructiveHint"]}});
        assert_eq!(policy(tagged.clone(), once.clone()).decide(&EXECUTE), Ok(Ask::EveryCall));
        assert_eq!(policy(tagged, once).decide(&QUERY), Ok(Ask::OncePerSession));
        for config in [
            json!({"toolkits": {"require_approval": ["sqlite"]}}),
            json!({"tools": {"sqlite": {"require_approval": ["SQLITE_QUERY"]}}}),
            json!({"tools": {"sqlite": {"tags": {"require_approval": ["readOnlyHint"]}}}}),
        ] {
            assert_eq!(policy(config.clone(), json!({})).decide(&QUERY), Ok(Ask::EveryCall), "{config}");
        }
    }

    #[test]
    fn a_tools_override_goes_before_its_toolkits() {
        let permissions = json!({"permissions": {
            "default": "ask_every_call",
            "overrides": {"sqlite": "always_deny", "SQLITE_QUERY": "always_allow"},
        }});
        let policy = policy(json!({}), permissions);
        assert_eq!(policy.decide(&QUERY), Ok(Ask::Never));
        assert_eq!(
            policy.decide(&EXECUTE).unwrap_err().to_string(),
            "the setting `experimental.permissions.overrides.sqlite` is `always_deny`",
        );
        let other = Subject { toolkit: "files", slug: "FILES_READ", tags: &[] };
        assert_eq!(policy.decide(&other), Ok(Ask::EveryCall));
    }
}
