//! Accounts and auth configs as the contract has them. No secret is in any of them.

use composio_contract::{AccountRef, AuthConfigRef, ConnectedAccount, Extra};
use serde_json::{Value, json};

use super::AuthConfig;
use crate::clock;
use crate::source::ToolkitInfo;
use crate::store::{AccountRow, AccountStatus};

/// Stands where the contract has a credential.
const REDACTED: &str = "REDACTED";

/// What may be changed of an account.
#[derive(Clone, Debug, Default)]
pub struct AccountChange {
    /// Another alias; an empty one takes it away.
    pub alias: Option<String>,
    /// Whether it can be used.
    pub enabled: Option<bool>,
}

pub(crate) fn status(row: &AccountRow) -> &'static str {
    if row.disabled && row.status == AccountStatus::Active { "INACTIVE" } else { row.status.name() }
}

fn extra(value: Value) -> Extra {
    value.as_object().cloned().unwrap_or_default()
}

pub(crate) fn account(row: &AccountRow) -> ConnectedAccount {
    // Not every scheme of the contract has every status.
    let known = match (row.auth_scheme.as_str(), row.status) {
        ("BASIC" | "BEARER_TOKEN" | "S2S_OAUTH2", AccountStatus::Revoked) => "EXPIRED",
        ("API_KEY" | "BASIC" | "BEARER_TOKEN", AccountStatus::Failed) => "EXPIRED",
        _ => status(row),
    };
    let mut val = json!({"status": known});
    let field = match (row.auth_scheme.as_str(), row.status) {
        ("OAUTH2", AccountStatus::Initiated) => Some(("redirectUrl", "")),
        ("OAUTH2" | "S2S_OAUTH2", AccountStatus::Active) => Some(("access_token", REDACTED)),
        ("BASIC", AccountStatus::Active) => Some(("username", REDACTED)),
        ("BEARER_TOKEN", AccountStatus::Active) => Some(("token", REDACTED)),
        _ => None,
    };
    if let (Some((name, value)), Some(val)) = (field, val.as_object_mut()) {
        val.insert(name.to_owned(), value.into());
    }
    let facts = json!({
        "toolkit": {"slug": row.toolkit},
        "auth_config": {
            "id": row.auth_config,
            "auth_scheme": row.auth_scheme,
            "is_composio_managed": false,
            "is_disabled": false,
        },
        "user_id": row.user_id,
        "alias": row.alias,
        "created_at": clock::rfc3339(row.created_at),
        "updated_at": clock::rfc3339(row.updated_at),
        "state": {"authScheme": row.auth_scheme, "val": val},
        "data": {},
        "params": {},
        "is_disabled": row.disabled,
    });
    ConnectedAccount {
        id: row.id.clone(),
        status: status(row).to_owned(),
        status_reason: row.status_reason.clone(),
        extra: extra(facts),
    }
}

/// An account as a session's list of toolkits shows it.
pub(crate) fn account_ref(row: &AccountRow) -> AccountRef {
    AccountRef {
        id: row.id.clone(),
        status: status(row).to_owned(),
        auth_config: Some(AuthConfigRef {
            id: row.auth_config.clone(),
            auth_scheme: row.auth_scheme.clone(),
            is_composio_managed: false,
        }),
        extra: extra(json!({"created_at": clock::rfc3339(row.created_at), "user_id": row.user_id})),
    }
}

pub(crate) fn auth_config(config: &AuthConfig, toolkit: &ToolkitInfo, connections: usize) -> Value {
    json!({
        "id": config.id,
        "uuid": config.id,
        "type": if config.client.is_some() { "custom" } else { "default" },
        "toolkit": {"slug": toolkit.slug, "logo": ""},
        "name": toolkit.name,
        "auth_scheme": config.scheme.name(),
        "is_composio_managed": false,
        "status": "ENABLED",
        "no_of_connections": connections,
        "tool_access_config": {},
    })
}
