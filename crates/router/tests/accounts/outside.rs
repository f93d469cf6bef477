//! Accounts that are made and looked after outside of sessions.

use composio_contract::{
    AccountLinkRequest, AuthConfigsQuery, Backend as _, CompleteAuth, ConnectedAccountsQuery, CreateAccount,
    CreateAuthConfig, ErrorKind, IdRef, LinkRequest, NewConnection, Patch, RawJson, RefreshAccount, SlugRef,
    SwitchAccount, UpdateAccount,
};
use composio_router::Router;
use composio_router::accounts::AuthScheme;
use serde_json::{Value, json};

use crate::support::{Server, Setup, agree, browse, completed, failed, fetch, meta, router, session, who};

fn asked(user_id: &str) -> AccountLinkRequest {
    AccountLinkRequest {
        auth_config_id: "ac_api".to_owned(),
        user_id: user_id.to_owned(),
        ..AccountLinkRequest::default()
    }
}

fn given(user_id: &str, state: Option<Value>) -> CreateAccount {
    CreateAccount {
        auth_config: IdRef { id: "ac_api".to_owned() },
        connection: NewConnection {
            user_id: Some(user_id.to_owned()),
            state: state.map(RawJson::from),
            ..NewConnection::default()
        },
    }
}

#[tokio::test]
async fn an_account_is_connected_before_there_is_a_session() {
    let setup = Setup::new().await;
    let link = setup.router.link_connected_account(&asked("ada")).await.unwrap();
    assert!(browse(&link.redirect_url).await.contains("is connected"));
    completed(&setup.who().await);
    assert_eq!(fetch(&link.redirect_url, None).await.0, 404, "a link serves once");
    // An app that receives the callback itself.
    let created = setup.router.create_connected_account(&given("bea", None)).await.unwrap();
    assert_eq!(created.status, "INITIATED");
    let callback = agree(created.redirect_url.as_ref().unwrap()).await;
    let complete = |user_id: &str| CompleteAuth { user_id: user_id.to_owned(), session_uri: callback.clone() };
    assert_eq!(setup.router.complete_auth(&complete("ada")).await.unwrap_err().kind(), ErrorKind::NotFound);
    let done = setup.router.complete_auth(&complete("bea")).await.unwrap();
    assert_eq!((done.connected_account_id.as_str(), done.toolkit_slug.as_str()), (created.id.as_str(), "api"));
    let bea = session(&setup.router, "bea", json!({})).await;
    completed(&who(&setup.router, &bea, None).await.unwrap());

    for (request, kind) in [
        (AccountLinkRequest { auth_config_id: "ac_none".to_owned(), ..asked("ada") }, ErrorKind::NotFound),
        (asked(" "), ErrorKind::Validation),
        (
            AccountLinkRequest { callback_url: Some("https://evil.example/".to_owned()), ..asked("ada") },
            ErrorKind::Validation,
        ),
    ] {
        assert_eq!(setup.router.link_connected_account(&request).await.unwrap_err().kind(), kind);
    }
    // What is refused leaves nothing. Toolkits and statuses are the same in any case, users are not.
    for (filter, count) in [
        (json!({}), 2),
        (json!({"user_ids": ["ada"]}), 1),
        (json!({"user_ids": ["ADA"]}), 0),
        (json!({"user_ids": "ada,bea", "toolkit_slugs": ["API"], "statuses": ["active"]}), 2),
        (json!({"connected_account_ids": [done.connected_account_id]}), 1),
        (json!({"connected_account_ids": [done.connected_account_id.to_uppercase()]}), 0),
        (json!({"auth_config_ids": ["ac_api"], "statuses": ["EXPIRED", "FAILED"]}), 0),
    ] {
        let query: ConnectedAccountsQuery = serde_json::from_value(filter.clone()).unwrap();
        assert_eq!(setup.router.list_connected_accounts(&query).await.unwrap().items.len(), count, "{filter}");
    }
}

#[tokio::test]
async fn an_account_that_ended_is_connected_again_and_stays_the_same() {
    let setup = Setup::new().await;
    let id = setup.connect().await;
    let alias = UpdateAccount { alias: Patch::Set(" work ".to_owned()), ..UpdateAccount::default() };
    setup.router.update_connected_account(&id, &alias).await.unwrap();
    setup.router.revoke_connected_account(&id).await.unwrap();
    let request = RefreshAccount::default();
    let first = setup.router.refresh_connected_account(&id, &request).await.unwrap().into_parts().1;
    assert_eq!((first.id.as_str(), first.status.as_str()), (id.as_str(), "INITIATED"));
    let stale = agree(first.redirect_url.as_ref().unwrap()).await;
    let again = setup.router.refresh_connected_account(&id, &request).await.unwrap().into_parts().1;
    assert_eq!(fetch(&stale, None).await.0, 404, "the newer link is the one that serves");
    assert!(browse(again.redirect_url.as_ref().unwrap()).await.contains("is connected"));
    let account = setup.router.get_connected_account(&id).await.unwrap();
    assert_eq!((account.status.as_str(), &account.extra["alias"]), ("ACTIVE", &json!("work")));
    completed(&who(&setup.router, &setup.session, Some("work")).await.unwrap());
    // One that serves is renewed, and asks nobody.
    let renewed = setup.router.refresh_connected_account(&id, &request).await.unwrap();
    assert_eq!((renewed.status.as_str(), renewed.redirect_url.as_deref()), ("ACTIVE", None));
    let clear = UpdateAccount { alias: Patch::Clear, ..UpdateAccount::default() };
    setup.router.update_connected_account(&id, &clear).await.unwrap();
    assert_eq!(setup.router.get_connected_account(&id).await.unwrap().extra["alias"], Value::Null);
}

