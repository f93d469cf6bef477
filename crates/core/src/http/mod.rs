//! The hosted backend over HTTP.

mod backend;
mod errors;
mod retry;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use composio_contract::{Error, ErrorKind, Reply, Result};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::HttpOptions;

/// No reply of the contract is larger; a runaway answer must not take the process down.
const REPLY_LIMIT: u64 = 256 << 20;
/// A shorter text is no credential, and masking it would garble messages.
const SHORTEST_SECRET: usize = 6;
/// What may stand in one segment of a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A hosted backend.
///
/// Connections are pooled and belong to the tokio runtime that the calls run on: use one `HttpBackend` a runtime.
pub struct HttpBackend {
    client: reqwest::Client,
    /// Carries no credential: for presigned URLs, which lie on other hosts.
    anonymous: reqwest::Client,
    options: HttpOptions,
    api: String,
}

impl fmt::Debug for HttpBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpBackend").field("options", &self.options).finish_non_exhaustive()
    }
}

/// Whether a call may be sent twice.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Repeat {
    /// Sending it twice has the effect of once.
    Safe,
    /// A second one could repeat a side effect.
    Never,
}

/// A call without its body.
struct Call<'a, Q = ()> {
    method: Method,
    path: &'a [&'a str],
    query: Option<&'a Q>,
    repeat: Repeat,
}

