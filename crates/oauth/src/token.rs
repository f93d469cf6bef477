//! Tokens: got, renewed and revoked.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::Url;

use crate::error::OAuthError;
use crate::http::{Http, post};
use crate::provider::{Client, Provider};

/// The grant type of a code that a device got.
pub(crate) const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// What a token is asked for with.
#[derive(Clone, Copy, Debug)]
pub enum Grant<'a> {
    /// A code from a callback.
    Code {
        /// The code.
        code: &'a SecretString,
        /// The verifier that belongs to it.
        verifier: &'a SecretString,
        /// The redirect URI that the user was sent to the provider with.
        redirect: &'a str,
    },
    /// A refresh token.
    Refresh(&'a SecretString),
    /// Nothing but the client itself.
    ClientCredentials {
        /// The scopes, which may be none.
        scopes: &'a [String],
    },
    /// A code that a device got.
    Device(&'a SecretString),
}

/// What a provider gave.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Signs calls.
    pub access: SecretString,
    /// Renews the other; where a renewal gives none, the one before stays good.
    pub refresh: Option<SecretString>,
    /// In how many seconds the access token lapses, where the provider says.
    pub expires_in: Option<u64>,
    /// The scopes, where they are others than those asked for.
    pub scope: Option<String>,
    /// What says whose account it is, of OpenID Connect.
    pub(crate) id_token: Option<SecretString>,
}

impl Grant<'_> {
    /// Asks the token endpoint.
    ///
    /// # Errors
    /// [`OAuthError`]; [`OAuthError::Refused`] where the provider says so.
    pub async fn exchange(
        self,
        http: &dyn Http,
        provider: &Provider,
        client: &Client,
        resource: Option<&str>,
    ) -> Result<Tokens, OAuthError> {
        let renewal = provider.refresh.as_ref().filter(|_| matches!(self, Self::Refresh(_)));
        let endpoint = Provider::endpoint(renewal.or(provider.token.as_ref()), "token")?;
        let joined;
        let mut form: Vec<(&str, &str)> = match &self {
            Self::Code { code, verifier, redirect } => vec![
                ("grant_type", "authorization_code"),
                ("code", code.expose_secret()),
                ("redirect_uri", redirect),
                ("code_verifier", verifier.expose_secret()),
            ],
            Self::Refresh(token) => {
                vec![("grant_type", "refresh_token"), ("refresh_token", token.expose_secret())]
            }
            Self::ClientCredentials { scopes } => {
                joined = scopes.join(" ");
                let scope = (!scopes.is_empty()).then_some(("scope", joined.as_str()));
                [("grant_type", "client_credentials")].into_iter().chain(scope).collect()
            }
            Self::Device(code) => vec![("grant_type", DEVICE), ("device_code", code.expose_secret())],
        };
        form.extend(resource.map(|resource| ("resource", resource)));
        form.extend(client.form());
        let mut secrets: Vec<&str> = match &self {
            Self::Code { code, verifier, .. } => vec![code.expose_secret(), verifier.expose_secret()],
            Self::Refresh(token) | Self::Device(token) => vec![token.expose_secret()],
            Self::ClientCredentials { .. } => Vec::new(),
        };
        secrets.extend(client.secret.as_ref().map(|secret| secret.expose_secret()));
        let answer = post(http, endpoint, &form, client.basic().as_ref()).await?;
        tokens(&answer.success("the token endpoint", &secrets)?)
    }
}

fn tokens(fields: &Value) -> Result<Tokens, OAuthError> {
    let secret =
        |name: &str| fields.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(SecretString::from);
    let kind = fields.get("token_type").and_then(Value::as_str);
    if kind.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(OAuthError::protocol("the provider gave a token of another type than `Bearer`"));
    }
    Ok(Tokens {
        access: secret("access_token")
            .ok_or_else(|| OAuthError::protocol("the token endpoint's reply has no `access_token`"))?,
        refresh: secret("refresh_token"),
        // Some providers write the number as a text.
        expires_in: fields.get("expires_in").and_then(|value| match value {
            Value::String(text) => text.parse().ok(),
            other => other.as_u64(),
        }),
        scope: fields.get("scope").and_then(Value::as_str).map(str::to_owned),
        id_token: secret("id_token"),
    })
}

impl Provider {
    /// Revokes a token; answers false where the provider has no way to (RFC 7009).
    ///
    /// # Errors
    /// [`OAuthError`]. A token that is not good any more is revoked already, and no error.
    pub async fn revoke(
        &self,
        http: &dyn Http,
        client: &Client,
        token: &SecretString,
        hint: &str,
    ) -> Result<bool, OAuthError> {
        let Some(endpoint) = &self.revocation else { return Ok(false) };
        match revoke_at(http, endpoint, client, token, hint).await {
            Err(OAuthError::Refused(refusal)) if refusal.code == "unsupported_token_type" => Ok(false),
            Err(OAuthError::Refused(refusal)) if refusal.code == "invalid_token" => Ok(true),
            other => other.map(|()| true),
        }
    }
}

async fn revoke_at(
    http: &dyn Http,
    endpoint: &Url,
    client: &Client,
    token: &SecretString,
    hint: &str,
) -> Result<(), OAuthError> {
    let mut form = vec![("token", token.expose_secret()), ("token_type_hint", hint)];
    form.extend(client.form());
    let mut secrets = vec![token.expose_secret()];
    secrets.extend(client.secret.as_ref().map(|secret| secret.expose_secret()));
    let answer = post(http, endpoint, &form, client.basic().as_ref()).await?;
    answer.success("the revocation endpoint", &secrets).map(drop)
}
