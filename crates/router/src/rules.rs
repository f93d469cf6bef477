//! The rules of a session's settings, each as it is asked.
//!
//! Rules name tools by slug, and a slug stays with its operation. A rule that excludes a tool, or has the user asked, binds also
//! those whose slug would be the same without a hash, and a rule whose slug nothing has binds the whole toolkit: it was meant for
//! a tool that cannot be told.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use composio_contract::{Error, ErrorKind, PermissionDefault, PermissionOverride, Permissions, Selection};

use crate::meta;
use crate::source::Tag;

/// What the policy looks at in a tool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) toolkit: &'a str,
    pub(crate) slug: &'a str,
    /// What the slug would be without a hash, if it has one.
    pub(crate) plain: Option<&'a str>,
    /// What the source, or the operator, says of it.
    pub(crate) tags: &'a [Tag],
    /// What it is taken for beside that, to be on the safe side.
    pub(crate) cautions: &'a [Tag],
    /// The slugs that the toolkit has or had, in lower case; none where they cannot be known.
    pub(crate) slugs: Option<&'a HashSet<String>>,
    /// What an account must list for the tool to be there; none where all accounts have the same tools.
    pub(crate) listed: Option<Listed<'a>>,
}

/// A tool as an account lists it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listed<'a> {
    pub(crate) operation: &'a str,
    pub(crate) hash: &'a [u8; 32],
}

/// A tool's names in lower case.
pub(crate) struct Lowered {
    pub(crate) toolkit: String,
    pub(crate) slug: String,
    pub(crate) plain: Option<String>,
}

impl Lowered {
    pub(crate) fn new(tool: &Subject<'_>) -> Self {
        Self {
            toolkit: tool.toolkit.to_lowercase(),
            slug: tool.slug.to_lowercase(),
            plain: tool.plain.map(str::to_lowercase),
        }
    }

    fn each(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.slug.as_str()).chain(self.plain.as_deref())
    }
}

/// Whether and how often the user is asked before a tool runs; later ones are stricter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ask {
    Never,
    OncePerSession,
    EveryCall,
}

/// The setting that keeps a tool out of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Denial {
    setting: String,
    verdict: String,
}

impl Denial {
    pub(crate) fn new(setting: impl Into<String>, verdict: impl Into<String>) -> Self {
        Self { setting: setting.into(), verdict: verdict.into() }
    }

    fn unknown(setting: impl Into<String>, slug: &str) -> Self {
        let slug = slug.to_uppercase();
        Self::new(
            setting,
            format!(
                "names `{slug}`, which the toolkit does not have, so that none of its tools runs until the name is corrected"
            ),
        )
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

/// A rule's slug that no tool of the toolkit has. Meta tools and custom tools are no toolkit's.
fn unknown<'a>(named: impl IntoIterator<Item = &'a String>, slugs: Option<&HashSet<String>>) -> Option<&'a str> {
    let slugs = slugs?;
    let mut named = named.into_iter().map(String::as_str);
    named.find(|name| !slugs.contains(*name) && !meta::is_meta(name) && !composio_contract::is_custom_slug(name))
}

/// A choice by name: only some, or all but some.
#[derive(Debug, Default)]
pub(crate) struct Choice {
    pub(crate) enable: Option<HashSet<String>>,
    pub(crate) disable: HashSet<String>,
    pub(crate) require_approval: HashSet<String>,
}

impl Choice {
    pub(crate) fn new(selection: &Selection) -> Self {
        Self::of(selection.enabled.as_ref(), selection.disabled.as_ref(), selection.require_approval.as_ref())
    }

    pub(crate) fn of(
        enable: Option<&Vec<String>>,
        disable: Option<&Vec<String>>,
        require_approval: Option<&Vec<String>>,
    ) -> Self {
        let lower = |list: &Vec<String>| list.iter().map(|slug| slug.to_lowercase()).collect::<HashSet<_>>();
        Self {
            enable: enable.map(lower),
            disable: disable.map(lower).unwrap_or_default(),
            require_approval: require_approval.map(lower).unwrap_or_default(),
        }
    }

