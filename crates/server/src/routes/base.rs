//! The server's own URLs, as the caller can reach them.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use composio_router::FILE_URL_SCHEME;

use crate::app::App;
use crate::edge::Host;
use crate::mcp;
use crate::problem::Problem;

/// What the server's URLs begin with, without a slash at its end.
pub(crate) struct Base(String);

impl FromRequestParts<App> for Base {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        if let Some(url) = &app.options().public_url {
            return Ok(Self(url.as_str().to_owned()));
        }
        let host = parts.extensions.get::<Host>().ok_or_else(|| Problem::internal("a request has no host"))?;
        Ok(Self(format!("http://{}", host.0)))
    }
}

impl Base {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Where the file of a URL of the router's lies.
    pub(super) fn file(&self, of_router: &str) -> String {
        format!("{}/files/{}", self.0, of_router.strip_prefix(FILE_URL_SCHEME).unwrap_or(of_router))
    }

    /// Where a session is served over MCP.
    pub(super) fn mcp(&self, session_id: &str) -> String {
        format!("{}{}", self.0, mcp::path(session_id))
    }
}
