//! Turning what went wrong on the wire into the one error shape.

use composio_contract::{Error, ErrorKind, RawJson};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Deserialize;

use super::retry;

#[derive(Deserialize)]
struct Body {
    error: Problem,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Problem {
    Text(String),
    Object {
        #[serde(default)]
        message: Option<String>,
        #[serde(default)]
        code: Option<serde_json::Value>,
        #[serde(default)]
        slug: Option<String>,
        #[serde(default)]
        suggested_fix: Option<String>,
        #[serde(default)]
        request_id: Option<String>,
    },
}

fn kind(status: StatusCode) -> ErrorKind {
    match status.as_u16() {
        401 => ErrorKind::Authentication,
        403 => ErrorKind::PermissionDenied,
        404 => ErrorKind::NotFound,
        409 => ErrorKind::Conflict,
        422 => ErrorKind::UnprocessableEntity,
        429 => ErrorKind::RateLimit,
        500..=599 => ErrorKind::InternalServer,
        _ => ErrorKind::BadRequest,
    }
}

/// The error of an answer that is not a success. What the backend says may echo a credential; `mask` takes it out.
pub(super) fn from_response(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    mask: impl Fn(&str) -> String,
) -> Error {
    let body = mask(&String::from_utf8_lossy(body));
    let fallback = || format!("the backend answered {status}");
    let problem = serde_json::from_str::<Body>(&body).ok().map(|body| body.error);
    let mut error = match problem {
        Some(Problem::Object { message, code, slug, suggested_fix, request_id }) => {
            let mut error = Error::new(kind(status), message.unwrap_or_else(fallback));
            if let Some(code) = code {
                error = error.with_code(RawJson::from(code));
            }
            if let Some(slug) = slug {
                error = error.with_slug(slug);
            }
            if let Some(fix) = suggested_fix {
                error = error.with_suggested_fix(fix);
            }
            match request_id {
                Some(id) => error.with_request_id(id),
                None => error,
            }
        }
        Some(Problem::Text(message)) => Error::new(kind(status), message),
        None => Error::new(kind(status), fallback()),
    };
    if let Some(id) = headers.get("x-request-id").and_then(|value| value.to_str().ok()) {
        error = error.with_request_id(id);
    }
    error.with_status(status.as_u16()).with_retryable(retry::is_retryable(status))
}

/// The error of a call that got no answer.
///
/// The URL is left out: a presigned one is a secret.
pub(super) fn from_transport(error: reqwest::Error) -> Error {
    let error = error.without_url();
    let (kind, what) = if error.is_timeout() {
        (ErrorKind::Timeout, "no answer within the time limit")
    } else if error.is_connect() {
        (ErrorKind::Connection, "cannot connect to the backend")
    } else if error.is_builder() {
        (ErrorKind::Validation, "cannot build the request")
    } else {
        (ErrorKind::Connection, "the connection broke before the answer was whole")
    };
    Error::new(kind, format!("{what}: {}", innermost(&error))).with_source(error)
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
