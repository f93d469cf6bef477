//! What one user or project has connected is not there for another.

use composio_contract::{
    Backend as _, ConnectedAccountsQuery, DeleteAccount, ErrorKind, Patch, RefreshAccount, SwitchAccount, UpdateAccount,
};
use composio_router::Project;
use serde_json::json;

use crate::support::{Setup, failed, session, who};

#[tokio::test]
async fn another_user_has_no_account() {
    let setup = Setup::new().await;
    let id = setup.connect().await;
    // Not by guessing its id, nor by a session that names it.
    for settings in [json!({}), json!({"connected_accounts": {"api": id}})] {
        let session = session(&setup.router, "eve", settings).await;
        let reason = failed(&who(&setup.router, &session, None).await.unwrap());
        assert!(reason.contains("no active connected account"), "{reason}");
        let reason = failed(&who(&setup.router, &session, Some(&id)).await.unwrap());
        assert!(reason.contains("has no account"), "{reason}");
    }
    // Nor has ada an account where her session names another's.
    let pinned = session(&setup.router, "ada", json!({"connected_accounts": {"api": ["ca_other"]}})).await;
    assert!(failed(&who(&setup.router, &pinned, None).await.unwrap()).contains("no active connected account"));
}

#[tokio::test]
async fn another_project_has_no_account() {
    let setup = Setup::new().await;
    let id = setup.connect().await;
    let other = setup.router.in_project(Project::new("bank").unwrap()).unwrap();
    let session = session(&other, "ada", json!({})).await;
    assert!(failed(&who(&other, &session, None).await.unwrap()).contains("no active connected account"));
    assert!(failed(&who(&other, &session, Some(&id)).await.unwrap()).contains("has no account"));
    assert!(other.list_connected_accounts(&ConnectedAccountsQuery::default()).await.unwrap().items.is_empty());
    let alias = UpdateAccount { alias: Patch::Set("theirs".to_owned()), ..UpdateAccount::default() };
    let errors = [
        other.get_connected_account(&id).await.map(drop),
        other.update_connected_account(&id, &alias).await.map(drop),
        other.switch_connected_account(&id, SwitchAccount { enabled: false }).await.map(drop),
        other.refresh_connected_account(&id, &RefreshAccount::default()).await.map(drop),
        other.revoke_connected_account(&id).await.map(drop),
        other.delete_connected_account(&id, DeleteAccount { revoke_on_delete: Some(true) }).await.map(drop),
    ];
    for error in errors {
        assert_eq!(error.unwrap_err().kind(), ErrorKind::NotFound);
    }
    let link = setup.link().await;
    let callback = crate::support::agree(&link.redirect_url).await;
    let error = other.complete_connection("ada", &callback).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(setup.status(&id).await.0, "ACTIVE");
    let own = setup.router.list_connected_accounts(&ConnectedAccountsQuery::default()).await.unwrap();
    assert_eq!(own.items.len(), 2);
}
