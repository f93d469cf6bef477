//! Which server, how to reach it, and what of it to offer.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use composio_contract::{Error, ErrorKind, Result};
use composio_egress::Hosts;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use super::hints::Hints;
use crate::accounts::{AuthScheme, KeyPlace};
use crate::slug;
use crate::source::Pinning;

/// How long a server may take to start, by default. A first start may have to install the server's package.
const DEFAULT_START_TIMEOUT: Duration = Duration::from_secs(60);

/// An MCP server whose tools become a toolkit.
///
/// In a configuration file a server has either a `command` or a `url`:
///
/// ```
/// use composio_router::mcp::McpServerConfig;
///
/// let server: McpServerConfig = serde_json::from_value(serde_json::json!({
///     "slug": "time",
///     "command": "uvx",
///     "args": ["mcp-server-time"],
///     "call_timeout_seconds": 30,
/// }))?;
/// assert_eq!(server.name, "time");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(try_from = "Fields")]
#[schemars(with = "Fields")]
pub struct McpServerConfig {
    /// The toolkit's slug.
    pub slug: String,
    /// The toolkit's name for people.
    pub name: String,
    /// What the toolkit is about; where it is missing, what the server says about itself once it has started.
    pub description: Option<String>,
    /// How to reach the server.
    pub transport: McpTransport,
    /// Hosts that may get credentials over http, as in [`EgressOptions`](composio_egress::EgressOptions::allow_hosts). Others get
    /// them over https, but for this machine.
    pub allow_hosts: Vec<String>,
    /// How long the server may take to start, and to list its tools.
    pub start_timeout: Duration,
    /// How long a call may take, where that is less than the session's own limit.
    pub call_timeout: Option<Duration>,
    /// The operations to offer; all where it is missing.
    pub allow: Option<Vec<String>>,
    /// Operations not to offer.
    pub deny: Vec<String>,
    /// Whether a changed definition of a tool is held until an operator accepts it.
    pub pin: Pinning,
    /// Whether what the server says of its tools' harmlessness is believed.
    pub trust_hints: bool,
    /// What the operator says of tools, by operation; it goes before what the server says.
    pub tools: BTreeMap<String, Hints>,
    /// What accounts of the users sign the requests, for [`McpAccounts`](super::McpAccounts); none where all users share
    /// the server. A key must go in a header. OAuth 2 follows the MCP rules, where nothing else is said of the provider.
    pub accounts: Option<AuthScheme>,
}

/// How to reach an MCP server.
#[derive(Clone)]
pub enum McpTransport {
    /// A child process that speaks over its standard input and output.
    Stdio {
        /// The program, a path or a name on `PATH`.
        command: String,
        /// Its arguments.
        args: Vec<String>,
        /// Its environment, in addition to the few variables that every program needs, such as `PATH` and `HOME`. The
        /// rest of this process's environment is not passed on, for it may hold secrets.
        env: BTreeMap<String, SecretString>,
        /// Its working directory; this process's own where it is missing.
        cwd: Option<PathBuf>,
    },
    /// A server that speaks streamable HTTP.
    Http {
        /// The endpoint.
        url: Url,
        /// Headers of every request, such as `Authorization`.
        headers: BTreeMap<String, SecretString>,
    },
}

impl McpTransport {
    /// Where the server is, for messages: the command, or the URL without what may be secret in it.
    pub(super) fn location(&self) -> String {
        match self {
            Self::Stdio { command, .. } => format!("command `{command}`"),
            Self::Http { url, .. } => {
                let mut url = url.clone();
                url.set_query(None);
                url.set_fragment(None);
                // Neither fails for http and https, which are the only schemes that are let through.
                let _ = url.set_username("");
                let _ = url.set_password(None);
                url.to_string()
            }
        }
    }
}

/// Without arguments and environment, query and headers: any of them may be secret.
impl fmt::Debug for McpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.location())
    }
}

impl McpServerConfig {
    /// A server with the defaults: named as its slug, every operation offered, 60 seconds to start.
    #[must_use]
    pub fn new(slug: impl Into<String>, transport: McpTransport) -> Self {
        let slug = slug.into();
        Self {
            name: slug.clone(),
            slug,
            description: None,
            transport,
            allow_hosts: Vec::new(),
            start_timeout: DEFAULT_START_TIMEOUT,
            call_timeout: None,
            allow: None,
            deny: Vec::new(),
            pin: Pinning::default(),
            trust_hints: false,
            tools: BTreeMap::new(),
            accounts: None,
        }
    }

