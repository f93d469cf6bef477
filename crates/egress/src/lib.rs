//! The one guarded way out: every request of the router to another machine goes through here.

mod address;
mod message;
mod policy;
mod resolve;
mod trace;

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use composio_contract::{Error, ErrorKind, Result};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, LOCATION};
use reqwest::redirect;
use rustls::{ClientConfig, RootCertStore};
use tracing::Instrument as _;
use tracing::field::Empty;
use url::{Host, Url};

use crate::policy::{Policy, Route, blocked};
use crate::resolve::{Guarded, NotPublic};
pub use crate::resolve::{Resolver, SystemResolver};
pub use message::{AdmitRedirect, Request, Response};
pub use policy::Hosts;
pub use trace::{Propagator, TRACE_TARGET, propagate, set_propagator};

/// How long a connection may take to open.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// How requests leave.
#[derive(Clone, Debug, Default)]
pub struct EgressOptions {
    /// Hosts that may be reached although they are not on the public Internet: `host`, `host:port`, `*.suffix`, an IPv4
    /// address, or an IPv6 address in brackets. Without a port, every port.
    pub allow_hosts: Vec<String>,
}

/// An HTTP client that reaches the public Internet and what the configuration allows, nothing else.
///
/// A host's addresses are checked after the name is resolved, and the connection goes to the very address that was checked.
/// A redirect is a new request: it is checked in full, and to another origin it carries no header that could hold a
/// credential. No proxy of the environment is used: it would resolve names where no check sees it.
///
/// ```no_run
/// # async fn run() -> composio_contract::Result<()> {
/// use composio_egress::{Egress, EgressOptions, Request};
///
/// let egress = Egress::new(EgressOptions { allow_hosts: vec!["intranet.example:8443".to_owned()] })?;
/// let response = egress.send(Request::get("https://example.com/")?).await?.complete()?;
/// assert!(response.status.is_success());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Egress {
    policy: Policy,
    resolver: Arc<dyn Resolver>,
    public: reqwest::Client,
    any: reqwest::Client,
}

impl Egress {
    /// A client with the system's resolver.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] where an allowed host cannot be read.
    pub fn new(options: EgressOptions) -> Result<Self> {
        Self::with_resolver(options, Arc::new(SystemResolver))
    }

    /// A client with a resolver of the caller's. What it answers is checked all the same.
    ///
    /// # Errors
    /// As [`Egress::new`].
    pub fn with_resolver(options: EgressOptions, resolver: Arc<dyn Resolver>) -> Result<Self> {
        let tls = tls()?;
        // Two clients, and so two pools: a connection to an allowed host is not reused for another that shares its name.
        let client = |route| built(client(&resolver, route, tls.clone()).redirect(redirect::Policy::none()));
        let (public, any) = (client(Route::Public)?, client(Route::Any)?);
        Ok(Self { policy: Policy::new(&options.allow_hosts)?, resolver, public, any })
    }

    /// Sends a request and reads the response. Any HTTP status is a response, not an error.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`] for a URL or header that cannot be used, [`ErrorKind::BlockedUrl`] where the host or that of a
    /// redirect may not be reached, [`ErrorKind::Connection`], [`ErrorKind::Timeout`], and [`ErrorKind::InvalidReply`] for too
    /// many redirects or one that leads nowhere.
    pub async fn send(&self, request: Request) -> Result<Response> {
        let time_limit = request.time_limit;
        // No more of the URL: a path or query may hold a secret.
        let span = tracing::info_span!(
            target: TRACE_TARGET,
            "send",
            otel.name = %request.method,
            otel.kind = "client",
            otel.status_code = Empty,
            http.request.method = %request.method,
            http.response.status_code = Empty,
            server.address = request.url.host_str(),
            server.port = request.url.port_or_known_default(),
        );
        let sent = tokio::time::timeout(time_limit, self.follow(request)).instrument(span.clone()).await;
        let sent = sent.unwrap_or_else(|_| {
            let message = format!("no complete response within {} s", time_limit.as_secs_f64());
            Err(Error::new(ErrorKind::Timeout, message))
        });
        let status = sent.as_ref().ok().map(|response| response.status.as_u16());
        span.record("http.response.status_code", status);
        if status.is_none_or(|status| status >= 400) {
            span.record("otel.status_code", "ERROR");
        }
        sent
    }

    /// The HTTP client for a URL, for a library that insists on having one: redirects are off, and names are resolved and
    /// checked as they are for [`Egress::send`]. It is for this URL's host and port only.
    ///
    /// # Errors
    /// As [`Egress::send`], for what the URL itself tells.
    pub fn client(&self, url: &Url) -> Result<reqwest::Client> {
        self.client_for(url).cloned()
    }

    /// An HTTP client for one server, for a library that insists on having one and keeps it: names are resolved and checked
    /// as they are for [`Egress::send`], each request carries `headers`, and at most `redirects` redirects are followed, of
    /// those that keep method and body and stay at the server. It is for this URL's origin only.
    ///
    /// # Errors
    /// As [`Egress::send`], for what the URL itself tells.
    pub fn client_of(&self, url: &Url, headers: HeaderMap, redirects: usize) -> Result<reqwest::Client> {
        let client = client(&self.resolver, self.policy.route(url)?, tls()?);
        built(client.default_headers(headers).redirect(within_origin(redirects)))
    }

