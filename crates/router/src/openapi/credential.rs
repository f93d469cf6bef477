//! What signs a request.

use composio_contract::{Error, ErrorKind, Result};
use composio_egress::Request;
use composio_openapi::{Document, KeyPlace, Requirement, SecurityKind};
use data_encoding::BASE64;
use reqwest::header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::config::StaticAuth;

/// Shorter texts occur by chance, and to blank them out would garble every answer.
const SHORTEST_SECRET: usize = 6;

/// What signs a request. It is applied when the request is sent, after the host was checked, and by nothing else.
#[derive(Clone, Debug)]
pub enum Credential {
    /// `Authorization: Bearer …`
    Bearer(SecretString),
    /// `Authorization: Basic …`
    Basic {
        /// The user's name.
        username: String,
        /// The password.
        password: SecretString,
    },
    /// A key in a place of its own.
    ApiKey {
        /// The place.
        place: KeyPlace,
        /// The name of the header, query parameter or cookie.
        name: String,
        /// The key.
        key: SecretString,
    },
    /// Several together.
    All(Vec<Credential>),
}

impl Credential {
    /// Signs a request.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] where the secret has a character that cannot be sent. It is not told.
    pub(super) fn apply(&self, request: &mut Request) -> Result<()> {
        match self {
            Self::Bearer(token) => {
                request.headers.insert(AUTHORIZATION, secret(&format!("Bearer {}", token.expose_secret()))?);
            }
            Self::Basic { username, password } => {
                request.headers.insert(AUTHORIZATION, secret(&format!("Basic {}", pair(username, password)))?);
            }
            Self::ApiKey { place: KeyPlace::Header, name, key } => {
                let name: HeaderName = name.parse().map_err(|_| unusable("a name that no header has"))?;
                request.headers.insert(name, secret(key.expose_secret())?);
            }
            Self::ApiKey { place: KeyPlace::Query, name, key } => {
                let others: Vec<(String, String)> =
                    request.url.query_pairs().into_owned().filter(|(other, _)| other != name).collect();
                if others.len() < request.url.query_pairs().count() {
                    request.url.query_pairs_mut().clear().extend_pairs(others);
                }
                request.url.query_pairs_mut().append_pair(name, key.expose_secret());
            }
            Self::ApiKey { place: KeyPlace::Cookie, name, key } => {
                let before = request.headers.get(COOKIE).and_then(|cookies| cookies.to_str().ok());
                let before = before.map(|cookies| format!("{cookies}; ")).unwrap_or_default();
                let cookies = secret(&format!("{before}{name}={}", key.expose_secret()))?;
                request.headers.insert(COOKIE, cookies);
            }
            Self::All(all) => all.iter().try_for_each(|one| one.apply(request))?,
        }
        Ok(())
    }

    /// The texts that must not be shown.
    pub(super) fn secrets(&self) -> Vec<String> {
        let mut secrets = match self {
            Self::Bearer(token) => vec![token.expose_secret().to_owned()],
            Self::Basic { username, password } => vec![password.expose_secret().to_owned(), pair(username, password)],
            Self::ApiKey { key, .. } => vec![key.expose_secret().to_owned()],
            Self::All(all) => all.iter().flat_map(Self::secrets).collect(),
        };
        secrets.retain(|secret| secret.len() >= SHORTEST_SECRET);
        secrets
    }
}

fn pair(username: &str, password: &SecretString) -> String {
    BASE64.encode(format!("{username}:{}", password.expose_secret()).as_bytes())
}

fn secret(text: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::try_from(text).map_err(|_| unusable("a character that a header cannot have"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn unusable(why: &str) -> Error {
    Error::new(ErrorKind::Configuration, format!("the credential cannot be sent: it has {why}"))
}

/// The credential that a configuration's secret makes: where the document says where keys go, there.
pub(super) fn resolve(auth: &StaticAuth, document: &Document, wanted: &[Requirement]) -> Result<Credential> {
    let key = match auth {
        StaticAuth::Bearer(token) => return Ok(Credential::Bearer(token.clone())),
        StaticAuth::Basic { username, password } => {
            return Ok(Credential::Basic { username: username.clone(), password: password.clone() });
        }
        StaticAuth::ApiKey(key) => key,
    };
    if let Some((place, name)) = &key.place {
        return Ok(Credential::ApiKey { place: *place, name: name.clone(), key: key.key.clone() });
    }
    let keys = document.security_schemes().iter().filter_map(|scheme| match &scheme.kind {
        SecurityKind::ApiKey { place, name } => Some((scheme, *place, name)),
        _ => None,
    });
    let is_wanted = |name: &String| wanted.iter().any(|requirement| requirement.schemes.contains_key(name));
    let mut keys: Vec<_> = keys.collect();
    keys.sort_by_key(|(scheme, _, _)| !is_wanted(&scheme.name));
    let (_, place, name) = keys.first().ok_or_else(|| {
        Error::new(ErrorKind::Configuration, "the document does not say where its API key goes")
            .with_suggested_fix("set `header`, `query` or `cookie` beside `api_key`")
    })?;
    Ok(Credential::ApiKey { place: *place, name: (*name).clone(), key: key.key.clone() })
}
