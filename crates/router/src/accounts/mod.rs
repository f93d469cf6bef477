//! Connected accounts: what signs the calls of toolkits that need it.
//!
//! A toolkit says how its calls are signed ([`AuthScheme`]). A link lets the user connect an account: at the provider where
//! the scheme is OAuth 2, else on a page that asks for the credential. The credential is sealed before it is stored, and
//! opened only to sign a call ([`Credential`]).

mod browser;
mod complete;
mod config;
mod connect;
mod credential;
mod device;
mod echoes;
mod import;
mod link;
mod listener;
mod lists;
mod manage;
mod page;
mod provider;
mod refresh;
mod scheme;
pub(crate) mod scopes;
mod sealed;
mod select;
pub(crate) mod wire;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use composio_contract::{Error, ErrorKind, Result};
use composio_egress::{Egress, EgressOptions};
use composio_oauth::Http;
use composio_vault::{Binding, MasterKey, MasterKeySource, Vault};
use secrecy::SecretSlice;
use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use url::Url;

use crate::config::RouterConfig;
use crate::project::Project;
use crate::router::Router;
use crate::source::Source;
use crate::store::{AccountStore, Location, Store};
use crate::workspace::blocking;

pub(crate) use config::AuthConfig;
pub use connect::{ConnectReply, Connected};
pub use credential::Credential;
pub(crate) use echoes::Echoes;
pub(crate) use manage::made_by_the_router;
pub(crate) use refresh::is_renewable;
pub use scheme::{AuthScheme, KeyPlace, OAuthFlow, OAuthScheme};

/// Names the master key in the environment.
pub(crate) const MASTER_KEY: &str = "COMPOSIO_MASTER_KEY";

/// What is held while a credential is renewed, by project and account.
type Flights = HashMap<(Project, String), Arc<tokio::sync::Mutex<()>>>;

/// What all clones of a router share of connected accounts.
pub(crate) struct Accounts {
    /// By the toolkit's slug.
    configs: BTreeMap<String, AuthConfig>,
    http: Arc<dyn Http>,
    /// None keeps the master key in memory only, as the store is.
    master: Option<MasterKeySource>,
    vault: OnceCell<Vault>,
    /// What a caller's callback URL may begin with.
    callbacks: Vec<Url>,
    /// Where the document about this program is, if not at this router's own address.
    client_document: Option<Url>,
    /// Where providers send users back to, if not to this router.
    redirect: Option<String>,
    /// Whether links to providers begin with a page of this router's.
    consent_page: bool,
    /// One a credential that is being renewed.
    flights: Mutex<Flights>,
    listener: listener::Listener,
    runtime: Handle,
    /// Names this router in leases.
    holder: String,
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts").field("toolkits", &self.configs.keys()).finish_non_exhaustive()
    }
}

/// Where the master key is kept; none for a store that ends with the program.
pub(crate) fn master_key(config: &RouterConfig, data_dir: &Path) -> Result<Option<MasterKeySource>> {
    if std::env::var_os(MASTER_KEY).is_some_and(|key| !key.is_empty()) {
        return Ok(Some(MasterKeySource::Variable(MASTER_KEY.to_owned())));
    }
    if config.database()? == Location::Memory {
        return Ok(None);
    }
    if config.accounts.keyring {
        let name = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned());
        let name = name.to_string_lossy().into_owned();
        return Ok(Some(MasterKeySource::Keyring { name, lock: data_dir.join("master.lock") }));
    }
    let file = config.accounts.master_key_file.clone().unwrap_or_else(|| data_dir.join("master.key"));
    Ok(Some(MasterKeySource::File(file)))
}

impl Accounts {
    /// What a configuration says of connected accounts; nothing is read or made yet.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] where it cannot work.
    pub(crate) fn configured(
        config: &RouterConfig,
        sources: &[Arc<dyn Source>],
        data_dir: &Path,
        runtime: &Handle,
    ) -> Result<Self> {
        let options = &config.accounts;
        let url = |key: &str, text: &String| {
            Url::parse(text).map_err(|error| {
                let message = format!("`accounts.{key}`: {text:?} is not a URL: {error}");
                Error::new(ErrorKind::Configuration, message)
            })
        };
        let callback = |text: &String| url("callback_urls", text);
        let master = master_key(config, data_dir)?;
        let egress = Egress::new(EgressOptions { allow_hosts: config.http.allow_hosts.clone() })?;
        let listener = listener::Listener::new(options.callback_port);
        Ok(Self {
            configs: config::of(sources, &config.auth)?,
            http: Arc::new(egress),
            master,
            vault: OnceCell::new(),
            callbacks: options.callback_urls.iter().map(callback).collect::<Result<_>>()?,
            client_document: options.client_document.as_ref().map(|text| url("client_document", text)).transpose()?,
            redirect: options
                .redirect_url
                .as_ref()
                .map(|text| url("redirect_url", text).map(|_| text.clone()))
                .transpose()?,
            consent_page: options.consent_page,
            flights: Mutex::default(),
            listener,
            runtime: runtime.clone(),
            holder: uuid::Uuid::new_v4().simple().to_string(),
        })
    }

