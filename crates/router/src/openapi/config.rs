//! Which document, where its API is, and what of it to offer.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use composio_contract::{Error, ErrorKind, Result};
use composio_openapi::{KeyPlace, Operation};
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use url::{Host, Url};

use super::accounts::AccountChoice;
use crate::slug;
use crate::source::Pinning;

/// An API whose operations become a toolkit.
#[derive(Clone, Debug)]
pub struct OpenApiConfig {
    /// The toolkit's slug.
    pub slug: String,
    /// The toolkit's name for people; the slug where it is missing.
    pub name: Option<String>,
    /// What the toolkit is about.
    pub description: Option<String>,
    /// The OpenAPI document.
    pub document: DocumentPlace,
    /// Where requests go, in place of the document's servers.
    pub base_url: Option<Url>,
    /// Values of the variables in the document's servers.
    pub variables: BTreeMap<String, String>,
    /// Hosts that requests may go to beside the document's servers, also where they are not on the public Internet.
    pub allow_hosts: Vec<String>,
    /// Headers of every request.
    pub headers: BTreeMap<String, SecretString>,
    /// What signs the requests of every user.
    pub auth: Option<StaticAuth>,
    /// Which accounts sign the requests, where `auth` does not.
    pub accounts: AccountChoice,
    /// Which operations are offered.
    pub operations: OperationChoice,
    /// How long a call may take, where that is less than the router's own limit.
    pub call_timeout: Option<Duration>,
    /// Whether a changed operation of a document from a URL is held until an operator accepts it.
    pub pin: Pinning,
    /// The folder that keeps documents from URLs; without it they are read anew by every process.
    pub cache: Option<PathBuf>,
}

/// Where an OpenAPI document is.
#[derive(Clone, PartialEq, Eq)]
pub enum DocumentPlace {
    /// In a file.
    File(PathBuf),
    /// On the web.
    Url(Url),
    /// Here.
    Text(Arc<str>),
}

impl DocumentPlace {
    /// A URL where the text is one of http or https, else a file.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] where the URL cannot be read.
    pub fn parse(text: &str) -> Result<Self> {
        if !text.starts_with("http://") && !text.starts_with("https://") {
            return Ok(Self::File(text.into()));
        }
        Url::parse(text)
            .map(Self::Url)
            .map_err(|error| Error::new(ErrorKind::Configuration, format!("`{text}` is no URL: {error}")))
    }
}

impl fmt::Display for DocumentPlace {
    /// A URL without its query, which may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Url(url) => write!(f, "{}{}", url.origin().ascii_serialization(), url.path()),
            Self::Text(_) => f.write_str("given in code"),
        }
    }
}

impl fmt::Debug for DocumentPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What signs the requests of every user, from the configuration.
#[derive(Clone, Debug)]
pub enum StaticAuth {
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
    ApiKey(ApiKeyAuth),
}

/// A key in a place of its own.
#[derive(Clone, Debug)]
pub struct ApiKeyAuth {
    /// The key.
    pub key: SecretString,
    /// Where it stands, and under which name; where the document's scheme for keys says, where it is missing.
    pub place: Option<(KeyPlace, String)>,
}

/// Which operations are offered; all where nothing is said. An operation is named by its `operationId`, or by method and
/// path, such as `GET /users/{id}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperationChoice {
    /// Only operations with one of these tags of the document.
    pub include_tags: Option<Vec<String>>,
    /// Not operations with one of these tags.
    pub exclude_tags: Vec<String>,
    /// Only these operations.
    pub include: Option<Vec<String>>,
    /// Not these operations.
    pub exclude: Vec<String>,
}

impl OperationChoice {
    pub(super) fn admits(&self, operation: &Operation) -> bool {
        let place = format!("{} {}", operation.method, operation.path);
        let named = |names: &[String]| {
            names.iter().any(|name| *name == operation.name || *name == place || operation.id.as_ref() == Some(name))
        };
        let tagged =
            |tags: &[String]| tags.iter().any(|tag| operation.tags.iter().any(|own| own.eq_ignore_ascii_case(tag)));
        self.include_tags.as_deref().is_none_or(tagged)
            && self.include.as_deref().is_none_or(named)
            && !tagged(&self.exclude_tags)
            && !named(&self.exclude)
    }
}

impl OpenApiConfig {
    /// An API with the defaults: the document's first server, every operation, no headers, accounts as the document says.
    #[must_use]
    pub fn new(slug: impl Into<String>, document: DocumentPlace) -> Self {
        Self {
            slug: slug.into(),
            name: None,
            description: None,
            document,
            base_url: None,
            variables: BTreeMap::new(),
            allow_hosts: Vec::new(),
            headers: BTreeMap::new(),
            auth: None,
            accounts: AccountChoice::default(),
            operations: OperationChoice::default(),
            call_timeout: None,
            pin: Pinning::default(),
            cache: None,
        }
    }

    pub(super) fn wrong(&self, what: &str) -> Error {
        Error::new(ErrorKind::Configuration, format!("the toolkit `{}`: {what}", self.slug))
    }

    pub(super) fn check(&self) -> Result<()> {
        slug::check_toolkit(&self.slug).map_err(|error| self.wrong(error.message()))?;
        if let Some(base) = &self.base_url
            && !matches!(base.scheme(), "http" | "https")
        {
            return Err(self.wrong(&format!("`base_url` has the scheme `{}`; use http or https", base.scheme())));
        }
        let secret = match &self.auth {
            Some(StaticAuth::Bearer(token)) => Some(token),
            Some(
                StaticAuth::ApiKey(ApiKeyAuth { place: Some((KeyPlace::Query, _)), .. }) | StaticAuth::Basic { .. },
            ) => None,
            Some(StaticAuth::ApiKey(key)) => Some(&key.key),
            None => None,
        };
        if secret.is_some_and(|secret| HeaderValue::from_str(secret.expose_secret()).is_err()) {
            return Err(self.wrong("the secret in `auth` has a character that a header cannot have"));
        }
        Ok(())
    }

    /// The hosts that may lie in a private network: those allowed, and those that the operator names by an address or as
    /// this machine. A name in `base_url` alone does not open the network to whatever it resolves to.
    pub(super) fn private_hosts(&self) -> Vec<String> {
        let mut hosts = self.allow_hosts.clone();
        let document = match &self.document {
            DocumentPlace::Url(url) => Some(url),
            _ => None,
        };
        for url in self.base_url.iter().chain(document) {
            let is_named = match url.host() {
                Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
                Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
                None => false,
            };
            if let (true, Some(host), Some(port)) = (is_named, url.host_str(), url.port_or_known_default()) {
                hosts.push(format!("{host}:{port}"));
            }
        }
        hosts
    }
}
