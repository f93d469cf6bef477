//! From the settings that a caller sends to the configuration that is stored.

use std::collections::BTreeMap;

use composio_contract::{
    Error, ExperimentalSettings, Extra, Filter, Patch, PreloadTools, Result, Selection, SessionConfig, Settings,
    StoredManageConnections, StoredPreload, Switch, ToolFilter, ToolSelection,
};
use serde_json::Value;

use crate::source::Tag;

const SANDBOX_SIZES: [&str; 4] = ["standard", "medium", "large", "xlarge"];

/// The configuration of a session whose caller set nothing.
pub(crate) fn defaults(user_id: &str) -> SessionConfig {
    SessionConfig {
        user_id: user_id.to_owned(),
        search: Switch::new(true),
        execute: composio_contract::ExecuteSettings { enable_multi_execute: Some(true), extra: Extra::new() },
        instant: Value::Bool(false),
        ..SessionConfig::default()
    }
}

/// Applies a change: what is kept stays, what is cleared goes back to the default.
///
/// # Errors
/// [`composio_contract::ErrorKind::Validation`], naming the setting.
pub(crate) fn apply(
    settings: &Settings,
    config: &mut SessionConfig,
    experimental: &mut ExperimentalSettings,
) -> Result<()> {
    let fresh = defaults(&config.user_id);
    patch(&settings.toolkits, &mut config.toolkits, |filter| selection(filter, "toolkits"))?;
    // A choice that chooses nothing is none; replies have no form for it.
    config.toolkits = config.toolkits.take().filter(|chosen| *chosen != Selection::default());
    patch(&settings.tools, &mut config.tools, tools)?;
    patch(&settings.tags, &mut config.tags, |filter| tags(filter, "tags"))?;
    patch(&settings.manage_connections, &mut config.manage_connections, |value| {
        Ok(StoredManageConnections {
            enabled: value.enable,
            callback_url: value.callback_url.clone(),
            enable_wait_for_connections: value.enable_wait_for_connections,
        })
    })?;
    patch(&settings.auth_configs, &mut config.auth_configs, |value| match value {
        Value::Object(ids) if ids.values().all(Value::is_string) => Ok(value.clone()),
        _ => Err(Error::validation("`auth_configs` must be an object with the id of an auth config by toolkit")),
    })?;
    patch(&settings.connected_accounts, &mut config.connected_accounts, |value| Ok(value.clone()))?;
    patch(&settings.workbench, &mut config.workbench, stored_workbench)?;
    patch(&settings.multi_account, &mut config.multi_account, |value| {
        if value.max_accounts_per_toolkit.is_some_and(|limit| !(2..=10).contains(&limit)) {
            return Err(Error::validation("`multi_account.max_accounts_per_toolkit` must be from 2 to 10"));
        }
        Ok(value.clone())
    })?;
    patch(&settings.proxy_execute, &mut config.proxy_execute, |value| match value.enable {
        Some(_) => Ok(value.clone()),
        None => Err(Error::validation("`proxy_execute` has no `enable`; it must be true or false")),
    })?;
    replace(&settings.preload, &mut config.preload, fresh.preload, |value| {
        value.tools.as_ref().map_or_else(|| Ok(StoredPreload::default()), preload)
    })?;
    replace(&settings.search, &mut config.search, fresh.search, |value| {
        Ok(Switch { enable: value.enable.or(Some(true)), extra: value.extra.clone() })
    })?;
    replace(&settings.execute, &mut config.execute, fresh.execute, |value| {
        let mut value = value.clone();
        value.enable_multi_execute = value.enable_multi_execute.or(Some(true));
        Ok(value)
    })?;
    if settings.instant.value().is_some_and(|value| *value != Value::Bool(false)) {
        return Err(Error::validation(
            "`instant`: paid tools exist on the hosted backend only; leave it out or set it to false",
        ));
    }
    if settings.hooks.value().is_some() {
        return Err(Error::validation("`hooks` are run by the hosted backend only; leave them out"));
    }
    match &settings.experimental {
        Patch::Keep => {}
        Patch::Clear => *experimental = ExperimentalSettings::default(),
        Patch::Set(change) => merge(change, experimental)?,
    }
    Ok(())
}

fn patch<T, S>(change: &Patch<T>, stored: &mut Option<S>, convert: impl FnOnce(&T) -> Result<S>) -> Result<()> {
    match change {
        Patch::Keep => {}
        Patch::Clear => *stored = None,
        Patch::Set(value) => *stored = Some(convert(value)?),
    }
    Ok(())
}

fn replace<T, S>(change: &Patch<T>, stored: &mut S, default: S, convert: impl FnOnce(&T) -> Result<S>) -> Result<()> {
    match change {
        Patch::Keep => {}
        Patch::Clear => *stored = default,
        Patch::Set(value) => *stored = convert(value)?,
    }
    Ok(())
}