impl HttpBackend {
    /// Prepares a backend; nothing is sent.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`] where a header is malformed.
    pub fn new(options: HttpOptions) -> Result<Self> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        for (name, value) in &options.default_headers {
            let header = HeaderName::try_from(name.as_str())
                .map_err(|_| Error::validation(format!("default_headers: {name:?} is not a header name")))?;
            headers.insert(header, sensitive(name, value)?);
        }
        if let Some(key) = &options.api_key {
            headers.insert("x-api-key", sensitive("api_key", key.expose_secret())?);
        }
        let tls = composio_egress::tls()?;
        let builder = || {
            reqwest::Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .tcp_nodelay(true)
                .timeout(options.timeout)
                .redirect(reqwest::redirect::Policy::none())
                .user_agent(concat!("composio-rs/", env!("CARGO_PKG_VERSION")))
        };
        let build = |builder: reqwest::ClientBuilder| {
            builder.build().map_err(|error| {
                Error::new(ErrorKind::Internal, format!("cannot set up the HTTP client: {error}")).with_source(error)
            })
        };
        Ok(Self {
            client: build(builder().default_headers(headers))?,
            anonymous: build(builder())?,
            api: format!("{}/api/v3.1", options.base_url.as_str().trim_end_matches('/')),
            options,
        })
    }

    fn url<Q: Serialize>(&self, call: &Call<'_, Q>) -> Result<Url> {
        let mut text = self.api.clone();
        for segment in call.path {
            if matches!(*segment, "" | "." | "..") {
                return Err(Error::validation(format!("{segment:?} cannot be an id")));
            }
            text.push('/');
            text.extend(utf8_percent_encode(segment, SEGMENT));
        }
        if let Some(query) = call.query {
            let query = serde_urlencoded::to_string(query)
                .map_err(|error| Error::validation(format!("cannot encode the query: {error}")))?;
            if !query.is_empty() {
                text.push('?');
                text.push_str(&query);
            }
        }
        Url::parse(&text).map_err(|error| Error::validation(format!("cannot build the URL: {error}")))
    }

    async fn get<Q: Serialize, T: DeserializeOwned>(&self, path: &[&str], query: Option<&Q>) -> Result<Reply<T>> {
        self.send(Call { method: Method::GET, path, query, repeat: Repeat::Safe }, None).await
    }

    async fn post<B: Serialize, T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &B,
        repeat: Repeat,
    ) -> Result<Reply<T>> {
        self.send(Call::<()> { method: Method::POST, path, query: None, repeat }, Some(encode(body)?)).await
    }

    async fn patch<B: Serialize, T: DeserializeOwned>(&self, path: &[&str], body: &B) -> Result<Reply<T>> {
        let call = Call::<()> { method: Method::PATCH, path, query: None, repeat: Repeat::Never };
        self.send(call, Some(encode(body)?)).await
    }

    /// A call without a body that changes something.
    async fn command<Q: Serialize, T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        query: Option<&Q>,
    ) -> Result<Reply<T>> {
        self.send(Call { method, path, query, repeat: Repeat::Never }, None).await
    }

    async fn send<Q: Serialize, T: DeserializeOwned>(
        &self,
        call: Call<'_, Q>,
        body: Option<Bytes>,
    ) -> Result<Reply<T>> {
        let url = self.url(&call)?;
        let mut attempt = 0;
        loop {
            let (error, wait) = match self.attempt(&call.method, &url, body.as_ref()).await {
                Ok(response) if response.status().is_success() => match read(response, REPLY_LIMIT).await {
                    Ok(body) => {
                        let text = String::from_utf8(body.into())
                            .map_err(|_| Error::new(ErrorKind::InvalidReply, "the backend's answer is not UTF-8"))?;
                        return Reply::read(text);
                    }
                    Err(error) => (error, retry::delay(attempt, None)),
                },
                Ok(response) => {
                    let wait = retry::delay(attempt, Some(response.headers()));
                    (self.refusal(response).await, wait)
                }
                Err(error) => (error, retry::delay(attempt, None)),
            };
            let wait = wait
                .filter(|_| call.repeat == Repeat::Safe && error.is_retryable() && attempt < self.options.max_retries);
            let Some(wait) = wait else { return Err(error) };
            tracing::debug!(kind = %error.kind(), attempt, ?wait, "trying the call again");
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    async fn attempt(&self, method: &Method, url: &Url, body: Option<&Bytes>) -> Result<Response> {
        let mut request = self.client.request(method.clone(), url.clone());
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/json")).body(body.clone());
        }
        request.send().await.map_err(errors::from_transport)
    }

    async fn put(&self, url: &str, mimetype: Option<&str>, content: Bytes) -> Result<()> {
        let mut request = self.anonymous.put(url).timeout(self.transfer_timeout()).body(content);
        if let Some(mimetype) = mimetype {
            request = request.header(CONTENT_TYPE, mimetype);
        }
        let response = request.send().await.map_err(errors::from_transport)?;
        match response.status() {
            status if status.is_success() => Ok(()),
            _ => Err(self.refusal(response).await.with_kind(ErrorKind::Upload)),
        }
    }

    async fn download(&self, url: &str, limit: u64) -> Result<Bytes> {
        let request = self.anonymous.get(url).timeout(self.transfer_timeout());
        let response = request.send().await.map_err(errors::from_transport)?;
        match response.status() {
            status if status.is_success() => read(response, limit).await,
            _ => Err(self.refusal(response).await.with_kind(ErrorKind::Download)),
        }
    }

    async fn refusal(&self, response: Response) -> Error {
        let (status, headers) = (response.status(), response.headers().clone());
        // The status alone says more than a failure to read its explanation.
        let body = read(response, 1 << 20).await.unwrap_or_default();
        errors::from_response(status, &headers, &body, |text| self.mask(text))
    }

    /// Takes the client's own credentials out of a text.
    fn mask(&self, text: &str) -> String {
        let key = self.options.api_key.as_ref().map(ExposeSecret::expose_secret);
        // A header may hold a scheme before the secret, as in `Bearer …`.
        let headers = self.options.default_headers.iter().flat_map(|(_, value)| value.split_whitespace());
        let mut secrets: Vec<&str> =
            key.into_iter().chain(headers).filter(|secret| secret.len() >= SHORTEST_SECRET).collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.into_iter().fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }

    /// Files are larger than replies.
    fn transfer_timeout(&self) -> Duration {
        self.options.timeout.max(Duration::from_secs(300))
    }
}

fn encode<B: Serialize>(body: &B) -> Result<Bytes> {
    serde_json::to_vec(body)
        .map(Bytes::from)
        .map_err(|error| Error::validation(format!("cannot encode the request: {error}")))
}

/// The header value, marked so that no log shows it. The message must not show it either.
fn sensitive(name: &str, value: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(value.trim())
        .map_err(|_| Error::validation(format!("{name}: has characters that no header can carry")))?;
    value.set_sensitive(true);
    Ok(value)
}

async fn read(mut response: Response, limit: u64) -> Result<Bytes> {
    let too_large = || Error::new(ErrorKind::TooLarge, format!("the answer is larger than {limit} bytes"));
    if response.content_length().is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let Some(first) = response.chunk().await.map_err(errors::from_transport)? else { return Ok(Bytes::new()) };
    let mut rest = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(errors::from_transport)? {
        if rest.is_empty() {
            rest.extend_from_slice(&first);
        }
        rest.extend_from_slice(&chunk);
        if rest.len() as u64 > limit {
            return Err(too_large());
        }
    }
    // Most answers come in one piece, which then needs no copy.
    let whole = if rest.is_empty() { first } else { rest.into() };
    if whole.len() as u64 > limit { Err(too_large()) } else { Ok(whole) }
}
