//! Opening a client: which backend, built on first use.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use composio_contract::{Backend, Error, RawJson, Result};
use composio_core::{Choice, Client, ClientOptions, FileOptions, HttpBackend};
use tokio::runtime::Handle;

/// What a caller said about the client.
#[derive(Debug, Default)]
pub struct ClientSpec {
    /// Which backend, and how.
    pub options: ClientOptions,
    /// The embedded router's configuration: an object, or a text with the path of a file. None: what it finds by itself.
    pub config: Option<RawJson>,
    /// What [`FileOptions::read`] takes.
    pub uploads: Option<RawJson>,
}

/// A client, and where it keeps data.
#[derive(Debug)]
pub struct Opened {
    /// The client. Its backend is built on first use.
    pub client: Client,
    /// Where the embedded router keeps its data; none where a hosted backend answers.
    pub data_dir: Option<PathBuf>,
}

type Factory = Box<dyn Fn() -> Result<Arc<dyn Backend>> + Send + Sync>;

impl ClientSpec {
    /// A client. Everything given is checked now; nothing is opened or sent. `runtime` is asked for the threads of the
    /// embedded router when that is built.
    ///
    /// # Errors
    /// What was given is wrong.
    pub fn open(self, runtime: fn() -> Result<Handle>) -> Result<Opened> {
        let files = self.uploads.as_ref().map(FileOptions::read).transpose()?.unwrap_or_default();
        let (build, data_dir) = match self.options.choose()? {
            Choice::Embedded => embedded(self.config.as_ref(), runtime)?,
            Choice::Http(_) if self.config.is_some() => {
                return Err(Error::validation("config: is for the embedded router")
                    .with_suggested_fix("leave out config, or choose the backend \"embedded\""));
            }
            Choice::Http(options) => {
                HttpBackend::new(options.clone())?;
                let build = move || Ok(Arc::new(HttpBackend::new(options.clone())?) as Arc<dyn Backend>);
                (Box::new(build) as Factory, None)
            }
        };
        Ok(Opened { client: Client::with_files(build, files), data_dir })
    }
}

#[cfg(feature = "router")]
fn embedded(config: Option<&RawJson>, runtime: fn() -> Result<Handle>) -> Result<(Factory, Option<PathBuf>)> {
    use composio_router::{Router, RouterConfig};

    let config = match config.map(|config| config.decode("config")).transpose()? {
        None => RouterConfig::load(None)?,
        Some(serde_json::Value::String(path)) => RouterConfig::load(Some(path.as_ref()))?,
        Some(object) => RouterConfig::from_json(object)?,
    };
    let data_dir = Some(config.data_dir()?);
    let build = move || {
        let runtime = runtime()?;
        let builder = Router::builder().config(config.clone()).runtime(runtime.clone());
        #[cfg(feature = "server")]
        let builder = builder.session_server(Arc::new(composio_server::Loopback::new(runtime)));
        Ok(Arc::new(builder.build()?) as Arc<dyn Backend>)
    };
    Ok((Box::new(build), data_dir))
}

#[cfg(not(feature = "router"))]
fn embedded(_config: Option<&RawJson>, _runtime: fn() -> Result<Handle>) -> Result<(Factory, Option<PathBuf>)> {
    Err(Error::new(composio_contract::ErrorKind::Unsupported, "this build has no embedded router")
        .with_suggested_fix("give an API key, a base URL or headers to use the hosted backend"))
}

/// A length of time that a caller gave in seconds. `what` names it in the error.
///
/// # Errors
/// [`composio_contract::ErrorKind::Validation`] unless it is above 0 and finite.
pub fn seconds(what: &str, seconds: f64) -> Result<Duration> {
    let invalid = || Error::validation(format!("{what}: expected a number of seconds above 0, got {seconds}"));
    Duration::try_from_secs_f64(seconds).ok().filter(|duration| !duration.is_zero()).ok_or_else(invalid)
}