fn key_router(server: &Server, folder: &std::path::Path) -> Router {
    let key = AuthScheme::ApiKey { place: composio_router::accounts::KeyPlace::Header, name: "X-Key".to_owned() };
    router(folder, key, &format!("{}/_key", server.url), json!({}))
}

#[tokio::test]
async fn a_key_that_the_app_has_is_handed_over_and_replaced() {
    let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
    let router = key_router(&server, folder.path());
    let state = |key: &str| json!({"authScheme": "API_KEY", "val": {"status": "ACTIVE", "api_key": key}});
    let created = router.create_connected_account(&given("ada", Some(state("wrong-key")))).await.unwrap();
    assert_eq!((created.status.as_str(), created.redirect_url.as_deref()), ("ACTIVE", None));
    assert!(!created.raw().as_str().contains("wrong-key") && !format!("{created:?}").contains("wrong-key"));
    let ada = session(&router, "ada", json!({})).await;
    assert!(failed(&who(&router, &ada, None).await.unwrap()).contains("refused the credential"));
    let good = RawJson::from(json!({"state": state("key-of-the-user")}));
    let change = UpdateAccount { connection: Some(good), ..UpdateAccount::default() };
    router.update_connected_account(&created.id, &change).await.unwrap();
    assert_eq!(completed(&who(&router, &ada, None).await.unwrap())["sub"], "ada");
    let error = router.refresh_connected_account(&created.id, &RefreshAccount::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    for wrong in [json!({"authScheme": "BASIC", "val": {}}), json!({"authScheme": "API_KEY", "val": {}}), json!([])] {
        let error = router.create_connected_account(&given("ada", Some(wrong))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Validation);
    }
    let error = router.create_connected_account(&given("", Some(state("k")))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Validation);
    // One that was revoked has a page again, where the user types another key.
    router.revoke_connected_account(&created.id).await.unwrap();
    let again = router.refresh_connected_account(&created.id, &RefreshAccount::default()).await.unwrap();
    fetch(again.redirect_url.as_ref().unwrap(), Some("key=key-of-the-user")).await;
    completed(&who(&router, &ada, None).await.unwrap());
}

#[tokio::test]
async fn the_default_is_the_sessions_first_account_else_the_newest() {
    let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
    let router = key_router(&server, folder.path());
    let mut ids = Vec::new();
    // Only the key of the one in the middle is good, and only a call with it succeeds.
    for key in ["wrong", "key-of-the-user", "wrong"] {
        let state = json!({"authScheme": "API_KEY", "val": {"api_key": key}});
        ids.push(router.create_connected_account(&given("ada", Some(state))).await.unwrap().id.clone());
    }
    let named = |ids: &[&String]| json!({"connected_accounts": {"api": ids}});
    let middle = session(&router, "ada", named(&[&ids[1], &ids[2], &ids[0]])).await;
    completed(&who(&router, &middle, None).await.unwrap());
    let oldest = session(&router, "ada", named(&[&ids[0], &ids[1]])).await;
    failed(&who(&router, &oldest, None).await.unwrap());
    router.switch_connected_account(&ids[0], SwitchAccount { enabled: false }).await.unwrap();
    completed(&who(&router, &oldest, None).await.unwrap());
    router.switch_connected_account(&ids[2], SwitchAccount { enabled: false }).await.unwrap();
    let any = session(&router, "ada", json!({})).await;
    completed(&who(&router, &any, None).await.unwrap());
    router.switch_connected_account(&ids[2], SwitchAccount { enabled: true }).await.unwrap();
    failed(&who(&router, &any, None).await.unwrap());
    // A link of the session keeps to what the session allows.
    let waiting =
        router.link(&any, &LinkRequest { toolkit: "api".to_owned(), ..LinkRequest::default() }).await.unwrap();
    let manage = json!({"toolkits": ["api"]});
    let answer = meta(&router, &any, "COMPOSIO_MANAGE_CONNECTIONS", manage).await;
    assert_eq!(answer["results"]["api"]["status"], "active", "{answer}");
    assert_eq!(router.get_connected_account(&waiting.connected_account_id).await.unwrap().status, "INITIATED");
}

#[tokio::test]
async fn auth_configs_are_the_routers_own() {
    let setup = Setup::new().await;
    let router = &setup.router;
    setup.connect().await;
    let page = router.list_auth_configs(&AuthConfigsQuery::default()).await.unwrap();
    let config = &page.items[0];
    assert_eq!((page.items.len(), config.id.as_str()), (1, "ac_api"));
    assert_eq!(config.extra["no_of_connections"], 1);
    let query = AuthConfigsQuery { toolkit_slug: Some("time".to_owned()), ..AuthConfigsQuery::default() };
    assert!(router.list_auth_configs(&query).await.unwrap().items.is_empty());
    assert_eq!(router.get_auth_config("ac_api").await.unwrap().extra["auth_scheme"], "OAUTH2");
    assert_eq!(router.get_auth_config("ac_none").await.unwrap_err().kind(), ErrorKind::NotFound);
    let create = CreateAuthConfig { toolkit: SlugRef { slug: "api".to_owned() }, auth_config: RawJson::empty_object() };
    for error in [
        router.create_auth_config(&create).await.map(drop),
        router.update_auth_config("ac_api", &RawJson::empty_object()).await.map(drop),
        router.switch_auth_config("ac_api", false).await.map(drop),
        router.delete_auth_config("ac_api").await.map(drop),
    ] {
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.suggested_fix().unwrap().contains("[[auth]]"));
    }
}
