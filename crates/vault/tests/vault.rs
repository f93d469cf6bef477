//! The vault opens what it sealed, in its place, and nothing else.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at the first error"
)]

use composio_contract::ErrorKind;
use composio_vault::{Binding, MasterKey, MasterKeySource, Vault};
use proptest::prelude::*;
use secrecy::ExposeSecret as _;

const ROW: Binding<'static> = Binding { project: "shop", id: "ca_1", column: "credential" };

fn vault() -> Vault {
    Vault::create(&MasterKey::generate().unwrap()).unwrap().0
}

proptest! {
    #[test]
    fn whatever_is_sealed_opens(plain: Vec<u8>, project: String, id: String) {
        let master = MasterKey::generate().unwrap();
        let (vault, wrapped) = Vault::create(&master).unwrap();
        let row = Binding { project: &project, id: &id, column: "credential" };
        let sealed = vault.seal(&plain, &row).unwrap();
        let opened = Vault::open(&master, &wrapped).unwrap().unseal(&sealed, &row).unwrap();
        prop_assert_eq!(opened.expose_secret(), plain.as_slice());
    }

    #[test]
    fn a_changed_byte_is_noticed(plain: Vec<u8>, at: prop::sample::Index, change in 1..=255_u8) {
        let vault = vault();
        let mut sealed = vault.seal(&plain, &ROW).unwrap();
        let at = at.index(sealed.len());
        sealed[at] ^= change;
        prop_assert!(vault.unseal(&sealed, &ROW).is_err());
    }

    #[test]
    fn another_row_does_not_open_it(one: [String; 3], other: [String; 3]) {
        prop_assume!(one != other);
        let vault = vault();
        let row = |parts: &'_ [String; 3]| {
            let [project, id, column] = parts.clone().map(|part| &*part.leak());
            Binding { project, id, column }
        };
        let sealed = vault.seal(b"token", &row(&one)).unwrap();
        prop_assert!(vault.unseal(&sealed, &row(&other)).is_err());
    }
}

#[test]
fn parts_of_a_binding_do_not_run_together() {
    let vault = vault();
    let sealed = vault.seal(b"token", &Binding { project: "ab", id: "c", ..ROW }).unwrap();
    assert!(vault.unseal(&sealed, &Binding { project: "a", id: "bc", ..ROW }).is_err());
}

#[test]
fn no_prefix_and_no_extension_opens() {
    let vault = vault();
    let mut sealed = vault.seal(b"token", &ROW).unwrap();
    for length in 0..sealed.len() {
        assert!(vault.unseal(&sealed[..length], &ROW).is_err(), "{length}");
    }
    sealed.push(0);
    assert!(vault.unseal(&sealed, &ROW).is_err());
}

#[test]
fn the_same_text_is_sealed_differently_each_time() {
    let vault = vault();
    let (one, other) = (vault.seal(b"token", &ROW).unwrap(), vault.seal(b"token", &ROW).unwrap());
    assert_ne!(one, other);
    assert!(!one.windows(5).any(|window| window == b"token"));
}

#[test]
fn only_its_master_key_opens_a_vault() {
    let master = MasterKey::generate().unwrap();
    let (_, wrapped) = Vault::create(&master).unwrap();
    let error = Vault::open(&MasterKey::generate().unwrap(), &wrapped).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("not the one"), "{error}");
    for at in 0..wrapped.len() {
        let mut changed = wrapped.clone();
        changed[at] ^= 1;
        assert!(Vault::open(&master, &changed).is_err(), "{at}");
        assert!(Vault::open(&master, &wrapped[..at]).is_err(), "{at}");
    }
}

#[test]
fn the_master_key_is_rotated_without_sealing_anew() {
    let (old, new) = (MasterKey::generate().unwrap(), MasterKey::generate().unwrap());
    let (vault, wrapped) = Vault::create(&old).unwrap();
    let sealed = vault.seal(b"token", &ROW).unwrap();
    let rewrapped = Vault::open(&old, &wrapped).unwrap().wrap(&new).unwrap();
    assert!(Vault::open(&old, &rewrapped).is_err());
    let vault = Vault::open(&new, &rewrapped).unwrap();
    assert_eq!(vault.unseal(&sealed, &ROW).unwrap().expose_secret(), b"token");
}

#[test]
fn data_keys_are_renewed_and_retired() {
    let master = MasterKey::generate().unwrap();
    let (mut vault, _) = Vault::create(&master).unwrap();
    let old = vault.seal(b"token", &ROW).unwrap();
    assert!(vault.reseal(&old, &ROW).unwrap().is_none());
    vault.renew().unwrap();
    let wrapped = vault.wrap(&master).unwrap();
    let mut vault = Vault::open(&master, &wrapped).unwrap();
    let new = vault.reseal(&old, &ROW).unwrap().expect("the old key sealed it");
    assert_eq!(vault.unseal(&old, &ROW).unwrap().expose_secret(), b"token");
    vault.retire();
    assert!(vault.unseal(&old, &ROW).is_err());
    assert_eq!(vault.unseal(&new, &ROW).unwrap().expose_secret(), b"token");
}

#[test]
fn a_master_key_in_a_file_is_made_once_and_private() {
    let folder = tempfile::tempdir().unwrap();
    let source = MasterKeySource::File(folder.path().join("deep/master.key"));
    let keys: Vec<MasterKey> = std::thread::scope(|scope| {
        let load = || scope.spawn(|| MasterKey::load(&source).unwrap());
        [load(), load(), load(), load()].map(|thread| thread.join().unwrap()).into_iter().collect()
    });
    let (_, wrapped) = Vault::create(&keys[0]).unwrap();
    for key in &keys {
        Vault::open(key, &wrapped).unwrap();
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let path = folder.path().join("deep/master.key");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let again = MasterKey::load(&source).unwrap();
        assert_eq!(again, keys[0]);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_wrong_master_key_is_explained_and_not_shown() {
    for text in ["", "s3cret!", "czNjcmV0"] {
        let error = MasterKey::parse(text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("s3cret") && !shown.contains("czNjcmV0"), "{shown}");
    }
    let missing = MasterKeySource::Variable("COMPOSIO_NO_SUCH_VARIABLE".to_owned());
    assert!(MasterKey::load(&missing).unwrap_err().to_string().contains("COMPOSIO_NO_SUCH_VARIABLE"));
    assert!(!format!("{:?} {:?}", MasterKey::generate().unwrap(), vault()).contains("key: "));
}
