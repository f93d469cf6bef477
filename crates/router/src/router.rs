//! The router: sources, store and limits, put together.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use composio_contract::{Error, ErrorKind, Result};
use composio_vault::private;
use tokio::runtime::Handle;

use crate::accounts::Accounts;
use crate::catalog::Catalog;
use crate::changes::SessionChanges;
use crate::config::{RetentionOptions, RouterConfig};
use crate::left_out::LeftOut;
use crate::project::Project;
use crate::quota::{Quotas, Refusals};
use crate::retention;
use crate::session_server::SessionServer;
use crate::sessions::SessionCache;
use crate::signer::Signer;
use crate::source::Source;
use crate::sources;
use crate::store::{self, Store};
use crate::ticket::Tickets;
use crate::workspace::{HardLinks, RoomLimits};
use crate::workspaces::Workspaces;

/// The embedded tool router: a [`Backend`](composio_contract::Backend) without a key, an account or a network.
///
/// A clone is the same router.
///
/// ```
/// use composio_contract::{Backend as _, CreateSession};
/// use composio_router::{Router, RouterConfig};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// # runtime.block_on(async {
/// # let folder = tempfile::tempdir()?;
/// # let data_dir = folder.path().to_owned();
/// let mut config = RouterConfig::default();
/// config.router.data_dir = Some(data_dir);
/// let router = Router::builder().config(config).build()?;
///
/// let session = router.create_session(&CreateSession { user_id: "ada".into(), ..Default::default() }).await?;
/// assert!(session.tool_router_tools.contains(&"COMPOSIO_SEARCH_TOOLS".to_owned()));
/// router.close().await?;
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Router {
    /// Whose sessions this view of the router has; all else is shared.
    pub(crate) project: Project,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) sessions: Arc<SessionCache>,
    pub(crate) session_changes: Arc<SessionChanges>,
    pub(crate) workspaces: Arc<Workspaces>,
    pub(crate) tickets: Arc<Tickets>,
    pub(crate) accounts: Arc<Accounts>,
    /// Where users' browsers reach this router; none where it listens itself.
    pub(crate) base: Option<Arc<str>>,
    /// Whether users are at other machines than this one.
    pub(crate) is_reached_from_elsewhere: bool,
    pub(crate) limits: Limits,
    pub(crate) quotas: Arc<Quotas>,
    pub(crate) retention: RetentionOptions,
    pub(crate) session_server: Option<Arc<dyn SessionServer>>,
    data_dir: Arc<PathBuf>,
    closed: Arc<AtomicBool>,
}

/// What one call may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) call_timeout: Duration,
    /// Bytes.
    pub(crate) output: usize,
    /// Calls of one multi-execute that run at the same time.
    pub(crate) parallel: usize,
}

/// Puts a [`Router`] together.
#[derive(Debug, Default)]
pub struct RouterBuilder {
    config: RouterConfig,
    sources: Vec<Arc<dyn Source>>,
    store: Option<Arc<dyn Store>>,
    runtime: Option<Handle>,
    session_server: Option<Arc<dyn SessionServer>>,
}

impl Router {
    /// A builder with the default configuration.
    #[must_use]
    pub fn builder() -> RouterBuilder {
        RouterBuilder::default()
    }

    /// The folder in which the router keeps its database and the users' folders, where none is configured for them.
    #[must_use]
    pub fn data_dir(&self) -> &std::path::Path {
        &self.data_dir
    }

    /// The same router for the calls of a project. Sessions, log entries and files of other projects are not there.
    ///
    /// Toolkits, limits and the end are shared: closing one closes all.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] where `router.workspace` gives the project's files no place of their own.
    pub fn in_project(&self, project: Project) -> Result<Self> {
        self.workspaces.check(&project)?;
        Ok(Self { project, ..self.clone() })
    }

    /// The project whose calls this is for.
    #[must_use]
    pub fn project(&self) -> &Project {
        &self.project
    }

    /// How many toolkits there are.
    #[must_use]
    pub fn toolkit_count(&self) -> usize {
        self.catalog.toolkits().count()
    }

    /// Asks every toolkit for its tools, all at the same time: each toolkit's slug, and how many it has or why they cannot
    /// be read. `answered` is called when one has answered.
    pub async fn load_toolkits(&self, answered: impl Fn()) -> Vec<(String, Result<usize>)> {
        let loaded = self.catalog.load_noting(|_| true, answered).await;
        loaded.into_iter().map(|each| (each.toolkit.slug.clone(), each.tools.map(|tools| tools.len()))).collect()
    }

