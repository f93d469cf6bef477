//! Accounts that are connected on another device.

use std::time::Duration;

use composio_contract::{Backend as _, ErrorKind, RefreshAccount};
use composio_router::Router;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Server, answer_for_device, completed, fetch, link, meta, router, session, who};

struct Device {
    server: Server,
    _folder: TempDir,
    router: Router,
    session: String,
}

impl Device {
    async fn new(more: Value) -> Self {
        Self::with(more, json!({})).await
    }

    async fn with(more: Value, accounts: Value) -> Self {
        let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
        let mut auth = json!({
            "toolkit": "api", "client_id": "app", "client_secret": "secret-of-the-app", "flow": "device",
        });
        auth.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let more = json!({"auth": [auth], "accounts": accounts});
        let router = router(folder.path(), server.oauth(), &format!("{}/_api", server.url), more);
        let settings = json!({"manage_connections": {"enable": true, "enable_wait_for_connections": true}});
        let session = session(&router, "ada", settings).await;
        Self { server, _folder: folder, router, session }
    }

    /// The account once it no longer waits: its status and the reason of that.
    async fn settled(&self, id: &str) -> (String, String) {
        let settled = async {
            loop {
                let account = self.router.get_connected_account(id).await.unwrap();
                if account.status != "INITIATED" {
                    return (account.status.clone(), account.status_reason.clone().unwrap_or_default());
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), settled).await.unwrap()
    }
}

/// Where the link's page, which says for whom the account is, sends the user.
async fn place_of(link: &str) -> String {
    assert!(link.contains("/connect/"), "{link}");
    let (status, page, _) = fetch(link, None).await;
    assert_eq!(status, 200);
    assert!(page.contains("Connect <bdi>The API</bdi> for user <bdi>ada</bdi>"), "{page}");
    page.split("<a href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&")
}

#[tokio::test]
async fn an_app_that_knows_its_users_sends_them_to_the_device_page_itself() {
    let device = Device::with(json!({}), json!({"consent_page": false})).await;
    let link = link(&device.router, &device.session).await;
    assert!(
        link.redirect_url.starts_with(&format!("{}/device?user_code=", device.server.url)),
        "{}",
        link.redirect_url
    );
}

#[tokio::test]
async fn the_user_agrees_on_another_device() {
    let device = Device::new(json!({})).await;
    let Device { router, session, server, .. } = &device;
    let link = link(router, session).await;
    let place = place_of(&link.redirect_url).await;
    assert!(place.starts_with(&format!("{}/device?user_code=", server.url)), "{place}");
    assert_eq!(router.get_connected_account(&link.connected_account_id).await.unwrap().status, "INITIATED");

    let page = answer_for_device(&place, "confirm").await;
    assert!(page.contains("success"), "{page}");
    let waited = meta(router, session, "COMPOSIO_WAIT_FOR_CONNECTIONS", json!({"toolkits": ["api"]})).await;
    assert_eq!(waited["results"]["api"]["status"], "active", "{waited}");
    let account = router.get_connected_account(&link.connected_account_id).await.unwrap();
    assert_eq!((account.status.as_str(), &account.extra["state"]["authScheme"]), ("ACTIVE", &json!("OAUTH2")));
    assert_eq!(completed(&who(router, session, None).await.unwrap())["sub"], "ada");

    // It is renewed as any other.
    router.refresh_connected_account(&link.connected_account_id, &RefreshAccount::default()).await.unwrap();
    assert_eq!(server.count("refresh_token").await, 1);
    completed(&who(router, session, None).await.unwrap());
}

#[tokio::test]
async fn the_router_shows_the_code_where_the_provider_cannot() {
    let device = Device::new(json!({})).await;
    device.server.ask("/_set?complete=0").await;
    let link = link(&device.router, &device.session).await;
    let (status, page, _) = fetch(&link.redirect_url, None).await;
    assert_eq!(status, 200);
    let place = format!("{}/device", device.server.url);
    assert!(
        page.contains(&format!("<a href=\"{place}\" rel=\"noreferrer\">{place}</a>"))
            && page.contains("<strong><bdi>ada</bdi></strong>"),
        "{page}"
    );
    let typed = page.split("<p><strong><bdi>").nth(1).unwrap().split('<').next().unwrap();
    // Nothing is typed in there.
    assert_eq!(fetch(&link.redirect_url, Some("key=x")).await.0, 404);

    answer_for_device(&format!("{place}?user_code={typed}"), "confirm").await;
    assert_eq!(device.settled(&link.connected_account_id).await.0, "ACTIVE");
    assert_eq!(fetch(&link.redirect_url, None).await.0, 404);
}

#[tokio::test]
async fn a_user_who_says_no_elsewhere_is_believed() {
    let device = Device::new(json!({})).await;
    let link = link(&device.router, &device.session).await;
    answer_for_device(&place_of(&link.redirect_url).await, "abort").await;
    let (status, reason) = device.settled(&link.connected_account_id).await;
    assert_eq!(status, "FAILED");
    assert!(reason.contains("access_denied"), "{reason}");
}

#[tokio::test]
async fn a_provider_without_devices_is_told_apart() {
    let unknown = Device::new(json!({"client_id": "nobody"})).await;
    let request = composio_contract::LinkRequest { toolkit: "api".to_owned(), ..Default::default() };
    let error = unknown.router.link(&unknown.session, &request).await.unwrap_err();
    assert!(error.to_string().contains("invalid_client"), "{error}");

    let nowhere = "http://127.0.0.1:9/device";
    let device = Device::new(json!({"device_url": nowhere})).await;
    let error = device.router.link(&device.session, &request).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    assert!(device.router.list_connected_accounts(&Default::default()).await.unwrap().items.is_empty());
}
