//! The entry point: sessions, and the reads that need none.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use composio_contract::{Backend, Error, ErrorKind, RawJson, Result, ToolkitsQuery, ToolsQuery};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::connection;
use crate::create::CreateOptions;
use crate::custom::CustomToolSet;
use crate::file_options::FileOptions;
use crate::fork;
use crate::session::Session;

type Factory = dyn Fn() -> Result<Arc<dyn Backend>> + Send + Sync;

/// A client of one backend. Cloning shares it.
///
/// The backend is built on first use and built anew in a forked child; nothing is sent before the first call.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    factory: Box<Factory>,
    built: ArcSwapOption<Built>,
    closed: AtomicBool,
    files: FileOptions,
}

struct Built {
    generation: u64,
    backend: Arc<dyn Backend>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.0.built.load().as_ref().map(|built| built.backend.clone())).finish()
    }
}

impl Client {
    /// A client whose backend `factory` builds, and which uploads no files that commonly hold credentials.
    pub fn new(factory: impl Fn() -> Result<Arc<dyn Backend>> + Send + Sync + 'static) -> Self {
        Self::with_files(factory, FileOptions::default())
    }

    /// A client whose backend `factory` builds, with its own options about files.
    pub fn with_files(
        factory: impl Fn() -> Result<Arc<dyn Backend>> + Send + Sync + 'static,
        files: FileOptions,
    ) -> Self {
        Self(Arc::new(Inner {
            factory: Box::new(factory),
            built: ArcSwapOption::empty(),
            closed: AtomicBool::new(false),
            files,
        }))
    }

    /// A client of a backend that is there already.
    #[must_use]
    pub fn of(backend: Arc<dyn Backend>) -> Self {
        Self::new(move || Ok(backend.clone()))
    }

    pub(crate) fn file_options(&self) -> &FileOptions {
        &self.0.files
    }