    /// What the operator says of an operation.
    pub(super) fn hints_of(&self, operation: &str) -> Hints {
        self.tools.get(operation).copied().unwrap_or_default()
    }

    /// Whether an operation is offered.
    pub(super) fn offers(&self, operation: &str) -> bool {
        let listed = |names: &[String]| names.iter().any(|name| name == operation);
        self.allow.as_deref().is_none_or(listed) && !listed(&self.deny)
    }

    /// Whether requests carry what somebody on the way must not read. Any header may hold a secret.
    fn sends_credentials(url: &Url, headers: &BTreeMap<String, SecretString>) -> bool {
        !headers.is_empty() || !url.username().is_empty() || url.password().is_some()
    }

    /// Checks that the credential of an account may be sent to the server.
    ///
    /// # Errors
    /// [`ErrorKind::BlockedUrl`].
    pub(super) fn check_secure(&self) -> Result<()> {
        match &self.transport {
            McpTransport::Http { url, .. } => Hosts::new(&self.allow_hosts)?.check_secure(url),
            McpTransport::Stdio { .. } => Ok(()),
        }
    }

    fn is_secure(&self, url: &Url) -> Result<bool> {
        Ok(Hosts::new(&self.allow_hosts)?.check_secure(url).is_ok())
    }

    /// # Errors
    /// [`ErrorKind::Configuration`], naming the server and what to mend.
    pub(super) fn check(&self) -> Result<()> {
        let wrong = |what: String| Error::new(ErrorKind::Configuration, format!("MCP server `{}`: {what}", self.slug));
        slug::check_toolkit(&self.slug).map_err(|error| wrong(error.message().to_owned()))?;
        match &self.transport {
            McpTransport::Stdio { command, .. } if command.is_empty() => {
                Err(wrong("`command` is empty; name the program that starts the server".to_owned()))
            }
            McpTransport::Http { url, .. } if !matches!(url.scheme(), "http" | "https") => {
                Err(wrong(format!("`url` has the scheme `{}`; use http or https", url.scheme())))
            }
            McpTransport::Http { url, headers } if Self::sends_credentials(url, headers) && !self.is_secure(url)? => {
                let message = "`url` is an http URL, and the credentials that go with its requests would be sent without encryption";
                Err(wrong(message.to_owned()).with_suggested_fix(
                    "use its https URL; to reach it over http all the same, add the host to `allow_hosts` (`http.allow_hosts` in composio.toml)",
                ))
            }
            McpTransport::Stdio { .. } if self.accounts.is_some() => Err(wrong(
                "accounts of the users sign requests over HTTP; a server with a `command` has none".to_owned(),
            )),
            _ if matches!(
                self.accounts,
                Some(AuthScheme::ApiKey { place: KeyPlace::Query | KeyPlace::Cookie, .. })
            ) =>
            {
                Err(wrong("an account's key must go in a header".to_owned()))
            }
            _ => Ok(()),
        }
    }
}

/// An MCP server as the configuration file has it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "McpServer")]
struct Fields {
    /// The toolkit's slug: lower case letters, digits and underscores.
    slug: String,
    /// The toolkit's name for people; the slug where it is missing.
    name: Option<String>,
    /// What the toolkit is about; where it is missing, what the server says about itself once it has started.
    description: Option<String>,
    /// The program that starts a server that speaks over standard input and output.
    command: Option<String>,
    /// The program's arguments.
    #[serde(default)]
    args: Vec<String>,
    /// The program's environment variables, in addition to `PATH`, `HOME` and their like.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    env: BTreeMap<String, SecretString>,
    /// The program's working directory.
    cwd: Option<PathBuf>,
    /// The endpoint of a server that speaks streamable HTTP.
    url: Option<String>,
    /// Headers of every request to the endpoint.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    headers: BTreeMap<String, SecretString>,
    /// Hosts that may get credentials over http.
    #[serde(default)]
    allow_hosts: Vec<String>,
    /// How many seconds the server may take to start, and to list its tools; 60 where it is missing.
    start_timeout_seconds: Option<u64>,
    /// How many seconds a call may take, where that is less than the session's own limit.
    call_timeout_seconds: Option<u64>,
    /// The operations to offer, as the server names them; all where it is missing.
    allow: Option<Vec<String>>,
    /// Operations not to offer, as the server names them.
    #[serde(default)]
    deny: Vec<String>,
    /// Whether a changed definition of a tool is held until an operator accepts it.
    #[serde(default)]
    pin: Pinning,
    /// Whether what the server says of its tools' harmlessness is believed.
    #[serde(default)]
    trust_hints: bool,
    /// What the operator says of tools, by operation.
    #[serde(default)]
    tools: BTreeMap<String, Hints>,
}

