//! Whom tokens come from, and who asks for them.

use composio_contract::{Error, ErrorKind};
use data_encoding::BASE64;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::error::OAuthError;

/// An authorization server's addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// Its issuer identifier, where it is known. Then a callback of another issuer is refused (RFC 9207).
    #[serde(default)]
    pub issuer: Option<String>,
    /// Whether it says in each callback who it is, so that one that does not is refused.
    #[serde(default)]
    pub sends_issuer: bool,
    /// Where the user agrees.
    #[serde(default)]
    pub authorization: Option<Url>,
    /// Where tokens come from.
    #[serde(default)]
    pub token: Option<Url>,
    /// Where tokens are renewed, where that is elsewhere.
    #[serde(default)]
    pub refresh: Option<Url>,
    /// Where tokens are revoked (RFC 7009).
    #[serde(default)]
    pub revocation: Option<Url>,
    /// Where a device asks for its code (RFC 8628).
    #[serde(default)]
    pub device: Option<Url>,
    /// What says whose account a token is for, as OpenID Connect's userinfo endpoint does.
    #[serde(default)]
    pub userinfo: Option<Url>,
}

impl Provider {
    pub(crate) fn endpoint<'a>(url: Option<&'a Url>, what: &str) -> Result<&'a Url, OAuthError> {
        url.ok_or_else(|| Error::new(ErrorKind::Configuration, format!("the provider has no {what} endpoint")).into())
    }
}

/// How a client proves who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// Id and secret in the header `Authorization`, or only the id where there is no secret.
    #[default]
    Basic,
    /// Id and secret in the form.
    Post,
}

/// What a provider knows this program as.
#[derive(Clone, Debug)]
pub struct Client {
    /// The client's id.
    pub id: String,
    /// Its secret; a public client has none.
    pub secret: Option<SecretString>,
    /// How it proves who it is.
    pub auth: ClientAuth,
}

impl Client {
    /// A client without a secret.
    #[must_use]
    pub fn public(id: impl Into<String>) -> Self {
        Self { id: id.into(), secret: None, auth: ClientAuth::Basic }
    }

    /// A client with a secret, sent in the header.
    #[must_use]
    pub fn confidential(id: impl Into<String>, secret: impl Into<SecretString>) -> Self {
        Self { id: id.into(), secret: Some(secret.into()), auth: ClientAuth::Basic }
    }

    pub(crate) fn basic(&self) -> Option<SecretString> {
        let secret = self.secret.as_ref().filter(|_| self.auth == ClientAuth::Basic)?;
        let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", encode(&self.id), encode(secret.expose_secret()));
        Some(BASE64.encode(pair.as_bytes()).into())
    }

    /// What the form says of the client.
    pub(crate) fn form(&self) -> Vec<(&str, &str)> {
        match (&self.secret, self.auth) {
            (Some(_), ClientAuth::Basic) => Vec::new(),
            (Some(secret), ClientAuth::Post) => {
                vec![("client_id", &self.id), ("client_secret", secret.expose_secret())]
            }
            (None, _) => vec![("client_id", &self.id)],
        }
    }
}
