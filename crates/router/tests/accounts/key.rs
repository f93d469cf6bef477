//! Keys and passwords, which the user types on a page of the router's.

use composio_contract::{Backend as _, ConnectedAccountsQuery, ErrorKind, Patch, UpdateAccount};
use composio_router::accounts::{AuthScheme, KeyPlace};
use composio_vault::{MasterKey, MasterKeySource};
use serde_json::json;

use crate::support::{Server, completed, failed, fetch, holds, link, router, session, who, written};

fn key() -> AuthScheme {
    AuthScheme::ApiKey { place: KeyPlace::Header, name: "X-Key".to_owned() }
}

#[tokio::test]
async fn a_key_is_typed_on_a_page() {
    let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
    let router = router(folder.path(), key(), &format!("{}/_key", server.url), json!({}));
    let session = session(&router, "ada <b>", json!({})).await;
    let asked = link(&router, &session).await;
    let (status, page, _) = fetch(&asked.redirect_url, None).await;
    assert_eq!(status, 200);
    assert!(page.contains("<h1>Connect <bdi>The API</bdi></h1>") && page.contains("ada &lt;b&gt;"), "{page}");
    for form in ["", "key=", "key=%0A", "other=x", "key=a%0Ab"] {
        let (status, page, _) = fetch(&asked.redirect_url, Some(form)).await;
        assert!(status == 400 && page.contains("role=\"alert\""), "{form}: {page}");
    }
    let (status, page, _) = fetch(&asked.redirect_url, Some("key=+key-of-the-user+")).await;
    assert!(status == 200 && page.contains("is connected"), "{page}");
    assert!(!page.contains("key-of-the-user"));
    for form in [None, Some("key=another")] {
        assert_eq!(fetch(&asked.redirect_url, form).await.0, 404, "a link serves once");
    }
    let data = completed(&who(&router, &session, None).await.unwrap());
    assert_eq!(data, json!({"sub": "ada", "header": "***"}));

    // A key that the API refuses is not renewed, and the reason says what to do.
    let asked = link(&router, &session).await;
    fetch(&asked.redirect_url, Some("key=wrong-key")).await;
    let reason = failed(&who(&router, &session, None).await.unwrap());
    assert!(reason.contains("refused the credential") && !reason.contains("wrong-key"), "{reason}");
    router.close().await.unwrap();
    let all = written(folder.path());
    assert!(all.iter().any(|(_, bytes)| holds(bytes, &asked.connected_account_id)), "the account is nowhere");
    for (place, bytes) in all {
        assert!(!holds(&bytes, "key-of-the-user"), "{place}");
    }
}

#[tokio::test]
async fn the_listener_is_for_its_own_name_and_pages_only() {
    let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
    let router = router(folder.path(), key(), &format!("{}/_key", server.url), json!({}));
    let session = session(&router, "ada", json!({})).await;
    let url = link(&router, &session).await.redirect_url;
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    assert_eq!(fetch(&url.replace("127.0.0.1", "localhost"), None).await.0, 403);
    let (base, _) = url.split_once("/connect/").unwrap();
    assert_eq!(fetch(base, None).await.0, 404);
    assert_eq!(fetch(&format!("{base}/connect/guess"), None).await.0, 404);
    assert_eq!(fetch(&format!("{base}/connect/callback"), None).await.0, 400);
}

#[tokio::test]
async fn accounts_outlive_the_router_and_a_rotation_of_the_master_key() {
    let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
    let url = format!("{}/_key", server.url);
    let old = router(folder.path(), key(), &url, json!({}));
    let session = session(&old, "ada", json!({})).await;
    fetch(&link(&old, &session).await.redirect_url, Some("key=key-of-the-user")).await;
    let file = folder.path().join("new.key");
    let present = MasterKey::load(&MasterKeySource::File(folder.path().join("master.key"))).unwrap();
    assert_eq!(old.rotate_master_key(&present).await.unwrap_err().kind(), ErrorKind::Validation);
    old.rotate_master_key(&MasterKey::load(&MasterKeySource::File(file.clone())).unwrap()).await.unwrap();
    old.close().await.unwrap();

    let new = router(folder.path(), key(), &url, json!({"accounts": {"master_key_file": file}}));
    completed(&who(&new, &session, None).await.unwrap());
    let stale = router(folder.path(), key(), &url, json!({}));
    let reason = failed(&who(&stale, &session, None).await.unwrap());
    assert!(reason.contains("the master key is not the one"), "{reason}");
    // To name an account takes no key.
    let account = stale.list_connected_accounts(&ConnectedAccountsQuery::default()).await.unwrap().items[0].id.clone();
    let alias = UpdateAccount { alias: Patch::Set("work".to_owned()), ..UpdateAccount::default() };
    stale.update_connected_account(&account, &alias).await.unwrap();
}
