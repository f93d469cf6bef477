//! Where an MCP client reaches a session, and whether it may have the credentials.

use std::fmt;

use composio_contract::{Backend, Error, ErrorKind, McpServer as Wire, Result};
use url::Url;

/// Where and how an MCP client reaches a session.
#[derive(Clone)]
pub struct McpServer {
    /// The transport: `http` or `sse`.
    pub kind: String,
    /// The endpoint; empty where the backend serves none.
    pub url: String,
    /// The headers to send. Secret; empty where the endpoint lies on another origin than the backend.
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
    /// Attaches the credentials only where they go to the origin that they are for.
    pub(crate) fn resolve(wire: &Wire, backend: &dyn Backend, wanted: bool) -> Result<Self> {
        let server = |headers, warning| Self { kind: wire.kind.clone(), url: wire.url.clone(), headers, warning };
        let Some(base) = backend.base_url() else {
            if wanted && wire.url.is_empty() {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    "the embedded router does not serve this session over MCP",
                )
                .with_suggested_fix("leave mcp out and use session.tools()"));
            }
            return Ok(server(Vec::new(), None));
        };
        if origin(base).is_some() && origin(base) == origin(&wire.url) {
            return Ok(server(backend.credential_headers(), None));
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
        Ok(server(Vec::new(), Some(format!("{message}; session.mcp.headers is empty"))))
    }
}

fn origin(text: &str) -> Option<url::Origin> {
    Url::parse(text).ok().map(|url| url.origin()).filter(url::Origin::is_tuple)
}

/// The origin alone: a path or query may hold a token.
fn shown(text: &str) -> String {
    origin(text).map_or_else(|| "an address that is no URL".to_owned(), |origin| origin.ascii_serialization())
}
