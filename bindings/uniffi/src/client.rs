//! The client: which backend, and the calls that need no session.

use std::collections::HashMap;
use std::sync::Arc;

use composio_binding::{ClientSpec, Opened, manage, runtime, seconds};
use composio_core::ClientOptions;

use crate::convert::{parse, parse_some, text};
use crate::errors::{Result, guard};
use crate::runtime::{CancelToken, call};
use crate::session::{NativeSession, NativeToolSet};

/// What a client is made from.
#[derive(uniffi::Record)]
pub struct NativeClientOptions {
    /// `embedded` or `http`; none lets the key and the base URL decide.
    #[uniffi(default = None)]
    pub backend: Option<String>,
    /// The API key.
    #[uniffi(default = None)]
    pub api_key: Option<String>,
    /// The backend's base URL.
    #[uniffi(default = None)]
    pub base_url: Option<String>,
    /// How long one attempt may take, in seconds.
    #[uniffi(default = None)]
    pub timeout: Option<f64>,
    /// How often an idempotent call is tried again.
    #[uniffi(default = None)]
    pub max_retries: Option<u32>,
    /// Headers that every call sends.
    #[uniffi(default)]
    pub default_headers: HashMap<String, String>,
    /// The embedded router's configuration: JSON, an object or the path of a file.
    #[uniffi(default = None)]
    pub config: Option<String>,
    /// Which files may be uploaded, and whether tools' files go to and fro by themselves: JSON.
    #[uniffi(default = None)]
    pub uploads: Option<String>,
}

/// A client of one backend. Nothing is opened or sent before the first call.
#[derive(Debug, uniffi::Object)]
pub struct NativeClient {
    core: composio_core::Client,
    data_dir: Option<String>,
}

type Cancel = Option<Arc<CancelToken>>;

#[uniffi::export]
impl NativeClient {
    /// Checks the options.
    #[uniffi::constructor]
    pub fn new(options: NativeClientOptions) -> Result<Arc<Self>> {
        let (config, uploads) = (parse_some(options.config)?, parse_some(options.uploads)?);
        let Opened { client, data_dir } = guard(|| {
            let options = ClientOptions {
                backend: options.backend,
                api_key: options.api_key.map(Into::into),
                base_url: options.base_url,
                timeout: options.timeout.map(|timeout| seconds("timeout", timeout)).transpose()?,
                max_retries: options.max_retries,
                default_headers: options.default_headers.into_iter().collect(),
            };
            ClientSpec { options, config, uploads }.open(runtime)
        })?;
        let data_dir = data_dir.map(|folder| folder.to_string_lossy().into_owned());
        Ok(Arc::new(Self { core: client, data_dir }))
    }

    /// Where the embedded router keeps its data; none where a hosted backend answers.
    pub fn data_dir(&self) -> Option<String> {
        self.data_dir.clone()
    }

    /// Creates a session from the arguments of create, as JSON.
    pub async fn create(&self, options: String, tools: Arc<NativeToolSet>, cancel: Cancel) -> Result<NativeSession> {
        let (core, options, tools) = (self.core.clone(), parse(options)?, tools.build()?);
        call(cancel, async move { core.create(&options, tools).await.map(NativeSession::new) }).await
    }

    /// Takes up a session that exists.
    pub async fn use_session(
        &self,
        session_id: String,
        tools: Arc<NativeToolSet>,
        mcp: bool,
        cancel: Cancel,
    ) -> Result<NativeSession> {
        let (core, tools) = (self.core.clone(), tools.build()?);
        call(cancel, async move { core.use_session(&session_id, tools, mcp).await.map(NativeSession::new) }).await
    }

    /// Deletes a session.
    pub async fn delete_session(&self, session_id: String, cancel: Cancel) -> Result<String> {
        let core = self.core.clone();
        call(cancel, async move { Ok(text(&core.delete_session(&session_id).await?)) }).await
    }

    /// A call about connected accounts or auth configs, by its name. The options are JSON, as queries are below.
    pub async fn manage(&self, name: String, id: String, options: String, cancel: Cancel) -> Result<String> {
        let (core, options) = (self.core.clone(), parse(options)?);
        call(cancel, async move { Ok(text(&manage(&core, &name, &id, &options).await?)) }).await
    }

    /// One toolkit.
    pub async fn toolkit(&self, slug: String, cancel: Cancel) -> Result<String> {
        let core = self.core.clone();
        call(cancel, async move { Ok(text(&core.toolkit(&slug).await?)) }).await
    }

    /// A page of toolkits.
    pub async fn toolkits(&self, query: String, cancel: Cancel) -> Result<String> {
        let (core, query) = (self.core.clone(), parse(query)?);
        call(cancel, async move { Ok(text(&core.toolkits(&query).await?)) }).await
    }

    /// One tool.
    pub async fn tool(&self, slug: String, cancel: Cancel) -> Result<String> {
        let core = self.core.clone();
        call(cancel, async move { Ok(text(&core.tool(&slug).await?)) }).await
    }

    /// A page of tools.
    pub async fn tools(&self, query: String, cancel: Cancel) -> Result<String> {
        let (core, query) = (self.core.clone(), parse(query)?);
        call(cancel, async move { Ok(text(&core.tools(&query).await?)) }).await
    }

    /// Waits until a connected account is active. `timeout` is in seconds.
    pub async fn wait_for_connection(&self, id: String, timeout: Option<f64>, cancel: Cancel) -> Result<String> {
        let core = self.core.clone();
        let timeout = guard(|| timeout.map(|timeout| seconds("timeout", timeout)).transpose())?;
        call(cancel, async move { Ok(text(&core.wait_for_connection(&id, timeout).await?)) }).await
    }

    /// Lets go of what the backend holds; further calls fail. Not `close`: Kotlin's objects have one for the handle.
    pub async fn shut_down(&self) -> Result<()> {
        let core = self.core.clone();
        call(None, async move { core.close().await }).await
    }
}
