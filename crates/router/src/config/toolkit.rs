//! `[[toolkit]]`: an API by its OpenAPI document.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use composio_openapi::KeyPlace;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

use super::{optional_seconds, secrets};
use crate::accounts::AuthScheme;
use crate::openapi::{AccountChoice, ApiKeyAuth, StaticAuth};
use crate::source::Pinning;

/// An API, which becomes a toolkit by its OpenAPI document.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolkitOptions {
    /// The OpenAPI document: a file or a URL, JSON or YAML, OpenAPI 3.0, 3.1 or Swagger 2.0.
    pub openapi: String,
    /// The toolkit's slug: lower case letters, digits and underscores; made from the document's file name where it is
    /// missing.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_]*$"), length(max = 32))]
    pub slug: Option<String>,
    /// The toolkit's name for people; the slug where it is missing.
    pub name: Option<String>,
    /// What the toolkit is about.
    pub description: Option<String>,
    /// Where requests go, in place of the document's servers.
    pub base_url: Option<String>,
    /// Values of the variables in the document's servers.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// Hosts that requests may go to beside the document's servers, also where they lie in a private network.
    #[serde(default)]
    pub allow_hosts: Vec<String>,
    /// Headers of every request.
    #[serde(default, deserialize_with = "secrets")]
    #[schemars(with = "BTreeMap<String, String>")]
    pub headers: BTreeMap<String, SecretString>,
    /// What signs the requests of every user.
    pub auth: Option<SignOptions>,
    /// How accounts of the users sign their requests; what a document in a file says where it is missing.
    pub connect: Option<ConnectOptions>,
    /// Only operations with one of these tags; all where it is missing.
    pub include_tags: Option<Vec<String>>,
    /// Not operations with one of these tags.
    #[serde(default)]
    pub exclude_tags: Vec<String>,
    /// Only these operations, by `operationId` or as `GET /path`; all where it is missing.
    pub include: Option<Vec<String>>,
    /// Not these operations.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Whether a changed definition of a document from a URL is held until an operator accepts it (`hold`), or accepted (`off`).
    #[serde(default)]
    pub pin: Pinning,
    /// How long a call may take, in seconds, where that is less than `router.call_timeout`.
    #[serde(default, deserialize_with = "optional_seconds")]
    #[schemars(with = "Option<f64>", range(min = 0.001))]
    pub call_timeout: Option<Duration>,
}

/// What signs the requests of every user: one of `bearer`, `username` with `password`, and `api_key`.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SignOptions {
    /// A token for `Authorization: Bearer`.
    #[schemars(with = "Option<String>")]
    pub bearer: Option<SecretString>,
    /// The user's name for `Authorization: Basic`.
    pub username: Option<String>,
    /// The password for `Authorization: Basic`.
    #[schemars(with = "Option<String>")]
    pub password: Option<SecretString>,
    /// A key; where it goes, the document says, or one of the three keys below.
    #[schemars(with = "Option<String>")]
    pub api_key: Option<SecretString>,
    /// The header that the key goes in.
    pub header: Option<String>,
    /// The query parameter that the key goes in.
    pub query: Option<String>,
    /// The cookie that the key goes in.
    pub cookie: Option<String>,
}

/// How accounts of the users sign their requests.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectOptions {
    /// The kind of account.
    pub scheme: ConnectScheme,
    /// The header that an API key goes in.
    pub header: Option<String>,
    /// The query parameter that an API key goes in.
    pub query: Option<String>,
    /// The cookie that an API key goes in.
    pub cookie: Option<String>,
}

/// A kind of account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConnectScheme {
    /// None: requests go unsigned.
    None,
    /// OAuth 2, with the addresses of the document or of `[[auth]]`.
    Oauth2,
    /// A token that the user has.
    Bearer,
    /// A name and a password.
    Basic,
    /// A key, in the place that `header`, `query` or `cookie` names.
    ApiKey,
}

