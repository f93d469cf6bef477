//! From the arguments of create and update to the contract's requests.

use composio_contract::{
    CreateSession, Error, ExecuteSettings, Patch, Preload, PreloadTools, RawJson, Result, Settings, Switch,
    UpdateSession,
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::custom::CustomToolSet;

/// The preset that lists every tool directly and leaves the meta tools out.
pub const SESSION_PRESET_DIRECT_TOOLS: &str = "direct_tools";

const SETTINGS: &[&str] = &[
    "auth_configs",
    "connected_accounts",
    "execute",
    "experimental",
    "hooks",
    "instant",
    "manage_connections",
    "multi_account",
    "preload",
    "proxy_execute",
    "sandbox",
    "search",
    "tags",
    "toolkits",
    "tools",
    "workbench",
];

/// The arguments of create, made ready to send.
#[derive(Debug)]
pub(crate) struct CreateOptions {
    pub(crate) request: CreateSession,
    /// Whether the caller wants the session over MCP, so that a foreign MCP server is an error.
    pub(crate) mcp: bool,
}

impl CreateOptions {
    pub(crate) fn read(options: &RawJson, tools: &CustomToolSet) -> Result<Self> {
        let mut fields: Map<String, Value> = options.decode("create")?;
        fields.retain(|_, value| !value.is_null());
        check_names(&fields, &["mcp", "session_preset", "user_id"])?;
        let user_id = match fields.remove("user_id") {
            Some(Value::String(id)) if !id.trim().is_empty() => id,
            Some(Value::String(_)) | None => return Err(Error::validation("user_id: must not be empty")),
            Some(other) => return Err(Error::validation(format!("user_id: expected a string, got {other}"))),
        };
        let mcp = take_bool(&mut fields, "mcp")?;
        let preset = fields.remove("session_preset");
        let mut settings = settings(fields)?;
        match preset.as_ref().and_then(Value::as_str) {
            Some(SESSION_PRESET_DIRECT_TOOLS) => apply_direct_tools(&mut settings),
            _ => {
                if let Some(other) = preset {
                    return Err(Error::validation(format!(
                        "session_preset: expected {SESSION_PRESET_DIRECT_TOOLS:?}, got {other}"
                    )));
                }
            }
        }
        complete(&mut settings);
        tools.check_preload(&settings)?;
        tools.add_to(&mut settings);
        Ok(Self { request: CreateSession { user_id, settings, ..CreateSession::default() }, mcp })
    }
}

/// The arguments of update, made ready to send. A field that is left out stays; `null` clears it.
pub(crate) fn read_update(options: &RawJson, tools: &CustomToolSet) -> Result<UpdateSession> {
    let mut fields: Map<String, Value> = options.decode("update")?;
    check_names(&fields, &["expected_config_version"])?;
    let expected_config_version = match fields.remove("expected_config_version") {
        None | Some(Value::Null | Value::Bool(false)) => None,
        Some(version) => match version.as_i64().filter(|version| *version > 0) {
            Some(version) => Some(version),
            None => {
                return Err(Error::validation(format!(
                    "expected_config_version: expected a positive integer, got {version}"
                )));
            }
        },
    };
    let settings = settings(fields)?;
    tools.check_preload(&settings)?;
    Ok(UpdateSession { expected_config_version, settings, ..UpdateSession::default() })
}

fn check_names(fields: &Map<String, Value>, more: &[&str]) -> Result<()> {
    let known = || SETTINGS.iter().chain(more).copied();
    match fields.keys().find(|name| !known().any(|known| known == *name)) {
        None => Ok(()),
        Some(name) => {
            let error = Error::validation(format!("{name}: there is no such option"));
            Err(match composio_schema::closest(name, known()).first() {
                Some(near) => error.with_suggested_fix(format!("did you mean {near}?")),
                None => error,
            })
        }
    }
}

fn take_bool(fields: &mut Map<String, Value>, name: &str) -> Result<bool> {
    match fields.remove(name) {
        None => Ok(false),
        Some(Value::Bool(value)) => Ok(value),
        Some(other) => Err(Error::validation(format!("{name}: expected a boolean, got {other}"))),
    }
}

fn settings(mut fields: Map<String, Value>) -> Result<Settings> {
    if let Some(sandbox) = fields.remove("sandbox") {
        if fields.contains_key("workbench") {
            return Err(Error::validation("sandbox and its old name workbench cannot both be given; keep sandbox"));
        }
        fields.insert("workbench".to_owned(), sandbox);
    }
    if let Some(Value::Object(experimental)) = fields.get_mut("experimental")
        && let Some(prompt) = experimental.remove("assistive_prompt")
    {
        experimental.insert("assistive_prompt_config".to_owned(), prompt);
    }
    read_at_path(Value::Object(fields))
}

/// Reads a value; the error names the field.
fn read_at_path<T: DeserializeOwned>(value: Value) -> Result<T> {
    // `Settings` is flat, so that the first segment of the path is the option's name.
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        Error::validation(format!("{path}: {}", error.into_inner()))
    })
}

