//! Keys of a session's settings that the contract does not have.
//!
//! A misspelt key would leave a session with less of a restriction than its caller meant, so that one in a filter is refused.
//! Elsewhere a key may be one of a later contract: it is refused if it looks like a slip, else ignored with a warning.

use composio_contract::{Error, Extra, Result, Settings};
use composio_schema::closest;

const SETTINGS: [&str; 16] = [
    "auth_configs",
    "connected_accounts",
    "execute",
    "experimental",
    "expected_config_version",
    "hooks",
    "instant",
    "manage_connections",
    "multi_account",
    "preload",
    "proxy_execute",
    "search",
    "tags",
    "toolkits",
    "tools",
    "workbench",
];
const FILTER: [&str; 3] = ["disable", "enable", "require_approval"];
const TOOL_FILTER: [&str; 4] = ["disable", "enable", "require_approval", "tags"];
const WORKBENCH: [&str; 5] =
    ["auto_offload_threshold", "enable", "enable_proxy_execution", "enable_tool_execution", "sandbox_size"];
const EXPERIMENTAL: [&str; 5] =
    ["assistive_prompt_config", "custom_toolkits", "custom_tools", "no_elicitation_support_fallback", "permissions"];
/// Other words for keys of filters.
const WORDS: [(&str, &[&str]); 3] = [
    ("disable", &["deny", "denied", "block", "blocked", "exclude", "except", "forbid", "disallow", "never"]),
    ("enable", &["allow", "allowed", "include", "only"]),
    ("require_approval", &["ask", "approve", "approval", "confirm"]),
];

/// Checks the keys of settings; `others` are those beside them. Answers what to warn of.
///
/// # Errors
/// [`composio_contract::ErrorKind::Validation`], naming the key and what was meant.
pub(crate) fn check(settings: &Settings, others: &Extra) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    lenient(others, "", &SETTINGS, &mut warnings)?;
    if let Some(filter) = settings.toolkits.value() {
        strict(&filter.extra, "toolkits", &FILTER)?;
    }
    if let Some(filter) = settings.tags.value() {
        strict(&filter.extra, "tags", &FILTER)?;
    }
    for (toolkit, filter) in settings.tools.value().into_iter().flatten() {
        strict(&filter.extra, &format!("tools.{toolkit}"), &TOOL_FILTER)?;
        if let Some(tags) = &filter.tags {
            strict(&tags.extra, &format!("tools.{toolkit}.tags"), &FILTER)?;
        }
    }
    if let Some(experimental) = settings.experimental.value() {
        lenient(&experimental.extra, "experimental", &EXPERIMENTAL, &mut warnings)?;
        if let Some(permissions) = &experimental.permissions {
            strict(&permissions.extra, "experimental.permissions", &["default", "overrides"])?;
        }
    }
    if let Some(preload) = settings.preload.value() {
        strict(&preload.extra, "preload", &["tools"])?;
    }
    let switches = [
        (settings.search.value().map(|value| &value.extra), "search", &["enable"] as &[&str]),
        (settings.proxy_execute.value().map(|value| &value.extra), "proxy_execute", &["enable"]),
        (settings.execute.value().map(|value| &value.extra), "execute", &["enable_multi_execute"]),
        (settings.workbench.value().map(|value| &value.extra), "workbench", &WORKBENCH),
        (
            settings.multi_account.value().map(|value| &value.extra),
            "multi_account",
            &["enable", "max_accounts_per_toolkit", "require_explicit_selection"],
        ),
        (
            settings.manage_connections.value().map(|value| &value.extra),
            "manage_connections",
            &["callback_url", "enable", "enable_wait_for_connections"],
        ),
    ];
    for (extra, setting, known) in switches {
        let Some(extra) = extra else { continue };
        lenient(extra, setting, known, &mut warnings)?;
    }
    Ok(warnings)
}

fn strict(extra: &Extra, setting: &str, known: &[&str]) -> Result<()> {
    extra.keys().next().map_or(Ok(()), |key| Err(wrong(key, setting, known)))
}

fn lenient(extra: &Extra, setting: &str, known: &[&str], warnings: &mut Vec<String>) -> Result<()> {
    for key in extra.keys().filter(|key| !known.contains(&key.as_str())) {
        if !meant(key, known).is_empty() {
            return Err(wrong(key, setting, known));
        }
        if let Some(place) = elsewhere(key).filter(|_| matches!(setting, "" | "experimental")) {
            return Err(wrong(key, setting, known).with_suggested_fix(format!("it belongs into {place}")));
        }
        warnings.push(format!("`{}` is not known to the embedded router and was ignored", path(setting, key)));
    }
    Ok(())
}

/// Where a key of a rule belongs: left where it has no effect, the session would be freer than its caller meant.
fn elsewhere(key: &str) -> Option<&'static str> {
    let lower = key.to_lowercase();
    let is_filter = FILTER.contains(&lower.as_str()) || WORDS.iter().any(|(_, words)| words.contains(&lower.as_str()));
    match lower.as_str() {
        "permissions" => Some("`experimental`"),
        "default" | "overrides" => Some("`experimental.permissions`"),
        _ if is_filter => Some("`toolkits`, `tags` or `tools.<toolkit>`"),
        _ => None,
    }
}

