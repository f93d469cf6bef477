//! What is said of a server that cannot be started or reached.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use composio_contract::{Error, ErrorKind};
use rmcp::ServiceError;
use rmcp::model::ErrorData;
use rmcp::service::ClientInitializeError;
use rmcp::transport::streamable_http_client::StreamableHttpError;

use super::config::{McpServerConfig, McpTransport};
use super::lines::UNREADABLE;
use super::redact::Redactor;
use crate::accounts::scopes;
use crate::text;

/// The key of the time limit in the configuration.
const START_TIMEOUT: &str = "start_timeout";

/// How much of a server's own message is told.
const MAX_MESSAGE: usize = 1_000;

/// An error that can be told to more than one caller.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) kind: ErrorKind,
    pub(super) message: String,
    fix: Option<String>,
    /// The scopes that the account's token lacks.
    lacks: Option<Vec<String>>,
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let error = match failure.lacks {
            Some(lacking) => scopes::refused(failure.message, lacking),
            None => Self::new(failure.kind, failure.message),
        };
        match failure.fix {
            Some(fix) => error.with_suggested_fix(fix),
            None => error,
        }
    }
}

/// Words failures of one server: names it, and leaves its secrets out.
#[derive(Clone, Debug)]
pub(super) struct Reporter {
    name: String,
    location: String,
    is_stdio: bool,
    is_of_account: bool,
    redactor: Redactor,
}

impl Reporter {
    pub(super) fn new(config: &McpServerConfig) -> Self {
        Self {
            name: config.slug.clone(),
            location: config.transport.location(),
            is_stdio: matches!(config.transport, McpTransport::Stdio { .. }),
            is_of_account: config.accounts.is_some(),
            redactor: Redactor::new(&config.transport),
        }
    }

    pub(super) fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    pub(super) fn failure(&self, kind: ErrorKind, what: &str) -> Failure {
        let message = format!("MCP server `{}` ({}) {}", self.name, self.location, self.redactor.clean(what));
        Failure { kind, message, fix: None, lacks: None }
    }

    /// The program could not be run.
    pub(super) fn not_run(&self, error: &io::Error, cwd_is_missing: bool) -> Failure {
        let (what, fix) = match error.kind() {
            io::ErrorKind::NotFound if cwd_is_missing => {
                ("was not started: its working directory does not exist", "create the folder or correct `cwd`")
            }
            io::ErrorKind::NotFound => (
                "was not started: the command was not found",
                "is it installed and on PATH? A path with folders in it must exist",
            ),
            io::ErrorKind::PermissionDenied => {
                ("was not started: permission was denied", "make the file executable, or name its interpreter")
            }
            _ => {
                return self.failure(ErrorKind::Connection, &format!("was not started: {error}"));
            }
        };
        Failure { fix: Some(fix.to_owned()), ..self.failure(ErrorKind::Configuration, what) }
    }

    /// The program ran, or the endpoint was there, but no connection came of it. `report` says how its process ended.
    pub(super) fn not_connected(&self, error: &ClientInitializeError, report: Option<&str>) -> Failure {
        if let Some(failure) = self.lacking(error.auth_challenge()) {
            return failure;
        }
        if error.is_authorization_required() {
            return self.unauthorized();
        }
        let reason = handshake_reason(error);
        let Some(report) = report else {
            return self.failure(ErrorKind::Connection, &format!("cannot be reached: {reason}"));
        };
        let fix = "run the command in a terminal to see what it lacks; a server gets only PATH, HOME and their like, \
                   and what `env` names";
        Failure {
            fix: Some(fix.to_owned()),
            ..self.failure(ErrorKind::Connection, &format!("did not start: {reason}; {report}"))
        }
    }

    /// The server was not ready in time.
    pub(super) fn not_ready(&self, limit: Duration, report: Option<&str>) -> Failure {
        let report = report.map(|report| format!("; it was stopped: {report}")).unwrap_or_default();
        let what = format!("was not ready within {} s{report}", limit.as_secs_f32());
        Failure {
            fix: Some(format!("raise `{START_TIMEOUT}` if it needs longer, for example to install itself")),
            ..self.failure(ErrorKind::Timeout, &what)
        }
    }