fn apply_direct_tools(settings: &mut Settings) {
    if settings.manage_connections.is_keep() {
        settings.manage_connections =
            Patch::Set(composio_contract::ManageConnections { enable: Some(false), ..Default::default() });
    }
    if settings.workbench.is_keep() {
        settings.workbench = Patch::Set(Switch::new(false));
    }
    if settings.preload.is_keep() {
        settings.preload =
            Patch::Set(Preload { tools: Some(PreloadTools::Named("all".to_owned())), ..Preload::default() });
    }
    settings.search = Patch::Set(Switch::new(false));
    settings.execute = Patch::Set(ExecuteSettings { enable_multi_execute: Some(false), ..Default::default() });
}

/// Fills in the defaults that a new session has.
fn complete(settings: &mut Settings) {
    if settings.manage_connections.is_keep() {
        settings.manage_connections = Patch::Set(Default::default());
    }
    if let Patch::Set(connections) = &mut settings.manage_connections {
        connections.enable.get_or_insert(true);
    }
    if let Patch::Set(workbench) = &mut settings.workbench {
        workbench.enable.get_or_insert(true);
    }
    if let Patch::Set(accounts) = &mut settings.multi_account
        && accounts.enable == Some(true)
    {
        accounts.require_explicit_selection.get_or_insert(true);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn create(options: Value) -> Result<Value> {
        let options = CreateOptions::read(&RawJson::from(options), &CustomToolSet::default())?;
        Ok(serde_json::to_value(options.request).unwrap())
    }

    #[test]
    fn shorthands_become_objects() {
        let body = create(json!({
            "user_id": "u", "toolkits": [], "tools": {"gmail": ["A"], "github": {"tags": ["readOnlyHint"]}},
            "tags": ["readOnlyHint"], "connected_accounts": {"gmail": "ca_1"}, "proxy_execute": true,
            "sandbox": {"sandbox_size": "large"}, "multi_account": {"enable": true}, "manage_connections": false,
        }))
        .unwrap();
        assert_eq!(
            body,
            json!({
                "user_id": "u", "toolkits": {"enable": []},
                "tools": {"gmail": {"enable": ["A"]}, "github": {"tags": {"enable": ["readOnlyHint"]}}},
                "tags": {"enable": ["readOnlyHint"]}, "connected_accounts": {"gmail": ["ca_1"]},
                "proxy_execute": {"enable": true}, "workbench": {"enable": true, "sandbox_size": "large"},
                "multi_account": {"enable": true, "require_explicit_selection": true},
                "manage_connections": {"enable": false},
            })
        );
    }

    #[test]
    fn an_error_names_the_field() {
        for (options, expected) in [
            (json!({}), "user_id: must not be empty"),
            (json!({"user_id": "u", "toolkits": "gmail"}), "toolkits: expected a list"),
            (json!({"user_id": "u", "tools": {"gmail": 1}}), "tools.gmail: expected a list"),
            (json!({"user_id": "u", "session_preset": "fast"}), "session_preset: expected \"direct_tools\""),
            (json!({"user_id": "u", "toolkit": []}), "toolkit: there is no such option (did you mean toolkits?)"),
            (json!({"user_id": "u", "sandbox": {}, "workbench": {}}), "sandbox and its old name workbench"),
        ] {
            let error = create(options).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn an_update_tells_null_from_absent() {
        let options = RawJson::from(json!({"tags": null, "toolkits": ["a"], "expected_config_version": 3}));
        let update = read_update(&options, &CustomToolSet::default()).unwrap();
        assert_eq!(
            serde_json::to_value(update).unwrap(),
            json!({"expected_config_version": 3, "toolkits": {"enable": ["a"]}, "tags": null})
        );
    }
}
