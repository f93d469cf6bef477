//! Where an MCP client reaches a session, and whether it may have the credentials.

use std::fmt;

use composio_contract::{Backend, Error, ErrorKind, McpServer as Wire, Result};
use url::Url;

/// Where and how an MCP client reaches a session.
#[derive(Clone)]
pub struct McpServer {
    /// The transport: `http` or `sse`.
    pub kind: String,
    /// The endpoint.
    pub url: String,
    /// The headers to send. Secret. Where the backend gave none for this session they are its credentials, and empty where
    /// the endpoint lies on another origin than the backend.
    pub headers: Vec<(String, String)>,
    /// Why there are no headers, for the caller's log.
    pub warning: Option<String>,
}

impl fmt::Debug for McpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpServer").field("kind", &self.kind).field("origin", &shown(&self.url)).finish_non_exhaustive()
    }
}

impl McpServer {
    fn new(wire: &Wire, headers: Vec<(String, String)>, warning: Option<String>) -> Self {
        Self { kind: wire.kind.clone(), url: wire.url.clone(), headers, warning }
    }

    /// With the headers that the backend gave for this session alone.
    pub(crate) fn with_own_headers(wire: Wire) -> Self {
        Self { kind: wire.kind, url: wire.url, headers: wire.headers.into_iter().collect(), warning: None }
    }

    /// Attaches the credentials only where they go to the origin that they are for.
    fn with_credentials(wire: &Wire, base: &str, backend: &dyn Backend, wanted: bool) -> Result<Self> {
        if origin(base).is_some() && origin(base) == origin(&wire.url) {
            return Ok(Self::new(wire, backend.credential_headers(), None));
        }
        let message = format!(
            "the session's MCP server is at {}, another origin than the backend at {}",
            shown(&wire.url),
            shown(base)
        );
        if wanted {
            return Err(Error::new(
                ErrorKind::McpDestination,
                format!("{message}; the credentials are not sent there"),
            ));
        }
        Ok(Self::new(wire, Vec::new(), Some(format!("{message}; session.mcp.headers is empty"))))
    }
}

/// What is known of a session's endpoint when the session is there.
#[derive(Debug)]
pub(crate) enum Endpoint {
    /// Where it is.
    At(McpServer),
    /// It is served from within this process once somebody asks for it.
    Here,
}

impl Endpoint {
    /// Reads a reply. Headers in it are for the session alone, and go before the credentials, which are for all of the
    /// backend.
    pub(crate) fn resolve(wire: Wire, session_id: &str, backend: &dyn Backend, wanted: bool) -> Result<Self> {
        if !wire.headers.is_empty() {
            return Ok(Self::At(McpServer::with_own_headers(wire)));
        }
        match backend.base_url() {
            Some(base) => McpServer::with_credentials(&wire, base, backend, wanted).map(Self::At),
            None if !wire.url.is_empty() => Ok(Self::At(McpServer::new(&wire, Vec::new(), None))),
            None => {
                if wanted {
                    backend.serve_mcp(session_id)?;
                }
                Ok(Self::Here)
            }
        }
    }
}

fn origin(text: &str) -> Option<url::Origin> {
    Url::parse(text).ok().map(|url| url.origin()).filter(url::Origin::is_tuple)
}

/// The origin alone: a path or query may hold a token.
fn shown(text: &str) -> String {
    origin(text).map_or_else(|| "an address that is no URL".to_owned(), |origin| origin.ascii_serialization())
}
