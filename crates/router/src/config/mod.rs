//! The router's configuration: `composio.toml`, or the same in code.

mod expand;
mod load;
mod quota;
pub(crate) mod retention;
mod toolkit;
mod tree;

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use composio_contract::{Error, ErrorKind, Result};
use schemars::JsonSchema;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer};

pub use self::quota::{QuotaOptions, RateOptions};
pub use self::retention::RetentionOptions;
pub use self::toolkit::{ConnectOptions, ConnectScheme, SignOptions, ToolkitOptions};
use crate::mcp::Hints;
use crate::mcp::{Sandbox, ServerLimits};
use crate::source::Pinning;
use crate::store;
use crate::store::Location;

/// What the router serves and where it keeps its state. `docs/composio-toml.md` explains every key.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RouterConfig {
    /// Where things lie, and how much a call may take.
    pub router: RouterOptions,
    /// The built-in toolkits.
    pub toolkits: BuiltinToolkits,
    /// The `http` toolkit's way out.
    pub http: HttpOptions,
    /// MCP servers, each a toolkit.
    pub mcp: Vec<McpOptions>,
    /// APIs, each a toolkit by its OpenAPI document.
    pub toolkit: Vec<ToolkitOptions>,
    /// How accounts are connected, and what their credentials are sealed with.
    pub accounts: AccountOptions,
    /// What this program is known as at providers of OAuth tokens, one entry a toolkit.
    pub auth: Vec<AuthOptions>,
    /// What one user, project or key may take.
    pub quota: QuotaOptions,
    /// How long the router keeps what it stores.
    pub retention: RetentionOptions,
    /// The file that it was read from, if it was; sandboxed MCP servers do not see it.
    #[serde(skip)]
    #[schemars(skip)]
    pub file: Option<PathBuf>,
}

/// Where things lie, and how much a call may take.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RouterOptions {
    /// The folder of the router's data; `composio` in the platform's folder for user data where it is missing.
    pub data_dir: Option<PathBuf>,
    /// The SQLite file, `:memory:`, or the `postgres://` URL of a database that several servers share; `router.db` in
    /// the data folder where it is missing.
    #[schemars(with = "Option<String>")]
    pub database: Option<SecretString>,
    /// The folder that tools read and write. `{user_id}` stands for the user, in a form that is safe as the name of a
    /// folder; without it all users share one. `{project_id}` stands for a server's project; without it there is no
    /// place for any other than the default one. `workspaces/{user_id}` in the data folder where it is missing.
    pub workspace: Option<PathBuf>,
    /// Whether tools read and append to files there that have several names. They are refused where it is false: another name of
    /// the same file may lie outside.
    pub allow_hard_links: bool,
    /// How long a call may take, in seconds.
    #[serde(deserialize_with = "seconds")]
    #[schemars(with = "f64", range(min = 0.001))]
    pub call_timeout: Duration,
    /// How large a tool's result may be, in bytes of JSON.
    pub output_limit: usize,
    /// How many calls of one multi-execute run at the same time.
    pub max_parallel: NonZeroUsize,
}

impl Default for RouterOptions {
    fn default() -> Self {
        Self {
            data_dir: None,
            database: None,
            workspace: None,
            allow_hard_links: false,
            call_timeout: Duration::from_secs(60),
            output_limit: 1024 * 1024,
            max_parallel: NonZeroUsize::MIN.saturating_add(15),
        }
    }
}

/// The built-in toolkits, all of them on where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BuiltinToolkits {
    /// Files in the user's folder.
    pub files: BuiltinToolkit,
    /// SQLite databases in the user's folder.
    pub sqlite: BuiltinToolkit,
    /// Plain HTTP requests.
    pub http: BuiltinToolkit,
    /// The time and calendar arithmetic.
    pub time: BuiltinToolkit,
}

/// A built-in toolkit.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BuiltinToolkit {
    /// Whether it is offered.
    pub enabled: bool,
}

impl Default for BuiltinToolkit {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// The `http` toolkit's way out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HttpOptions {
    /// Hosts of this machine or its private network that may be reached all the same. Public hosts need no entry.
    pub allow_hosts: Vec<String>,
}

