//! Connected accounts and auth configs, one way for all of their calls.

use composio_contract::{Error, ErrorKind, RawJson, Result};
use composio_core::Client;

/// Makes a call outside of sessions by its name, such as `connected_accounts.refresh`. `id` is the account's or auth config's,
/// or the toolkit's slug where an auth config is made; empty where the call has none.
///
/// # Errors
/// Those of the call.
pub async fn manage(client: &Client, call: &str, id: &str, options: &RawJson) -> Result<RawJson> {
    match call {
        "connected_accounts.get" => client.connected_account(id).await,
        "connected_accounts.list" => client.connected_accounts(options).await,
        "connected_accounts.link" => client.link_account(options).await,
        "connected_accounts.initiate" => client.initiate_account(options).await,
        "connected_accounts.complete_auth" => client.complete_auth(options).await,
        "connected_accounts.update" => client.update_connected_account(id, options).await,
        "connected_accounts.enable" => client.switch_connected_account(id, true).await,
        "connected_accounts.disable" => client.switch_connected_account(id, false).await,
        "connected_accounts.delete" => client.delete_connected_account(id, options).await,
        "connected_accounts.refresh" => client.refresh_connected_account(id, options).await,
        "connected_accounts.revoke" => client.revoke_connected_account(id).await,
        "auth_configs.get" => client.auth_config(id).await,
        "auth_configs.list" => client.auth_configs(options).await,
        "auth_configs.create" => client.create_auth_config(id, options).await,
        "auth_configs.update" => client.update_auth_config(id, options).await,
        "auth_configs.enable" => client.switch_auth_config(id, true).await,
        "auth_configs.disable" => client.switch_auth_config(id, false).await,
        "auth_configs.delete" => client.delete_auth_config(id).await,
        _ => Err(Error::new(ErrorKind::Internal, format!("there is no call `{call}`"))),
    }
}
