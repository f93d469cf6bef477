//! The toolkits that a configuration names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use composio_contract::{Error, ErrorKind, Result};
use composio_egress::{Egress, EgressOptions};
use tokio::runtime::Handle;
use url::Url;

use crate::accounts::AuthScheme;
use crate::builtin::{self, Selection};
use crate::config::{ConnectOptions, McpOptions, RouterConfig, ToolkitOptions};
use crate::hidden::Hidden;
use crate::mcp::sandbox::{self, Isolation, KnownSandbox, Sandbox};
use crate::mcp::{McpAccounts, McpServerConfig, McpSource, McpTransport};
use crate::openapi::{AccountChoice, DocumentPlace, OpenApiConfig, OpenApiSource, OperationChoice};
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
        let server = server(options, config)?;
        sources.push(match &server.accounts {
            None => Arc::new(McpSource::new(server, runtime.clone())?),
            Some(_) => Arc::new(McpAccounts::new(server, runtime.clone())?),
        });
    }
    for options in &config.toolkit {
        sources.push(Arc::new(OpenApiSource::new(api(options, config)?)?));
    }
    Ok(sources)
}

fn api(options: &ToolkitOptions, config: &RouterConfig) -> Result<OpenApiConfig> {
    let slug = options.slug();
    let wrong = |what: String| Error::new(ErrorKind::Configuration, format!("the toolkit `{slug}`: {what}"));
    let base_url = options.base_url.as_deref().map(Url::parse).transpose();
    let auth = options.auth.as_ref().map(|auth| auth.read()).transpose();
    let connect = options.connect.as_ref().map(|connect| connect.read()).transpose();
    // Who says what this program is known as at a provider has said that there is one.
    let has_provider = options.auth.is_none() && config.auth.iter().any(|auth| auth.toolkit == slug);
    let accounts = match connect.map_err(|(key, message)| wrong(format!("`connect.{key}`: {message}")))? {
        Some(accounts) => accounts,
        None if has_provider => AccountChoice::Scheme(AuthScheme::OAuth2(Box::default())),
        None => AccountChoice::default(),
    };
    Ok(OpenApiConfig {
        name: options.name.clone(),
        description: options.description.clone(),
        base_url: base_url.map_err(|error| wrong(format!("`base_url` cannot be read: {error}")))?,
        variables: options.variables.clone(),
        allow_hosts: options.allow_hosts.clone(),
        headers: options.headers.clone(),
        auth: auth.map_err(|(key, message)| wrong(format!("`auth.{key}`: {message}")))?,
        accounts,
        operations: OperationChoice {
            include_tags: options.include_tags.clone(),
            exclude_tags: options.exclude_tags.clone(),
            include: options.include.clone(),
            exclude: options.exclude.clone(),
        },
        call_timeout: options.call_timeout,
        pin: options.pin,
        cache: Some(config.data_dir()?.join("openapi")),
        ..OpenApiConfig::new(&slug, DocumentPlace::parse(&options.openapi)?)
    })
}

/// The path without links and relative parts, for programs that mount it. What is not there is told when the server starts.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}

fn server(options: &McpOptions, config: &RouterConfig) -> Result<McpServerConfig> {
    let wrong =
        |what: String| Error::new(ErrorKind::Configuration, format!("the MCP server `{}` {what}", options.slug));
    let hidden = match options.sandbox {
        Some(Sandbox::Known(KnownSandbox::Bwrap)) => Hidden::of(config)?,
        _ => Hidden::default(),
    };
    let isolation = Isolation {
        run_as: options.run_as.as_deref(),
        sandbox: options.sandbox.as_ref(),
        limits: &options.limits,
        hidden: &hidden,
        can_trace: options.command.is_some()
            && options.run_as.is_none()
            && options.sandbox.is_none()
            && sandbox::can_trace(),
    };
    let transport = match (&options.command, &options.url) {
        (Some(command), None) => {
            let cwd = options.cwd.as_deref().map(real);
            let (command, args) = isolation.wrap(command, &options.args, cwd.as_deref()).map_err(wrong)?;
            McpTransport::Stdio { command, args, env: options.env.clone(), cwd }
        }
        (None, Some(_)) if !isolation.is_none() => {
            let what = "has a `url`, and `run_as`, `sandbox` and `limits` are for a server with a `command`";
            return Err(wrong(what.to_owned()));
        }
        (None, Some(url)) => McpTransport::Http {
            url: Url::parse(url).map_err(|error| wrong(format!("has a `url` that cannot be read: {error}")))?,
            headers: options.headers.clone(),
        },
        _ => return Err(wrong("must have either a `command` or a `url`".to_owned())),
    };
    Ok(McpServerConfig {
        name: options.name.clone().unwrap_or_else(|| options.slug.clone()),
        description: options.description.clone(),
        allow_hosts: config.http.allow_hosts.clone(),
        start_timeout: options.start_timeout,
        call_timeout: options.call_timeout,
        allow: options.allow.clone(),
        deny: options.deny.clone(),
        pin: options.pin,
        trust_hints: options.trust_hints,
        tools: options.tools.clone(),
        accounts: match options.connect.as_ref().map(ConnectOptions::read).transpose() {
            Ok(Some(AccountChoice::Scheme(scheme))) => Some(scheme),
            Ok(_) => None,
            Err((key, message)) => return Err(wrong(format!("has a wrong `connect.{key}`: {message}"))),
        },
        ..McpServerConfig::new(&options.slug, transport)
    })
}