    /// Whether any toolkit needs a connected account.
    pub(crate) fn are_needed(&self) -> bool {
        !self.configs.is_empty()
    }

    /// How a toolkit's calls are signed, where it needs a connected account.
    pub(crate) fn config(&self, toolkit: &str) -> Option<&AuthConfig> {
        self.configs.get(toolkit)
    }

    pub(crate) fn configs(&self) -> impl Iterator<Item = (&str, &AuthConfig)> {
        self.configs.iter().map(|(toolkit, config)| (toolkit.as_str(), config))
    }

    pub(crate) fn close(&self) {
        self.listener.close();
    }

    /// Whether the master key outlives this program.
    pub(crate) fn has_lasting_master(&self) -> bool {
        self.master.is_some()
    }

    /// Seals a secret of the router's own as a credential is sealed.
    pub(crate) async fn seal(&self, store: &dyn Store, plain: &[u8], place: &Binding<'_>) -> Result<Vec<u8>> {
        self.vault(rows(store)?).await?.seal(plain, place)
    }

    /// Opens what [`Accounts::seal`] sealed.
    pub(crate) async fn unseal(
        &self,
        store: &dyn Store,
        sealed: &[u8],
        place: &Binding<'_>,
    ) -> Result<SecretSlice<u8>> {
        self.vault(rows(store)?).await?.unseal(sealed, place)
    }

    async fn master(&self) -> Result<MasterKey> {
        match self.master.clone() {
            None => MasterKey::generate(),
            // A keyring may wait for its user.
            Some(source) => blocking::run(move |_| MasterKey::load(&source)).await,
        }
    }

    /// The store's vault, made with its first use.
    async fn vault(&self, store: &dyn AccountStore) -> Result<&Vault> {
        self.vault
            .get_or_try_init(|| async {
                let master = self.master().await?;
                loop {
                    if let Some(wrapped) = store.data_keys().await? {
                        return Vault::open(&master, &wrapped);
                    }
                    let (vault, wrapped) = Vault::create(&master)?;
                    if store.keep_data_keys(None, wrapped).await? {
                        return Ok(vault);
                    }
                }
            })
            .await
    }

    /// Held by whoever renews a credential in this process.
    fn flight(&self, project: &Project, id: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.retain(|_, flight| Arc::strong_count(flight) > 1);
        Arc::clone(flights.entry((project.clone(), id.to_owned())).or_default())
    }
}

fn rows(store: &dyn Store) -> Result<&dyn AccountStore> {
    store
        .accounts()
        .ok_or_else(|| Error::new(ErrorKind::Unsupported, "the router's store has no place for connected accounts"))
}

impl Router {
    pub(crate) fn account_store(&self) -> Result<&dyn AccountStore> {
        rows(self.store.as_ref())
    }

    /// Wraps the store's data keys with another master key. Nothing is sealed anew; from now on, and after a restart, only
    /// the new key opens the store's credentials.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`] where it is the present one; [`ErrorKind::Configuration`] where the present one does not open
    /// the store; [`ErrorKind::Conflict`] where another process rotated it at the same time.
    pub async fn rotate_master_key(&self, new: &MasterKey) -> Result<()> {
        let store = self.account_store()?;
        self.accounts.vault(store).await?;
        let base = store.data_keys().await?;
        let present = self.accounts.master().await?;
        if present == *new {
            return Err(Error::validation("the new master key is the present one"));
        }
        let vault = match &base {
            Some(wrapped) => Vault::open(&present, wrapped)?,
            None => return Err(Error::new(ErrorKind::Internal, "the store lost its data keys")),
        };
        if store.keep_data_keys(base, vault.wrap(new)?).await? {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Conflict, "the master key was rotated by somebody else at the same time"))
    }
}
