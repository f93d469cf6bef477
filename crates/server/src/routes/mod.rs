//! The paths, and what answers them.

mod accounts;
pub(crate) mod base;
mod catalogue;
mod files;
mod sessions;
mod system;

use axum::Router;
use axum::handler::Handler;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, MethodRouter, any, get, on};
use composio_contract::{Reply, Result};

use crate::app::App;
use crate::problem::Problem;
use crate::{contract, mcp};

/// Where files are put and got.
pub(crate) const FILE: &str = "/files/{ticket}";
/// Some calls of the vendor's clients still go to the older prefix.
const PREFIXES: [&str; 2] = [contract::PREFIX, "/api/v3"];

type Answer = Result<Response, Problem>;

/// A call of the contract that is served.
struct Call {
    method: Method,
    path: &'static str,
    answers: MethodRouter<App>,
}

fn call<T: 'static>(method: Method, path: &'static str, handler: impl Handler<T, App>) -> Call {
    let answers = answers(&method, handler);
    Call { method, path, answers }
}

fn answers<T: 'static>(method: &Method, handler: impl Handler<T, App>) -> MethodRouter<App> {
    // The contract has no method without a filter.
    MethodFilter::try_from(method.clone()).map_or_else(|_| MethodRouter::new(), |filter| on(filter, handler))
}

fn calls() -> Vec<Call> {
    sessions::calls().into_iter().chain(files::calls()).chain(catalogue::calls()).chain(accounts::calls()).collect()
}

/// The paths that need a key.
pub(crate) fn guarded() -> Router<App> {
    let calls = calls();
    let mut router = Router::new().route("/metrics", get(system::metrics));
    for prefix in PREFIXES {
        for call in &calls {
            router = router.route(&format!("{prefix}{}", call.path), call.answers.clone());
        }
        for (method, path) in contract::operations() {
            if !calls.iter().any(|call| call.method == method && call.path == path) {
                router = router.route(&format!("{prefix}{path}"), answers(&method, not_implemented));
            }
        }
    }
    router
}

/// The paths that need none, or not always a key: those for the operator, the document, files and link pages, whose
/// URL is the key, and sessions over MCP, where a token may stand for it.
pub(crate) fn open() -> Router<App> {
    Router::new()
        .route("/health/live", get(system::live))
        .route("/health/ready", get(system::ready))
        .route("/openapi.json", get(system::document))
        .route(FILE, get(files::get).put(files::put))
        .route("/connect/{rest}", get(accounts::page).post(accounts::page))
        .merge(sessions_over_mcp())
}

/// Sessions over MCP.
pub(crate) fn sessions_over_mcp() -> Router<App> {
    Router::new().route(mcp::PATH, any(mcp::answer)).route(mcp::TOOLKIT_PATH, any(mcp::answer_for_toolkit))
}

/// The operations that are served, for the document.
fn served() -> Vec<(Method, &'static str)> {
    calls().into_iter().map(|call| (call.method, call.path)).collect()
}

async fn not_implemented(method: Method, uri: Uri) -> Problem {
    let message = format!("{method} {} is in the contract, and this server does not have it", uri.path());
    Problem::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", message).fix("/openapi.json lists what it has")
}

/// Answers a path that neither the contract nor the server has.
pub(crate) async fn unknown(uri: Uri) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "NotFound", format!("there is no {}", uri.path()))
        .fix("/openapi.json lists what there is")
}

/// Answers a method that a path does not have.
pub(crate) async fn not_allowed(method: Method, uri: Uri) -> Problem {
    let message = format!("{} has no {method}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message)
}

/// Sends a reply's text as it is.
fn send<T>(reply: Result<Reply<T>>) -> Answer {
    with_status(StatusCode::OK, reply)
}

fn created<T>(reply: Result<Reply<T>>) -> Answer {
    with_status(StatusCode::CREATED, reply)
}

fn with_status<T>(status: StatusCode, reply: Result<Reply<T>>) -> Answer {
    Ok((status, [(header::CONTENT_TYPE, "application/json")], reply?.raw().as_str().to_owned()).into_response())
}
