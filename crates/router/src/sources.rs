//! The toolkits that a configuration names.

use std::sync::Arc;

use composio_contract::{Error, ErrorKind, Result};
use tokio::runtime::Handle;

use crate::config::RouterConfig;
use crate::source::Source;

/// One source a toolkit; nothing is started yet.
///
/// # Errors
/// [`ErrorKind::Configuration`] where a toolkit's own options cannot work.
pub(crate) fn configured(config: &RouterConfig, _runtime: &Handle) -> Result<Vec<Arc<dyn Source>>> {
    match config.mcp.first() {
        None => Ok(Vec::new()),
        Some(server) => Err(Error::new(
            ErrorKind::Unsupported,
            format!("the MCP server `{}` cannot be used: this build has no MCP client", server.slug),
        )),
    }
}
