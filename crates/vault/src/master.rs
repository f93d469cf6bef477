//! The master key, and the places it is kept in.

use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use composio_contract::{Error, ErrorKind, Result};
use data_encoding::BASE64;
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::cipher::{self, KEY, Key};
use crate::private;

/// Bytes by which a master key is recognised.
pub(crate) const FINGERPRINT: usize = 8;

/// Wraps a store's data keys. It is never in the store.
pub struct MasterKey {
    key: Key,
    fingerprint: [u8; FINGERPRINT],
}

/// Keys are told apart by a hash, which is no secret.
impl PartialEq for MasterKey {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl Eq for MasterKey {}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey").finish_non_exhaustive()
    }
}

/// Where the master key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MasterKeySource {
    /// An environment variable with 32 bytes in Base64.
    Variable(String),
    /// A file with 32 bytes in Base64. Made where it is missing, for its owner alone; a wider mode is narrowed.
    File(PathBuf),
    /// The system's keyring, of builds with the feature `keyring`. Made where it is missing.
    Keyring {
        /// The entry's name.
        name: String,
        /// A file by which processes take turns to make it.
        lock: PathBuf,
    },
}

impl MasterKey {
    /// A key from the system's randomness.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] where there is none.
    pub fn generate() -> Result<Self> {
        cipher::fresh().map(Self::new)
    }

    /// Reads 32 bytes in Base64, with or without white space around them.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] where it is anything else. The text is not shown.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |what: &str| {
            Error::new(ErrorKind::Configuration, format!("the master key {what}"))
                .with_suggested_fix("it must be 32 random bytes in Base64, as `openssl rand -base64 32` makes them")
        };
        let bytes = BASE64.decode(text.trim().as_bytes()).map(Zeroizing::new).map_err(|_| wrong("is not Base64"))?;
        let key = cipher::key_of(&bytes).ok_or_else(|| wrong(&format!("has {} bytes, not {KEY}", bytes.len())))?;
        Ok(Self::new(key))
    }

    /// Reads the key from where it is kept. A keyring may ask its user first, and so take its time.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] where it is not there, cannot be read or made, is no key, or others may read it and that cannot be
    /// changed.
    pub fn load(source: &MasterKeySource) -> Result<Self> {
        match source {
            MasterKeySource::Variable(name) => {
                let text = std::env::var(name).map(Zeroizing::new).map_err(|_| {
                    Error::new(ErrorKind::Configuration, format!("the environment variable {name} has no master key"))
                })?;
                Self::parse(&text)
            }
            MasterKeySource::File(path) => Self::from_file(path),
            #[cfg(feature = "keyring")]
            MasterKeySource::Keyring { name, lock } => Self::parse(&crate::keyring::text(name, lock)?),
            #[cfg(not(feature = "keyring"))]
            MasterKeySource::Keyring { .. } => {
                Err(Error::new(ErrorKind::Configuration, "this build does not use the system's keyring")
                    .with_suggested_fix("leave `accounts.keyring` out, and keep the key in a file"))
            }
        }
    }

    fn new(key: Key) -> Self {
        let digest = Sha256::new().chain_update(b"composio-master-key").chain_update(key.expose_secret()).finalize();
        let mut fingerprint = [0; FINGERPRINT];
        fingerprint.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        Self { key, fingerprint }
    }

    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    pub(crate) fn fingerprint(&self) -> &[u8] {
        &self.fingerprint
    }

    fn from_file(path: &Path) -> Result<Self> {
        let failed = |what: &str, error: std::io::Error| {
            Error::new(ErrorKind::Configuration, format!("the master key {} cannot be {what}: {error}", path.display()))
                .with_source(error)
        };
        if !path.try_exists().map_err(|error| failed("read", error))? {
            Self::make_file(path).map_err(|error| failed("made", error))?;
        }
        private::narrow(path).map_err(|error| failed("used", error))?;
        let text = std::fs::read_to_string(path).map(Zeroizing::new).map_err(|error| failed("read", error))?;
        Self::parse(&text)
    }

    /// The file appears whole or not at all; where another process was first, its file stays.
    fn make_file(path: &Path) -> std::io::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        private::make_folder(folder)?;
        let key = cipher::fresh().map_err(std::io::Error::other)?;
        let text = Zeroizing::new(format!("{}\n", BASE64.encode(key.expose_secret())));
        // On Unix the file is made with mode 600.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        match file.persist_noclobber(path) {
            Err(error) if error.error.kind() != std::io::ErrorKind::AlreadyExists => Err(error.error),
            _ => Ok(()),
        }
    }
}
