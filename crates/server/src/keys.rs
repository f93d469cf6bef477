//! Keys: made, read and compared. Only the hash of a key is kept.
//!
//! A key is `ck_<id>_<secret>`. The id finds the stored row; of the secret, 256 random bits, SHA-256 is enough to keep,
//! since nobody can guess it.

use composio_contract::{Error, ErrorKind, Result};
use composio_router::Project;
use composio_router::store::{KeyRow, Store};
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

const PREFIX: &str = "ck_";
const ID_BYTES: usize = 8;
const SECRET_BYTES: usize = 32;

/// A new key: what is kept of it, and the key itself, which is shown once.
///
/// # Errors
/// [`ErrorKind::Internal`] where the system has no random numbers.
pub fn make(project: Project, name: &str) -> Result<(KeyRow, String)> {
    let id = random::<ID_BYTES>()?;
    let secret = random::<SECRET_BYTES>()?;
    let key = format!("{PREFIX}{id}_{secret}");
    let row = KeyRow {
        id,
        project,
        name: name.to_owned(),
        hash: hash(&secret),
        created_at: jiff::Timestamp::now().as_millisecond(),
        revoked_at: None,
    };
    Ok((row, key))
}

fn random<const N: usize>() -> Result<String> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::new(ErrorKind::Internal, format!("the system gives no random numbers: {error}")))?;
    Ok(HEXLOWER.encode(&bytes))
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}

/// The stored key that a caller's text is, if it is one and was not revoked.
///
/// # Errors
/// Where the store cannot be read.
pub async fn find(store: &dyn Store, text: &str) -> Result<Option<KeyRow>> {
    let Some((id, secret)) = text.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')) else { return Ok(None) };
    let Some(row) = store.key(id).await? else { return Ok(None) };
    let same: bool = hash(secret).ct_eq(&row.hash).into();
    Ok(Some(row).filter(|row| same && row.revoked_at.is_none()))
}

#[cfg(test)]
mod tests {
    use composio_router::store::{Location, SqliteStore};

    use super::*;

    #[tokio::test]
    async fn a_key_is_found_until_it_is_revoked() {
        let store = SqliteStore::open(&Location::Memory).unwrap();
        let (row, key) = make(Project::default(), "ci").unwrap();
        assert!(!format!("{row:?}").contains(key.rsplit('_').next().unwrap()));
        store.add_key(row.clone()).await.unwrap();
        assert_eq!(find(&store, &key).await.unwrap().as_ref(), Some(&row));
        let mut wrong = key.clone();
        wrong.pop();
        let longer = format!("{key}0");
        let no_secret = format!("ck_{}_", row.id);
        for text in ["", "ck_", "ck__", &wrong, &longer, &no_secret, "ak_other", &key.to_uppercase()] {
            assert_eq!(find(&store, text).await.unwrap(), None, "{text}");
        }
        assert!(store.revoke_key(&row.id).await.unwrap());
        assert_eq!(find(&store, &key).await.unwrap(), None);
    }
}