fn one_of_both(enable: Option<&Vec<String>>, disable: Option<&Vec<String>>, setting: &str) -> Result<()> {
    if enable.is_some() && disable.is_some() {
        return Err(Error::validation(format!("`{setting}` has both `enable` and `disable`; give one of them")));
    }
    Ok(())
}

fn selection(filter: &Filter, setting: &str) -> Result<Selection> {
    one_of_both(filter.enable.as_ref(), filter.disable.as_ref(), setting)?;
    Ok(filter.clone().into())
}

fn tags(filter: &Filter, setting: &str) -> Result<Selection> {
    for (name, list) in
        [("enable", &filter.enable), ("disable", &filter.disable), ("require_approval", &filter.require_approval)]
    {
        for tag in list.iter().flatten() {
            if !Tag::ALL.iter().any(|known| known.name() == tag) {
                let known = Tag::ALL.map(Tag::name).join(", ");
                return Err(Error::validation(format!(
                    "`{setting}.{name}`: `{tag}` is not a tag; the tags are {known}"
                )));
            }
        }
    }
    Ok(filter.clone().into())
}

fn chooses_tags(tags: &Filter) -> bool {
    let some = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| !list.is_empty());
    // An empty list of what is enabled enables nothing.
    tags.enable.is_some() || some(&tags.disable) || some(&tags.require_approval)
}

fn tools(filters: &BTreeMap<String, ToolFilter>) -> Result<BTreeMap<String, ToolSelection>> {
    let chooses = |(_, filter): &(&String, &ToolFilter)| {
        let mut filter = (*filter).clone();
        filter.tags = filter.tags.filter(chooses_tags);
        ToolSelection::from(filter) != ToolSelection::default()
    };
    let convert = |(toolkit, filter): (&String, &ToolFilter)| {
        let setting = format!("tools.{toolkit}");
        one_of_both(filter.enable.as_ref(), filter.disable.as_ref(), &setting)?;
        if let Some(own) = &filter.tags {
            if filter.enable.is_some() || filter.disable.is_some() {
                let message = format!("`{setting}` chooses by slug and by `tags` at once; give one of them");
                return Err(Error::validation(message));
            }
            tags(own, &format!("{setting}.tags"))?;
        }
        let mut filter = filter.clone();
        // Tags that choose nothing do not stand in for the session's own.
        filter.tags = filter.tags.filter(chooses_tags);
        Ok((toolkit.to_lowercase(), filter.into()))
    };
    filters.iter().filter(chooses).map(convert).collect()
}

fn preload(tools: &PreloadTools) -> Result<StoredPreload> {
    match tools {
        PreloadTools::Named(word) if !tools.is_all() => {
            Err(Error::validation(format!("`preload.tools` is `{word}`; it must be \"all\" or a list of tool slugs")))
        }
        PreloadTools::List(slugs) => match slugs.iter().find(|slug| composio_contract::is_custom_slug(slug)) {
            Some(slug) => Err(Error::validation(format!(
                "`preload.tools` lists the custom tool `{slug}`; set `preload` on the custom tool itself"
            ))),
            None => Ok(StoredPreload { tools: tools.clone() }),
        },
        PreloadTools::Named(_) => Ok(StoredPreload { tools: tools.clone() }),
    }
}

/// Two of the sandbox's options have other names in replies. What is null was not set.
fn stored_workbench(switch: &Switch) -> Result<Switch> {
    let mut extra = Extra::new();
    for (name, value) in switch.extra.iter().filter(|(_, value)| !value.is_null()) {
        let (stored, fits, expected) = match name.as_str() {
            "enable_proxy_execution" => ("proxy_execution_enabled", value.is_boolean(), "true or false"),
            "enable_tool_execution" => ("tool_execution_enabled", value.is_boolean(), "true or false"),
            "auto_offload_threshold" => {
                (name.as_str(), value.as_f64().is_some_and(|bytes| bytes > 0.0), "a number above 0")
            }
            "sandbox_size" => {
                let known = value.as_str().is_some_and(|size| SANDBOX_SIZES.contains(&size));
                (name.as_str(), known, "\"standard\", \"medium\", \"large\" or \"xlarge\"")
            }
            other => (other, true, ""),
        };
        if !fits {
            return Err(Error::validation(format!("`workbench.{name}` is {value}; it must be {expected}")));
        }
        extra.insert(stored.to_owned(), value.clone());
    }
    Ok(Switch { enable: switch.enable, extra })
}