impl TryFrom<Fields> for McpServerConfig {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        let slug = fields.slug;
        let wrong = |what: &str| Err(format!("MCP server `{slug}`: {what}"));
        let has_stdio_fields = !fields.args.is_empty() || !fields.env.is_empty() || fields.cwd.is_some();
        let transport = match (fields.command, fields.url) {
            (Some(_), Some(_)) => return wrong("it has both `command` and `url`; keep one"),
            (None, None) => return wrong("give `command` for a local server or `url` for a remote one"),
            (Some(_), None) if !fields.headers.is_empty() => {
                return wrong("`headers` go with `url`; a server with a `command` takes `env`");
            }
            (None, Some(_)) if has_stdio_fields => {
                return wrong("`args`, `env` and `cwd` go with `command`, not `url`");
            }
            (Some(command), None) => {
                McpTransport::Stdio { command, args: fields.args, env: fields.env, cwd: fields.cwd }
            }
            (None, Some(url)) => match url.parse() {
                Ok(url) => McpTransport::Http { url, headers: fields.headers },
                Err(error) => return wrong(&format!("`url` is not a URL: {error}")),
            },
        };
        let config = Self {
            name: fields.name.unwrap_or_else(|| slug.clone()),
            slug,
            description: fields.description,
            transport,
            allow_hosts: fields.allow_hosts,
            start_timeout: fields.start_timeout_seconds.map_or(DEFAULT_START_TIMEOUT, Duration::from_secs),
            call_timeout: fields.call_timeout_seconds.map(Duration::from_secs),
            allow: fields.allow,
            deny: fields.deny,
            pin: fields.pin,
            trust_hints: fields.trust_hints,
            tools: fields.tools,
            accounts: None,
        };
        config.check().map_err(|error| error.message().to_owned())?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(value: Value) -> Result<McpServerConfig, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn a_server_has_a_command_or_a_url_and_what_goes_with_it() {
        for (fields, expected) in [
            (json!({}), "give `command`"),
            (json!({"command": "x", "url": "http://x"}), "both `command` and `url`"),
            (json!({"command": "x", "headers": {"A": "b"}}), "`headers` go with `url`"),
            (json!({"url": "http://x", "args": ["b"]}), "go with `command`"),
            (json!({"url": "x"}), "not a URL"),
            (json!({"url": "ftp://x"}), "use http or https"),
            (json!({"url": "http://x", "headers": {"A": "b"}}), "without encryption"),
            (json!({"url": "http://u:p@x"}), "without encryption"),
            (json!({"command": ""}), "`command` is empty"),
            (json!({"command": "x", "slug": "Not-A-Slug"}), "not a toolkit slug"),
            (json!({"command": "x", "arguments": []}), "unknown field `arguments`"),
        ] {
            let mut all = json!({"slug": "s"});
            all.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            let error = read(all).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn credentials_go_over_http_to_this_machine_and_to_named_hosts() {
        for fields in [
            json!({"url": "http://x"}),
            json!({"url": "https://x", "headers": {"A": "b"}}),
            json!({"url": "http://127.0.0.1:8080", "headers": {"A": "b"}}),
            json!({"url": "http://x:8080", "headers": {"A": "b"}, "allow_hosts": ["x"]}),
        ] {
            let mut all = json!({"slug": "s"});
            all.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            read(all).unwrap();
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let stdio = json!({"slug": "s", "command": "x", "args": ["--key=hunter2"], "env": {"KEY": "hunter2"}});
        let http = json!({"slug": "s", "url": "https://u:hunter2@x/mcp?key=hunter2", "headers": {"A": "hunter2"}});
        for (fields, shown) in [(stdio, "command `x`"), (http, "https://x/mcp")] {
            let debug = format!("{:?}", read(fields).unwrap());
            assert!(debug.contains(shown) && !debug.contains("hunter2"), "{debug}");
        }
    }

    #[test]
    fn the_schema_is_that_of_the_file() {
        let schema = schemars::schema_for!(McpServerConfig).to_value();
        assert_eq!(schema["required"], json!(["slug"]));
        assert_eq!(schema["properties"]["env"]["additionalProperties"]["type"], "string");
        assert_eq!(schema["additionalProperties"], false);
    }
}
