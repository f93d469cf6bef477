//! The key that session tokens and URLs of files are signed with.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use composio_contract::{Backend as _, CreateSession, ErrorKind, MountPath, UploadRequest};
use composio_router::store::Store;
use composio_router::{Router, RouterConfig};

use crate::database;

/// A router over a store, with the master key that a folder has.
fn router(folder: &Path, store: &Arc<dyn Store>) -> Router {
    Router::builder().config(RouterConfig::in_folder(folder)).store(Arc::clone(store)).build().unwrap()
}

/// One that signs with a key in clear, as earlier versions did.
fn in_clear(folder: &Path, store: &Arc<dyn Store>) -> Router {
    let mut config = RouterConfig::in_folder(folder);
    config.router.database = Some(":memory:".into());
    Router::builder().config(config).store(Arc::clone(store)).build().unwrap()
}

/// A session's token, and the URL of a file of its user.
async fn signed(router: &Router) -> (String, String) {
    let session = CreateSession { user_id: "ada".to_owned(), ..CreateSession::default() };
    let session = router.create_session(&session).await.unwrap().session_id.clone();
    let token = router.session_token(&session, Duration::from_secs(60)).await.unwrap().token;
    let request = UploadRequest { mount_relative_path: "a.txt".to_owned(), mimetype: None };
    let up = router.upload_url(&session, "files", &request).await.unwrap().upload_url.clone();
    router.put_file(&up, None, "hello".into()).await.unwrap();
    let at = MountPath { mount_relative_path: "a.txt".to_owned(), sandbox_mount_prefix: None };
    (token, router.download_url(&session, "files", &at).await.unwrap().download_url.clone())
}

async fn are_good(router: &Router, (token, url): &(String, String)) -> bool {
    let is_token = router.session_of_token(token).await.unwrap().is_some();
    let is_url = router.get_file(url, 10).await.is_ok();
    assert_eq!(is_token, is_url);
    is_token
}

/// Whether any file in a folder has these bytes.
fn is_anywhere(folder: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .any(|path| std::fs::read(path).unwrap().windows(bytes.len()).any(|window| window == bytes))
}

#[tokio::test]
async fn a_copy_of_the_database_alone_signs_and_reads_nothing() {
    let (folder, thief) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = database::store(folder.path());
    let own = router(folder.path(), &store);
    let made = signed(&own).await;
    assert!(are_good(&own, &made).await);
    // After a restart too.
    assert!(are_good(&router(folder.path(), &store), &made).await);
    assert_ne!(store.signing_key().await.unwrap().unwrap().len(), 32, "it is sealed");

    // With a master key of their own, with none, and with the row itself as the key.
    for other in [router(thief.path(), &store), in_clear(thief.path(), &store)] {
        let session = CreateSession { user_id: "ada".to_owned(), ..CreateSession::default() };
        let session = other.create_session(&session).await.unwrap().session_id.clone();
        let error = other.session_token(&session, Duration::from_secs(60)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
        assert!(error.to_string().contains("master key"), "{error}");
        let request = UploadRequest { mount_relative_path: "b.txt".to_owned(), mimetype: None };
        assert!(other.upload_url(&session, "files", &request).await.is_err());
        assert_eq!(other.rotate_signing_key().await.unwrap_err().kind(), ErrorKind::Configuration);
    }
    assert!(are_good(&own, &made).await);
}

#[tokio::test]
async fn a_key_in_clear_is_sealed_and_what_it_signed_stays_good() {
    const CLEAR: [u8; 32] = *b"a key in clear of thirty-two byt";
    let folder = tempfile::tempdir().unwrap();
    let store = database::store(folder.path());
    assert!(store.keep_signing_key(None, CLEAR.to_vec()).await.unwrap());
    let before = in_clear(folder.path(), &store);
    let made = signed(&before).await;
    assert_eq!(store.signing_key().await.unwrap(), Some(CLEAR.to_vec()));

    let (one, other) = (router(folder.path(), &store), router(folder.path(), &store));
    let (first, second) = tokio::join!(one.check_signing_key(), other.check_signing_key());
    first.unwrap();
    second.unwrap();
    assert_ne!(store.signing_key().await.unwrap(), Some(CLEAR.to_vec()));
    assert!(are_good(&one, &made).await && are_good(&other, &made).await);
    let new = signed(&one).await;
    assert!(are_good(&other, &new).await);
    assert!(!is_anywhere(folder.path(), &CLEAR), "nothing of it is left on the disk");
}

#[tokio::test]
async fn a_rotation_ends_what_was_signed_in_every_process_within_a_second_or_so() {
    let folder = tempfile::tempdir().unwrap();
    let (own, others) = (database::store(folder.path()), database::store(folder.path()));
    let (one, other) = (router(folder.path(), &own), router(folder.path(), &others));
    let made = signed(&one).await;
    assert!(are_good(&other, &made).await);
    one.rotate_signing_key().await.unwrap();
    let rotated = Instant::now();
    assert!(!are_good(&one, &made).await);
    let new = signed(&one).await;
    while other.session_of_token(&made.0).await.unwrap().is_some() {
        assert!(rotated.elapsed() < Duration::from_secs(5), "the other process goes on with the former key");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!are_good(&other, &made).await && are_good(&other, &new).await);
    assert!(are_good(&one, &signed(&other).await).await);
    // The master key may be another one; what is signed stays.
    let key = composio_vault::MasterKey::generate().unwrap();
    one.rotate_master_key(&key).await.unwrap();
    assert!(are_good(&one, &new).await);
}