    /// The server runs, but did not list its tools in time.
    pub(super) fn not_listed(&self, limit: Duration) -> Failure {
        let what = format!("did not list its tools within {} s", limit.as_secs_f32());
        Failure {
            fix: Some(format!("raise `{START_TIMEOUT}` if it needs longer, or mend the server")),
            ..self.failure(ErrorKind::Timeout, &what)
        }
    }

    /// The server failed before, and it is too early to try again.
    pub(super) fn backing_off(&self, last: &Failure, wait: Duration) -> Failure {
        Failure {
            message: format!("{}\nIt is not tried again for {:.1} s.", last.message, wait.as_secs_f32()),
            ..last.clone()
        }
    }

    /// The connection ended, as `report` says.
    pub(super) fn lost(&self, report: &str) -> Failure {
        self.failure(ErrorKind::Connection, &format!("broke off: {report}"))
    }

    pub(super) fn closed(&self) -> Failure {
        self.failure(ErrorKind::Closed, "was closed")
    }

    /// A request failed for another reason than the end of the connection.
    pub(super) fn request(&self, error: &ServiceError) -> Failure {
        if let Some(failure) = self.lacking(error.auth_challenge()) {
            return failure;
        }
        match error {
            error if error.is_authorization_required() => self.unauthorized(),
            ServiceError::UnexpectedResponse => {
                self.failure(ErrorKind::InvalidReply, "sent an answer that does not fit the protocol")
            }
            ServiceError::TransportSend(error) => {
                let reason = root_cause(error.error.as_ref());
                self.failure(ErrorKind::Connection, &format!("cannot be reached: {reason}"))
            }
            ServiceError::McpError(ErrorData { code, message, .. }) if *code == UNREADABLE => {
                self.failure(ErrorKind::InvalidReply, &format!("did not answer as it should: {message}"))
            }
            ServiceError::McpError(ErrorData { message, .. }) => {
                let message = text::prose(message, MAX_MESSAGE);
                self.failure(ErrorKind::Connection, &format!("refused the request: {message}"))
            }
            error => self.failure(ErrorKind::Connection, &format!("did not answer: {error}")),
        }
    }

    /// The account's token is good, and not for this.
    fn lacking(&self, challenge: Option<&str>) -> Option<Failure> {
        let lacking = challenge.filter(|_| self.is_of_account).and_then(scopes::lacking)?;
        let failure = self.failure(ErrorKind::ConnectedAccount, "wants more scopes for this");
        Some(Failure { lacks: Some(lacking), ..failure })
    }

    fn unauthorized(&self) -> Failure {
        if self.is_of_account {
            return self.failure(ErrorKind::Authentication, "refused the account's credential");
        }
        let fix = if self.is_stdio { "check the credentials in `env`" } else { "check `headers`, or renew the token" };
        Failure {
            fix: Some(fix.to_owned()),
            ..self.failure(ErrorKind::Configuration, "asks for an authorization that it was not given")
        }
    }
}

fn handshake_reason(error: &ClientInitializeError) -> String {
    match error {
        ClientInitializeError::LegacyFallbackFailed { fallback, .. } => handshake_reason(fallback),
        ClientInitializeError::ConnectionClosed(_) => "it closed the connection before it was ready".to_owned(),
        ClientInitializeError::TransportError { error, .. } => root_cause(error.error.as_ref()),
        ClientInitializeError::JsonRpcError(error) => {
            format!("it refused the handshake: {}", text::prose(&error.message, MAX_MESSAGE))
        }
        ClientInitializeError::ExpectedInitResponse(_) | ClientInitializeError::ExpectedInitResult(_) => {
            "it answered the handshake with something else".to_owned()
        }
        error => error.to_string(),
    }
}

/// The innermost cause, which says what happened; those around it say that a request was sent.
fn root_cause(mut error: &(dyn StdError + 'static)) -> String {
    loop {
        // This one does not give its cause away by the usual way.
        let client = error.downcast_ref().and_then(|error: &StreamableHttpError<reqwest::Error>| match error {
            StreamableHttpError::Client(client) => Some(client as &(dyn StdError + 'static)),
            _ => None,
        });
        match client.or_else(|| error.source()) {
            Some(source) => error = source,
            None => return error.to_string(),
        }
    }
}
