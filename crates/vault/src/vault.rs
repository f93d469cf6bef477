//! A store's data keys, and sealing with them.

use std::fmt;

use composio_contract::{Error, ErrorKind, Result};
use secrecy::{ExposeSecret as _, SecretSlice};
use zeroize::Zeroizing;

use crate::cipher::{self, KEY, Key};
use crate::master::{FINGERPRINT, MasterKey};

/// Begins a sealed credential. The last byte counts up with the form.
const SEALED: [u8; 4] = *b"cvs\x01";
/// Begins wrapped data keys.
const WRAPPED: [u8; 4] = *b"cvw\x01";
/// Bytes of a data key's number.
const NUMBER: usize = 4;

/// Where a sealed credential lies. It opens nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding<'a> {
    /// The project that the row belongs to.
    pub project: &'a str,
    /// The row's id.
    pub id: &'a str,
    /// Which of the row's values it is.
    pub column: &'a str,
}

impl Binding<'_> {
    /// Each part with its length before it, so that no two bindings have the same bytes.
    fn bytes(&self, head: &[u8]) -> Vec<u8> {
        let mut bytes = head.to_vec();
        for part in [self.project, self.id, self.column] {
            bytes.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        bytes
    }
}

/// A store's data keys. The newest one seals; all of them open.
pub struct Vault {
    /// Each with its number, in rising order.
    keys: Vec<(u32, Key)>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|(number, _)| number)).finish()
    }
}

impl Vault {
    /// A vault with one fresh data key, and that key wrapped, to be stored.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] where the system gives no random bytes.
    pub fn create(master: &MasterKey) -> Result<(Self, Vec<u8>)> {
        let vault = Self { keys: vec![(1, cipher::fresh()?)] };
        let wrapped = vault.wrap(master)?;
        Ok((vault, wrapped))
    }

    /// The vault of wrapped data keys.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] where they were wrapped by another master key or are damaged.
    pub fn open(master: &MasterKey, wrapped: &[u8]) -> Result<Self> {
        let damaged = || Error::new(ErrorKind::Configuration, "the store's wrapped data keys are damaged");
        let head_length = WRAPPED.len() + FINGERPRINT;
        let (head, sealed) = wrapped.split_at_checked(head_length).ok_or_else(damaged)?;
        let fingerprint = head.strip_prefix(&WRAPPED).ok_or_else(damaged)?;
        if fingerprint != master.fingerprint() {
            return Err(Error::new(
                ErrorKind::Configuration,
                "the master key is not the one that this store's credentials are sealed with",
            )
            .with_suggested_fix(
                "give the master key that was used before, the same one to all servers of a database; without it the accounts \
                 must be connected again",
            ));
        }
        let plain = cipher::unseal(master.key(), sealed, head).ok_or_else(damaged)?;
        let entries = plain.chunks_exact(NUMBER + KEY);
        let rest = entries.remainder().len();
        let read = |entry: &[u8]| {
            let (number, key) = entry.split_first_chunk::<NUMBER>()?;
            Some((u32::from_be_bytes(*number), cipher::key_of(key)?))
        };
        let keys: Vec<(u32, Key)> = entries.map(read).collect::<Option<_>>().ok_or_else(damaged)?;
        if keys.is_empty() || rest != 0 {
            return Err(damaged());
        }
        Ok(Self { keys })
    }

    /// The data keys, wrapped by a master key: another one than before to rotate it. Nothing needs to be sealed anew.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] where the system gives no random bytes.
    pub fn wrap(&self, master: &MasterKey) -> Result<Vec<u8>> {
        let head = [WRAPPED.as_slice(), master.fingerprint()].concat();
        let mut plain = Zeroizing::new(Vec::with_capacity(self.keys.len() * (NUMBER + KEY)));
        for (number, key) in &self.keys {
            plain.extend_from_slice(&number.to_be_bytes());
            plain.extend_from_slice(key.expose_secret());
        }
        let sealed = cipher::seal(master.key(), &plain, &head)?;
        Ok([head, sealed].concat())
    }

    /// Adds a fresh data key, which seals from now on. What older keys sealed opens until [`Vault::retire`].
    ///
    /// # Errors
    /// As [`Vault::create`].
    pub fn renew(&mut self) -> Result<()> {
        let number =
            self.keys.last().map_or(0, |(number, _)| *number).checked_add(1).ok_or_else(|| {
                Error::new(ErrorKind::Internal, "the store has had more data keys than can be numbered")
            })?;
        self.keys.push((number, cipher::fresh()?));
        Ok(())
    }

    /// Forgets all data keys but the newest. What they sealed and was not resealed is lost.
    pub fn retire(&mut self) {
        self.keys.drain(..self.keys.len().saturating_sub(1));
    }

    /// Seals a credential for its row.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] where the system gives no random bytes.
    pub fn seal(&self, plain: &[u8], binding: &Binding<'_>) -> Result<Vec<u8>> {
        let (number, key) =
            self.keys.last().ok_or_else(|| Error::new(ErrorKind::Internal, "the vault has no data key"))?;
        let head = [SEALED.as_slice(), &number.to_be_bytes()].concat();
        let sealed = cipher::seal(key, plain, &binding.bytes(&head))?;
        Ok([head, sealed].concat())
    }

    /// Opens what was sealed for a row.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] where it was changed, belongs to another row, or was sealed in another vault.
    pub fn unseal(&self, sealed: &[u8], binding: &Binding<'_>) -> Result<SecretSlice<u8>> {
        let open = || {
            let (head, sealed) = sealed.split_at_checked(SEALED.len() + NUMBER)?;
            let number = head.strip_prefix(&SEALED)?;
            let (_, key) = self.keys.iter().find(|(known, _)| known.to_be_bytes() == number)?;
            cipher::unseal(key, sealed, &binding.bytes(head))
        };
        let mut plain = open().ok_or_else(|| {
            Error::new(
                ErrorKind::Internal,
                format!("the sealed {} of {} cannot be opened: it was changed or moved", binding.column, binding.id),
            )
            .with_suggested_fix("connect the account again")
        })?;
        Ok(SecretSlice::from(std::mem::take(&mut *plain)))
    }

    /// The same credential under the newest data key; none where it is under it already.
    ///
    /// # Errors
    /// As [`Vault::unseal`].
    pub fn reseal(&self, sealed: &[u8], binding: &Binding<'_>) -> Result<Option<Vec<u8>>> {
        let newest = self.keys.last().map(|(number, _)| number.to_be_bytes());
        let number = sealed.get(SEALED.len()..SEALED.len() + NUMBER);
        if number == newest.as_ref().map(<[u8; NUMBER]>::as_slice) {
            return Ok(None);
        }
        let plain = self.unseal(sealed, binding)?;
        self.seal(plain.expose_secret(), binding).map(Some)
    }
}
