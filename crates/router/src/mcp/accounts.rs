//! An MCP server that knows its users: each account has a connection of its own, and tools of its own.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::Instant;

use async_trait::async_trait;
use composio_contract::{Error, ErrorKind, Result};
use serde_json::{Map, Value};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::client::Generation;
use super::session::Authorization;
use super::{McpServerConfig, McpSource, McpTransport};
use crate::accounts::{AuthScheme, Credential};
use crate::fingerprint::definition_hash;
use crate::source::{CallContext, Outcome, Pinning, Source, ToolDefinition, ToolListing, ToolkitInfo};

/// Connections that are kept; beyond them the one that was used least recently goes.
const CONNECTIONS: usize = 256;
/// Definitions that are kept of one operation, where accounts describe it differently.
const DEFINITIONS: usize = 8;

/// The tools of an MCP server whose requests are signed with users' accounts.
///
/// Nothing is known of its tools until an account has listed them. What one account lists is shown to its user alone. Accounts
/// may describe a tool of one name differently; the router offers the definition that is accepted, to those who list that.
#[derive(Debug)]
pub struct McpAccounts {
    config: McpServerConfig,
    auth: AuthScheme,
    configured: ToolkitInfo,
    described: OnceLock<ToolkitInfo>,
    /// By account.
    connections: Mutex<HashMap<Arc<str>, Arc<Connection>>>,
    /// What accounts have listed so far, by operation: the first definition and the latest ones.
    known: RwLock<BTreeMap<String, Vec<ToolDefinition>>>,
    generation: Generation,
    runtime: Handle,
}

/// The server as one account sees it.
#[derive(Debug)]
struct Connection {
    source: Arc<McpSource>,
    authorization: Authorization,
    used: Mutex<Instant>,
    listed: tokio::sync::Mutex<Option<(u64, Arc<ToolListing>)>>,
    /// Passes on that the tools have changed.
    watcher: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

impl McpAccounts {
    /// A source for a server; nothing is connected yet. Connections will live on `runtime`.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] where the slug or the URL cannot be used, or `accounts` is missing.
    pub fn new(config: McpServerConfig, runtime: Handle) -> Result<Self> {
        config.check()?;
        let (McpTransport::Http { url, .. }, Some(mut auth)) = (&config.transport, config.accounts.clone()) else {
            let message = format!("MCP server `{}`: it has no `url` or no `accounts`", config.slug);
            return Err(Error::new(ErrorKind::Configuration, message));
        };
        if let AuthScheme::OAuth2(scheme) = &mut auth {
            scheme.mcp = Some(url.clone());
        }
        let configured = ToolkitInfo {
            slug: config.slug.clone(),
            name: config.name.clone(),
            description: config.description.clone().unwrap_or_else(|| format!("Tools of {}.", config.name)),
        };
        Ok(Self {
            config,
            auth,
            configured,
            described: OnceLock::new(),
            connections: Mutex::default(),
            known: RwLock::default(),
            generation: Generation::default(),
            runtime,
        })
    }

    fn connections(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<Connection>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The account's connection, signed from now on with this credential.
    fn connection(&self, credential: &Credential) -> Result<Arc<Connection>> {
        let header = credential.header()?;
        let mut connections = self.connections();
        let connection = match connections.get(credential.account()) {
            Some(connection) => Arc::clone(connection),
            None => {
                if connections.len() >= CONNECTIONS {
                    let oldest = connections.iter().min_by_key(|(_, connection)| connection.used());
                    if let Some(account) = oldest.map(|(account, _)| Arc::clone(account)) {
                        connections.remove(&account);
                    }
                }
                let fresh = Arc::new(self.connect()?);
                connections.insert(Arc::clone(credential.account()), Arc::clone(&fresh));
                fresh
            }
        };
        drop(connections);
        connection.authorization.set(header);
        *connection.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        Ok(connection)
    }

    fn connect(&self) -> Result<Connection> {
        self.config.check_secure()?;
        let authorization = Authorization::default();
        let source = McpSource::signed(self.config.clone(), authorization.clone(), self.runtime.clone())?;
        let source = Arc::new(source);
        let (theirs, ours) = (source.connection.server.generation.clone(), self.generation.clone());
        let watcher = self.runtime.spawn(async move {
            let mut seen = theirs.get();
            loop {
                theirs.changed(seen).await;
                seen = theirs.get();
                ours.bump();
            }
        });
        Ok(Connection {
            source,
            authorization,
            used: Mutex::new(Instant::now()),
            listed: tokio::sync::Mutex::default(),
            watcher: watcher.abort_handle(),
        })
    }

    /// Remembers what an account lists.
    fn learn(&self, connection: &Connection, tools: &[ToolDefinition]) {
        let info = connection.source.toolkit();
        if info.description != self.configured.description {
            let _ = self.described.set(info.clone());
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let mut has_changed = false;
        for tool in tools {
            let definitions = known.entry(tool.operation.clone()).or_default();
            if !definitions.contains(tool) {
                if definitions.len() >= DEFINITIONS {
                    definitions.remove(1);
                }
                definitions.push(tool.clone());
                has_changed = true;
            }
        }
        drop(known);
        if has_changed {
            self.generation.bump();
        }
    }
}

impl Connection {
    fn used(&self) -> Instant {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Source for McpAccounts {
    fn toolkit(&self) -> &ToolkitInfo {
        self.described.get().unwrap_or(&self.configured)
    }

    async fn tools(&self) -> Result<Arc<[ToolDefinition]>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        Ok(known.values().flatten().cloned().collect())
    }

    fn auth(&self) -> Option<&AuthScheme> {
        Some(&self.auth)
    }

    fn lists_by_account(&self) -> bool {
        true
    }

    fn pinning(&self) -> Option<Pinning> {
        Some(self.config.pin)
    }

    async fn list_for(&self, credential: &Credential) -> Result<Arc<ToolListing>> {
        let connection = self.connection(credential)?;
        let mut listed = connection.listed.lock().await;
        // Read first: a change while the server answers must make the answer stale.
        let generation = connection.source.generation();
        if let Some((seen, listing)) = &*listed
            && *seen == generation
        {
            return Ok(Arc::clone(listing));
        }
        let tools = connection.source.tools().await?;
        self.learn(&connection, &tools);
        let listing: ToolListing = tools.iter().map(|tool| (tool.operation.clone(), definition_hash(tool))).collect();
        let listing = Arc::new(listing);
        *listed = Some((generation, Arc::clone(&listing)));
        Ok(listing)
    }

    fn forget(&self, account: &str) {
        self.connections().remove(account);
    }

    fn generation(&self) -> u64 {
        self.generation.get()
    }

    async fn changed(&self, seen: u64) {
        self.generation.changed(seen).await;
    }

    async fn call(
        &self,
        tool: &ToolDefinition,
        arguments: Map<String, Value>,
        context: &CallContext,
    ) -> Result<Outcome> {
        let credential = context.credential.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::ConnectedAccount, format!("{} is called with a connected account", tool.slug))
        })?;
        self.connection(credential)?.source.call(tool, arguments, context).await
    }

    async fn close(&self) {
        let connections: Vec<_> = self.connections().drain().map(|(_, connection)| connection).collect();
        futures_util::future::join_all(connections.iter().map(|connection| connection.source.close())).await;
    }
}
