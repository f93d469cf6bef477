//! The vault: credentials are sealed with XChaCha20-Poly1305 before they are stored.
//!
//! A store has data keys, which seal the credentials, and a master key, which wraps the data keys and is kept elsewhere
//! ([`MasterKey`]). What is sealed is bound to its row ([`Binding`]): a sealed text that is moved to another row does not
//! open.
//!
//! ```
//! use composio_vault::{Binding, MasterKey, Vault};
//! use secrecy::ExposeSecret as _;
//!
//! let master = MasterKey::generate()?;
//! let (vault, wrapped) = Vault::create(&master)?;
//! let row = Binding { project: "default", id: "ca_1", column: "credential" };
//! let sealed = vault.seal(b"token", &row)?;
//!
//! let vault = Vault::open(&master, &wrapped)?;
//! assert_eq!(vault.unseal(&sealed, &row)?.expose_secret(), b"token");
//! assert!(vault.unseal(&sealed, &Binding { id: "ca_2", ..row }).is_err());
//! # Ok::<(), composio_contract::Error>(())
//! ```

mod cipher;
#[cfg(feature = "keyring")]
mod keyring;
mod master;
pub mod private;
mod vault;

pub use master::{MasterKey, MasterKeySource};
pub use vault::{Binding, Vault};
