//! Signed texts: what they say is for everyone to read, and only the store's key can make one.
//!
//! Any process that shares the store can check them, also after a restart. Whoever reads one checks what it is for: the
//! key signs texts of more than one kind.

use std::fmt;
use std::sync::OnceLock;

use composio_contract::{Error, ErrorKind, Result};
use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

use crate::store::Store;

/// Signs claims, and reads those that it signed.
#[derive(Default)]
pub(crate) struct Signer {
    /// Read from the store when it is first needed.
    key: OnceLock<[u8; 32]>,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").finish_non_exhaustive()
    }
}

impl Signer {
    async fn mac(&self, store: &dyn Store) -> Result<Hmac<Sha256>> {
        let key = match self.key.get() {
            Some(key) => key,
            None => {
                let key = store.signing_key().await?;
                self.key.get_or_init(|| key)
            }
        };
        Hmac::new_from_slice(key)
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