fn merge(change: &ExperimentalSettings, stored: &mut ExperimentalSettings) -> Result<()> {
    if let Some(fallback) = &change.no_elicitation_support_fallback
        && !matches!(fallback.as_str(), "deny" | "allow")
    {
        return Err(Error::validation(format!(
            "`experimental.no_elicitation_support_fallback` is `{fallback}`; it must be \"deny\" or \"allow\""
        )));
    }
    if let Some(prompt) = &change.assistive_prompt_config {
        if let Some(zone) = &prompt.user_timezone
            && jiff::tz::TimeZone::get(zone).is_err()
        {
            return Err(Error::validation(format!(
                "`experimental.assistive_prompt.user_timezone`: `{zone}` is not an IANA time zone such as Europe/Berlin"
            )));
        }
        stored.assistive_prompt_config = Some(prompt.clone());
    }
    if let Some(permissions) = &change.permissions {
        stored.permissions = Some(permissions.clone());
    }
    if let Some(fallback) = &change.no_elicitation_support_fallback {
        stored.no_elicitation_support_fallback = Some(fallback.clone());
    }
    stored.extra.extend(change.extra.clone());
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stored(settings: Value) -> Result<Value> {
        let mut config = defaults("ada");
        let settings: Settings = serde_json::from_value(settings).unwrap();
        apply(&settings, &mut config, &mut ExperimentalSettings::default())?;
        Ok(serde_json::to_value(config).unwrap())
    }

    #[test]
    fn lists_take_their_stored_names() {
        let config = stored(json!({
            "toolkits": {"disable": ["files"], "require_approval": ["http"]},
            "tools": {"SQLite": {"tags": ["readOnlyHint"]}},
            "manage_connections": {"enable": false},
            "workbench": {"enable": true, "enable_proxy_execution": false, "auto_offload_threshold": null},
        }))
        .unwrap();
        assert_eq!(
            config,
            json!({
                "user_id": "ada",
                "toolkits": {"disabled": ["files"], "require_approval": ["http"]},
                "tools": {"sqlite": {"tags": {"enabled": ["readOnlyHint"]}}},
                "search": {"enable": true},
                "execute": {"enable_multi_execute": true},
                "preload": {"tools": []},
                "instant": false,
                "manage_connections": {"enabled": false},
                "workbench": {"enable": true, "proxy_execution_enabled": false},
            }),
        );
    }

    #[test]
    fn a_choice_that_chooses_nothing_is_none() {
        let config = stored(json!({"toolkits": {"require_approval": null}, "tools": {"files": {}}})).unwrap();
        assert_eq!((config.get("toolkits"), &config["tools"]), (None, &json!({})));
    }

    #[test]
    fn a_wrong_setting_is_named() {
        for (settings, message) in [
            (json!({"toolkits": {"enable": [], "disable": []}}), "`toolkits` has both `enable` and `disable`"),
            (json!({"tags": ["readonly"]}), "`tags.enable`: `readonly` is not a tag; the tags are readOnlyHint"),
            (json!({"tools": {"a": {"enable": [], "tags": []}}}), "`tools.a` chooses by slug and by `tags` at once"),
            (json!({"preload": {"tools": "some"}}), "`preload.tools` is `some`"),
            (json!({"preload": {"tools": ["local_x"]}}), "`preload.tools` lists the custom tool `local_x`"),
            (json!({"multi_account": {"max_accounts_per_toolkit": 1}}), "must be from 2 to 10"),
            (json!({"workbench": {"sandbox_size": {}}}), "`workbench.sandbox_size` is {}; it must be \"standard\""),
            (json!({"workbench": {"enable_tool_execution": 1}}), "it must be true or false"),
            (json!({"workbench": {"auto_offload_threshold": 0}}), "is 0; it must be a number above 0"),
            (json!({"auth_configs": [null]}), "`auth_configs` must be an object"),
            (json!({"proxy_execute": {}}), "`proxy_execute` has no `enable`"),
            (json!({"instant": {}}), "paid tools exist on the hosted backend only"),
            (json!({"experimental": {"assistive_prompt_config": {"user_timezone": "Mars"}}}), "`Mars` is not an IANA"),
        ] {
            let error = stored(settings).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn clearing_goes_back_to_the_default() {
        let mut config = defaults("ada");
        let mut experimental = ExperimentalSettings::default();
        let set =
            json!({"search": false, "preload": {"tools": "all"}, "tags": ["readOnlyHint"], "proxy_execute": true});
        apply(&serde_json::from_value(set).unwrap(), &mut config, &mut experimental).unwrap();
        assert_eq!(config.search.enable, Some(false));
        let clear = json!({"search": null, "preload": null, "tags": null});
        apply(&serde_json::from_value(clear).unwrap(), &mut config, &mut experimental).unwrap();
        assert_eq!(config, SessionConfig { proxy_execute: Some(Switch::new(true)), ..defaults("ada") });
    }
}
