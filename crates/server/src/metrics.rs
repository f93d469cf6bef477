//! Metrics for Prometheus. They say nothing about projects, keys or sessions.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::http::Method;
use composio_router::Quotas;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Seconds; from a call of a built-in tool to one that waits for a slow server.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 120.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    method: &'static str,
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Break {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refusal {
    limit: &'static str,
}

pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Answer, Counter>,
    durations: Family<Call, Histogram>,
    running: Gauge<i64, AtomicI64>,
    broken: Family<Break, Counter>,
    refused: Family<Refusal, Counter>,
    held: Gauge<i64, AtomicI64>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// A request under way; dropping it ends it, also where it is cancelled.
pub(crate) struct Running(Gauge<i64, AtomicI64>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let requests = Family::<Answer, Counter>::default();
        let durations: Family<Call, Histogram> = Family::new_with_constructor(|| Histogram::new(BUCKETS));
        let running = Gauge::default();
        let mut registry = Registry::with_prefix("composio");
        registry.register("http_requests", "Requests answered, by route and status", requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "Time from a request's headers to its reply",
            Unit::Seconds,
            durations.clone(),
        );
        registry.register("http_requests_running", "Requests under way", running.clone());
        let broken = Family::<Break, Counter>::default();
        registry.register("http_connections_broken", "Connections that ended with an error, by reason", broken.clone());
        let refused = Family::<Refusal, Counter>::default();
        registry.register("refusals", "What a limit or quota refused, by limit", refused.clone());
        let held = Gauge::default();
        registry.register("tools_held", "Tools whose changed definitions nobody has accepted yet", held.clone());
        Self { registry, requests, durations, running, broken, refused, held }
    }

    pub(crate) fn start(&self) -> Running {
        self.running.inc();
        Running(self.running.clone())
    }

    /// A connection ended with an error.
    pub(crate) fn broken(&self, reason: &'static str) {
        self.broken.get_or_create(&Break { reason }).inc();
    }

    /// A limit of the server refused something.
    pub(crate) fn refused(&self, limit: &'static str) {
        self.refused.get_or_create(&Refusal { limit }).inc();
    }

    pub(crate) fn end(&self, method: &Method, route: &str, status: u16, elapsed: Duration) {
        let (method, route) = (known(method), route.to_owned());
        self.durations.get_or_create(&Call { method, route: route.clone() }).observe(elapsed.as_secs_f64());
        self.requests.get_or_create(&Answer { method, route, status }).inc();
    }

    /// So many tools are held.
    pub(crate) fn held(&self, count: usize) {
        self.held.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Everything in the text format, with what the router's quotas refused.
    pub(crate) fn text(&self, quotas: &Quotas) -> Result<String, fmt::Error> {
        for (limit, count) in quotas.refusals() {
            self.refused.get_or_create(&Refusal { limit }).inner().store(count, Ordering::Relaxed);
        }
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// A client may send any word as a method; as a label that would grow without bound.
pub(crate) fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "OTHER",
    }
}
