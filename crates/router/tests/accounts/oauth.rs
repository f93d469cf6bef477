//! From the link to the call, and everything that goes wrong between.

use std::sync::Arc;

use composio_contract::{
    Backend as _, CompleteAuth, ConnectedAccountsQuery, DeleteAccount, ErrorKind, LinkRequest, RefreshAccount,
    SessionToolkitsQuery, SwitchAccount,
};
use futures_util::future::join_all;
use serde_json::json;

use crate::away::Away;
use crate::database;
use crate::support::{
    Server, Setup, agree, browse, builder, completed, consent, failed, fetch, holds, link, meta, router, session, who,
    written,
};

#[tokio::test]
async fn from_authorize_to_execute() {
    let setup = Setup::new().await;
    let reason = failed(&setup.who().await);
    assert!(reason.contains("no active connected account of `api`"), "{reason}");
    assert!(reason.contains("COMPOSIO_MANAGE_CONNECTIONS"), "{reason}");

    let link = setup.link().await;
    assert_eq!(setup.status(&link.connected_account_id).await.0, "INITIATED");
    let provider = consent(&setup.router, &link.redirect_url).await;
    assert!(provider.starts_with(&format!("{}/auth?", setup.server.url)), "{provider}");
    let page = browse(&link.redirect_url).await;
    assert!(page.contains("api is connected"), "{page}");
    assert_eq!(setup.status(&link.connected_account_id).await.0, "ACTIVE");

    let data = completed(&setup.who().await);
    assert_eq!(data, json!({"sub": "ada", "client": "app", "header": "Bearer ***"}));
    let account = setup.router.list_connected_accounts(&ConnectedAccountsQuery::default()).await.unwrap();
    assert_eq!(account.items[0].extra["data"], json!({"owner": {"id": "ada"}}), "whose account it is");
    let toolkits = setup.router.session_toolkits(&setup.session, &SessionToolkitsQuery::default()).await.unwrap();
    let api = toolkits.items.iter().find(|toolkit| toolkit.slug == "api").unwrap();
    assert!(!api.is_no_auth);
    assert_eq!(api.connected_account.as_ref().unwrap().status, "ACTIVE");
}

#[tokio::test]
async fn nothing_secret_can_be_read_in_the_files() {
    let setup = Setup::new().await;
    let id = setup.connect().await;
    setup.router.refresh_connected_account(&id, &RefreshAccount::default()).await.unwrap();
    // A link that waits has its secrets too.
    let waiting = setup.link().await;
    completed(&setup.who().await);
    let account = setup.router.get_connected_account(&id).await.unwrap();
    setup.router.close().await.unwrap();
    let mut secrets: Vec<String> = serde_json::from_value(setup.server.ask("/_issued").await).unwrap();
    assert!(secrets.len() >= 4, "{secrets:?}");
    secrets.extend([waiting.link_token.clone(), "secret-of-the-app".to_owned()]);
    let reply = account.raw().as_str();
    let all = written(setup.folder.path());
    for known in [&id, &waiting.connected_account_id] {
        assert!(all.iter().any(|(_, bytes)| holds(bytes, known)), "{known} is nowhere");
    }
    for secret in &secrets {
        for (place, bytes) in &all {
            assert!(!holds(bytes, secret), "{place} has a secret in it");
        }
        assert!(!reply.contains(secret.as_str()));
    }
}

#[tokio::test]
async fn fifty_calls_renew_a_token_once_and_so_do_two_processes() {
    let setup = Setup::new().await;
    setup.server.ask("/_set?ttl=1").await;
    let id = setup.connect().await;
    // Another process has another router over the same files.
    let client = json!({"auth": [{"toolkit": "api", "client_id": "app", "client_secret": "secret-of-the-app"}]});
    let url = format!("{}/_api", setup.server.url);
    let other = router(setup.folder.path(), setup.server.oauth(), &url, client);
    let calls = (0..50).map(|place| {
        let router = if place % 2 == 0 { &setup.router } else { &other };
        who(router, &setup.session, None)
    });
    for reply in join_all(calls).await {
        assert_eq!(completed(&reply.unwrap())["sub"], "ada");
    }
    assert_eq!(setup.server.count("refresh_token").await, 1);
    // What was rotated is what is kept: it serves again.
    for expected in 2..4 {
        setup.router.refresh_connected_account(&id, &RefreshAccount::default()).await.unwrap();
        assert_eq!(setup.server.count("refresh_token").await, expected);
    }
    completed(&who(&other, &setup.session, None).await.unwrap());
    assert_eq!(setup.status(&id).await.0, "ACTIVE");
}