fn path(setting: &str, key: &str) -> String {
    if setting.is_empty() { key.to_owned() } else { format!("{setting}.{key}") }
}

/// The keys that one may be a slip for.
fn meant<'a>(key: &str, known: &[&'a str]) -> Vec<&'a str> {
    let lower = key.to_lowercase();
    let word = WORDS.iter().find(|(_, words)| words.contains(&lower.as_str())).map(|(word, _)| *word);
    match known.iter().find(|known| Some(**known) == word) {
        Some(word) => vec![word],
        None => closest(key, known.iter().copied()),
    }
}

fn wrong(key: &str, setting: &str, known: &[&str]) -> Error {
    let close = meant(key, known);
    let place = if setting.is_empty() { "a session's settings have".to_owned() } else { format!("`{setting}` has") };
    let error = Error::validation(format!("{place} no key `{key}`; the keys are {}", known.join(", ")));
    if close.is_empty() { error } else { error.with_suggested_fix(format!("did you mean `{}`?", close.join("` or `"))) }
}

#[cfg(test)]
mod tests {
    use composio_contract::CreateSession;
    use serde_json::{Value, json};

    use super::*;

    fn checked(mut settings: Value) -> Result<Vec<String>> {
        settings["user_id"] = "ada".into();
        let CreateSession { settings, extra, .. } = serde_json::from_value(settings).unwrap();
        check(&settings, &extra)
    }

    #[test]
    fn a_slip_is_refused_with_what_was_meant() {
        for (settings, key, fix) in [
            (json!({"tools": {"files": {"deny": ["FILES_DELETE"]}}}), "`tools.files` has no key `deny`", "`disable`"),
            (json!({"tools": {"files": {"require_aproval": []}}}), "`require_aproval`", "`require_approval`"),
            (json!({"tools": {"files": {"tags": {"enabel": []}}}}), "`tools.files.tags` has no key", "`enable`"),
            (json!({"toolkits": {"deny": ["files"]}}), "`toolkits` has no key `deny`", "`disable`"),
            (json!({"toolkits": {"enabled": ["files"]}}), "no key `enabled`", "`enable`"),
            (json!({"tags": {"disabled": []}}), "`tags` has no key `disabled`", "`disable`"),
            (json!({"experimental": {"permission": {}}}), "`experimental` has no key `permission`", "`permissions`"),
            (
                json!({"experimental": {"permissions": {"default": "allow_all", "override": {}}}}),
                "`experimental.permissions` has no key `override`",
                "`overrides`",
            ),
            (json!({"preload": {"tool": "all"}}), "`preload` has no key `tool`", "`tools`"),
            (json!({"proxy_execute": {"enable": true, "enabled": false}}), "no key `enabled`", "`enable`"),
            (json!({"manage_connections": {"enabled": false}}), "no key `enabled`", "`enable`"),
            (
                json!({"multi_account": {"max_account_per_toolkit": 2}}),
                "`multi_account` has",
                "`max_accounts_per_toolkit`",
            ),
            (json!({"toolkit": ["files"]}), "a session's settings have no key `toolkit`", "`toolkits`"),
        ] {
            let error = checked(settings).unwrap_err();
            assert!(error.message().contains(key), "{error}");
            assert!(error.suggested_fix().unwrap_or_default().contains(fix), "{error}");
        }
        let strange = checked(json!({"tags": {"quux": []}})).unwrap_err().to_string();
        assert!(strange.contains("the keys are disable, enable, require_approval"), "{strange}");
    }

    #[test]
    fn a_rule_at_another_level_is_refused_with_its_place() {
        for (settings, place) in [
            (json!({"permissions": {"default": "ask_every_call"}}), "`experimental`"),
            (json!({"require_approval": ["git"]}), "`toolkits`"),
            (json!({"deny": ["GIT_DELETE"]}), "`tools.<toolkit>`"),
            (json!({"experimental": {"overrides": {}}}), "`experimental.permissions`"),
            (json!({"experimental": {"disable": ["git"]}}), "`tags`"),
        ] {
            let error = checked(settings.clone()).unwrap_err();
            assert!(error.suggested_fix().unwrap_or_default().contains(place), "{settings}: {error:?}");
        }
    }

    #[test]
    fn what_may_be_of_a_later_contract_is_warned_of() {
        let settings = json!({
            "toolkits": {"disable": ["files"], "require_approval": []},
            "quux": 1,
            "experimental": {"zebra": true},
            "workbench": {"enable": true, "sandbox_size": "medium"},
        });
        let warnings = checked(settings).unwrap();
        assert_eq!(
            warnings,
            [
                "`quux` is not known to the embedded router and was ignored",
                "`experimental.zebra` is not known to the embedded router and was ignored",
            ],
        );
    }
}
