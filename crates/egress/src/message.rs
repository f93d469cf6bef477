//! What is sent, what comes back, and how a redirect changes what is sent.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use composio_contract::{Error, ErrorKind, Result};
use reqwest::header::{self, HeaderMap, HeaderName};
use reqwest::{Method, StatusCode};
use url::Url;

/// Headers that the client sets itself, or that are about one connection only.
const RESERVED: [HeaderName; 10] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::HOST,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// Headers that follow a redirect to another origin. Any other may hold a credential, whatever its name.
const HARMLESS: [HeaderName; 7] = [
    header::ACCEPT,
    header::ACCEPT_LANGUAGE,
    header::CONTENT_LANGUAGE,
    header::CONTENT_TYPE,
    header::IF_MODIFIED_SINCE,
    header::RANGE,
    header::USER_AGENT,
];

/// Says whether a redirect may lead to a URL.
pub type AdmitRedirect = Arc<dyn Fn(&Url) -> Result<()> + Send + Sync>;

/// A request with its bounds.
///
/// ```
/// use composio_egress::Request;
///
/// let mut request = Request::get("https://example.com/openapi.json")?;
/// request.limit = 10 * 1024 * 1024;
/// assert_eq!(request.redirects, 5);
/// # Ok::<(), composio_contract::Error>(())
/// ```
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Where it goes.
    pub url: Url,
    /// The headers. `Host`, `Content-Length` and those about the connection are the client's own.
    pub headers: HeaderMap,
    /// The body; empty for none.
    pub body: Bytes,
    /// How many bytes of the response's body are read, after decompression.
    pub limit: usize,
    /// How long it may take from start to end, redirects included.
    pub time_limit: Duration,
    /// How many redirects are followed; with 0 a redirect is the response.
    pub redirects: usize,
    /// Whether it has to be encrypted, redirects included, but to this machine and to hosts that the configuration names.
    pub secure: bool,
    /// Checks each URL that a redirect leads to, beside what holds for every request.
    pub admit_redirect: Option<AdmitRedirect>,
}

impl Request {
    /// A request without headers or body: at most 10 MiB, 60 seconds, 5 redirects.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`] where the URL cannot be read.
    pub fn new(method: Method, url: &str) -> Result<Self> {
        let url = Url::parse(url).map_err(|error| Error::validation(format!("cannot read the URL: {error}")))?;
        Ok(Self::to(method, url))
    }

    /// As [`Request::new`], to a URL that has been read already.
    #[must_use]
    pub fn to(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            limit: 10 * 1024 * 1024,
            time_limit: Duration::from_secs(60),
            redirects: 5,
            secure: false,
            admit_redirect: None,
        }
    }

    /// A GET request.
    ///
    /// # Errors
    /// As [`Request::new`].
    pub fn get(url: &str) -> Result<Self> {
        Self::new(Method::GET, url)
    }

    pub(super) fn check(&self) -> Result<()> {
        match self.headers.keys().find(|name| RESERVED.contains(name)) {
            Some(name) => Err(Error::validation(format!("the header {name} cannot be set"))),
            None => Ok(()),
        }
    }

    /// Changes the request into the one that a redirect asks for, by the rules of the Fetch standard.
    pub(super) fn redirect(&mut self, status: StatusCode, location: Url) {
        let rewrite = match status {
            StatusCode::SEE_OTHER => !matches!(self.method, Method::GET | Method::HEAD),
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => self.method == Method::POST,
            _ => false,
        };
        if rewrite {
            self.method = Method::GET;
            self.body = Bytes::new();
            for name in [header::CONTENT_TYPE, header::CONTENT_LANGUAGE, header::CONTENT_ENCODING] {
                self.headers.remove(name);
            }
        }
        if self.url.origin() != location.origin() {
            let kept = self.headers.drain().scan(None, |last: &mut Option<HeaderName>, (name, value)| {
                // A draining map names a header only before the first of its values.
                *last = name.or_else(|| last.take());
                Some((last.clone(), value))
            });
            self.headers = kept
                .filter_map(|(name, value)| name.filter(|name| HARMLESS.contains(name)).map(|name| (name, value)))
                .filter(|(_, value)| !value.is_sensitive())
                .fold(HeaderMap::new(), |mut headers, (name, value)| {
                    headers.append(name, value);
                    headers
                });
        }
        self.url = location;
    }
}

impl std::fmt::Debug for Request {
    /// Without query, headers and body, which may hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = format!("{}{}", self.url.origin().ascii_serialization(), self.url.path());
        f.debug_struct("Request").field("method", &self.method).field("url", &place).finish_non_exhaustive()
    }
}

/// A response, read to its end or to the request's limit.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// Where it came from, after redirects.
    pub url: Url,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, decompressed.
    pub body: Bytes,
    /// Whether the body went on beyond the request's limit.
    pub truncated: bool,
}

impl Response {
    /// The response, if its body is complete.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`].
    pub fn complete(self) -> Result<Self> {
        if self.truncated {
            let limit = self.body.len();
            return Err(Error::new(ErrorKind::TooLarge, format!("the response is larger than {limit} bytes")));
        }
        Ok(self)
    }

    /// The media type, lower case, without parameters.
    #[must_use]
    pub fn media_type(&self) -> Option<String> {
        let value = self.headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        let media_type = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        (!media_type.is_empty()).then_some(media_type)
    }
}
