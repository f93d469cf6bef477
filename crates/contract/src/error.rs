//! One error shape with a closed set of kinds, the same in every language.

use std::fmt;

use crate::{BoxError, RawJson};

/// The result of a call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! error_kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal),+ $(,)?) => {
        /// What went wrong. Each language maps a kind to one exception class.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorKind { $($(#[$doc])* $kind),+ }

        impl ErrorKind {
            /// Every kind, for checks that a language maps them all.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// The kind's stable name, as the shared vectors and the language layers spell it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$kind => $name),+ }
            }
        }
    };
}

error_kinds! {
    /// The caller's input is wrong; nothing was sent.
    Validation = "validation",
    /// The HTTP backend was asked for without a key.
    ApiKeyNotProvided = "api_key_not_provided",
    /// `composio.toml` or the router's options are wrong.
    Configuration = "configuration",
    /// HTTP 400, or another 4xx that has no kind of its own.
    BadRequest = "bad_request",
    /// HTTP 401.
    Authentication = "authentication",
    /// HTTP 403.
    PermissionDenied = "permission_denied",
    /// HTTP 404.
    NotFound = "not_found",
    /// HTTP 409.
    Conflict = "conflict",
    /// HTTP 409 to a conditional update: the session's configuration has moved on.
    SessionConfigConflict = "session_config_conflict",
    /// HTTP 422.
    UnprocessableEntity = "unprocessable_entity",
    /// HTTP 429.
    RateLimit = "rate_limit",
    /// HTTP 5xx.
    InternalServer = "internal_server",
    /// No answer: the name did not resolve, the connection failed or broke.
    Connection = "connection",
    /// No answer within the time limit.
    Timeout = "timeout",
    /// An answer that does not fit the contract.
    InvalidReply = "invalid_reply",
    /// The session's MCP server lies on another origin than the backend that the key is for.
    McpDestination = "mcp_destination",
    /// The tool waits for the user's answer; `input_requests` says for what.
    ToolInputRequired = "tool_input_required",
    /// The connected account ended as failed, expired, inactive or revoked.
    ConnectedAccount = "connected_account",
    /// The user has an active connected account already.
    MultipleConnectedAccounts = "multiple_connected_accounts",
    /// The connected account was not active before the deadline.
    WaitTimeout = "wait_timeout",
    /// A file of the caller's does not exist.
    FileNotFound = "file_not_found",
    /// A file could not be read or written here.
    File = "file",
    /// A remote name would leave the folder it belongs in.
    UnsafePath = "unsafe_path",
    /// A file of the caller's commonly holds credentials and is not uploaded.
    SensitiveFile = "sensitive_file",
    /// A file of the caller's lies outside of the folders that may be uploaded from.
    UploadNotAllowed = "upload_not_allowed",
    /// A URL to upload from points into this machine or its private network.
    BlockedUrl = "blocked_url",
    /// A presigned upload failed.
    Upload = "upload",
    /// A presigned download failed.
    Download = "download",
    /// A body is larger than the limit.
    TooLarge = "too_large",
    /// This backend cannot do that; the message says what can.
    Unsupported = "unsupported",
    /// The client was closed.
    Closed = "closed",
    /// A defect of this library.
    Internal = "internal",
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An error: its kind, a message for people, and what the backend said.
///
/// No part of it ever holds a key, token or secret.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    status: Option<u16>,
    code: Option<RawJson>,
    slug: Option<String>,
    suggested_fix: Option<String>,
    request_id: Option<String>,
    retryable: bool,
    details: Option<RawJson>,
    source: Option<BoxError>,
}

impl Error {
    /// An error that no backend sent.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            status: None,
            code: None,
            slug: None,
            suggested_fix: None,
            request_id: None,
            retryable: matches!(
                kind,
                ErrorKind::Connection | ErrorKind::Timeout | ErrorKind::RateLimit | ErrorKind::InternalServer
            ),
            details: None,
            source: None,
        }))
    }

    /// Wrong input by the caller.
    #[must_use]
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Validation, message)
    }

    /// The same error as another kind.
    #[must_use]
    pub fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    /// Adds the HTTP status of the answer.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.0.status = Some(status);
        self
    }

    /// Adds the backend's own error code, a number or a text.
    #[must_use]
    pub fn with_code(mut self, code: RawJson) -> Self {
        self.0.code = Some(code);
        self
    }

    /// Adds the backend's name for the error.
    #[must_use]
    pub fn with_slug(mut self, slug: impl Into<String>) -> Self {
        self.0.slug = Some(slug.into());
        self
    }

    /// Adds what the caller can do about it.
    #[must_use]
    pub fn with_suggested_fix(mut self, fix: impl Into<String>) -> Self {
        self.0.suggested_fix = Some(fix.into());
        self
    }

    /// Adds the backend's id of the request.
    #[must_use]
    pub fn with_request_id(mut self, id: impl Into<String>) -> Self {
        self.0.request_id = Some(id.into());
        self
    }

    /// Says whether the same call may succeed later.
    #[must_use]
    pub fn with_retryable(mut self, retryable: bool) -> Self {
        self.0.retryable = retryable;
        self
    }

    /// Adds a JSON object with what the kind calls for, such as `input_requests` and `request_state`.
    #[must_use]
    pub fn with_details(mut self, details: RawJson) -> Self {
        self.0.details = Some(details);
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message for people, without the suggested fix.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The HTTP status of the answer, if there was one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// The backend's own error code: JSON, a number or a text.
    #[must_use]
    pub fn code(&self) -> Option<&RawJson> {
        self.0.code.as_ref()
    }

    /// The backend's name for the error.
    #[must_use]
    pub fn slug(&self) -> Option<&str> {
        self.0.slug.as_deref()
    }

    /// What the caller can do about it.
    #[must_use]
    pub fn suggested_fix(&self) -> Option<&str> {
        self.0.suggested_fix.as_deref()
    }

    /// The backend's id of the request.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// What the kind calls for, a JSON object.
    #[must_use]
    pub fn details(&self) -> Option<&RawJson> {
        self.0.details.as_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if let Some(fix) = &self.0.suggested_fix {
            write!(f, " ({fix})")?;
        }
        if let Some(id) = &self.0.request_id {
            write!(f, " [request {id}]")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
