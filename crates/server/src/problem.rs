//! What goes wrong, in the contract's one error shape.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use composio_contract::{Error, ErrorKind};
use composio_router::store;
use serde_json::{Value, json};

use crate::edge;

/// Tells clients of the vendor's kind not to send the request again. They would repeat also calls with side effects.
const SHOULD_RETRY: &str = "x-should-retry";

/// An answer that is not a success.
#[derive(Debug)]
pub(crate) struct Problem(Box<Inner>);

#[derive(Debug)]
struct Inner {
    status: StatusCode,
    slug: String,
    message: String,
    fix: Option<String>,
    code: Option<Value>,
    /// Seconds.
    retry_after: Option<u32>,
    /// For the log only.
    cause: Option<String>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, slug: &str, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            status,
            slug: slug.to_owned(),
            message: message.into(),
            fix: None,
            code: None,
            retry_after: None,
            cause: None,
        }))
    }

    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.0.fix = Some(fix.into());
        self
    }

    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    pub(crate) fn too_large(what: &str, limit: usize) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "TooLarge", format!("{what} may have at most {limit} bytes"))
    }

    /// The store does not answer, or has no room, for now. Where it lies is the operator's affair.
    fn store(error: &Error) -> Option<Self> {
        let (slug, message) = match error.slug()? {
            store::UNAVAILABLE => (store::UNAVAILABLE, "the server's store does not answer"),
            store::FULL => (store::FULL, "the server's store has no room; nothing was changed"),
            _ => return None,
        };
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, slug, message).retry_after(1);
        problem.0.fix = Some("try again in a moment".to_owned());
        problem.0.cause = Some(error.to_string());
        Some(problem)
    }

    /// Something that nobody but the operator can mend; the caller is told where to look.
    pub(crate) fn internal(cause: impl Into<String>) -> Self {
        let mut problem = Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalServerError",
            "the server failed; its log says why, under this request's id",
        );
        problem.0.cause = Some(cause.into());
        problem
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        if let Some(problem) = Self::store(&error) {
            return problem;
        }
        let (status, slug) = match error.kind() {
            ErrorKind::Validation | ErrorKind::BadRequest | ErrorKind::UnsafePath => (400, "BadRequest"),
            // A call that is served, asked for something that cannot be had: the caller's affair.
            ErrorKind::Unsupported => (400, "Unsupported"),
            ErrorKind::ConnectedAccount => (400, "ConnectedAccount"),
            ErrorKind::Authentication => (401, "Unauthorized"),
            ErrorKind::PermissionDenied => (403, "Forbidden"),
            ErrorKind::BlockedUrl => (403, "BlockedUrl"),
            ErrorKind::SensitiveFile | ErrorKind::UploadNotAllowed => (403, "UploadNotAllowed"),
            ErrorKind::Upload | ErrorKind::Download => (403, "InvalidFileUrl"),
            ErrorKind::NotFound => (404, "NotFound"),
            ErrorKind::FileNotFound => (404, "FileNotFound"),
            ErrorKind::Conflict
            | ErrorKind::SessionConfigConflict
            | ErrorKind::MultipleConnectedAccounts
            | ErrorKind::ToolInputRequired => (409, "Conflict"),
            // What the user's folder makes of a path says so itself; the rest is a failure of the disk's.
            ErrorKind::File => match error.status() {
                Some(507) => (507, "NoRoomForFiles"),
                Some(status @ 400..500) => (status, "FileConflict"),
                _ => return Self::internal(error.to_string()),
            },
            ErrorKind::TooLarge => (413, "TooLarge"),
            ErrorKind::UnprocessableEntity => (422, "UnprocessableEntity"),
            ErrorKind::RateLimit => (429, "RateLimit"),
            ErrorKind::Connection => (502, "UpstreamUnreachable"),
            ErrorKind::InvalidReply | ErrorKind::McpDestination => (502, "InvalidUpstreamReply"),
            ErrorKind::Closed => (503, "Stopping"),
            ErrorKind::Timeout | ErrorKind::WaitTimeout => (504, "Timeout"),
            // A 5xx of somewhere else, settings that nobody but the operator can change, and what no caller can cause. New
            // kinds come here too, until someone has thought about them.
            ErrorKind::InternalServer
            | ErrorKind::Internal
            | ErrorKind::Configuration
            | ErrorKind::ApiKeyNotProvided
            | _ => return Self::internal(error.to_string()),
        };
        let retry_after = error.details().and_then(|details| details.decode::<Value>("details").ok());
        let retry_after = retry_after.and_then(|details| details.get("retry_after")?.as_u64()?.try_into().ok());
        Self(Box::new(Inner {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            slug: error.slug().unwrap_or(slug).to_owned(),
            message: error.message().to_owned(),
            fix: error.suggested_fix().map(str::to_owned),
            code: error.code().and_then(|code| code.decode("code").ok()).filter(Value::is_number),
            retry_after: (status == 429).then_some(retry_after.unwrap_or(1)),
            cause: None,
        }))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let problem = *self.0;
        let request_id = edge::request_id();
        if let Some(cause) = &problem.cause {
            tracing::error!(request_id = request_id.as_deref(), cause, "a request failed");
        }
        let status = problem.status.as_u16();
        let body = json!({
            "error": {
                "message": problem.message,
                "code": problem.code.unwrap_or_else(|| status.into()),
                "slug": problem.slug,
                "status": status,
                "request_id": request_id,
                "suggested_fix": problem.fix,
            }
        });
        let mut response =
            (problem.status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response();
        if let Some(seconds) = problem.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if !matches!(problem.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            response.headers_mut().insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        response
    }
}