    /// Checks that what goes to a URL can be read on the way by nobody: it is an https URL, or its host is this machine or named by
    /// the configuration.
    ///
    /// # Errors
    /// [`ErrorKind::BlockedUrl`].
    pub fn check_secure(&self, url: &Url) -> Result<()> {
        self.policy.named().check_secure(url)
    }

    fn client_for(&self, url: &Url) -> Result<&reqwest::Client> {
        Ok(match self.policy.route(url)? {
            Route::Public => &self.public,
            Route::Any => &self.any,
        })
    }

    async fn follow(&self, mut request: Request) -> Result<Response> {
        request.check()?;
        let mut left = request.redirects;
        loop {
            if request.secure {
                self.check_secure(&request.url)?;
            }
            let client = self.client_for(&request.url)?;
            let mut one = reqwest::Request::new(request.method.clone(), request.url.clone());
            // A redirect sends them again.
            one.headers_mut().clone_from(&request.headers);
            propagate(one.headers_mut());
            *one.body_mut() = Some(request.body.clone().into());
            let response = client.execute(one).await.map_err(|error| failed(error, &request.url))?;
            let status = response.status();
            let location =
                response.headers().get(LOCATION).filter(|_| matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308));
            let Some(location) = location.filter(|_| request.redirects > 0) else {
                return read(response, &request).await;
            };
            if left == 0 {
                let message = format!("there were more than {} redirects", request.redirects);
                return Err(Error::new(ErrorKind::InvalidReply, message));
            }
            left -= 1;
            let location =
                location.to_str().ok().and_then(|location| request.url.join(location).ok()).ok_or_else(|| {
                    Error::new(
                        ErrorKind::InvalidReply,
                        format!("{} redirects to what is not a URL", place(&request.url)),
                    )
                })?;
            if let Some(admit) = &request.admit_redirect {
                admit(&location)?;
            }
            request.redirect(status, location);
        }
    }
}

/// Whether a URL's host is the machine of whoever opens it, by its name or its address, however that is spelt.
#[must_use]
pub fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        None => false,
    }
}

fn client(resolver: &Arc<dyn Resolver>, route: Route, tls: ClientConfig) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .dns_resolver(Guarded { resolver: Arc::clone(resolver), route })
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .referer(false)
        .connect_timeout(CONNECT_LIMIT)
        .user_agent(concat!("composio/", env!("CARGO_PKG_VERSION")))
}

fn built(client: reqwest::ClientBuilder) -> Result<reqwest::Client> {
    client.build().map_err(|error| Error::new(ErrorKind::Internal, "cannot set up the HTTP client").with_source(error))
}

fn within_origin(redirects: usize) -> redirect::Policy {
    redirect::Policy::custom(move |attempt| {
        let keeps_body = matches!(attempt.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
        let same_origin = attempt.previous().first().is_some_and(|first| first.origin() == attempt.url().origin());
        if keeps_body && same_origin && attempt.previous().len() <= redirects {
            attempt.follow()
        } else {
            attempt.stop()
        }
    })
}

/// Reads a body up to the request's limit; the rest is never fetched.
async fn read(mut response: reqwest::Response, request: &Request) -> Result<Response> {
    let mut body = BytesMut::new();
    let mut truncated = false;
    while let Some(chunk) = response.chunk().await.map_err(|error| failed(error, &request.url))? {
        let room = request.limit - body.len();
        if chunk.len() > room {
            body.extend_from_slice(&chunk.slice(..room));
            truncated = true;
            break;
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Response {
        status: response.status(),
        url: request.url.clone(),
        headers: std::mem::take(response.headers_mut()),
        body: body.freeze(),
        truncated,
    })
}

/// An URL for a message: without its query, which may hold a secret.
fn place(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

fn failed(error: reqwest::Error, url: &Url) -> Error {
    let error = error.without_url();
    let mut causes = std::iter::successors(Some(&error as &(dyn StdError + 'static)), |&error| error.source());
    if causes.any(|cause| cause.is::<NotPublic>()) {
        return blocked(url.host_str().unwrap_or_default());
    }
    let root = std::iter::successors(error.source(), |&error| error.source()).last();
    let reason = root.map_or_else(|| error.to_string(), ToString::to_string);
    let kind = if error.is_timeout() { ErrorKind::Timeout } else { ErrorKind::Connection };
    let doing = if error.is_connect() { "cannot connect to" } else { "no complete response from" };
    Error::new(kind, format!("{doing} {}: {reason}", place(url))).with_source(error)
}

/// TLS with the roots of Mozilla's programme, part of the program so that it works the same on every system, phones
/// included; HTTP/2 where the server has it.
///
/// # Errors
/// [`ErrorKind::Internal`] where the cryptography does not support the default versions of TLS.
pub fn tls() -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(ErrorKind::Internal, "cannot set up TLS").with_source(error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
