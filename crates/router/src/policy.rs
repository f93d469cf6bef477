//! What a session's settings say about a tool. Every path to a tool (lists, search, schemas, runs) asks here.
//!
//! A tool must pass every filter; of several demands for approval the strictest holds. Slugs are compared without case.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use composio_contract::{ExperimentalSettings, PreloadTools, SessionConfig};

pub(crate) use crate::rules::{Ask, Denial, Listed, Subject};
use crate::rules::{Choice, Lowered, PermissionRules, TagRules, ToolkitRules};
use crate::source::{Tag, ToolListing};

/// What lists of tools call a raw call of the model's, in lower case.
const RAW_CALL: &str = "composio_proxy_execute";

/// What the accounts of a session's user list of a toolkit, by the account's id.
type Listings = Vec<(String, Arc<ToolListing>)>;

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
    proxy: Option<bool>,
    has_api: bool,
    manage_connections: bool,
    wait_for_connections: bool,
    listed: RwLock<HashMap<String, Listings>>,
}

impl Policy {
    pub(crate) fn new(config: &SessionConfig, experimental: &ExperimentalSettings) -> Self {
        let tools = config.tools.iter().flatten().map(|(toolkit, selection)| {
            let toolkit = toolkit.to_lowercase();
            let rules = ToolkitRules {
                tools: Choice::of(
                    selection.enabled.as_ref(),
                    selection.disabled.as_ref(),
                    selection.require_approval.as_ref(),
                ),
                tags: selection.tags.as_ref().map(|tags| TagRules::new(tags, format!("tools.{toolkit}.tags"))),
            };
            (toolkit, rules)
        });
        let manage = config.manage_connections.as_ref();
        Self {
            toolkits: config.toolkits.as_ref().map_or_else(Choice::default, Choice::new),
            tools: tools.collect(),
            tags: config.tags.as_ref().map_or_else(TagRules::default, |tags| TagRules::new(tags, "tags".to_owned())),
            preload: Preloaded::new(&config.preload.tools),
            permissions: experimental.permissions.as_ref().map(PermissionRules::new),
            search: config.search.enable.unwrap_or(true),
            multi_execute: config.execute.enable_multi_execute.unwrap_or(true),
            proxy: config.proxy_execute.as_ref().and_then(|switch| switch.enable),
            has_api: true,
            manage_connections: manage.is_none_or(|manage| manage.enabled.unwrap_or(true)),
            wait_for_connections: manage.is_some_and(|manage| manage.enable_wait_for_connections == Some(true)),
            listed: RwLock::default(),
        }
    }