#[tokio::test]
async fn a_caller_that_gives_up_loses_no_token() {
    let setup = Setup::new().await;
    setup.server.ask("/_set?ttl=1").await;
    setup.connect().await;
    let mut call = Box::pin(setup.who());
    // Polled until the renewal is on its way, then dropped.
    assert!(futures_util::poll!(call.as_mut()).is_pending());
    drop(call);
    assert_eq!(completed(&setup.who().await)["sub"], "ada");
    assert_eq!(setup.server.count("refresh_token").await, 1);
}

#[tokio::test]
async fn a_store_that_is_away_for_a_moment_costs_no_token() {
    let setup = Setup::new().await;
    let id = setup.connect().await;
    let store = Arc::new(Away::new(database::store(setup.folder.path())));
    let url = format!("{}/_api", setup.server.url);
    let client = json!({"auth": [{"toolkit": "api", "client_id": "app", "client_secret": "secret-of-the-app"}]});
    let other = builder(setup.folder.path(), setup.server.oauth(), &url, client);
    let other = other.store(Arc::clone(&store) as _).build().unwrap();
    for _ in 0..2 {
        store.for_changes(1);
        other.refresh_connected_account(&id, &RefreshAccount::default()).await.unwrap();
        assert_eq!(store.left(), 0);
    }
    // The provider takes each refresh token once: had the first renewal's been lost, the second would have failed.
    assert_eq!(setup.server.count("refresh_token").await, 2);
    assert_eq!(completed(&who(&other, &setup.session, None).await.unwrap())["sub"], "ada");
}

#[tokio::test]
async fn a_token_that_the_api_refuses_is_renewed_once() {
    let setup = Setup::new().await;
    let id = setup.connect().await;
    setup.server.ask("/_forget?what=AccessToken").await;
    assert_eq!(completed(&setup.who().await)["sub"], "ada");
    assert_eq!(setup.server.count("refresh_token").await, 1);

    setup.server.ask("/_forget?what=AccessToken").await;
    setup.server.ask("/_forget?what=RefreshToken").await;
    let reason = failed(&setup.who().await);
    assert!(reason.contains("EXPIRED") && reason.contains("invalid_grant"), "{reason}");
    let (status, reason) = setup.status(&id).await;
    assert_eq!(status, "EXPIRED");
    assert!(reason.contains("invalid_grant"), "{reason}");
    // The next call does not ask again.
    let before = setup.server.count("refresh_token").await;
    assert!(failed(&setup.who().await).contains("EXPIRED"));
    assert_eq!(setup.server.count("refresh_token").await, before);
}

#[tokio::test]
async fn a_user_who_says_no_is_believed() {
    let setup = Setup::new().await;
    setup.server.ask("/_set?deny=1").await;
    let link = setup.link().await;
    let page = browse(&link.redirect_url).await;
    assert!(page.contains("Not connected") && page.contains("access_denied: the user said no"), "{page}");
    let (status, reason) = setup.status(&link.connected_account_id).await;
    assert_eq!((status.as_str(), reason.as_str()), ("FAILED", "the provider refused: access_denied: the user said no"));
}