    /// Whether a toolkit is in.
    pub(crate) fn admit(&self, name: &str, setting: &str) -> Result<(), Denial> {
        if self.enable.as_ref().is_some_and(|enable| !enable.contains(name)) {
            return Err(Denial::new(format!("{setting}.enable"), "does not list it"));
        }
        if self.disable.contains(name) {
            return Err(Denial::new(format!("{setting}.disable"), "lists it"));
        }
        Ok(())
    }

    /// Whether the user is asked about a toolkit.
    pub(crate) fn ask(&self, name: &str) -> Ask {
        if self.require_approval.contains(name) { Ask::EveryCall } else { Ask::Never }
    }

    /// Whether a tool is in, and whether the user is asked about it.
    pub(crate) fn decide(&self, tool: &Subject<'_>, names: &Lowered) -> Result<Ask, Denial> {
        let setting = format!("tools.{}", names.toolkit);
        self.admit(&names.slug, &setting)?;
        if names.plain.as_ref().is_some_and(|plain| self.disable.contains(plain)) {
            return Err(Denial::new(format!("{setting}.disable"), "lists a tool of the same name"));
        }
        if let Some(slug) = unknown(&self.disable, tool.slugs) {
            return Err(Denial::unknown(format!("{setting}.disable"), slug));
        }
        let is_named = names.each().any(|name| self.require_approval.contains(name));
        let asks = is_named || unknown(&self.require_approval, tool.slugs).is_some();
        Ok(if asks { Ask::EveryCall } else { Ask::Never })
    }
}

#[derive(Debug)]
pub(crate) struct ToolkitRules {
    pub(crate) tools: Choice,
    pub(crate) tags: Option<TagRules>,
}

/// A choice by tag: a tool is in if it has one of those enabled and none of those disabled.
#[derive(Debug, Default)]
pub(crate) struct TagRules {
    setting: String,
    enable: Option<Vec<String>>,
    disable: Vec<String>,
    require_approval: Vec<String>,
}

impl TagRules {
    pub(crate) fn new(selection: &Selection, setting: String) -> Self {
        Self {
            setting,
            enable: selection.enabled.clone(),
            disable: selection.disabled.clone().unwrap_or_default(),
            require_approval: selection.require_approval.clone().unwrap_or_default(),
        }
    }

    pub(crate) fn narrows(&self) -> bool {
        self.enable.is_some() || !self.disable.is_empty() || !self.require_approval.is_empty()
    }