/// How accounts are connected, and what their credentials are sealed with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccountOptions {
    /// The file of the master key, made where it is missing; `master.key` in the data folder where none is named. The
    /// environment variable `COMPOSIO_MASTER_KEY` goes before it.
    pub master_key_file: Option<PathBuf>,
    /// Whether the master key is in the system's keyring instead, of builds with the feature `keyring`: one entry a data
    /// folder. The environment variable goes before it.
    pub keyring: bool,
    /// What a caller's callback URL may begin with. Those of this machine need no entry, unless the router is a server's
    /// with a public URL.
    pub callback_urls: Vec<String>,
    /// The port on 127.0.0.1 to which providers send users back, where no server is there to; 0 for any that is free.
    pub callback_port: u16,
    /// Where providers send users back to, where an app receives that itself and hands it over: a URL that the app has
    /// claimed, such as `com.example.app:/connected`.
    pub redirect_url: Option<String>,
    /// The `https` URL of the document about this program (OAuth Client ID Metadata Document), which is its id at
    /// providers that take such. `composio serve` with an `https` `--public-url` has one itself.
    pub client_document: Option<String>,
    /// Whether links to OAuth providers begin with a page that says for whom the account is, and are finished only in the
    /// browser in which the user agreed there. Off for apps that authenticate their users and show a page of their own.
    pub consent_page: bool,
}

impl Default for AccountOptions {
    fn default() -> Self {
        Self {
            master_key_file: None,
            keyring: false,
            callback_urls: Vec::new(),
            callback_port: 0,
            redirect_url: None,
            client_document: None,
            consent_page: true,
        }
    }
}

/// What this program is known as at a provider of OAuth tokens. What is left out is what the toolkit says.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthOptions {
    /// The toolkit's slug.
    pub toolkit: String,
    /// The client's id. Without it the program registers itself, where the provider lets it.
    pub client_id: Option<String>,
    /// The client's secret; a public client has none.
    #[serde(default, deserialize_with = "optional_secret")]
    #[schemars(with = "Option<String>")]
    pub client_secret: Option<SecretString>,
    /// How id and secret are sent: `basic` in a header, `post` in the form.
    #[serde(default)]
    pub client_auth: ClientAuthOption,
    /// Whose agreement a token needs: `code` the user's, `device` the user's on another device,
    /// `client_credentials` nobody's.
    pub flow: Option<FlowOption>,
    /// The scopes that are asked for.
    pub scopes: Option<Vec<String>>,
    /// The provider's issuer, whose own document then says the addresses.
    pub issuer: Option<String>,
    /// Where the user agrees.
    pub authorization_url: Option<String>,
    /// Where tokens come from.
    pub token_url: Option<String>,
    /// Where tokens are renewed, where that is elsewhere.
    pub refresh_url: Option<String>,
    /// Where a code for another device is asked for.
    pub device_url: Option<String>,
    /// Where tokens are revoked.
    pub revocation_url: Option<String>,
    /// What says whose account a token is for: JSON with `sub` or `id`, `name`, `email` and the like.
    pub userinfo_url: Option<String>,
    /// The API that tokens are for, where the provider wants to know.
    pub resource: Option<String>,
    /// Further parameters of the URL at which the user agrees.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
}

/// How a client proves who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthOption {
    /// In the header `Authorization`.
    #[default]
    Basic,
    /// In the form.
    Post,
}

/// A flow of OAuth 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FlowOption {
    /// The user agrees in a browser.
    Code,
    /// The user types a code in on another device.
    Device,
    /// The program signs in as itself.
    ClientCredentials,
}

