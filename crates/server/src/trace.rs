//! Traces: a span for each request, and their way to a collector over OTLP.
//!
//! Spans say what was called, of which project, and how it ended; never with which arguments, by which key, or what came
//! back. Without a collector no span is made.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::http::HeaderMap;
use bytes::BytesMut;
use composio_contract::{Error, ErrorKind, Result};
use composio_egress::TRACE_TARGET;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HeaderExtractor, HeaderInjector, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::registry::LookupSpan;
use url::Url;

/// How long the collector may take for a batch, and for the last one when the process ends.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// What is read of a collector's answer.
const ANSWER_LIMIT: usize = 64 << 10;
/// The name of the service where OTEL_SERVICE_NAME gives no other.
const SERVICE: &str = "composio";

/// The span of a request; it goes on with the caller's trace where the headers name one.
pub(crate) fn request(method: &'static str, route: &str, request_id: &str, headers: &HeaderMap) -> Span {
    let span = tracing::info_span!(
        target: TRACE_TARGET,
        "request",
        otel.name = %format_args!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = tracing::field::Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = tracing::field::Empty,
        composio.request_id = request_id,
        composio.project = tracing::field::Empty,
    );
    if !span.is_disabled() {
        // It can fail only for a span that has begun, or without a collector.
        let _ = span.set_parent(TraceContextPropagator::new().extract(&HeaderExtractor(headers)));
    }
    span
}

/// Says how a request ended.
pub(crate) fn end(span: &Span, status: u16, project: Option<&str>) {
    span.record("http.response.status_code", status);
    if let Some(project) = project {
        span.record("composio.project", project);
    }
    if status >= 500 {
        span.record("otel.status_code", "ERROR");
    }
}

fn propagate(headers: &mut HeaderMap) {
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut HeaderInjector(headers));
}

/// Where traces go: what the command line says, else what the environment does by the rules of OpenTelemetry; none where
/// neither says anything.
///
/// # Errors
/// [`ErrorKind::Configuration`] for what is no URL of a collector.
pub(crate) fn collector(given: Option<&str>) -> Result<Option<Url>> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Ok(None);
    }
    if let Some(base) = given {
        return traces_of(base, "--otlp").map(Some);
    }
    if let Some(url) = variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") {
        return read_url(&url, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").map(Some);
    }
    let base = variable("OTEL_EXPORTER_OTLP_ENDPOINT");
    base.map(|base| traces_of(&base, "OTEL_EXPORTER_OTLP_ENDPOINT")).transpose()
}

fn traces_of(base: &str, what: &str) -> Result<Url> {
    // By itself: what follows a lacking host would be taken for one.
    let base = read_url(base, what)?;
    read_url(&format!("{}/v1/traces", base.as_str().trim_end_matches('/')), what)
}

fn read_url(text: &str, what: &str) -> Result<Url> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    // The URL is not said again: it may have a password in it.
    url.ok_or_else(|| {
        Error::new(ErrorKind::Configuration, format!("{what} is not the URL of a collector"))
            .with_suggested_fix("give one such as http://127.0.0.1:4318, which speaks OTLP over HTTP")
    })
}

/// The spans on their way to a collector.
#[derive(Debug)]
pub(crate) struct Traces(SdkTracerProvider);

impl Traces {
    /// Sends spans to a collector from now on, in batches, from a thread of its own: a collector that is away holds up no
    /// call; what it does not take is lost. What sends lives on the current runtime.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] where the environment has settings that cannot be used.
    pub(crate) fn start<S>(collector: &Url) -> Result<(Self, impl Layer<S> + Send + Sync + use<S>)>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let wrong = |error: &dyn std::fmt::Display| {
            Error::new(ErrorKind::Configuration, format!("traces cannot be sent: {error}"))
        };
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(composio_egress::tls()?)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(SEND_TIMEOUT)
            .user_agent(concat!("composio/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| wrong(&error))?;
        let sender = Sender { client, runtime: Handle::current(), is_failing: Arc::default() };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(sender)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(collector.as_str())
            .with_timeout(SEND_TIMEOUT)
            .build()
            .map_err(|error| wrong(&error))?;
        let mut resource = Resource::builder();
        if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
            resource = resource.with_service_name(SERVICE);
        }
        let provider =
            SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource.build()).build();
        composio_egress::set_propagator(propagate);
        let layer = tracing_opentelemetry::layer()
            .with_tracer(provider.tracer(SERVICE))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_level(false)
            .with_tracked_inactivity(false)
            .with_filter(Targets::new().with_target(TRACE_TARGET, LevelFilter::INFO));
        Ok((Self(provider), layer))
    }

    /// Sends what is left.
    pub(crate) async fn end(self) {
        let sent = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(SEND_TIMEOUT)).await;
        if !matches!(sent, Ok(Ok(()))) {
            tracing::warn!("the last traces could not be sent");
        }
    }
}

/// Sends batches over the HTTP client that the program has anyway. It is asked on a thread without a runtime.
#[derive(Debug)]
struct Sender {
    client: reqwest::Client,
    runtime: Handle,
    is_failing: Arc<AtomicBool>,
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> std::result::Result<Response<Bytes>, HttpError> {
        let (client, request) = (self.client.clone(), reqwest::Request::try_from(request)?);
        let sent = self.runtime.spawn(async move { exchange(&client, request).await }).await?;
        let problem = match &sent {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(format!("the collector answered {}", response.status())),
            Err(error) => Some(error.to_string()),
        };
        let failed_before = self.is_failing.swap(problem.is_some(), Ordering::Relaxed);
        match problem {
            Some(problem) if !failed_before => tracing::warn!(problem, "traces are lost"),
            None if failed_before => tracing::info!("traces are sent again"),
            _ => {}
        }
        Ok(sent?)
    }
}

async fn exchange(client: &reqwest::Client, request: reqwest::Request) -> reqwest::Result<Response<Bytes>> {
    let mut reply = client.execute(request).await.map_err(reqwest::Error::without_url)?;
    let mut body = BytesMut::new();
    while let Some(part) = reply.chunk().await.map_err(reqwest::Error::without_url)? {
        body.extend_from_slice(part.get(..ANSWER_LIMIT.saturating_sub(body.len()).min(part.len())).unwrap_or_default());
    }
    let mut response = Response::new(body.freeze());
    *response.status_mut() = reply.status();
    *response.headers_mut() = std::mem::take(reply.headers_mut());
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_has_a_url() {
        let url = traces_of("http://127.0.0.1:4318/", "x").unwrap();
        assert_eq!(url.as_str(), "http://127.0.0.1:4318/v1/traces");
        for text in ["127.0.0.1:4318", "collector", "ftp://a", "http://"] {
            let error = traces_of(text, "--otlp").unwrap_err();
            assert!(error.message().starts_with("--otlp"), "{error}");
        }
    }
}
