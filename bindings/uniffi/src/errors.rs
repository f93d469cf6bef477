//! Errors of the core as the packages read them; each has its one table from kind to class.

use std::fmt;

use composio_contract::{Error, RawJson};

/// What went wrong. `code` and `details` are JSON.
#[derive(Clone, Debug, uniffi::Record)]
pub struct ErrorFields {
    /// One of `error_kinds`.
    pub kind: String,
    /// For people.
    pub message: String,
    /// The HTTP status of the answer.
    pub status: Option<u16>,
    /// The backend's own error code.
    pub code: Option<String>,
    /// The backend's name for the error.
    pub slug: Option<String>,
    /// What the caller can do about it.
    pub suggested_fix: Option<String>,
    /// The backend's id of the request.
    pub request_id: Option<String>,
    /// Whether the same call may succeed later.
    pub retryable: bool,
    /// What the kind calls for.
    pub details: Option<String>,
}

/// Why a call has no result.
#[derive(Clone, Debug, uniffi::Error)]
pub enum NativeError {
    /// It failed.
    Failed {
        /// What went wrong.
        fields: ErrorFields,
    },
    /// The caller cancelled it.
    Cancelled,
}

impl fmt::Display for NativeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { fields } => f.write_str(&fields.message),
            Self::Cancelled => f.write_str("the call was cancelled"),
        }
    }
}

impl std::error::Error for NativeError {}

/// The result of an exported function.
pub(crate) type Result<T> = std::result::Result<T, NativeError>;

impl From<Error> for NativeError {
    fn from(error: Error) -> Self {
        let json = |json: Option<&RawJson>| json.map(|json| json.as_str().to_owned());
        Self::Failed {
            fields: ErrorFields {
                kind: error.kind().name().to_owned(),
                message: error.message().to_owned(),
                status: error.status(),
                code: json(error.code()),
                slug: error.slug().map(str::to_owned),
                suggested_fix: error.suggested_fix().map(str::to_owned),
                request_id: error.request_id().map(str::to_owned),
                retryable: error.is_retryable(),
                details: json(error.details()),
            },
        }
    }
}

/// Runs core code; a panic is an error too.
pub(crate) fn guard<T>(work: impl FnOnce() -> composio_contract::Result<T>) -> Result<T> {
    composio_binding::guard(work).map_err(NativeError::from)
}
