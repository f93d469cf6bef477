//! The way to a server that speaks streamable HTTP.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::common::client_side_sse::ExponentialBackoff;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::session::SessionClient;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_REDIRECTS: usize = 3;

/// Calls that one server gets at a time; more wait their turn.
const MAX_CONCURRENT_CALLS: usize = 64;

/// How often to ask for the rest of an answer that broke off: after half a second, then after twice as long each time.
/// Without a bound, a call to a server that has gone would not end.
const MAX_RESUMPTIONS: usize = 4;
const FIRST_RESUMPTION: Duration = Duration::from_millis(500);

/// The transport to an endpoint. Must be called within the runtime that is to drive it.
///
/// # Errors
/// What is wrong with the headers; never their values.
pub(super) fn transport(
    url: &Url,
    headers: &BTreeMap<String, SecretString>,
) -> Result<StreamableHttpClientTransport<SessionClient>, String> {
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(composio_egress::tls().map_err(|error| error.to_string())?)
        .default_headers(header_map(headers)?)
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(same_origin())
        .user_agent(concat!("composio-rs/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| format!("the HTTP client cannot be set up: {error}"))?;
    let mut resumption = ExponentialBackoff::default();
    resumption.base_duration = FIRST_RESUMPTION;
    resumption.max_times = Some(MAX_RESUMPTIONS);
    let mut config =
        StreamableHttpClientTransportConfig::with_uri(url.as_str()).max_concurrent_requests(MAX_CONCURRENT_CALLS);
    config.retry_config = Arc::new(resumption);
    Ok(StreamableHttpClientTransport::with_client(SessionClient(client), config))
}

fn header_map(headers: &BTreeMap<String, SecretString>) -> Result<HeaderMap, String> {
    headers
        .iter()
        .map(|(name, value)| {
            let header = HeaderName::try_from(name).map_err(|_| format!("{name:?} is not a header name"))?;
            let mut value = HeaderValue::try_from(value.expose_secret())
                .map_err(|_| format!("the value of header {name:?} has characters that a header cannot have"))?;
            value.set_sensitive(true);
            Ok((header, value))
        })
        .collect()
}

/// Follows what keeps method and body, and stays at the server that the headers are for.
fn same_origin() -> Policy {
    Policy::custom(|attempt| {
        let keeps_body = matches!(attempt.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
        let same_origin = attempt.previous().first().is_some_and(|first| first.origin() == attempt.url().origin());
        if keeps_body && same_origin && attempt.previous().len() <= MAX_REDIRECTS {
            attempt.follow()
        } else {
            attempt.stop()
        }
    })
}