    /// The tools of a toolkit that its source was given and does not offer, as it answered last.
    #[must_use]
    pub fn left_out(&self, toolkit: &str) -> Arc<LeftOut> {
        let source = self.catalog.sources().find(|source| source.toolkit().slug == toolkit);
        source.map(|source| source.left_out()).unwrap_or_default()
    }

    /// The tools that are held until an operator accepts their definitions, of the toolkits that this process has loaded.
    #[must_use]
    pub fn held_tools(&self) -> Vec<crate::pins::HeldTool> {
        self.catalog.all_held()
    }

    /// Where the router keeps its state; for reading the execution log.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    /// What users, projects and keys may take.
    #[must_use]
    pub fn quotas(&self) -> &Quotas {
        &self.quotas
    }

    pub(crate) fn ensure_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Closed, "the router was closed; make a new one"));
        }
        Ok(())
    }

    /// Ends the sources and writes what is left of the log. A second time it does nothing.
    pub(crate) async fn shut_down(&self) -> Result<()> {
        if self.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        if let Some(server) = &self.session_server {
            server.close().await;
        }
        self.accounts.close();
        self.catalog.close().await;
        self.store.flush().await
    }
}

impl RouterBuilder {
    /// The configuration; see [`RouterConfig::load`].
    #[must_use]
    pub fn config(mut self, config: RouterConfig) -> Self {
        self.config = config;
        self
    }

    /// Adds a toolkit beside those that the configuration names.
    #[must_use]
    pub fn source(mut self, source: Arc<dyn Source>) -> Self {
        self.sources.push(source);
        self
    }

    /// Keeps state in this store instead of the database that the configuration names.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// Where connections to upstream servers live. Without it, the runtime that [`RouterBuilder::build`] is called in.
    #[must_use]
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// What serves sessions over MCP where a caller in this process asks for it; else that is refused.
    #[must_use]
    pub fn session_server(mut self, server: Arc<dyn SessionServer>) -> Self {
        self.session_server = Some(server);
        self
    }

    /// Opens the store and collects the toolkits; no server is started yet.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] where the configuration cannot work, or no runtime was given and none is there.
    pub fn build(self) -> Result<Router> {
        let runtime = match self.runtime {
            Some(runtime) => runtime,
            None => Handle::try_current().map_err(|error| {
                Error::new(ErrorKind::Configuration, "the router needs a Tokio runtime; give one to its builder")
                    .with_source(error)
            })?,
        };
        let options = &self.config.router;
        let data_dir = self.config.data_dir()?;
        // Versions before made them as wide as the umask let them.
        for folder in ["workspaces", "projects"] {
            private::narrow(&data_dir.join(folder))
                .map_err(|error| Error::new(ErrorKind::Configuration, error.to_string()).with_source(error))?;
        }
        let mut all = sources::configured(&self.config, &runtime)?;
        all.extend(self.sources);
        let accounts = Arc::new(Accounts::configured(&self.config, &all, &data_dir, &runtime)?);
        let store = match self.store {
            Some(store) => store,
            None => store::open(&self.config.database()?, &runtime)?,
        };
        let workspaces = match &options.workspace {
            Some(pattern) => Workspaces::new(pattern),
            None => Workspaces::below(&data_dir),
        };
        let quota = &self.config.quota;
        let refusals = Arc::new(Refusals::default());
        let limit = |given: Option<u64>| given.filter(|limit| *limit > 0);
        let workspaces = workspaces.within(RoomLimits {
            bytes: limit(quota.workspace_bytes),
            files: limit(quota.workspace_files),
            database: limit(quota.database_bytes),
            refusals: Arc::clone(&refusals),
        });
        let links = if options.allow_hard_links { HardLinks::Allowed } else { HardLinks::Refused };
        let workspaces = workspaces.with_links(links);
        let closed = Arc::default();
        retention::start(&store, &closed, self.config.retention, &runtime);
        Ok(Router {
            project: Project::default(),
            catalog: Arc::new(Catalog::new(all, Arc::clone(&store))?),
            store,
            sessions: Arc::default(),
            session_changes: Arc::default(),
            workspaces: Arc::new(workspaces),
            tickets: Arc::new(Tickets::new(Signer::new(&accounts))),
            accounts,
            base: None,
            is_reached_from_elsewhere: false,
            limits: Limits {
                call_timeout: options.call_timeout,
                output: options.output_limit,
                parallel: options.max_parallel.get(),
            },
            quotas: Arc::new(Quotas::new(quota, refusals)),
            retention: self.config.retention,
            session_server: self.session_server,
            data_dir: Arc::new(data_dir),
            closed,
        })
    }
}
