//! What is sealed: credentials, and what finishes a link.

use composio_contract::{Error, ErrorKind, Result};
use composio_oauth::{Client, ClientAuth, Owner, Provider};
use composio_vault::{Binding, Vault};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use url::Url;

use crate::store::{AccountRow, LinkRow};

/// A credential as it is sealed.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Stored {
    /// An API key or a bearer token.
    Key {
        #[serde(serialize_with = "exposed")]
        key: SecretString,
    },
    Basic {
        username: String,
        #[serde(serialize_with = "exposed")]
        password: SecretString,
    },
    OAuth2 {
        #[serde(serialize_with = "exposed")]
        access: SecretString,
        #[serde(default, serialize_with = "exposed_or_none")]
        refresh: Option<SecretString>,
        app: Box<App>,
    },
}

/// Whom a token came from, and to whom it was given: a later change of the configuration does not change it.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct App {
    pub(super) provider: Provider,
    client_id: String,
    #[serde(default, serialize_with = "exposed_or_none")]
    client_secret: Option<SecretString>,
    client_auth: ClientAuth,
    #[serde(default)]
    pub(super) resource: Option<String>,
}

impl App {
    pub(super) fn new(provider: Provider, client: Client, resource: Option<String>) -> Self {
        let Client { id, secret, auth } = client;
        Self { provider, client_id: id, client_secret: secret, client_auth: auth, resource }
    }

    pub(super) fn client(&self) -> Client {
        Client { id: self.client_id.clone(), secret: self.client_secret.clone(), auth: self.client_auth }
    }
}

/// What finishes a link.
#[derive(Serialize, Deserialize)]
pub(super) struct Pending {
    /// Where the user's browser goes afterwards.
    pub(super) callback_url: Option<String>,
    pub(super) oauth: Option<PendingOAuth>,
    #[serde(default)]
    pub(super) device: Option<PendingDevice>,
}

/// What the user types in on another device, and where.
#[derive(Serialize, Deserialize)]
pub(super) struct PendingDevice {
    pub(super) user_code: String,
    pub(super) verification: Url,
    /// The same place with the code typed in already, if the provider has one.
    #[serde(default)]
    pub(super) verification_complete: Option<Url>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct PendingOAuth {
    #[serde(serialize_with = "exposed")]
    pub(super) verifier: SecretString,
    pub(super) redirect: String,
    pub(super) app: Box<App>,
    /// Where the provider asks, if the user is told before for whom the account is.
    #[serde(default)]
    pub(super) authorization: Option<String>,
    /// What the browser of the user who agreed holds, if the provider's answer comes here.
    #[serde(default, serialize_with = "exposed_or_none")]
    pub(super) browser: Option<SecretString>,
}

fn exposed<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

fn exposed_or_none<S: Serializer>(secret: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(|secret| secret.expose_secret()).serialize(serializer)
}

fn seal(vault: &Vault, value: &impl Serialize, binding: &Binding<'_>) -> Result<Vec<u8>> {
    let plain = serde_json::to_vec(value)
        .map(Zeroizing::new)
        .map_err(|_| Error::new(ErrorKind::Internal, "a credential cannot be written"))?;
    vault.seal(&plain, binding)
}

fn unseal<T: DeserializeOwned>(vault: &Vault, sealed: &[u8], binding: &Binding<'_>) -> Result<T> {
    let plain = vault.unseal(sealed, binding)?;
    // The error could quote the text.
    serde_json::from_slice(plain.expose_secret())
        .map_err(|_| Error::new(ErrorKind::Internal, format!("the sealed {} cannot be read", binding.column)))
}

fn credential_of(row: &AccountRow) -> Binding<'_> {
    Binding { project: row.project.as_str(), id: &row.id, column: "credential" }
}

pub(super) fn seal_credential(vault: &Vault, row: &AccountRow, stored: &Stored) -> Result<Vec<u8>> {
    seal(vault, stored, &credential_of(row))
}

pub(super) fn open_credential(vault: &Vault, row: &AccountRow) -> Result<Option<Stored>> {
    row.credential.as_ref().map(|sealed| unseal(vault, sealed, &credential_of(row))).transpose()
}

fn owner_of(row: &AccountRow) -> Binding<'_> {
    Binding { project: row.project.as_str(), id: &row.id, column: "owner" }
}

pub(super) fn seal_owner(vault: &Vault, row: &AccountRow, owner: &Owner) -> Result<Vec<u8>> {
    seal(vault, owner, &owner_of(row))
}

pub(super) fn open_owner(vault: &Vault, row: &AccountRow) -> Result<Option<Owner>> {
    row.owner.as_ref().map(|sealed| unseal(vault, sealed, &owner_of(row))).transpose()
}

pub(super) fn seal_link(vault: &Vault, project: &str, account_id: &str, pending: &Pending) -> Result<Vec<u8>> {
    seal(vault, pending, &Binding { project, id: account_id, column: "link" })
}

pub(super) fn open_link(vault: &Vault, row: &LinkRow) -> Result<Pending> {
    unseal(vault, &row.secret, &Binding { project: row.project.as_str(), id: &row.account_id, column: "link" })
}