    pub(crate) fn decide(&self, tool: &Subject<'_>) -> Result<Ask, Denial> {
        if let Some(enable) = &self.enable
            && !overlap(enable, tool.tags).any(|_| true)
        {
            let verdict = format!("lists none of its tags ({})", names(tool.tags));
            return Err(Denial::new(format!("{}.enable", self.setting), verdict));
        }
        let setting = || format!("{}.disable", self.setting);
        if let Some(tag) = overlap(&self.disable, tool.tags).next() {
            return Err(Denial::new(setting(), format!("lists its tag `{}`", tag.name())));
        }
        if let Some(tag) = overlap(&self.disable, tool.cautions).next() {
            let verdict = format!(
                "lists `{}`, which a tool of an MCP server counts as; `trust_hints` or `tools` of the server in composio.toml \
                 says otherwise",
                tag.name()
            );
            return Err(Denial::new(setting(), verdict));
        }
        let asks =
            [tool.tags, tool.cautions].into_iter().any(|tags| overlap(&self.require_approval, tags).any(|_| true));
        Ok(if asks { Ask::EveryCall } else { Ask::Never })
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

fn strictness(rule: PermissionOverride) -> u8 {
    match rule {
        PermissionOverride::AlwaysAllow => 0,
        PermissionOverride::AskOnce => 1,
        PermissionOverride::AskAlways => 2,
        PermissionOverride::AlwaysDeny => 3,
    }
}

#[derive(Debug)]
pub(crate) struct PermissionRules {
    default: PermissionDefault,
    overrides: BTreeMap<String, PermissionOverride>,
    /// The overrides of tools, by the toolkit that their slug belongs to, without those that allow.
    by_toolkit: HashMap<String, Vec<String>>,
}

impl PermissionRules {
    pub(crate) fn new(permissions: &Permissions) -> Self {
        let mut overrides = BTreeMap::new();
        for (slug, rule) in &permissions.overrides {
            // Of two spellings the stricter one holds.
            let known = overrides.entry(slug.to_lowercase()).or_insert(*rule);
            if strictness(*rule) > strictness(*known) {
                *known = *rule;
            }
        }
        Self { default: permissions.default, overrides, by_toolkit: HashMap::new() }
    }

    /// What a rule about a meta tool itself demands.
    pub(crate) fn of_meta_tool(&self, slug: &str) -> Result<Ask, Denial> {
        self.overrides.get(slug).map_or(Ok(Ask::Never), |rule| Self::demanded(slug, *rule))
    }

    /// Notes which toolkits the overrides of tools belong to.
    pub(crate) fn sort<'a>(&mut self, is_toolkit: impl Fn(&str) -> bool, owner: impl Fn(&str) -> Option<&'a str>) {
        for (name, rule) in &self.overrides {
            if *rule != PermissionOverride::AlwaysAllow
                && !is_toolkit(name)
                && let Some(toolkit) = owner(name)
            {
                self.by_toolkit.entry(toolkit.to_lowercase()).or_default().push(name.clone());
            }
        }
    }

    /// A tool's own rule goes before one of a tool of the same name, that before its toolkit's, and that before the default.
    pub(crate) fn decide(&self, tool: &Subject<'_>, names: &Lowered) -> Result<Ask, Denial> {
        let named = |name: &str| self.overrides.get_key_value(name);
        let same_name = || {
            let rule = names.plain.as_deref().and_then(named);
            rule.filter(|(_, rule)| **rule != PermissionOverride::AlwaysAllow)
        };
        let ask = match named(&names.slug).or_else(same_name).or_else(|| named(&names.toolkit)) {
            Some((name, rule)) => Self::demanded(name, *rule)?,
            None => match self.default {
                PermissionDefault::AllowAll => Ask::Never,
                PermissionDefault::AskOncePerSession => Ask::OncePerSession,
                PermissionDefault::AskEveryCall => Ask::EveryCall,
            },
        };
        let mut meant = self.by_toolkit.get(&names.toolkit).into_iter().flatten();
        meant.try_fold(ask, |ask, name| match unknown([name], tool.slugs) {
            None => Ok(ask),
            Some(slug) => match self.overrides.get(slug) {
                Some(PermissionOverride::AlwaysDeny) => {
                    Err(Denial::unknown("experimental.permissions.overrides", slug))
                }
                Some(rule) => Ok(ask.max(Self::demanded(slug, *rule)?)),
                None => Ok(ask),
            },
        })
    }

    /// Whether every tool of a toolkit runs without a question.
    pub(crate) fn allow_all_of(&self, toolkit: &str) -> bool {
        let prefix = format!("{toolkit}_");
        self.default == PermissionDefault::AllowAll
            && self.overrides.iter().all(|(name, rule)| {
                *rule == PermissionOverride::AlwaysAllow || (name != toolkit && !name.starts_with(&prefix))
            })
    }

    /// The strictest rule about a single tool of a toolkit, for a raw call; none where raw calls have a rule of their own.
    pub(crate) fn of_tools(&self, toolkit: &str, raw_call: &str) -> Result<Ask, Denial> {
        if self.overrides.contains_key(raw_call) {
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
