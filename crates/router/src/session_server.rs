//! Serving sessions over MCP from within the router's process.

use std::fmt;

use async_trait::async_trait;
use composio_contract::{McpServer, Result};

use crate::router::Router;

/// Serves a router's sessions over MCP on this machine.
#[async_trait]
pub trait SessionServer: fmt::Debug + Send + Sync {
    /// Where a session is served from now on, with the headers that open it and nothing else. Called once or often;
    /// waits for nothing.
    ///
    /// # Errors
    /// Where there is no port, or the server is closed.
    fn serve(&self, router: &Router, session_id: &str) -> Result<McpServer>;

    /// Ends what was started, and returns once it has ended.
    async fn close(&self);
}
