//! The one function that sends a request of an API toolkit.

use std::sync::Arc;
use std::time::Duration;

use composio_contract::{Error, ErrorKind, Result};
use composio_egress::{Egress, EgressOptions, Hosts, Request, Response};
use composio_openapi::climbs;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;
use tokio::time::Instant;
use url::Url;

use super::config::OpenApiConfig;
use crate::accounts::{Credential, Echoes};

/// How often a request is sent that may be sent again.
const ATTEMPTS: u32 = 3;
/// The longest wait before another attempt; a longer one is for the caller to decide.
const MAX_WAIT: Duration = Duration::from_secs(3);
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// A shorter header of the configuration is no secret.
const SHORTEST_SECRET: usize = 12;

/// The way to an API.
#[derive(Debug)]
pub(super) struct Api {
    egress: Egress,
    hosts: Hosts,
    headers: HeaderMap,
    /// Of the headers.
    echoes: Echoes,
}

impl Api {
    pub(super) fn new(config: &OpenApiConfig) -> Result<Self> {
        let (mut headers, mut echoes) = (HeaderMap::new(), Echoes::default());
        for (name, value) in &config.headers {
            let header: HeaderName =
                name.parse().map_err(|_| config.wrong(&format!("`headers`: {name:?} is not the name of a header")))?;
            let mut value = HeaderValue::try_from(value.expose_secret()).map_err(|_| {
                config.wrong(&format!("`headers`: the value of {name} has a character that a header cannot have"))
            })?;
            value.set_sensitive(true);
            if let Some(text) = value.to_str().ok().filter(|text| text.len() >= SHORTEST_SECRET) {
                echoes.add(text);
            }
            headers.insert(header, value);
        }
        let egress = Egress::new(EgressOptions { allow_hosts: config.private_hosts() })?;
        Ok(Self { egress, hosts: Hosts::new(&config.allow_hosts)?, headers, echoes })
    }

    pub(super) fn egress(&self) -> &Egress {
        &self.egress
    }

    /// Checks that a URL lies on the API's servers or on a host that the configuration allows.
    pub(super) fn admit(&self, url: &Url, servers: &[Url]) -> Result<()> {
        let origin = url.origin();
        if servers.iter().any(|server| server.origin() == origin) || self.hosts.allows(url) {
            return Ok(());
        }
        let place = origin.ascii_serialization();
        let known: Vec<String> = servers.iter().map(|server| server.origin().ascii_serialization()).collect();
        Err(Error::new(ErrorKind::BlockedUrl, format!("{place} is no server of this toolkit: {}", known.join(", ")))
            .with_suggested_fix("to reach it, its operator can add the host to the toolkit's `allow_hosts`"))
    }

    /// Checks that a raw call stays below the path of one of the API's servers, or goes to another host that the configuration
    /// allows.
    pub(super) fn admit_below(&self, url: &Url, servers: &[Url]) -> Result<()> {
        self.admit(url, servers)?;
        check_below("`endpoint`", url, servers)
    }

    /// Sends a request, signed by `credential`: the only place that touches one. A request whose repetition does no harm
    /// is repeated where the API is busy. What the response repeats of the credential is blanked out.
    ///
    /// # Errors
    /// [`ErrorKind::BlockedUrl`] where the host is none of the API's, before the credential is touched; and as
    /// [`Egress::send`]. Any HTTP status is a response.
    pub(super) async fn send(
        &self,
        mut request: Request,
        servers: &[Url],
        credential: Option<&Credential>,
    ) -> Result<Response> {
        self.admit(&request.url, servers)?;
        for (name, value) in &self.headers {
            if !request.headers.contains_key(name) || value.is_sensitive() {
                request.headers.insert(name, value.clone());
            }
        }
        if let Some(credential) = credential {
            credential.sign(&mut request)?;
        }
        // The headers of the configuration may be secrets too.
        request.secure |= credential.is_some() || !self.headers.is_empty();
        let echoes = || credential.map(Credential::echoes).into_iter().chain([&self.echoes]);
        let mut response = match self.attempts(request).await {
            Ok(response) => response,
            Err(error) => return Err(echoes().fold(error, |error, echoes| echoes.mask_error(error))),
        };
        echoes().for_each(|echoes| echoes.mask_response(&mut response));
        Ok(response)
    }

    async fn attempts(&self, request: Request) -> Result<Response> {
        if !is_idempotent(&request.method) {
            return self.egress.send(request).await;
        }
        let ends = Instant::now() + request.time_limit;
        let mut attempt = 1;
        loop {
            let mut one = request.clone();
            one.time_limit = ends.saturating_duration_since(Instant::now());
            let done = self.egress.send(one).await;
            let asked = match &done {
                Ok(response) if is_busy(response.status) => wait(response),
                Err(error) if error.kind() == ErrorKind::Connection => None,
                _ => return done,
            };
            let wait = asked.unwrap_or(FIRST_WAIT * 2_u32.pow(attempt - 1));
            let fits = wait <= MAX_WAIT && Instant::now() + wait < ends;
            if attempt == ATTEMPTS || !fits {
                return done;
            }
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }
}

/// Checks that a URL at one of the servers is below its path; `what` names it in the error.
fn check_below(what: &str, url: &Url, servers: &[Url]) -> Result<()> {
    let bases: Vec<&str> =
        servers.iter().filter(|server| server.origin() == url.origin()).map(|server| server.path()).collect();
    if bases.is_empty() || (bases.iter().any(|base| is_below(url.path(), base)) && !climbs(url.path())) {
        return Ok(());
    }
    let bases = bases.join(", ");
    let message = format!("{what} leaves the base path of this toolkit: {} is not below {bases}", url.path());
    Err(Error::new(ErrorKind::BlockedUrl, message)
        .with_status(403)
        .with_suggested_fix("give a path below the base path; the operator can set another `base_url`"))
}

/// Keeps the redirects of a raw call below the servers' paths too. Those to other hosts carry no credential.
pub(super) fn stay_below(request: &mut Request, servers: &[Url]) {
    let servers = servers.to_vec();
    request.admit_redirect = Some(Arc::new(move |url| check_below("a redirect", url, &servers)));
}

fn is_below(path: &str, base: &str) -> bool {
    let base = base.trim_end_matches('/');
    path.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn is_idempotent(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE)
}

fn is_busy(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}

/// How long the API asks to wait, in seconds or until a date.
pub(super) fn wait(response: &Response) -> Option<Duration> {
    let text = response.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let until = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    let left = until.as_second().saturating_sub(jiff::Timestamp::now().as_second());
    Some(Duration::from_secs(u64::try_from(left).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_of_a_raw_call_stay_below_the_servers_paths() {
        let url = |text: &str| Url::parse(text).unwrap();
        let mut request = Request::to(Method::GET, url("https://api.example/v1/tenant/go"));
        stay_below(&mut request, &[url("https://api.example/v1/tenant"), url("https://other.example/")]);
        let admit = request.admit_redirect.unwrap();
        for allowed in ["https://api.example/v1/tenant/x", "https://other.example/x", "https://cdn.example/file"] {
            admit(&url(allowed)).unwrap();
        }
        for refused in
            ["https://api.example/admin", "https://api.example/v1/tenants", "https://api.example/v1/tenant/%2e%2e%2fx"]
        {
            let error = admit(&url(refused)).unwrap_err();
            assert_eq!((error.kind(), error.status()), (ErrorKind::BlockedUrl, Some(403)), "{refused}");
        }
    }
}
