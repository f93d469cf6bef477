//! Credentials that a caller has already, as the contract has them.

use composio_contract::{AccountLinkRequest, CreateAccount, CreatedAccount, Error, ErrorKind, RawJson, Result};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::link::checked;
use super::sealed::{Stored, seal_credential};
use super::{AuthConfig, AuthScheme, wire};
use crate::router::Router;
use crate::store::AccountStatus;

/// Bytes of a credential.
const LONGEST: usize = 16 << 10;
/// Where the contract has an API key.
const KEYS: [&str; 2] = ["api_key", "generic_api_key"];

#[derive(Deserialize)]
struct State {
    #[serde(rename = "authScheme")]
    auth_scheme: String,
    val: Map<String, Value>,
}

/// Whether a text can be a credential.
pub(super) fn is_credential(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST && !text.chars().any(char::is_control)
}

/// Reads a credential for calls that are signed so. No error quotes it.
///
/// # Errors
/// [`ErrorKind::Validation`] for a credential of another scheme, or none; [`ErrorKind::Unsupported`] for OAuth 2, where a token
/// that another program was given could not be renewed here.
pub(super) fn read(scheme: &AuthScheme, state: &RawJson) -> Result<Stored> {
    let shape = || Error::validation("`connection.state` must have `authScheme` and `val`, an object");
    let State { auth_scheme, val } = state.decode("state").map_err(|_| shape())?;
    if !auth_scheme.eq_ignore_ascii_case(scheme.name()) {
        let message = format!("`authScheme` is {auth_scheme:?}; the toolkit's accounts are of {}", scheme.name());
        return Err(Error::validation(message));
    }
    let field = |names: &[&str]| {
        let found = names.iter().find_map(|name| val.get(*name)?.as_str()).map(str::trim);
        found.filter(|text| is_credential(text)).map(str::to_owned).ok_or_else(|| {
            let message = format!("`val` must have `{}`, one line of at most {LONGEST} bytes", names.join("` or `"));
            Error::validation(message)
        })
    };
    match scheme {
        AuthScheme::ApiKey { .. } => Ok(Stored::Key { key: field(&KEYS)?.into() }),
        AuthScheme::Bearer => Ok(Stored::Key { key: field(&["token"])?.into() }),
        AuthScheme::Basic => {
            Ok(Stored::Basic { username: field(&["username"])?, password: field(&["password"])?.into() })
        }
        AuthScheme::OAuth2(_) => Err(Error::new(
            ErrorKind::Unsupported,
            "a token of OAuth 2 comes from its provider, and cannot be handed over",
        )
        .with_suggested_fix("make a link, and send the user to it")),
    }
}

impl Router {
    /// Makes an account outside of any session, active with the credential that the caller has, else as a link does.
    ///
    /// # Errors
    /// As [`read`] and [`Router::link_outside`].
    pub(crate) async fn create_account(&self, request: &CreateAccount) -> Result<CreatedAccount> {
        self.ensure_open()?;
        let connection = &request.connection;
        let user_id = connection.user_id.clone().unwrap_or_default();
        if user_id.trim().is_empty() {
            return Err(Error::validation("`connection.user_id` must not be empty"));
        }
        let (toolkit, config) = self.auth_config_of(&request.auth_config.id)?;
        let Some(state) = &connection.state else {
            let link = AccountLinkRequest {
                auth_config_id: config.id.clone(),
                user_id,
                callback_url: connection.callback_url.clone(),
                alias: connection.alias.clone(),
                experimental: None,
            };
            let (reply, status) = self.link_outside(&link).await?;
            return Ok(made(reply.connected_account_id, status, config, Some(reply.redirect_url)));
        };
        let stored = read(&config.scheme, state)?;
        let others = self.accounts_beside(&user_id, toolkit).await?;
        let alias = checked(connection.alias.as_deref(), &others)?;
        let mut row = self.new_account(&user_id, toolkit, config, alias);
        let store = self.account_store()?;
        row.credential = Some(seal_credential(self.accounts.vault(store).await?, &row, &stored)?);
        (row.status, row.expires_at) = (AccountStatus::Active, None);
        let id = row.id.clone();
        store.add_account(row, None).await?;
        Ok(made(id, AccountStatus::Active, config, None))
    }
}

/// A new account as the contract has it: with its state, but for the secret.
fn made(id: String, status: AccountStatus, config: &AuthConfig, redirect_url: Option<String>) -> CreatedAccount {
    let (scheme, status) = (config.scheme.name(), status.name());
    let extra = wire::extra(json!({"connectionData": {"authScheme": scheme, "val": wire::state(scheme, status)}}));
    CreatedAccount { id, status: status.to_owned(), redirect_url, extra }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::KeyPlace;

    #[test]
    fn a_credential_is_of_the_toolkits_scheme() {
        let key = AuthScheme::ApiKey { place: KeyPlace::Header, name: "X-Key".to_owned() };
        let read = |scheme: &AuthScheme, state: Value| read(scheme, &RawJson::from(state));
        for name in KEYS {
            let stored = read(&key, json!({"authScheme": "API_KEY", "val": {"status": "ACTIVE", name: " s3cret "}}));
            assert!(matches!(stored.unwrap(), Stored::Key { .. }), "{name}");
        }
        assert!(read(&AuthScheme::Bearer, json!({"authScheme": "BEARER_TOKEN", "val": {"token": "s3cret"}})).is_ok());
        let basic = json!({"authScheme": "BASIC", "val": {"username": "ada", "password": "s3cret"}});
        assert!(read(&AuthScheme::Basic, basic.clone()).is_ok());
        for (scheme, state) in [
            (&key, basic),
            (&key, json!({"authScheme": "API_KEY", "val": {"token": "s3cret"}})),
            (&key, json!({"authScheme": "API_KEY", "val": {"api_key": "s3cret\nX-Other: 1"}})),
            (&AuthScheme::Basic, json!({"authScheme": "BASIC", "val": {"password": "s3cret"}})),
            (&AuthScheme::Bearer, json!({"authScheme": "BEARER_TOKEN", "val": "s3cret"})),
            (&AuthScheme::Bearer, json!("s3cret")),
        ] {
            let Err(error) = read(scheme, state.clone()) else { panic!("{state}") };
            assert_eq!(error.kind(), ErrorKind::Validation);
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        }
        let token = json!({"authScheme": "OAUTH2", "val": {"access_token": "s3cret"}});
        let Err(error) = read(&AuthScheme::OAuth2(Box::default()), token) else { panic!() };
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
}