/// Without the secret.
impl fmt::Debug for AuthOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthOptions")
            .field("toolkit", &self.toolkit)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// An MCP server, which becomes a toolkit. It has either a `command` or a `url`.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct McpOptions {
    /// The toolkit's slug: lower case letters, digits and underscores.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_]*$"), length(max = 40))]
    pub slug: String,
    /// The toolkit's name for people; the slug where it is missing.
    pub name: Option<String>,
    /// What the toolkit is about; what the server says about itself where it is missing.
    pub description: Option<String>,
    /// The program of a server that speaks over its standard input and output.
    pub command: Option<String>,
    /// The program's arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// The program's environment, beside the few variables that every program needs.
    #[serde(default, deserialize_with = "secrets")]
    #[schemars(with = "BTreeMap<String, String>")]
    pub env: BTreeMap<String, SecretString>,
    /// The program's working directory.
    pub cwd: Option<PathBuf>,
    /// The user that the program runs as: `user`, `user:group` or `uid:gid`. On Linux, for a router that runs as root.
    pub run_as: Option<String>,
    /// What keeps the program from the rest of the machine: `bwrap`, or a command that runs the command that follows it.
    pub sandbox: Option<Sandbox>,
    /// What the program may use, on Linux.
    #[serde(default)]
    pub limits: ServerLimits,
    /// The endpoint of a server that speaks streamable HTTP.
    pub url: Option<String>,
    /// Headers of every request.
    #[serde(default, deserialize_with = "secrets")]
    #[schemars(with = "BTreeMap<String, String>")]
    pub headers: BTreeMap<String, SecretString>,
    /// Only these operations of the server; all where it is missing.
    pub allow: Option<Vec<String>>,
    /// Not these operations of the server.
    #[serde(default)]
    pub deny: Vec<String>,
    /// Whether a changed definition of a tool is held until an operator accepts it (`hold`), or accepted (`off`).
    #[serde(default)]
    pub pin: Pinning,
    /// Whether what the server says of its tools' harmlessness is believed.
    #[serde(default)]
    pub trust_hints: bool,
    /// What tools do, by the server's own names of them; it goes before what the server says.
    #[serde(default)]
    pub tools: BTreeMap<String, Hints>,
    /// How accounts of the users sign the requests to a `url`; all users share the server where it is missing.
    pub connect: Option<ConnectOptions>,
    /// How long the server may take to start and list its tools, in seconds.
    #[serde(default = "start_timeout", deserialize_with = "seconds")]
    #[schemars(with = "f64", range(min = 0.001))]
    pub start_timeout: Duration,
    /// How long a call may take, in seconds, where that is less than `router.call_timeout`.
    #[serde(default, deserialize_with = "optional_seconds")]
    #[schemars(with = "Option<f64>", range(min = 0.001))]
    pub call_timeout: Option<Duration>,
}

/// Arguments and URLs may hold secrets too, so that only names are shown.
impl fmt::Debug for McpOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpOptions")
            .field("slug", &self.slug)
            .field("command", &self.command)
            .field("env", &self.env.keys())
            .field("headers", &self.headers.keys())
            .finish_non_exhaustive()
    }
}

