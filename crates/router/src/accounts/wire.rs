//! Accounts and auth configs as the contract has them. No secret is in any of them.

use composio_contract::{AccountRef, AuthConfigRef, ConnectedAccount, Extra};
use composio_oauth::Owner;
use serde_json::{Value, json};

use super::AuthConfig;
use crate::clock;
use crate::source::ToolkitInfo;
use crate::store::{AccountRow, AccountStatus};

/// Stands where the contract has a credential.
const REDACTED: &str = "REDACTED";

pub(crate) fn status(row: &AccountRow) -> &'static str {
    if row.disabled && row.status == AccountStatus::Active { "INACTIVE" } else { row.status.name() }
}

pub(super) fn extra(value: Value) -> Extra {
    value.as_object().cloned().unwrap_or_default()
}

/// What the contract has of an account's state, for a scheme and status as it names them.
pub(super) fn state(scheme: &str, status: &str) -> Value {
    // Not every scheme of the contract has every status.
    let known = match (scheme, status) {
        ("BASIC" | "BEARER_TOKEN" | "S2S_OAUTH2", "REVOKED") => "EXPIRED",
        ("API_KEY" | "BASIC" | "BEARER_TOKEN", "FAILED") => "EXPIRED",
        (_, status) => status,
    };
    let mut val = json!({"status": known});
    let field = match (scheme, known) {
        ("OAUTH2", "INITIATED") => Some(("redirectUrl", "")),
        ("OAUTH2" | "S2S_OAUTH2", "ACTIVE" | "INACTIVE") => Some(("access_token", REDACTED)),
        ("BASIC", "ACTIVE" | "INACTIVE") => Some(("username", REDACTED)),
        ("BEARER_TOKEN", "ACTIVE" | "INACTIVE") => Some(("token", REDACTED)),
        _ => None,
    };
    if let (Some((name, value)), Some(val)) = (field, val.as_object_mut()) {
        val.insert(name.to_owned(), value.into());
    }
    val
}

pub(crate) fn account(row: &AccountRow, owner: Option<Owner>) -> ConnectedAccount {
    let data = owner.map_or_else(|| json!({}), |owner| json!({"owner": owner}));
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
        "state": {"authScheme": row.auth_scheme, "val": state(&row.auth_scheme, status(row))},
        "data": data,
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

pub(crate) fn auth_config(
    config: &AuthConfig,
    toolkit: &ToolkitInfo,
    connections: usize,
) -> composio_contract::AuthConfig {
    let facts = json!({
        "uuid": config.id,
        "type": if config.client.is_some() { "custom" } else { "default" },
        "toolkit": {"slug": toolkit.slug, "logo": ""},
        "name": toolkit.name,
        "auth_scheme": config.scheme.name(),
        "is_composio_managed": false,
        "status": "ENABLED",
        "no_of_connections": connections,
        "tool_access_config": {},
    });
    composio_contract::AuthConfig { id: config.id.clone(), extra: extra(facts) }
}