/// The key of the configuration that is wrong, and why.
type Wrong = (&'static str, String);

/// The place of a key, the configuration's word for it, and the name there; or what is wrong with them together.
fn place(
    header: &Option<String>,
    query: &Option<String>,
    cookie: &Option<String>,
) -> Result<Option<(KeyPlace, &'static str, String)>, Wrong> {
    let places =
        [(KeyPlace::Header, "header", header), (KeyPlace::Query, "query", query), (KeyPlace::Cookie, "cookie", cookie)];
    let mut given = places.into_iter().filter_map(|(place, key, name)| Some((place, key, name.clone()?)));
    let place = given.next();
    match given.next() {
        Some((_, key, _)) => Err((key, "stands beside another place of the key; give one of them".to_owned())),
        None => Ok(place),
    }
}

impl ConnectOptions {
    /// Which accounts, or what is wrong with the keys together.
    pub(crate) fn read(&self) -> Result<AccountChoice, Wrong> {
        let place = place(&self.header, &self.query, &self.cookie)?;
        let scheme = match (self.scheme, place) {
            (ConnectScheme::ApiKey, Some((place, key, name))) => {
                if place == KeyPlace::Header && name.parse::<reqwest::header::HeaderName>().is_err() {
                    return Err((key, format!("{name:?} is not the name of a header")));
                }
                AuthScheme::ApiKey { place, name }
            }
            (ConnectScheme::ApiKey, None) => {
                return Err(("scheme", "`api_key` needs its place; give `header`, `query` or `cookie`".to_owned()));
            }
            (_, Some((_, key, _))) => {
                return Err((key, "is the place of an API key, and the scheme is another".to_owned()));
            }
            (ConnectScheme::None, None) => return Ok(AccountChoice::None),
            (ConnectScheme::Oauth2, None) => AuthScheme::OAuth2(Box::default()),
            (ConnectScheme::Bearer, None) => AuthScheme::Bearer,
            (ConnectScheme::Basic, None) => AuthScheme::Basic,
        };
        Ok(AccountChoice::Scheme(scheme))
    }
}

impl SignOptions {
    /// What signs, or what is wrong with the keys together.
    pub(crate) fn read(&self) -> Result<StaticAuth, Wrong> {
        let place = place(&self.header, &self.query, &self.cookie)?;
        match (&self.bearer, &self.username, &self.password, &self.api_key) {
            (Some(token), None, None, None) if place.is_none() => Ok(StaticAuth::Bearer(token.clone())),
            (None, Some(username), Some(password), None) if place.is_none() => {
                Ok(StaticAuth::Basic { username: username.clone(), password: password.clone() })
            }
            (None, None, None, Some(key)) => Ok(StaticAuth::ApiKey(ApiKeyAuth {
                key: key.clone(),
                place: place.map(|(place, _, name)| (place, name)),
            })),
            _ => Err(("", "give either `bearer`, or `username` and `password`, or `api_key`".to_owned())),
        }
    }
}

impl ToolkitOptions {
    /// The slug, given or made from the document's file name.
    pub(crate) fn slug(&self) -> String {
        if let Some(slug) = &self.slug {
            return slug.clone();
        }
        let path = self.openapi.split(['?', '#']).next().unwrap_or_default();
        let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
        let stem = name.split('.').next().unwrap_or_default();
        crate::slug::toolkit(stem).unwrap_or_default()
    }

    pub(super) fn fault(&self) -> Option<(Vec<&'static str>, String)> {
        if self.openapi.is_empty() {
            return Some((vec!["openapi"], "is empty; name a file or a URL".to_owned()));
        }
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let slug = self.slug();
        let is_slug = slug.len() <= crate::slug::MAX_TOOLKIT_LENGTH
            && slug.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
            && slug.bytes().all(letters);
        if !is_slug {
            let message = match &self.slug {
                Some(slug) => format!(
                    "`{slug}` is not a slug: at most 32 lower case letters, digits and underscores, a letter first"
                ),
                None => "gives no slug by its file name; set `slug`".to_owned(),
            };
            return Some((vec![if self.slug.is_some() { "slug" } else { "openapi" }], message));
        }
        if let Some(base) = &self.base_url
            && !url::Url::parse(base).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        {
            return Some((vec!["base_url"], "is no http or https URL".to_owned()));
        }
        if self.auth.is_some() && self.connect.is_some() {
            return Some((vec!["connect"], "stands beside `auth`, which signs the calls of every user".to_owned()));
        }
        if let Some((key, message)) = self.connect.as_ref().and_then(|connect| connect.read().err()) {
            return Some((vec!["connect", key], message));
        }
        let (key, message) = self.auth.as_ref()?.read().err()?;
        let path = if key.is_empty() { vec!["auth"] } else { vec!["auth", key] };
        Some((path, message))
    }
}

/// Without values that may be secret.
impl fmt::Debug for ToolkitOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolkitOptions")
            .field("slug", &self.slug())
            .field("headers", &self.headers.keys())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SignOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignOptions").finish_non_exhaustive()
    }
}