impl RouterConfig {
    /// The defaults, with all data below a folder.
    #[must_use]
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        let router = RouterOptions { data_dir: Some(folder.into()), ..RouterOptions::default() };
        Self { router, ..Self::default() }
    }

    /// The folder of the router's data.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] where none is set and the platform has no folder for user data.
    pub fn data_dir(&self) -> Result<PathBuf> {
        use etcetera::BaseStrategy as _;

        if let Some(folder) = &self.router.data_dir {
            return Ok(folder.clone());
        }
        etcetera::base_strategy::choose_native_strategy().map(|strategy| strategy.data_dir().join("composio")).map_err(
            |error| {
                Error::new(ErrorKind::Configuration, format!("there is no folder for the router's data: {error}"))
                    .with_suggested_fix("set `router.data_dir`")
                    .with_source(error)
            },
        )
    }

    /// Where the router's database lies.
    ///
    /// # Errors
    /// As [`RouterConfig::data_dir`], and where the URL of a database has something wrong about it.
    pub fn database(&self) -> Result<Location> {
        match &self.router.database {
            None => Ok(Location::File(self.data_dir()?.join("router.db"))),
            Some(text) => Location::parse(text.expose_secret()),
        }
    }

    /// The data folder, and the files of the router's own secrets, wherever the configuration has them: the database with what
    /// lies beside it, and the master key. Nobody but their owner should see any of them; not all of them need to be there.
    ///
    /// # Errors
    /// As [`RouterConfig::database`].
    pub fn private_paths(&self) -> Result<Vec<PathBuf>> {
        let folder = self.data_dir()?;
        let key = self.accounts.master_key_file.clone().unwrap_or_else(|| folder.join("master.key"));
        let users = [folder.join("workspaces"), folder.join("projects")];
        let mut paths = [vec![folder, key], users.to_vec()].concat();
        if let Location::File(database) = self.database()? {
            paths.extend(store::beside(&database));
        }
        Ok(paths)
    }

    /// What the types alone cannot say: the place of the first wrong field, and what is wrong with it.
    fn fault(&self) -> Option<(Vec<String>, String)> {
        if self.router.output_limit == 0 {
            return Some((vec!["router".to_owned(), "output_limit".to_owned()], "must be at least 1".to_owned()));
        }
        if let Some(Err(error)) = self.router.database.as_ref().map(|text| Location::parse(text.expose_secret())) {
            return Some((vec!["router".to_owned(), "database".to_owned()], error.to_string()));
        }
        if let Some(fault) = self.quota.fault() {
            return Some(fault);
        }
        let server = self.mcp.iter().enumerate().find_map(|(place, server)| {
            let (field, message) = server.fault()?;
            let path = ["mcp", &place.to_string()].into_iter().chain(field).map(str::to_owned).collect();
            Some((path, message))
        });
        server.or_else(|| {
            self.toolkit.iter().enumerate().find_map(|(place, toolkit)| {
                let (fields, message) = toolkit.fault()?;
                let path = ["toolkit", &place.to_string()].into_iter().chain(fields).map(str::to_owned).collect();
                Some((path, message))
            })
        })
    }
}

impl McpOptions {
    fn fault(&self) -> Option<(Option<&'static str>, String)> {
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let slug = self.slug.as_bytes();
        if slug.len() > 40 || !slug.first().is_some_and(u8::is_ascii_lowercase) || !slug.iter().copied().all(letters) {
            return Some((
                Some("slug"),
                format!(
                    "`{}` is not a slug: at most 40 lower case letters, digits and underscores, a letter first",
                    self.slug
                ),
            ));
        }
        match (&self.command, &self.url) {
            (None, None) => Some((None, "has neither `command` nor `url`; give one of them".to_owned())),
            (Some(_), Some(_)) => Some((Some("url"), "stands beside `command`; give one of them".to_owned())),
            (Some(_), None) if !self.headers.is_empty() => {
                Some((Some("headers"), "are for a server with a `url`; this one has a `command`".to_owned()))
            }
            (None, Some(_)) if !self.args.is_empty() => {
                Some((Some("args"), "are for a server with a `command`; this one has a `url`".to_owned()))
            }
            (None, Some(_)) if !self.env.is_empty() => {
                Some((Some("env"), "is for a server with a `command`; this one has a `url`".to_owned()))
            }
            (Some(_), None) if self.connect.is_some() => {
                Some((Some("connect"), "is for a server with a `url`; this one has a `command`".to_owned()))
            }
            (None, Some(_)) if self.cwd.is_some() => {
                Some((Some("cwd"), "is for a server with a `command`; this one has a `url`".to_owned()))
            }
            _ => None,
        }
    }
}

fn start_timeout() -> Duration {
    Duration::from_secs(30)
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Duration, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    Duration::try_from_secs_f64(seconds).ok().filter(|duration| !duration.is_zero()).ok_or_else(|| {
        serde::de::Error::custom(format_args!("{seconds} is not a time in seconds; it must be more than 0"))
    })
}

fn optional_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<Duration>, D::Error> {
    seconds(deserializer).map(Some)
}

fn optional_secret<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<SecretString>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(Into::into))
}

fn secrets<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<BTreeMap<String, SecretString>, D::Error> {
    let plain = BTreeMap::<String, String>::deserialize(deserializer)?;
    Ok(plain.into_iter().map(|(name, value)| (name, value.into())).collect())
}
