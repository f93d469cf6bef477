//! Which backend a client speaks to, and how.

use std::env;
use std::fmt;
use std::time::Duration;

use composio_contract::{Error, ErrorKind, Result};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// The hosted backend.
pub const DEFAULT_BASE_URL: &str = "https://backend.composio.dev";

/// What a caller said about the backend; what is left out comes from the environment.
#[derive(Clone, Default)]
pub struct ClientOptions {
    /// `embedded` or `http`; none lets the key and the base URL decide.
    pub backend: Option<String>,
    /// The API key; else `COMPOSIO_API_KEY`.
    pub api_key: Option<SecretString>,
    /// The backend's base URL; else `COMPOSIO_BASE_URL`.
    pub base_url: Option<String>,
    /// How long one attempt may take; 60 s where not given.
    pub timeout: Option<Duration>,
    /// How often an idempotent call is tried again; 2 where not given.
    pub max_retries: Option<u32>,
    /// Headers that every call sends, such as a session's own bearer.
    pub default_headers: Vec<(String, String)>,
}

impl fmt::Debug for ClientOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientOptions")
            .field("backend", &self.backend)
            .field("timeout", &self.timeout)
            .field("max_retries", &self.max_retries)
            .finish_non_exhaustive()
    }
}

/// The backend that the options come to.
#[derive(Clone, Debug)]
pub enum Choice {
    /// A hosted backend.
    Http(HttpOptions),
    /// The embedded router.
    Embedded,
}

/// How to speak to a hosted backend.
#[derive(Clone)]
pub struct HttpOptions {
    /// Sent as `x-api-key`. A client may authenticate by its default headers instead.
    pub api_key: Option<SecretString>,
    /// The base URL, without a slash at its end.
    pub base_url: Url,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// How often an idempotent call is tried again.
    pub max_retries: u32,
    /// Headers that every call sends.
    pub default_headers: Vec<(String, String)>,
}

impl fmt::Debug for HttpOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpOptions")
            .field("base_url", &self.base_url.as_str())
            .field("timeout", &self.timeout)
            .field("max_retries", &self.max_retries)
            .finish_non_exhaustive()
    }
}

impl ClientOptions {
    /// Decides on the backend: a key or a base URL means HTTP, neither means the embedded router. A base URL alone is
    /// enough for a server that asks for no key.
    ///
    /// # Errors
    /// [`ErrorKind::ApiKeyNotProvided`] where HTTP is asked for without a way to authenticate, and
    /// [`ErrorKind::Validation`] where an option is malformed.
    pub fn choose(self) -> Result<Choice> {
        self.choose_with(|name| env::var(name).ok())
    }

    /// [`ClientOptions::choose`] with another environment than the process's.
    ///
    /// # Errors
    /// As there.
    pub fn choose_with(self, environment: impl Fn(&str) -> Option<String>) -> Result<Choice> {
        let from_environment = |name| environment(name).filter(|value| !value.trim().is_empty());
        let forced_http = match self.backend.as_deref() {
            None => false,
            Some("embedded") => return Ok(Choice::Embedded),
            Some("http") => true,
            Some(other) => {
                return Err(Error::validation(format!("backend: expected \"embedded\" or \"http\", got {other:?}")));
            }
        };
        if self.api_key.as_ref().is_some_and(|key| key.expose_secret().trim().is_empty()) {
            return Err(Error::validation(
                "api_key: is empty; leave it out to use COMPOSIO_API_KEY or the embedded router",
            ));
        }
        let api_key = self.api_key.or_else(|| from_environment("COMPOSIO_API_KEY").map(SecretString::from));
        // A key that was read from a file ends with a line break, which no header can carry.
        let api_key = api_key.map(|key| SecretString::from(key.expose_secret().trim()));
        let base_url = self.base_url.or_else(|| from_environment("COMPOSIO_BASE_URL"));
        if !forced_http && api_key.is_none() && base_url.is_none() {
            return Ok(Choice::Embedded);
        }
        if forced_http && api_key.is_none() && self.default_headers.is_empty() {
            return Err(Error::new(ErrorKind::ApiKeyNotProvided, "the HTTP backend needs an API key")
                .with_suggested_fix(
                    "pass api_key or set COMPOSIO_API_KEY; without a key and a base URL the embedded router is used",
                ));
        }
        Ok(Choice::Http(HttpOptions {
            api_key,
            base_url: parse_base_url(base_url.as_deref().unwrap_or(DEFAULT_BASE_URL))?,
            timeout: self.timeout.unwrap_or(Duration::from_secs(60)),
            max_retries: self.max_retries.unwrap_or(2),
            default_headers: self.default_headers,
        }))
    }
}

fn parse_base_url(text: &str) -> Result<Url> {
    // The text is not shown: it may hold a password.
    let url = Url::parse(text.trim().trim_end_matches('/'))
        .map_err(|error| Error::validation(format!("base_url: is not a URL: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(Error::validation("base_url: must start with http:// or https:// and name a host"));
    }
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err(Error::validation("base_url: must have no query, fragment or credentials"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(options: ClientOptions, environment: &[(&str, &str)]) -> Result<Choice> {
        options
            .choose_with(|name| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn neither_key_nor_url_means_embedded() {
        assert!(matches!(choose(ClientOptions::default(), &[]), Ok(Choice::Embedded)));
        assert!(matches!(choose(ClientOptions::default(), &[("COMPOSIO_API_KEY", " ")]), Ok(Choice::Embedded)));
    }

    #[test]
    fn a_key_in_the_environment_means_http() {
        let choice = choose(ClientOptions::default(), &[("COMPOSIO_API_KEY", "k")]).unwrap();
        let Choice::Http(options) = choice else { panic!("expected HTTP, got {choice:?}") };
        assert_eq!(options.base_url.as_str(), "https://backend.composio.dev/");
        assert_eq!((options.timeout, options.max_retries), (Duration::from_secs(60), 2));
    }

    #[test]
    fn forcing_wins_over_the_environment() {
        let embedded = ClientOptions { backend: Some("embedded".into()), ..Default::default() };
        assert!(matches!(choose(embedded, &[("COMPOSIO_API_KEY", "k")]), Ok(Choice::Embedded)));
        let http = ClientOptions { backend: Some("http".into()), ..Default::default() };
        assert_eq!(choose(http, &[]).unwrap_err().kind(), ErrorKind::ApiKeyNotProvided);
        let other = ClientOptions { backend: Some("cloud".into()), ..Default::default() };
        assert_eq!(choose(other, &[]).unwrap_err().kind(), ErrorKind::Validation);
    }

    #[test]
    fn a_malformed_base_url_is_refused() {
        for url in ["backend", "ftp://a", "https://a/?q=1", "https://user:pw@a"] {
            let options = ClientOptions { base_url: Some(url.into()), api_key: Some("k".into()), ..Default::default() };
            assert_eq!(choose(options, &[]).unwrap_err().kind(), ErrorKind::Validation, "{url}");
        }
    }
}
