//! Errors of the core as JavaScript reads them. The one table from kind to class is `errorClasses` in
//! `node/packages/core/src/errors.ts`.

use composio_contract::{Error, ErrorKind, RawJson};
use serde::Serialize;

/// What a native function throws: the error's fields as JSON under this code, so that the TypeScript layer can tell it
/// from what napi throws for arguments of a wrong type.
const CODE: &str = "ComposioError";

/// The result of a native function.
pub(crate) type Result<T> = napi::Result<T, &'static str>;

#[derive(Serialize)]
struct Fields<'a> {
    kind: &'static str,
    message: &'a str,
    status: Option<u16>,
    code: Option<&'a RawJson>,
    slug: Option<&'a str>,
    suggested_fix: Option<&'a str>,
    request_id: Option<&'a str>,
    retryable: bool,
    details: Option<&'a RawJson>,
    causes: Vec<String>,
}

/// An error's fields as JSON.
pub(crate) fn describe(error: &Error) -> String {
    let fields = Fields {
        kind: error.kind().name(),
        message: error.message(),
        status: error.status(),
        code: error.code(),
        slug: error.slug(),
        suggested_fix: error.suggested_fix(),
        request_id: error.request_id(),
        retryable: error.is_retryable(),
        details: error.details(),
        causes: causes(error),
    };
    serde_json::to_string(&fields).unwrap_or_else(|_| error.message().to_owned())
}

/// What led to a failed exchange, outermost first. The cause of another error may quote a file or a text of the user's.
fn causes(error: &Error) -> Vec<String> {
    if !matches!(error.kind(), ErrorKind::Connection | ErrorKind::Timeout) {
        return Vec::new();
    }
    let first = std::error::Error::source(error);
    std::iter::successors(first, |cause| cause.source()).map(ToString::to_string).collect()
}

/// An error to throw.
pub(crate) fn lower(error: &Error) -> napi::Error<&'static str> {
    napi::Error::new(CODE, describe(error))
}

/// Runs core code; an error and a panic are thrown.
pub(crate) fn guard<T>(work: impl FnOnce() -> composio_contract::Result<T>) -> Result<T> {
    composio_binding::guard(work).map_err(|error| lower(&error))
}
