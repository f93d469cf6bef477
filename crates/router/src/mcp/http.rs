//! The way to a server that speaks streamable HTTP.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use composio_egress::{Egress, EgressOptions};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::common::client_side_sse::ExponentialBackoff;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::session::{Authorization, SessionClient};

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
    authorization: Authorization,
) -> Result<StreamableHttpClientTransport<SessionClient>, String> {
    // Whoever wrote the configuration knows where the server lies; nothing else is reached.
    let host = url.host_str().unwrap_or_default();
    let place = url.port_or_known_default().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let egress = Egress::new(EgressOptions { allow_hosts: vec![place] }).map_err(|error| error.to_string())?;
    let client = egress
        .client_of(&without_user(url), header_map(headers)?, MAX_REDIRECTS)
        .map_err(|error| format!("the HTTP client cannot be set up: {error}"))?;
    let mut resumption = ExponentialBackoff::default();
    resumption.base_duration = FIRST_RESUMPTION;
    resumption.max_times = Some(MAX_RESUMPTIONS);
    let mut config =
        StreamableHttpClientTransportConfig::with_uri(url.as_str()).max_concurrent_requests(MAX_CONCURRENT_CALLS);
    config.retry_config = Arc::new(resumption);
    Ok(StreamableHttpClientTransport::with_client(SessionClient { client, authorization }, config))
}

/// The URL of the server's place: a user and a password in it go with the requests.
fn without_user(url: &Url) -> Url {
    let mut url = url.clone();
    // Neither fails for http and https, which are the only schemes that are let through.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
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
