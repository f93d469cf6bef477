//! The server's state, and the service that answers requests.

use std::collections::HashMap;
use std::iter;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::middleware;
use composio_contract::{Error, ErrorKind, Result};
use composio_router::Router;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::connections::Connections;
use crate::loopback::Tokens;
use crate::mcp::Endpoint;
use crate::metrics::Metrics;
use crate::options::Options;
use crate::problem::Problem;
use crate::shares::{Share, Shares};
use crate::{access, edge, routes};

/// A router behind the paths of the contract.
#[derive(Clone, Debug)]
pub struct App(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    router: Router,
    options: Options,
    slots: Slots,
    files: Arc<Shares>,
    pages: Arc<Shares>,
    connections: Arc<Connections>,
    metrics: Metrics,
    mcp: Endpoint,
    /// Where these are the only way in.
    tokens: Option<Arc<Tokens>>,
    stopping: watch::Sender<bool>,
}

impl App {
    /// Puts a router behind the paths of the contract.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] where nobody could be let in, or a key's project has no place for its files; the
    /// error says what to do.
    pub async fn new(router: Router, options: Options) -> Result<Self> {
        let keys = router.store().keys().await?;
        let active = || keys.iter().filter(|key| key.revoked_at.is_none());
        if active().next().is_none() && !options.listen.ip().is_loopback() {
            let message = format!("{} can be reached from other machines, and there is no key", options.listen);
            return Err(Error::new(ErrorKind::Configuration, message).with_suggested_fix(
                "make one with `composio keys create`, or listen on a loopback address such as 127.0.0.1:8080",
            ));
        }
        for key in active() {
            router.in_project(key.project.clone())?;
        }
        let base = options
            .public_url
            .as_ref()
            .map_or_else(|| format!("http://{}", options.listen), |url| url.as_str().to_owned());
        let mut router = router.reached_at(&base);
        // Not by the name in a request: a caller can give any.
        if options.public_url.is_none() && !options.listen.ip().is_loopback() {
            router = router.reached_from_elsewhere();
        }
        Ok(Self::put_together(router, options, None))
    }

    /// Puts a router's sessions behind their MCP endpoints alone, for whoever has one of the tokens.
    pub(crate) fn for_sessions(router: Router, options: Options, tokens: Arc<Tokens>) -> Self {
        Self::put_together(router, options, Some(tokens))
    }

    fn put_together(router: Router, options: Options, tokens: Option<Arc<Tokens>>) -> Self {
        let slots = Slots { limit: options.concurrency, of: Mutex::default() };
        let shares = || Arc::new(Shares::new(options.concurrency));
        Self(Arc::new(Inner {
            router,
            slots,
            files: shares(),
            pages: shares(),
            connections: Arc::new(Connections::new(&options)),
            metrics: Metrics::new(),
            mcp: Endpoint::new(&options),
            options,
            tokens,
            stopping: watch::Sender::new(false),
        }))
    }

    /// What answers requests.
    pub fn service(&self) -> axum::Router {
        let paths = if self.0.tokens.is_some() {
            routes::sessions_over_mcp()
        } else {
            let guarded = routes::guarded().route_layer(middleware::from_fn_with_state(self.clone(), access::check));
            routes::open().merge(guarded)
        };
        paths
            .fallback(routes::unknown)
            .method_not_allowed_fallback(routes::not_allowed)
            .layer(middleware::from_fn_with_state(self.clone(), edge::handle))
            .with_state(self.clone())
    }

    /// Whether callers without a key are let in: nobody else can reach the server, and no key was ever made.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn is_open(&self) -> Result<bool> {
        Ok(self.0.options.listen.ip().is_loopback() && !self.0.router.store().has_keys().await?)
    }

    /// The tokens that are the only way in, where there are some.
    pub(crate) fn tokens(&self) -> Option<&Tokens> {
        self.0.tokens.as_deref()
    }

    pub(crate) fn router(&self) -> &Router {
        &self.0.router
    }

    pub(crate) fn options(&self) -> &Options {
        &self.0.options
    }

    /// A place for one more call of a key, until it is dropped.
    pub(crate) fn slot(&self, key: &str) -> Result<OwnedSemaphorePermit, Problem> {
        self.0.slots.take(key).inspect_err(|_| self.0.metrics.refused("calls"))
    }

    /// A place for one more file, of an owner and a client.
    pub(crate) fn file_share(&self, owner: String, client: Option<IpAddr>) -> Result<Share, Problem> {
        let names = iter::once((owner, 4)).chain(client.map(|client| (client.to_string(), 2))).collect();
        self.0.files.take(names).inspect_err(|_| self.0.metrics.refused("files"))
    }

    /// A place for one more page, of a client.
    pub(crate) fn page_share(&self, client: Option<IpAddr>) -> Result<Share, Problem> {
        let names = client.map(|client| (client.to_string(), 2)).into_iter().collect();
        self.0.pages.take(names).inspect_err(|_| self.0.metrics.refused("pages"))
    }

    pub(crate) fn connections(&self) -> &Arc<Connections> {
        &self.0.connections
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(crate) fn mcp(&self) -> &Endpoint {
        &self.0.mcp
    }

    /// From now on new requests are refused.
    pub(crate) fn stop(&self) {
        self.0.stopping.send_replace(true);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.0.stopping.borrow()
    }

    /// Resolves once new requests are refused.
    pub(crate) async fn stopped(&self) {
        // The sender is as old as the receiver, so that waiting does not fail.
        let _ = self.0.stopping.subscribe().wait_for(|stopping| *stopping).await;
    }
}

/// How many calls of each key run.
#[derive(Debug)]
pub(crate) struct Slots {
    limit: usize,
    of: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Slots {
    /// A place for one more call, until it is dropped. The names are few: the ids of keys.
    pub(crate) fn take(&self, name: &str) -> Result<OwnedSemaphorePermit, Problem> {
        let semaphore = {
            let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
            match of.get(name) {
                Some(semaphore) => Arc::clone(semaphore),
                None => {
                    let semaphore = Arc::new(Semaphore::new(self.limit.min(Semaphore::MAX_PERMITS)));
                    of.insert(name.to_owned(), Arc::clone(&semaphore));
                    semaphore
                }
            }
        };
        semaphore.try_acquire_owned().map_err(|_| {
            Problem::new(
                axum::http::StatusCode::TOO_MANY_REQUESTS,
                "TooManyConcurrentCalls",
                format!("{} calls run already, and no more may at the same time", self.limit),
            )
            .fix("wait until one has ended")
            .retry_after(1)
        })
    }
}
