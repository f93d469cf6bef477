//! The toolkits that a configuration names.

use std::sync::Arc;

use composio_contract::{Error, ErrorKind, Result};
use composio_egress::{Egress, EgressOptions};
use tokio::runtime::Handle;
use url::Url;

use crate::builtin::{self, Selection};
use crate::config::{McpOptions, RouterConfig};
use crate::mcp::{McpServerConfig, McpSource, McpTransport};
use crate::source::Source;

/// One source a toolkit; nothing is started yet.
///
/// # Errors
/// [`ErrorKind::Configuration`] where a toolkit's own options cannot work.
pub(crate) fn configured(config: &RouterConfig, runtime: &Handle) -> Result<Vec<Arc<dyn Source>>> {
    let egress = Arc::new(Egress::new(EgressOptions { allow_hosts: config.http.allow_hosts.clone() })?);
    let toolkits = &config.toolkits;
    let selection = Selection {
        files: toolkits.files.enabled,
        sqlite: toolkits.sqlite.enabled,
        time: toolkits.time.enabled,
        http: toolkits.http.enabled,
    };
    let mut sources = builtin::sources(selection, &egress);
    for options in &config.mcp {
        sources.push(Arc::new(McpSource::new(server(options)?, runtime.clone())?));
    }
    Ok(sources)
}

fn server(options: &McpOptions) -> Result<McpServerConfig> {
    let wrong =
        |what: String| Error::new(ErrorKind::Configuration, format!("the MCP server `{}` {what}", options.slug));
    let transport = match (&options.command, &options.url) {
        (Some(command), None) => McpTransport::Stdio {
            command: command.clone(),
            args: options.args.clone(),
            env: options.env.clone(),
            cwd: options.cwd.clone(),
        },
        (None, Some(url)) => McpTransport::Http {
            url: Url::parse(url).map_err(|error| wrong(format!("has a `url` that cannot be read: {error}")))?,
            headers: options.headers.clone(),
        },
        _ => return Err(wrong("must have either a `command` or a `url`".to_owned())),
    };
    Ok(McpServerConfig {
        name: options.name.clone().unwrap_or_else(|| options.slug.clone()),
        description: options.description.clone(),
        start_timeout: options.start_timeout,
        call_timeout: options.call_timeout,
        allow: options.allow.clone(),
        deny: options.deny.clone(),
        ..McpServerConfig::new(&options.slug, transport)
    })
}