#[tokio::test]
async fn a_callback_serves_once_and_only_with_its_own_state_and_issuer() {
    let setup = Setup::new().await;
    let first = setup.link().await;
    let callback = agree(&first.redirect_url).await;
    let (status, page, _) = fetch(&callback.replace("state=", "state=x"), None).await;
    assert_eq!(status, 404, "{page}");
    assert_eq!(setup.status(&first.connected_account_id).await.0, "INITIATED");
    assert_eq!(fetch(&callback, None).await.0, 200);
    assert_eq!(fetch(&callback, None).await.0, 404, "a replayed callback");
    assert_eq!(setup.status(&first.connected_account_id).await.0, "ACTIVE");

    // A code that was used already, under a fresh state.
    let second = setup.link().await;
    let own = agree(&second.redirect_url).await;
    let part = |callback: &str, name: &str| {
        let url = url::Url::parse(callback).unwrap();
        url.query_pairs().find(|(known, _)| known == name).unwrap().1.into_owned()
    };
    fetch(&own.replace(&part(&own, "code"), &part(&callback, "code")), None).await;
    let (status, reason) = setup.status(&second.connected_account_id).await;
    assert_eq!(status, "FAILED");
    assert!(reason.contains("invalid_grant"), "{reason}");

    let third = setup.link().await;
    let own = agree(&third.redirect_url).await;
    let mut mixed_up = url::Url::parse(&own).unwrap();
    let kept: Vec<(String, String)> = mixed_up.query_pairs().into_owned().filter(|(name, _)| name != "iss").collect();
    mixed_up.query_pairs_mut().clear().extend_pairs(kept).append_pair("iss", "https://evil.example");
    let before = setup.server.count("authorization_code").await;
    fetch(mixed_up.as_str(), None).await;
    let (status, reason) = setup.status(&third.connected_account_id).await;
    assert_eq!(status, "FAILED");
    assert!(reason.contains("another issuer"), "{reason}");
    assert_eq!(setup.server.count("authorization_code").await, before, "the code was not given to anyone");
}

