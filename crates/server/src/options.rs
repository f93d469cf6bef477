//! What a server may take, and where it is reached.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use composio_contract::{Error, Result};
use url::Url;

/// What a server may take, and where it is reached.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens. Without a key only a loopback address is served.
    pub listen: SocketAddr,
    /// The URL by which clients reach it, where that is another one, as behind a proxy. File URLs begin with it.
    pub public_url: Option<PublicUrl>,
    /// Host names, beside `localhost` and addresses, that a request may be for.
    pub allow_hosts: Vec<String>,
    /// Bytes of a request's JSON body.
    pub body_limit: usize,
    /// Bytes of a file.
    pub file_limit: usize,
    /// Bytes of a request's line and headers together.
    pub header_limit: usize,
    /// How long the server waits for a client that does not read, or does not send what it began to; 16 KiB count as
    /// progress.
    pub progress_timeout: Duration,
    /// How long what a user typed on a page may take to arrive.
    pub form_timeout: Duration,
    /// How long a client may take to send a request's headers, also the next one's on an idle connection.
    pub header_timeout: Duration,
    /// How long a request may take, from its headers to the first byte of the reply.
    pub request_timeout: Duration,
    /// How long a file may take.
    pub file_timeout: Duration,
    /// Calls of one key that may run at the same time; one more is answered 429. Files count together, for all keys, and so
    /// do pages; half of them may be for one address, and a quarter of the files for one user.
    pub concurrency: usize,
    /// Connections that may be open. A quarter is kept for callers with a key; of the others, the oldest of the address that
    /// has the most is closed where one more comes.
    pub connections: usize,
    /// Connections that one address may have without a key; half of all where nothing is said.
    pub connections_per_address: Option<usize>,
    /// Addresses of proxies, for which that limit does not hold. Clients are told apart by the last entry of their
    /// `x-forwarded-for`.
    pub trusted_proxies: Vec<IpAddr>,
    /// How long calls in flight may take once the server is told to stop.
    pub grace: Duration,
}

impl Options {
    /// The defaults, for one address.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            public_url: None,
            allow_hosts: Vec::new(),
            body_limit: 4 << 20,
            file_limit: 100 << 20,
            header_limit: 16 << 10,
            progress_timeout: Duration::from_secs(30),
            form_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(120),
            file_timeout: Duration::from_secs(600),
            concurrency: 64,
            connections: 1_024,
            connections_per_address: None,
            trusted_proxies: Vec::new(),
            grace: Duration::from_secs(30),
        }
    }
}

/// An HTTP URL without query, and without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    text: String,
    host: String,
    origin: String,
}

impl PublicUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// [`composio_contract::ErrorKind::Validation`] where it is none, or not one for HTTP.
    pub fn parse(text: &str) -> Result<Self> {
        let refuse = |why: &str| Error::validation(format!("{text:?} is not a URL to be reached by: {why}"));
        let url = Url::parse(text).map_err(|error| refuse(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse("it must begin with http:// or https://"));
        }
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("it may have no user, query or fragment"));
        }
        let host = url.host_str().ok_or_else(|| refuse("it has no host"))?.to_owned();
        let origin = url.origin().ascii_serialization();
        Ok(Self { text: url.as_str().trim_end_matches('/').to_owned(), host, origin })
    }

    /// The URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its origin, as browsers write it.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Its host, lower case.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }
}

#[cfg(test)]
mod tests {
    use super::PublicUrl;

    #[test]
    fn a_public_url_is_plain() {
        let url = PublicUrl::parse("https://Tools.Example:8443/base/").unwrap();
        assert_eq!((url.as_str(), url.host()), ("https://tools.example:8443/base", "tools.example"));
        for text in ["tools.example", "ftp://a", "http://a/?b", "http://u:p@a", "http://a#b"] {
            assert!(PublicUrl::parse(text).is_err(), "{text}");
        }
    }
}
