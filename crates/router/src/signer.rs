//! Signed texts: what they say is for everyone to read, and only the store's key can make one.
//!
//! Any process that shares the store can check them, also after a restart. Whoever reads one checks what it is for: the
//! key signs texts of more than one kind.
//!
//! In the store the key is sealed as credentials are, so that a copy of the database, without the master key, signs nothing. One that
//! an earlier version left in clear is sealed when it is first read; what it has signed stays good.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use composio_contract::{Error, ErrorKind, Result};
use composio_vault::Binding;
use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretBox};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

use crate::accounts::Accounts;
use crate::store::Store;

/// How long a key is used before the store is asked whether it is still the same: a rotation is noticed after that.
const LIFE: Duration = Duration::from_secs(1);
/// Bytes of a key.
const KEY: usize = 32;
/// Where the key lies, for what it is sealed with.
const PLACE: Binding<'static> = Binding { project: "", id: "signing", column: "key" };

type Key = SecretBox<[u8; KEY]>;

/// Signs claims, and reads those that it signed.
#[derive(Default)]
pub(crate) struct Signer {
    /// Whose vault seals the key; none where the store is in memory, and the key with it.
    accounts: Option<Arc<Accounts>>,
    known: RwLock<Option<Arc<Known>>>,
    /// Held by whoever asks the store.
    turn: tokio::sync::Mutex<()>,
}

/// The key, as it was in the store at some time.
struct Known {
    kept: Vec<u8>,
    key: Arc<Key>,
    looked_at: Instant,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").finish_non_exhaustive()
    }
}

impl Signer {
    /// One whose key is sealed by the vault of the accounts, if they have a master key that lasts.
    pub(crate) fn new(accounts: &Arc<Accounts>) -> Self {
        let accounts = accounts.has_lasting_master().then(|| Arc::clone(accounts));
        Self { accounts, ..Self::default() }
    }

    fn known(&self) -> Option<Arc<Known>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, known: Known) -> Arc<Key> {
        let key = Arc::clone(&known.key);
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(known));
        key
    }

    async fn key(&self, store: &dyn Store) -> Result<Arc<Key>> {
        let recent =
            || self.known().filter(|known| known.looked_at.elapsed() < LIFE).map(|known| Arc::clone(&known.key));
        if let Some(key) = recent() {
            return Ok(key);
        }
        let _turn = self.turn.lock().await;
        match recent() {
            Some(key) => Ok(key),
            None => self.look(store).await,
        }
    }

    /// The key that the store has now; sealed there from then on.
    async fn look(&self, store: &dyn Store) -> Result<Arc<Key>> {
        loop {
            let looked_at = Instant::now();
            let Some(kept) = store.signing_key().await? else {
                // Whoever comes first keeps theirs; one that comes second finds it.
                let key = fresh()?;
                let kept = self.seal(store, &key).await?;
                if store.keep_signing_key(None, kept.clone()).await? {
                    return Ok(self.note(Known { kept, key, looked_at }));
                }
                continue;
            };
            if let Some(known) = self.known().filter(|known| known.kept == kept) {
                return Ok(self.note(Known { kept, key: Arc::clone(&known.key), looked_at }));
            }
            let Ok(clear) = <[u8; KEY]>::try_from(kept.as_slice()) else {
                let key = self.unseal(store, &kept).await?;
                return Ok(self.note(Known { kept, key, looked_at }));
            };
            let key = Arc::new(SecretBox::new(Box::new(clear)));
            let sealed = self.seal(store, &key).await?;
            if sealed == kept || store.keep_signing_key(Some(kept), sealed.clone()).await? {
                return Ok(self.note(Known { kept: sealed, key, looked_at }));
            }
        }
    }

    /// Signs with a new key from now on. What the former one signed is no longer good, here at once, and in other processes that
    /// share the store within a second.
    pub(crate) async fn rotate(&self, store: &dyn Store) -> Result<()> {
        let _turn = self.turn.lock().await;
        let key = fresh()?;
        let sealed = self.seal(store, &key).await?;
        loop {
            let looked_at = Instant::now();
            let before = store.signing_key().await?;
            if self.accounts.is_none() && before.as_ref().is_some_and(|kept| kept.len() != KEY) {
                return Err(no_master());
            }
            if store.keep_signing_key(before, sealed.clone()).await? {
                self.note(Known { kept: sealed, key, looked_at });
                return Ok(());
            }
        }
    }

    async fn seal(&self, store: &dyn Store, key: &Key) -> Result<Vec<u8>> {
        match &self.accounts {
            None => Ok(key.expose_secret().to_vec()),
            Some(accounts) => accounts.seal(store, key.expose_secret(), &PLACE).await,
        }
    }

    async fn unseal(&self, store: &dyn Store, sealed: &[u8]) -> Result<Arc<Key>> {
        let accounts = self.accounts.as_ref().ok_or_else(no_master)?;
        let key = accounts.unseal(store, sealed, &PLACE).await?;
        let key = <[u8; KEY]>::try_from(key.expose_secret())
            .map_err(|error| Error::new(ErrorKind::Internal, "the signing key is no key").with_source(error))?;
        Ok(Arc::new(SecretBox::new(Box::new(key))))
    }

    async fn mac(&self, store: &dyn Store) -> Result<Hmac<Sha256>> {
        let key = self.key(store).await?;
        Hmac::new_from_slice(key.expose_secret())
            .map_err(|error| Error::new(ErrorKind::Internal, "the signing key is no key").with_source(error))
    }

    /// The claims and their signature, as letters, digits, `-`, `_` and one dot.
    pub(crate) async fn sign(&self, store: &dyn Store, claims: &(impl Serialize + Sync)) -> Result<String> {
        let payload = serde_json::to_vec(claims)
            .map_err(|error| Error::new(ErrorKind::Internal, "cannot write what is signed").with_source(error))?;
        let signature = self.mac(store).await?.chain_update(&payload).finalize().into_bytes();
        Ok(format!("{}.{}", BASE64URL_NOPAD.encode(&payload), BASE64URL_NOPAD.encode(&signature)))
    }

    /// The claims of a text, if its signature is right and they are of this kind.
    pub(crate) async fn read<T: DeserializeOwned>(&self, store: &dyn Store, text: &str) -> Result<Option<T>> {
        let mac = self.mac(store).await?;
        let read = || {
            let (payload, signature) = text.split_once('.')?;
            let payload = BASE64URL_NOPAD.decode(payload.as_bytes()).ok()?;
            let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
            mac.chain_update(&payload).verify_slice(&signature).ok()?;
            serde_json::from_slice(&payload).ok()
        };
        Ok(read())
    }
}

fn no_master() -> Error {
    let message =
        "the key that the store's tokens and URLs are signed with is sealed, and this router has no master key";
    Error::new(ErrorKind::Configuration, message)
        .with_suggested_fix("set `router.database` to the store's database, and give its master key")
}

fn fresh() -> Result<Arc<Key>> {
    let mut key = [0; KEY];
    getrandom::fill(&mut key).map_err(|error| {
        Error::new(ErrorKind::Internal, format!("the system gives no random bytes for a signing key: {error}"))
    })?;
    Ok(Arc::new(SecretBox::new(Box::new(key))))
}
