//! The client: which backend, and the calls that need no session.

use composio_binding::{ClientSpec, Opened, manage, runtime};
use composio_contract::RawJson;
use composio_core::ClientOptions;
use napi::Env;
use napi_derive::napi;
use serde::Deserialize;

use crate::convert::{millis, parse};
use crate::errors::{Result, guard};
use crate::runtime::{Outcome, Queue};
use crate::session::ToolSet;

/// A client of one backend. Nothing is opened or sent before the first call.
///
/// What answers later gives the number that the queue settles it by.
#[napi]
pub struct Client {
    core: composio_core::Client,
    queue: Queue,
    data_dir: Option<String>,
}

/// What the constructor takes, without the key.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Options {
    backend: Option<String>,
    #[serde(rename = "baseURL")]
    base_url: Option<String>,
    timeout: Option<f64>,
    max_retries: Option<u32>,
    #[serde(default)]
    default_headers: Vec<(String, String)>,
    config: Option<RawJson>,
    uploads: Option<RawJson>,
}

impl Client {
    fn start<F>(&self, env: &Env, work: impl FnOnce(composio_core::Client) -> F) -> Result<u32>
    where
        F: Future<Output = composio_contract::Result<Outcome>> + Send + 'static,
    {
        self.queue.start(env, work(self.core.clone()))
    }
}

#[napi]
impl Client {
    /// `options` is JSON; the key comes by itself, so that no other text ever holds it.
    #[napi(constructor)]
    pub fn new(queue: &Queue, options: String, api_key: Option<String>) -> Result<Self> {
        let options = parse(options)?;
        let Opened { client, data_dir } = guard(|| {
            let options: Options = options.decode("options")?;
            ClientSpec {
                options: ClientOptions {
                    backend: options.backend,
                    api_key: api_key.map(Into::into),
                    base_url: options.base_url,
                    timeout: options.timeout.map(|timeout| millis("timeout", timeout)).transpose()?,
                    max_retries: options.max_retries,
                    default_headers: options.default_headers,
                },
                config: options.config,
                uploads: options.uploads,
            }
            .open(runtime)
        })?;
        let data_dir = data_dir.map(|folder| folder.to_string_lossy().into_owned());
        Ok(Self { core: client, queue: queue.clone(), data_dir })
    }

    /// Where the embedded router keeps its data; none where a hosted backend answers.
    #[napi(getter)]
    pub fn data_dir(&self) -> Option<&str> {
        self.data_dir.as_deref()
    }

    /// Creates a session from the arguments of create, as JSON.
    #[napi]
    pub fn create(&self, env: Env, options: String, tools: &ToolSet) -> Result<u32> {
        let (options, tools) = (parse(options)?, tools.build()?);
        self.start(&env, |core| async move { core.create(&options, tools).await.map(Outcome::Session) })
    }

    /// Takes up a session that exists.
    #[napi(js_name = "use")]
    pub fn use_session(&self, env: Env, session_id: String, tools: &ToolSet, mcp: bool) -> Result<u32> {
        let tools = tools.build()?;
        self.start(&env, |core| async move { core.use_session(&session_id, tools, mcp).await.map(Outcome::Session) })
    }

    /// Deletes a session.
    #[napi]
    pub fn delete(&self, env: Env, session_id: String) -> Result<u32> {
        self.start(&env, |core| async move { core.delete_session(&session_id).await.map(Outcome::Json) })
    }

    /// A call about connected accounts or auth configs, by its name. The options are JSON, as queries are below.
    #[napi]
    pub fn manage(&self, env: Env, call: String, id: String, options: String) -> Result<u32> {
        let options = parse(options)?;
        self.start(&env, |core| async move { manage(&core, &call, &id, &options).await.map(Outcome::Json) })
    }

    /// One toolkit.
    #[napi]
    pub fn toolkit(&self, env: Env, slug: String) -> Result<u32> {
        self.start(&env, |core| async move { core.toolkit(&slug).await.map(Outcome::Json) })
    }

    /// A page of toolkits.
    #[napi]
    pub fn toolkits(&self, env: Env, query: String) -> Result<u32> {
        let query = parse(query)?;
        self.start(&env, |core| async move { core.toolkits(&query).await.map(Outcome::Json) })
    }

    /// One tool.
    #[napi]
    pub fn tool(&self, env: Env, slug: String) -> Result<u32> {
        self.start(&env, |core| async move { core.tool(&slug).await.map(Outcome::Json) })
    }

    /// A page of tools.
    #[napi]
    pub fn tools(&self, env: Env, query: String) -> Result<u32> {
        let query = parse(query)?;
        self.start(&env, |core| async move { core.tools(&query).await.map(Outcome::Json) })
    }

    /// Waits until a connected account is active. `timeout` is in milliseconds.
    #[napi]
    pub fn wait_for_connection(&self, env: Env, id: String, timeout: Option<f64>) -> Result<u32> {
        let timeout = guard(|| timeout.map(|timeout| millis("timeout", timeout)).transpose())?;
        self.start(&env, |core| async move { core.wait_for_connection(&id, timeout).await.map(Outcome::Json) })
    }

    /// Lets go of what the backend holds.
    #[napi]
    pub fn close(&self, env: Env) -> Result<u32> {
        self.start(&env, |core| async move { core.close().await.map(|()| Outcome::Nothing) })
    }
}