    /// Tells the policy which toolkit a tool's slug belongs to.
    pub(crate) fn sort_rules<'a>(
        &mut self,
        is_toolkit: impl Fn(&str) -> bool,
        owner: impl Fn(&str) -> Option<&'a str>,
    ) {
        if let Some(permissions) = &mut self.permissions {
            permissions.sort(is_toolkit, owner);
        }
    }

    /// Of a toolkit where each account has tools of its own, only these: what the user's accounts list now.
    pub(crate) fn list_only(&self, toolkit: &str, listings: Listings) {
        self.listed.write().unwrap_or_else(PoisonError::into_inner).insert(toolkit.to_lowercase(), listings);
    }

    /// Whether an account of the user lists an operation, in whatever form.
    pub(crate) fn lists(&self, toolkit: &str, operation: &str) -> bool {
        let listed = self.listed.read().unwrap_or_else(PoisonError::into_inner);
        let listings = listed.get(&toolkit.to_lowercase()).into_iter().flatten();
        listings.into_iter().any(|(_, listing)| listing.contains_key(operation))
    }

    /// Whether an account lists a tool as it is; with no account named, whether any of the user's does.
    pub(crate) fn check_listed(&self, tool: &Subject<'_>, account: Option<&str>) -> Result<(), Denial> {
        let Some(Listed { operation, hash }) = tool.listed else { return Ok(()) };
        let listed = self.listed.read().unwrap_or_else(PoisonError::into_inner);
        let Some(listings) = listed.get(&tool.toolkit.to_lowercase()) else { return Ok(()) };
        let of_account = listings.iter().filter(|(id, _)| account.is_none_or(|account| account == id));
        let hashes: Vec<&[u8; 32]> = of_account.filter_map(|(_, listing)| listing.get(operation)).collect();
        if hashes.contains(&hash) {
            return Ok(());
        }
        Err(Denial::new(
            "connected_accounts",
            match (hashes.is_empty(), account) {
                (true, None) => "has no account that lists it",
                (true, Some(_)) => "has other accounts that list it, but not the one of this call",
                (false, _) => {
                    "has an account whose server describes it differently than an operator has accepted; see \
                     `composio tools diff`"
                }
            },
        ))
    }

    /// Whether the permissions forbid a meta tool.
    pub(crate) fn forbids_meta_tool(&self, slug: &str) -> bool {
        let permissions = self.permissions.as_ref();
        permissions.is_some_and(|permissions| permissions.of_meta_tool(&slug.to_lowercase()).is_err())
    }

    /// Whether the model may search.
    pub(crate) fn search(&self) -> bool {
        self.search
    }

    /// Whether the model may run several tools in one call.
    pub(crate) fn multi_execute(&self) -> bool {
        self.multi_execute
    }

    /// Whether the app may make raw calls to a toolkit's API. Where nothing is said of them, a session that leaves out some of the
    /// toolkit's tools, or asks about them, has none: they could stand in for those tools.
    pub(crate) fn proxy(&self, toolkit: &str) -> Result<(), Denial> {
        self.allows_proxy(toolkit)?;
        let asks = match &self.permissions {
            Some(permissions) => permissions.of_meta_tool(RAW_CALL)?,
            None => Ask::Never,
        };
        if self.proxy.is_none() && (asks != Ask::Never || !self.has_whole(toolkit)) {
            let verdict = "is not set, and other settings exclude tools of the toolkit, or ask about them, for which a raw call \
                           could stand in; set it to true to allow raw calls all the same";
            return Err(Denial::new("proxy_execute.enable", verdict));
        }
        Ok(())
    }

    fn allows_proxy(&self, toolkit: &str) -> Result<(), Denial> {
        self.toolkit(toolkit)?;
        if self.proxy == Some(false) { Err(Denial::new("proxy_execute.enable", "is false")) } else { Ok(()) }
    }

    /// Whether the model may make raw calls too: a session must say so, since they reach more than its tools do.
    pub(crate) fn raw_calls(&self) -> bool {
        self.has_api && self.proxy == Some(true)
    }

    /// Whether the model may make a raw call to a toolkit's API, and whether the user is asked first. A rule about a single
    /// tool cannot be held against a raw call, which could stand in for that tool: it keeps raw calls out, or demands as
    /// much approval as the tool, unless the rules name COMPOSIO_PROXY_EXECUTE itself.
    pub(crate) fn decide_raw(&self, toolkit: &str, tags: &[Tag]) -> Result<Ask, Denial> {
        self.allows_proxy(toolkit)?;
        let raw = Subject { toolkit, slug: RAW_CALL, plain: None, tags, cautions: &[], slugs: None, listed: None };
        let mut ask = self.decide(&raw)?;
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
            Some(permissions) => permissions.of_tools(&toolkit, RAW_CALL).map(|demanded| ask.max(demanded)),
            None => Ok(ask),
        }
    }

    /// There is no API to call, so that nothing is offered for it.
    pub(crate) fn without_raw_calls(mut self) -> Self {
        self.has_api = false;
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
            && self.permissions.as_ref().is_none_or(|permissions| permissions.allow_all_of(&toolkit))
    }

    /// Whether a tool may be seen and run, and whether the user is asked first.
    pub(crate) fn decide(&self, tool: &Subject<'_>) -> Result<Ask, Denial> {
        let names = Lowered::new(tool);
        self.toolkits.admit(&names.toolkit, "toolkits")?;
        let rules = self.tools.get(&names.toolkit);
        let mut ask = self.toolkits.ask(&names.toolkit);
        if let Some(rules) = rules {
            ask = ask.max(rules.tools.decide(tool, &names)?);
        }
        let tags = rules.and_then(|rules| rules.tags.as_ref()).unwrap_or(&self.tags);
        ask = ask.max(tags.decide(tool)?);
        self.check_listed(tool, None)?;
        match &self.permissions {
            Some(permissions) => permissions.decide(tool, &names).map(|demanded| ask.max(demanded)),
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::{Value, json};

    use super::*;

    fn policy(config: Value, experimental: Value) -> Policy {
        let mut whole =
            json!({"user_id": "u", "search": {}, "execute": {}, "preload": {"tools": []}, "instant": false});
        whole.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
        Policy::new(&serde_json::from_value(whole).unwrap(), &serde_json::from_value(experimental).unwrap())
    }

    const fn tool<'a>(toolkit: &'a str, slug: &'a str, tags: &'a [Tag]) -> Subject<'a> {
        Subject { toolkit, slug, plain: None, tags, cautions: &[], slugs: None, listed: None }
    }

    const EXECUTE: Subject<'_> = tool("sqlite", "SQLITE_EXECUTE", &[Tag::Update, Tag::Destructive]);
    const QUERY: Subject<'_> = tool("sqlite", "SQLITE_QUERY", &[Tag::ReadOnly]);

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
        let other = tool("files", "FILES_READ", &[]);
        assert_eq!(policy.decide(&other), Ok(Ask::EveryCall));
    }

    #[test]
    fn a_rule_binds_a_tool_of_the_same_name_only_where_it_is_stricter() {
        let twin = Subject { plain: Some("GIT_DELETE"), ..tool("git", "GIT_DELETE_61975955", &[]) };
        let tools = |rules: Value| policy(json!({"tools": {"git": rules}}), json!({})).decide(&twin);
        assert!(tools(json!({"disabled": ["git_delete"]})).is_err());
        assert!(tools(json!({"enabled": ["git_delete"]})).is_err());
        assert_eq!(tools(json!({"enabled": ["git_delete_61975955"]})), Ok(Ask::Never));
        assert_eq!(tools(json!({"require_approval": ["git_delete"]})), Ok(Ask::EveryCall));
        let permitted = |default: &str, overrides: Value| {
            let permissions = json!({"permissions": {"default": default, "overrides": overrides}});
            policy(json!({}), permissions).decide(&twin)
        };
        assert!(permitted("allow_all", json!({"GIT_DELETE": "always_deny"})).is_err());
        assert_eq!(permitted("ask_every_call", json!({"GIT_DELETE": "always_allow"})), Ok(Ask::EveryCall));
        let own = json!({"GIT_DELETE": "always_deny", "GIT_DELETE_61975955": "ask_once"});
        assert_eq!(permitted("allow_all", own), Ok(Ask::OncePerSession));
    }

    #[test]
    fn a_rule_for_a_tool_that_is_not_there_binds_the_toolkit() {
        let slugs = HashSet::from(["git_delete".to_owned(), "git_log".to_owned()]);
        let log = Subject { slugs: Some(&slugs), ..tool("git", "GIT_LOG", &[]) };
        let tools = |rules: Value| policy(json!({"tools": {"git": rules}}), json!({})).decide(&log);
        assert_eq!(tools(json!({"disabled": ["git_delete"], "require_approval": ["git_delete"]})), Ok(Ask::Never));
        let denied = tools(json!({"disabled": ["git_delet"]})).unwrap_err().to_string();
        assert!(denied.contains("`tools.git.disable` names `GIT_DELET`, which the toolkit does not have"), "{denied}");
        assert_eq!(tools(json!({"require_approval": ["git_delet"]})), Ok(Ask::EveryCall));
        let permitted = |overrides: Value| {
            let permissions = json!({"permissions": {"default": "allow_all", "overrides": overrides}});
            let mut policy = policy(json!({}), permissions);
            policy.sort_rules(|name| name == "git", |_| Some("git"));
            policy.decide(&log)
        };
        assert!(permitted(json!({"GIT_DELET": "always_deny"})).is_err());
        assert_eq!(permitted(json!({"GIT_DELET": "ask_once"})), Ok(Ask::OncePerSession));
        assert_eq!(permitted(json!({"GIT_DELET": "always_allow", "git": "always_allow"})), Ok(Ask::Never));
    }

    #[test]
    fn what_a_tool_is_taken_for_only_makes_rules_stricter() {
        let cautions = [Tag::Destructive, Tag::OpenWorld];
        let claims = Subject { cautions: &cautions, ..tool("git", "GIT_LOG", &[Tag::ReadOnly]) };
        let tagged = |rules: Value| policy(json!({"tags": rules}), json!({})).decide(&claims);
        for tag in ["destructiveHint", "openWorldHint"] {
            let denied = tagged(json!({"disabled": [tag]})).unwrap_err().to_string();
            assert!(denied.contains("which a tool of an MCP server counts as"), "{denied}");
            assert_eq!(tagged(json!({"require_approval": [tag]})), Ok(Ask::EveryCall));
            assert!(tagged(json!({"enabled": [tag]})).is_err());
        }
        assert_eq!(tagged(json!({"enabled": ["readOnlyHint"]})), Ok(Ask::Never));
        assert_eq!(tagged(json!({"disabled": ["idempotentHint"]})), Ok(Ask::Never));
    }

    #[test]
    fn the_app_has_raw_calls_where_nothing_is_left_out_or_the_session_says_so() {
        let proxy = |config: Value, experimental: Value| policy(config, experimental).proxy("SQLite");
        let permissions = |overrides: Value| json!({"permissions": {"default": "allow_all", "overrides": overrides}});
        for allowed in [
            (json!({}), json!({})),
            (json!({"tools": {"files": {"disabled": ["files_delete"]}}}), json!({})),
            (json!({}), permissions(json!({"FILES_WRITE": "always_deny", "SQLITE_QUERY": "always_allow"}))),
            (json!({"tools": {"sqlite": {"disabled": ["a"]}}, "proxy_execute": {"enable": true}}), json!({})),
        ] {
            assert_eq!(proxy(allowed.0.clone(), allowed.1.clone()), Ok(()), "{allowed:?}");
        }
        for denied in [
            (json!({"tools": {"sqlite": {"disabled": ["sqlite_execute"]}}}), json!({})),
            (json!({"tools": {"sqlite": {"require_approval": ["sqlite_execute"]}}}), json!({})),
            (json!({"toolkits": {"require_approval": ["sqlite"]}}), json!({})),
            (json!({"tags": {"disabled": ["destructiveHint"]}}), json!({})),
            (json!({}), permissions(json!({"SQLITE_EXECUTE": "always_deny"}))),
            (json!({}), permissions(json!({"sqlite": "ask_once"}))),
            (json!({}), json!({"permissions": {"default": "ask_once_per_session"}})),
        ] {
            let reason = proxy(denied.0, denied.1).unwrap_err().to_string();
            assert!(reason.starts_with("the setting `proxy_execute.enable` is not set"), "{reason}");
        }
    }
}
