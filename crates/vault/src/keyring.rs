//! The master key in the system's keyring.

use std::fs::File;
use std::path::Path;

use composio_contract::{Error, ErrorKind, Result};
use data_encoding::BASE64;
use keyring::v1::{Entry, Error as KeyringError};
use secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use crate::{cipher, private};

const SERVICE: &str = "composio";

fn failed(error: KeyringError) -> Error {
    // Some of them hold what was read.
    let reason = match error {
        KeyringError::NoDefaultStore => "there is none here, or it does not answer".to_owned(),
        KeyringError::NoStorageAccess(error) | KeyringError::PlatformFailure(error) => error.to_string(),
        KeyringError::BadEncoding(_) => "what is there is no text".to_owned(),
        _ => "it refused".to_owned(),
    };
    Error::new(ErrorKind::Configuration, format!("the system's keyring cannot be used for the master key: {reason}"))
        .with_suggested_fix(
            "unlock it, or keep the key in COMPOSIO_MASTER_KEY or in a file (`accounts.keyring = false`)",
        )
}

/// The entry's text, which is made where there is none. `lock` is a file by which processes take turns: a key that one of
/// them made must not be replaced by another's.
pub(crate) fn text(name: &str, lock: &Path) -> Result<Zeroizing<String>> {
    let entry = Entry::new(SERVICE, name).map_err(failed)?;
    match entry.get_password() {
        Ok(text) => return Ok(Zeroizing::new(text)),
        Err(KeyringError::NoEntry) => {}
        Err(error) => return Err(failed(error)),
    }
    let _turn = turn(lock).map_err(|error| {
        let message = format!("the file {} cannot be locked: {error}", lock.display());
        Error::new(ErrorKind::Configuration, message).with_source(error)
    })?;
    match entry.get_password() {
        Err(KeyringError::NoEntry) => {}
        other => return other.map(Zeroizing::new).map_err(failed),
    }
    let key = cipher::fresh()?;
    let text = Zeroizing::new(BASE64.encode(key.expose_secret()));
    entry.set_password(&text).map_err(failed)?;
    // What cannot be read again must not seal anything.
    entry.get_password().map(Zeroizing::new).map_err(failed)
}

fn turn(lock: &Path) -> std::io::Result<File> {
    if let Some(folder) = lock.parent() {
        private::make_folder(folder)?;
    }
    let file = private::options().create(true).truncate(false).write(true).open(lock)?;
    file.lock()?;
    Ok(file)
}
