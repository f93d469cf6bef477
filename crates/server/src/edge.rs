//! What surrounds every request: its id, the first checks, its time limit, the log and the metrics.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use tracing::Instrument as _;
use uuid::Uuid;

use crate::access::Identity;
use crate::app::App;
use crate::problem::Problem;
use crate::{host, metrics, pace, routes, trace};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const LONGEST_ID: usize = 128;
/// The route of a request that has none.
const NO_ROUTE: &str = "none";

tokio::task_local! {
    static CURRENT: Arc<str>;
}

/// The id of the request that is being answered.
pub(crate) fn request_id() -> Option<Arc<str>> {
    CURRENT.try_with(Arc::clone).ok()
}

/// The host by which a request reached the server, checked.
#[derive(Clone, Debug)]
pub(crate) struct Host(pub(crate) Arc<str>);

/// Answers a request.
pub(crate) async fn handle(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = id_of(request.headers());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    let span = trace::request(metrics::known(&method), route, &id, request.headers());
    let running = app.metrics().start();
    let mut response = CURRENT
        .scope(Arc::clone(&id), async {
            match admit(&app, &request) {
                Err(problem) => problem.into_response(),
                Ok(host) => {
                    request.extensions_mut().insert(host);
                    if !span.is_disabled() {
                        request.extensions_mut().insert(span.clone());
                    }
                    run(&app, route, request, next).await
                }
            }
        })
        .instrument(span.clone())
        .await;
    drop(running);
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    if app.is_stopping() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let (status, elapsed) = (response.status().as_u16(), started.elapsed());
    app.metrics().end(&method, route, status, elapsed);
    let identity = response.extensions().get::<Arc<Identity>>();
    trace::end(&span, status, identity.map(|identity| identity.project()));
    // The route, not the path: a path may hold a ticket.
    tracing::info!(
        request_id = &*id,
        %method,
        route,
        status,
        milliseconds = elapsed.as_micros() as f64 / 1_000.0,
        project = identity.map(|identity| identity.project()),
        key = identity.map(|identity| identity.key.as_str()),
        "request"
    );
    response
}

/// The caller's id for the request, if it is harmless in a log, or a new one.
fn id_of(headers: &HeaderMap) -> Arc<str> {
    let harmless = |id: &&str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
        !id.is_empty() && id.len() <= LONGEST_ID && id.bytes().all(fits)
    };
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(harmless);
    given.map_or_else(|| Uuid::now_v7().to_string().into(), Arc::from)
}

/// The checks that come before anything else.
fn admit(app: &App, request: &Request) -> Result<Host, Problem> {
    if app.is_stopping() {
        let message = "the server is stopping and takes no new calls";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "Stopping", message).retry_after(5));
    }
    let limit = app.options().header_limit;
    let line = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let headers: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if line + headers > limit {
        return Err(Problem::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "HeadersTooLarge",
            format!("a request's URL and headers may have at most {limit} bytes together"),
        ));
    }
    host::check(request.headers(), request.uri(), app.options()).map(|host| Host(host.into()))
}

/// Runs the call within its time. A call that takes longer is dropped, which cancels what it was doing.
async fn run(app: &App, route: &str, request: Request, next: Next) -> Response {
    let limit = if route == routes::FILE { app.options().file_timeout } else { app.options().request_timeout };
    let request = request.map(|body| pace::body(body, app.options().progress_timeout));
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(limit, answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => Problem::internal("a call panicked").into_response(),
        Err(_) => Problem::new(
            StatusCode::GATEWAY_TIMEOUT,
            "RequestTimeout",
            format!("the call took longer than {} seconds and was stopped", limit.as_secs_f64()),
        )
        .into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_harmless_id_is_taken_over() {
        let of = |id: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_static(id));
            id_of(&headers)
        };
        assert_eq!(&*of("abc-1.2:3_X"), "abc-1.2:3_X");
        for id in ["", "a b", "a\"b", "a\tb"] {
            assert_ne!(&*of(id), id);
        }
        assert_ne!(id_of(&HeaderMap::new()), id_of(&HeaderMap::new()));
    }
}
