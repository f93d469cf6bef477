//! Sealing under one key.

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use composio_contract::{Error, ErrorKind, Result};
use secrecy::{ExposeSecret as _, SecretBox};
use zeroize::{Zeroize as _, Zeroizing};

/// Bytes of a key.
pub(crate) const KEY: usize = 32;
/// Bytes of a nonce: so many that random ones do not repeat.
pub(crate) const NONCE: usize = 24;

/// A key of the cipher.
pub(crate) type Key = SecretBox<[u8; KEY]>;

/// A key from the system's randomness.
pub(crate) fn fresh() -> Result<Key> {
    let mut bytes = Zeroizing::new([0; KEY]);
    fill(bytes.as_mut_slice())?;
    Ok(key(&bytes))
}

/// The key of these bytes.
pub(crate) fn key(bytes: &[u8; KEY]) -> Key {
    SecretBox::init_with_mut(|key: &mut [u8; KEY]| key.copy_from_slice(bytes))
}

fn fill(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes)
        .map_err(|error| Error::new(ErrorKind::Internal, format!("the system gives no random bytes: {error}")))
}

/// A fresh nonce and what it sealed.
pub(crate) fn seal(key: &Key, plain: &[u8], aad: &[u8]) -> Result<Vec<u8>> {
    let mut nonce = [0; NONCE];
    fill(&mut nonce)?;
    let cipher = XChaCha20Poly1305::new(key.expose_secret().into());
    let sealed = cipher
        .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad })
        .map_err(|_| Error::new(ErrorKind::TooLarge, "a credential is too large to be sealed"))?;
    Ok([nonce.as_slice(), &sealed].concat())
}

/// What [`seal`] sealed; none where the key, the bytes or `aad` are others.
pub(crate) fn unseal(key: &Key, sealed: &[u8], aad: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
    let cipher = XChaCha20Poly1305::new(key.expose_secret().into());
    cipher.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad }).ok().map(Zeroizing::new)
}

/// The key that a slice holds, if it has the length of one.
pub(crate) fn key_of(bytes: &[u8]) -> Option<Key> {
    let mut array: [u8; KEY] = bytes.try_into().ok()?;
    let key = key(&array);
    array.zeroize();
    Some(key)
}