    /// The backend, built now if need be.
    ///
    /// # Errors
    /// What building it says, and [`ErrorKind::Closed`] after [`Client::close`].
    pub fn backend(&self) -> Result<Arc<dyn Backend>> {
        if self.0.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Closed, "the client was closed; make a new one"));
        }
        let generation = fork::generation();
        let current = self.0.built.load_full();
        if let Some(built) = current.as_ref().filter(|built| built.generation == generation) {
            return Ok(built.backend.clone());
        }
        let fresh = Arc::new(Built { generation, backend: (self.0.factory)()? });
        let seen = self.0.built.compare_and_swap(&current, Some(fresh.clone()));
        // Where two threads built at once the first one's stays; where this is a forked child the parent's is
        // leaked, since dropping it would touch sockets and files that the parent still uses.
        let (winner, leaked) = match seen.as_ref() {
            Some(other) if other.generation == generation => (other.clone(), None),
            stale => (fresh, stale.cloned()),
        };
        std::mem::forget((current, leaked));
        Ok(winner.backend.clone())
    }

    /// Creates a session.
    ///
    /// `options` is an object with the arguments of create by name, shorthands included.
    ///
    /// # Errors
    /// [`composio_contract::ErrorKind::Validation`] for bad options, before anything is sent; else what the backend says.
    pub async fn create(&self, options: &RawJson, tools: CustomToolSet) -> Result<Session> {
        let options = CreateOptions::read(options, &tools)?;
        let backend = self.backend()?;
        let reply = backend.create_session(&options.request).await?;
        let id = reply.session_id.clone();
        match Session::bind(self.clone(), reply, tools, options.mcp) {
            Err(error) => {
                // The caller never learns of the session; the reason why it cannot have it matters more than whether
                // it could be taken back.
                let _ = backend.delete_session(&id).await;
                Err(error)
            }
            bound => bound,
        }
    }

    /// Takes up a session that exists; with custom tools, binds them to it.
    ///
    /// # Errors
    /// As [`Client::create`].
    pub async fn use_session(&self, session_id: &str, tools: CustomToolSet, mcp: bool) -> Result<Session> {
        check_id("session_id", session_id)?;
        let backend = self.backend()?;
        let reply = match tools.attachment() {
            Some(attachment) => backend.attach_session(session_id, &attachment).await?,
            None => backend.get_session(session_id).await?,
        };
        Session::bind(self.clone(), reply, tools, mcp)
    }

    /// Deletes a session.
    ///
    /// # Errors
    /// What the backend says.
    pub async fn delete_session(&self, session_id: &str) -> Result<RawJson> {
        check_id("session_id", session_id)?;
        Ok(self.backend()?.delete_session(session_id).await?.into_parts().0)
    }

    /// Waits until a connected account is active and answers with it.
    ///
    /// # Errors
    /// [`composio_contract::ErrorKind::ConnectedAccount`] where it ended otherwise,
    /// [`composio_contract::ErrorKind::WaitTimeout`] where `timeout` passed.
    pub async fn wait_for_connection(&self, account_id: &str, timeout: Option<Duration>) -> Result<RawJson> {
        connection::wait(&*self.backend()?, account_id, timeout).await
    }

    /// One toolkit.
    ///
    /// # Errors
    /// What the backend says.
    pub async fn toolkit(&self, slug: &str) -> Result<RawJson> {
        Ok(self.backend()?.get_toolkit(slug).await?.into_parts().0)
    }

    /// A page of toolkits; `query` has the contract's parameters.
    ///
    /// # Errors
    /// What the backend says.
    pub async fn toolkits(&self, query: &RawJson) -> Result<RawJson> {
        let query: ToolkitsQuery = read_query(query, &[])?;
        Ok(self.backend()?.list_toolkits(&query).await?.into_parts().0)
    }

    /// One tool.
    ///
    /// # Errors
    /// What the backend says.
    pub async fn tool(&self, slug: &str) -> Result<RawJson> {
        Ok(self.backend()?.get_tool(slug).await?.into_parts().0)
    }

    /// A page of tools; `query` has `tools`, `toolkit`, `search` and the contract's parameters.
    ///
    /// # Errors
    /// What the backend says.
    pub async fn tools(&self, query: &RawJson) -> Result<RawJson> {
        let names = [("tools", "tool_slugs"), ("toolkit", "toolkit_slug"), ("search", "query")];
        let query: ToolsQuery = read_query(query, &names)?;
        Ok(self.backend()?.list_tools(&query).await?.into_parts().0)
    }

    /// Lets go of what the backend holds; further calls fail. A second time it does nothing.
    ///
    /// # Errors
    /// What the backend says.
    pub async fn close(&self) -> Result<()> {
        if self.0.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        match self.0.built.load_full() {
            Some(built) if built.generation == fork::generation() => built.backend.close().await,
            _ => Ok(()),
        }
    }
}

pub(crate) fn check_id(name: &str, id: &str) -> Result<()> {
    match id.trim() {
        "" => Err(Error::validation(format!("{name}: must not be empty"))),
        _ => Ok(()),
    }
}

/// Reads a query: fields that are not given go, lists are joined by commas, and arguments with a name of their own
/// take the contract's.
pub(crate) fn read_query<T: DeserializeOwned>(query: &RawJson, names: &[(&str, &str)]) -> Result<T> {
    let fields: Map<String, Value> = query.decode("query")?;
    let mut renamed = Map::new();
    for (name, value) in fields {
        let value = match value {
            Value::Null => continue,
            Value::Array(items) => {
                let texts = items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned));
                Value::String(texts.collect::<Vec<_>>().join(","))
            }
            Value::Object(_) => return Err(Error::validation(format!("{name}: expected a value or a list"))),
            value => value,
        };
        let wire = names.iter().find(|(own, _)| *own == name).map_or(name.as_str(), |(_, wire)| wire);
        renamed.insert(wire.to_owned(), value);
    }
    serde_path_to_error::deserialize(Value::Object(renamed))
        .map_err(|error| Error::validation(format!("{}: {}", error.path(), error.inner())))
}