#[tokio::test]
async fn an_account_is_revoked_upstream_and_deleted() {
    let setup = Setup::new().await;
    let id = setup.connect().await;
    let revoked = setup.router.revoke_connected_account(&id).await.unwrap();
    assert_eq!(revoked.connected_account.status, "REVOKED");
    assert_eq!(revoked.revoked_tokens, ["refresh_token", "access_token"]);
    assert_eq!(setup.server.count("revocation").await, 2);
    assert!(failed(&setup.who().await).contains("REVOKED"));
    setup.router.delete_connected_account(&id, DeleteAccount { revoke_on_delete: Some(true) }).await.unwrap();
    assert_eq!(setup.router.get_connected_account(&id).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_program_that_nobody_registered_introduces_itself() {
    let setup = Setup::new().await;
    let folder = tempfile::tempdir().unwrap();
    let url = format!("{}/_api", setup.server.url);
    let router = router(folder.path(), setup.server.oauth(), &url, json!({}));
    let session = session(&router, "ada", json!({})).await;
    let link = link(&router, &session).await;
    assert!(browse(&link.redirect_url).await.contains("is connected"));
    let data = completed(&who(&router, &session, None).await.unwrap());
    assert_ne!(data["client"], "app");
    router.refresh_connected_account(&link.connected_account_id, &RefreshAccount::default()).await.unwrap();

    // A provider that has forgotten the program says nothing of what the user agreed to.
    setup.server.ask("/_forget?what=Client").await;
    let error =
        router.refresh_connected_account(&link.connected_account_id, &RefreshAccount::default()).await.unwrap_err();
    assert!(error.to_string().contains("invalid_client"), "{error}");
    assert_eq!(router.get_connected_account(&link.connected_account_id).await.unwrap().status, "ACTIVE");
}

#[tokio::test]
async fn a_program_signs_in_as_itself() {
    let setup = Setup::new().await;
    let folder = tempfile::tempdir().unwrap();
    let client = json!({"auth": [{
        "toolkit": "api", "client_id": "app", "client_secret": "secret-of-the-app", "flow": "client_credentials",
        "scopes": [],
    }]});
    let router = router(folder.path(), setup.server.oauth(), &format!("{}/_api", setup.server.url), client);
    let session = session(&router, "ada", json!({})).await;
    let link = link(&router, &session).await;
    assert_eq!(router.get_connected_account(&link.connected_account_id).await.unwrap().status, "ACTIVE");
    assert_eq!(completed(&who(&router, &session, None).await.unwrap())["sub"], "app");
    // There is no refresh token: the program signs in again.
    router.refresh_connected_account(&link.connected_account_id, &RefreshAccount::default()).await.unwrap();
    assert_eq!(setup.server.count("client_credentials").await, 2);
}

#[tokio::test]
async fn several_accounts_are_told_apart() {
    let setup = Setup::with(json!({"multi_account": {"enable": true, "max_accounts_per_toolkit": 2}})).await;
    let first = setup.connect().await;
    let request = LinkRequest { toolkit: "api".to_owned(), alias: Some("work".to_owned()), ..LinkRequest::default() };
    let work = setup.router.link(&setup.session, &request).await.unwrap();
    browse(&work.redirect_url).await;
    let reason = failed(&setup.who().await);
    assert!(reason.contains("several accounts") && reason.contains("work"), "{reason}");
    for account in [first.as_str(), "work", "WORK", &work.connected_account_id] {
        completed(&who(&setup.router, &setup.session, Some(account)).await.unwrap());
    }
    let reason = failed(&who(&setup.router, &setup.session, Some("home")).await.unwrap());
    assert!(reason.contains("no account `home`"), "{reason}");
    let error = setup.router.link(&setup.session, &request).await.unwrap_err();
    assert!(error.to_string().contains("called `work` already"), "{error}");
    let request = LinkRequest { toolkit: "api".to_owned(), ..LinkRequest::default() };
    let error = setup.router.link(&setup.session, &request).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);

    // Without the setting the newest one is used, and what is switched off is not.
    let plain = session(&setup.router, "ada", json!({})).await;
    completed(&who(&setup.router, &plain, None).await.unwrap());
    for id in [&first, &work.connected_account_id] {
        setup.router.switch_connected_account(id, SwitchAccount { enabled: false }).await.unwrap();
        assert_eq!(setup.status(id).await.0, "INACTIVE");
    }
    assert!(failed(&who(&setup.router, &plain, None).await.unwrap()).contains("switched off"));
}

#[tokio::test]
async fn a_model_has_its_user_connect_an_account() {
    let setup = Setup::with(json!({"manage_connections": {"enable": true, "enable_wait_for_connections": true}})).await;
    let Setup { router, session, .. } = &setup;
    let tools = router.get_session(session).await.unwrap().tool_router_tools.clone();
    assert!(tools.iter().any(|slug| slug == "COMPOSIO_MANAGE_CONNECTIONS"), "{tools:?}");
    let found =
        meta(router, session, "COMPOSIO_SEARCH_TOOLS", json!({"queries": [{"use_case": "whose account is used"}]}))
            .await;
    assert_eq!(found["toolkit_connection_statuses"][0]["has_active_connection"], false, "{found}");

    let asked = json!({"toolkits": ["api", "time", "none"]});
    let answer = meta(router, session, "COMPOSIO_MANAGE_CONNECTIONS", asked).await;
    assert_eq!(answer["results"]["time"]["status"], "no_auth");
    assert!(answer["results"]["none"]["error_message"].as_str().unwrap().contains("no toolkit `none`"), "{answer}");
    assert_eq!(answer["results"]["api"]["status"], "initiated");
    let url = answer["results"]["api"]["redirect_url"].as_str().unwrap().to_owned();
    let at_once = json!({"toolkits": ["api"], "timeout_seconds": 0});
    let waited = meta(router, session, "COMPOSIO_WAIT_FOR_CONNECTIONS", at_once).await;
    assert_eq!(waited["results"]["api"]["has_active_connection"], false);
    let wait = json!({"toolkits": ["api"]});
    let (waited, _) = tokio::join!(meta(router, session, "COMPOSIO_WAIT_FOR_CONNECTIONS", wait), browse(&url));
    assert_eq!(waited["results"]["api"]["status"], "active", "{waited}");
    let again = meta(router, session, "COMPOSIO_MANAGE_CONNECTIONS", json!({"toolkits": ["api"]})).await;
    assert_eq!(again["results"]["api"]["status"], "active");
    assert!(again["results"]["api"].get("redirect_url").is_none(), "{again}");
}

#[tokio::test]
async fn a_browser_is_sent_on_only_where_it_is_allowed() {
    let setup = Setup::new().await;
    let request = |url: &str| LinkRequest {
        toolkit: "api".to_owned(),
        callback_url: Some(url.to_owned()),
        ..LinkRequest::default()
    };
    // A server that users reach elsewhere sends nobody to a place on their own machine, however it is spelt.
    let public = setup.router.reached_at("https://tools.example");
    let spellings = [
        "127.0.0.1:22",
        "2130706433",
        "0x7f.1",
        "017700000001",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "localhost.",
        "a.localhost",
    ];
    for host in spellings {
        let url = format!("http://{host}/x");
        let error = public.link(&setup.session, &request(&url)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Validation, "{url}");
        setup.router.link(&setup.session, &request(&url)).await.unwrap();
        let local = setup.router.reached_at("http://[::1]:8080");
        local.link(&setup.session, &request(&url)).await.unwrap();
        // Whatever name the caller gave the server.
        let error = local.reached_from_elsewhere().link(&setup.session, &request(&url)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Validation, "{url}");
    }
    for url in [
        "https://evil.example/",
        "http://localhost.evil.example/",
        "http://[::ffff:10.0.0.1]/",
        "javascript:alert(1)",
        "nonsense",
        "http://u:p@127.0.0.1/",
        "myapp://done",
    ] {
        let error = setup.router.link(&setup.session, &request(url)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Validation, "{url}");
    }
    let link = setup.router.link(&setup.session, &request("http://127.0.0.1:1/done?tab=2")).await.unwrap();
    let (status, _, location) = fetch(&agree(&link.redirect_url).await, None).await;
    let expected =
        format!("http://127.0.0.1:1/done?tab=2&status=success&connected_account_id={}", link.connected_account_id);
    assert_eq!((status, location), (303, Some(expected)));
}

#[tokio::test]
async fn an_app_hands_the_callback_over_itself() {
    let setup = Setup::new().await;
    let base = Arc::new(setup.router.reached_at("http://127.0.0.1:1"));
    let link = link(&base, &setup.session).await;
    let callback = agree(&consent(&base, &link.redirect_url).await).await;
    assert!(callback.starts_with("http://127.0.0.1:1/connect/callback?"), "{callback}");
    let error = base.complete_connection("eve", &callback).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let connected = base.complete_connection("ada", &callback).await.unwrap();
    assert_eq!((connected.account_id, connected.toolkit.as_str()), (link.connected_account_id, "api"));
    completed(&setup.who().await);
}

#[tokio::test]
async fn a_provider_sends_users_back_to_the_app() {
    let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
    // Where nothing listens: the app takes it, as a phone's system would hand it over.
    let config = json!({"accounts": {"redirect_url": "http://127.0.0.1:2/connect/callback"}});
    let router = router(folder.path(), server.oauth(), &format!("{}/_api", server.url), config);
    let session = session(&router, "ada", json!({})).await;
    let link = link(&router, &session).await;
    let callback = agree(&link.redirect_url).await;
    assert!(callback.starts_with("http://127.0.0.1:2/connect/callback?"), "{callback}");
    let handed_over = CompleteAuth { user_id: "ada".to_owned(), session_uri: callback };
    let done = router.complete_auth(&handed_over).await.unwrap();
    assert_eq!(done.connected_account_id, link.connected_account_id);
    assert_eq!(completed(&who(&router, &session, None).await.unwrap())["sub"], "ada");
}

#[tokio::test]
async fn a_link_ends_with_its_session() {
    let setup = Setup::new().await;
    let link = setup.link().await;
    let callback = agree(&link.redirect_url).await;
    setup.router.delete_session(&setup.session).await.unwrap();
    assert_eq!(fetch(&callback, None).await.0, 404);
    assert_eq!(setup.status(&link.connected_account_id).await.0, "INITIATED");
}
