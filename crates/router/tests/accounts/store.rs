//! What every store promises of accounts, also to several servers that share it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use composio_contract::ErrorKind;
use composio_router::Project;
use composio_router::store::{AccountRow, AccountStatus, AccountStore, KeyRow, LinkRow, Revocation, SessionRow, Store};
use futures_util::future::join_all;

use crate::database;

const HOUR: Duration = Duration::from_secs(3_600);
/// Later than any test.
const LATER: i64 = 32_503_680_000_000;

/// Two servers' stores, which are one.
fn two(folder: &Path) -> [Arc<dyn Store>; 2] {
    [database::store(folder), database::store(folder)]
}

fn of(store: &Arc<dyn Store>) -> &dyn AccountStore {
    store.accounts().unwrap()
}

fn row(id: &str, user_id: &str, created_at: i64) -> AccountRow {
    AccountRow {
        project: Project::default(),
        id: id.to_owned(),
        user_id: user_id.to_owned(),
        toolkit: "api".to_owned(),
        auth_config: "ac_1".to_owned(),
        auth_scheme: "OAUTH2".to_owned(),
        status: AccountStatus::Initiated,
        status_reason: None,
        alias: None,
        disabled: false,
        credential: None,
        owner: None,
        extra_scopes: String::new(),
        expires_at: Some(LATER),
        created_at,
        updated_at: created_at,
        revision: 1,
    }
}

fn link(hash: u8, account: &AccountRow, expires_at: i64) -> LinkRow {
    LinkRow {
        hash: [hash; 32],
        project: account.project.clone(),
        account_id: account.id.clone(),
        session_id: "trs_1".to_owned(),
        user_id: account.user_id.clone(),
        secret: vec![0, 255, hash],
        expires_at,
    }
}

fn ids(rows: &[AccountRow]) -> Vec<&str> {
    rows.iter().map(|row| row.id.as_str()).collect()
}

#[tokio::test]
async fn an_account_comes_back_as_it_was_given_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = two(folder.path());
    let full = AccountRow {
        status: AccountStatus::Failed,
        status_reason: Some("no ü".to_owned()),
        alias: Some("work".to_owned()),
        disabled: true,
        credential: Some((0..=255).collect()),
        owner: Some((0..=255).rev().collect()),
        extra_scopes: "read write".to_owned(),
        ..row("ca_3", "ada", 3)
    };
    let rows = [AccountRow { expires_at: None, ..row("ca_2", "ada", 2) }, row("ca_1", "eve", 1), full];
    for row in &rows {
        of(&one).add_account(row.clone(), None).await.unwrap();
    }
    let project = Project::default();
    for row in &rows {
        let kept = of(&other).account(&project, &row.id).await.unwrap().unwrap();
        // Its `Debug` is silent.
        assert!(kept == *row, "{kept:?}");
    }
    assert_eq!(ids(&of(&other).accounts(&project, None).await.unwrap()), ["ca_1", "ca_2", "ca_3"]);
    assert_eq!(ids(&of(&other).accounts(&project, Some("ada")).await.unwrap()), ["ca_2", "ca_3"]);
    assert!(of(&other).accounts(&project, Some("ad")).await.unwrap().is_empty());
    assert!(of(&other).add_account(row("ca_1", "ada", 9), None).await.is_err(), "an id is there once");
    assert_eq!(of(&one).account(&project, "ca_1").await.unwrap().unwrap().user_id, "eve");
}

#[tokio::test]
async fn what_one_has_read_and_another_changes_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = two(folder.path());
    let project = Project::default();
    let aliases = async || -> Vec<Option<String>> {
        of(&other).accounts(&project, Some("ada")).await.unwrap().into_iter().map(|row| row.alias).collect()
    };
    assert!(aliases().await.is_empty());
    of(&one).add_account(row("ca_1", "ada", 1), None).await.unwrap();
    assert_eq!(aliases().await, [None]);
    let renamed = AccountRow { alias: Some("work".to_owned()), ..row("ca_1", "ada", 1) };
    assert!(of(&one).change_account(renamed, None).await.unwrap());
    assert_eq!(aliases().await, [Some("work".to_owned())]);
    assert!(of(&one).delete_account(&project, "ca_1").await.unwrap());
    assert!(aliases().await.is_empty());

    assert!(!other.has_keys().await.unwrap());
    let key = KeyRow {
        id: "k1".to_owned(),
        project: project.clone(),
        name: String::new(),
        hash: [7; 32],
        created_at: 1,
        revoked_at: None,
    };
    one.add_key(key.clone()).await.unwrap();
    assert!(other.has_keys().await.unwrap());
    assert_eq!(other.key("k1").await.unwrap(), Some(key));
    assert!(one.revoke_key("k1").await.unwrap());
    assert!(other.key("k1").await.unwrap().unwrap().revoked_at.is_some());

    let session = SessionRow {
        project: project.clone(),
        session_id: "trs_1".to_owned(),
        user_id: "ada".to_owned(),
        config: "{}".to_owned(),
        experimental: "{}".to_owned(),
        custom_tools: "{}".to_owned(),
        config_version: 1,
        revision: 1,
    };
    one.create_session(session).await.unwrap();
    let revision = async || other.revision(&project, "trs_1").await.unwrap();
    assert_eq!(revision().await, Some(1));
    assert!(one.update_config(&project, "trs_1", 1, "{}".to_owned(), "{}".to_owned()).await.unwrap());
    assert_eq!(revision().await, Some(2));
    assert!(one.bind_tools(&project, "trs_1", "{}".to_owned()).await.unwrap());
    assert_eq!(revision().await, Some(3));
    assert!(other.revocations("trs_1").await.unwrap().is_empty());
    let revoked = Revocation { token_id: "t1".to_owned(), revoked_at: 1 };
    one.revoke_token("trs_1", revoked.clone()).await.unwrap();
    assert_eq!(other.revocations("trs_1").await.unwrap(), [revoked]);
    assert!(one.delete_session(&project, "trs_1").await.unwrap());
    assert_eq!(revision().await, None);
}

#[tokio::test]
async fn of_two_changes_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let stores = two(folder.path());
    let project = Project::default();
    let before = row("ca_1", "ada", 1);
    of(&stores[0]).add_account(before.clone(), None).await.unwrap();
    let renamed = AccountRow { alias: Some("work".to_owned()), ..before.clone() };
    let disabled = AccountRow { disabled: true, status: AccountStatus::Active, ..before.clone() };
    let (first, second) = tokio::join!(
        of(&stores[0]).change_account(renamed, None),
        of(&stores[1]).change_account(disabled.clone(), None)
    );
    let (first, second) = (first.unwrap(), second.unwrap());
    assert!(first != second);
    let kept = of(&stores[0]).account(&project, "ca_1").await.unwrap().unwrap();
    assert_eq!((kept.alias.is_some(), kept.disabled, kept.revision), (first, second, 2));
    assert!(kept.updated_at > before.updated_at);

    // On top of the other one it goes well, and what is gone stays gone.
    let change = AccountRow {
        user_id: "eve".to_owned(),
        status: AccountStatus::Expired,
        status_reason: Some("gone\0".to_owned()),
        credential: Some(vec![1, 0, 2]),
        extra_scopes: "admin".to_owned(),
        expires_at: None,
        ..AccountRow { revision: kept.revision, ..disabled }
    };
    assert!(of(&stores[1]).change_account(change, None).await.unwrap());
    let kept = of(&stores[0]).account(&project, "ca_1").await.unwrap().unwrap();
    assert_eq!((kept.user_id.as_str(), kept.status, kept.revision), ("ada", AccountStatus::Expired, 3));
    assert_eq!((kept.credential.clone(), kept.expires_at, kept.disabled), (Some(vec![1, 0, 2]), None, true));
    assert!(kept.status_reason.as_deref().unwrap().starts_with("gone"));
    assert_eq!(kept.extra_scopes, "admin");
    assert!(of(&stores[0]).delete_account(&project, "ca_1").await.unwrap());
    assert!(!of(&stores[1]).delete_account(&project, "ca_1").await.unwrap());
    assert!(!of(&stores[1]).change_account(kept, None).await.unwrap());
    assert!(of(&stores[1]).account(&project, "ca_1").await.unwrap().is_none());
}

#[tokio::test]
async fn a_link_serves_one_of_many() {
    let folder = tempfile::tempdir().unwrap();
    let stores = two(folder.path());
    let account = row("ca_1", "ada", 1);
    let given = link(7, &account, LATER);
    of(&stores[0]).add_account(account, Some(given.clone())).await.unwrap();
    assert!(of(&stores[1]).link(&[7; 32]).await.unwrap() == Some(given.clone()));
    assert!(of(&stores[1]).link(&[8; 32]).await.unwrap().is_none());
    let taken = join_all((0..10).map(|place| of(&stores[place % 2]).take_link(&given.hash))).await;
    let taken: Vec<LinkRow> = taken.into_iter().filter_map(Result::unwrap).collect();
    assert!(taken == [given], "{taken:?}");
    assert!(of(&stores[0]).link(&[7; 32]).await.unwrap().is_none());
}

#[tokio::test]
async fn links_end_with_their_account_and_lapsed_ones_with_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = two(folder.path());
    let accounts = [row("ca_1", "ada", 1), row("ca_2", "ada", 2), row("ca_3", "ada", 3)];
    of(&one).add_account(accounts[0].clone(), Some(link(1, &accounts[0], LATER))).await.unwrap();
    of(&one).add_account(accounts[1].clone(), Some(link(2, &accounts[1], 1))).await.unwrap();
    // It has lapsed, which is for the caller to see.
    assert_eq!(of(&other).link(&[2; 32]).await.unwrap().unwrap().expires_at, 1);
    of(&other).add_account(accounts[2].clone(), Some(link(3, &accounts[2], LATER))).await.unwrap();
    assert!(of(&one).link(&[2; 32]).await.unwrap().is_none());
    assert!(of(&one).account(&Project::default(), "ca_2").await.unwrap().is_some());
    assert!(of(&other).delete_account(&Project::default(), "ca_1").await.unwrap());
    assert!(of(&one).take_link(&[1; 32]).await.unwrap().is_none());
    assert!(of(&one).link(&[3; 32]).await.unwrap().is_some());
    // Neither or both are kept.
    let twice = row("ca_4", "ada", 4);
    assert!(of(&one).add_account(twice.clone(), Some(link(3, &twice, LATER))).await.is_err());
    assert!(of(&one).account(&Project::default(), "ca_4").await.unwrap().is_none());
}

#[tokio::test]
async fn a_lease_has_one_holder_among_all_servers() {
    let folder = tempfile::tempdir().unwrap();
    let stores = two(folder.path());
    let project = Project::default();
    of(&stores[0]).add_account(row("ca_1", "ada", 1), None).await.unwrap();
    let holders: Vec<String> = (0..10).map(|holder| format!("holder {holder}")).collect();
    let asked =
        holders.iter().enumerate().map(|(place, holder)| of(&stores[place % 2]).lease(&project, "ca_1", holder, HOUR));
    let taken: Vec<bool> = join_all(asked).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(taken.iter().filter(|taken| **taken).count(), 1, "{taken:?}");
    let place = taken.iter().position(|taken| *taken).unwrap();
    let (holder, server, another) = (&holders[place], &stores[1 - place % 2], "another");
    assert!(of(server).lease(&project, "ca_1", holder, HOUR).await.unwrap(), "who has it may take it again");
    // Nobody gives it back for somebody else.
    of(server).release(&project, "ca_1", another).await.unwrap();
    assert!(!of(server).lease(&project, "ca_1", another, HOUR).await.unwrap());
    of(server).release(&project, "ca_1", holder).await.unwrap();
    // One that has lapsed, as of a server that died, is free.
    assert!(of(server).lease(&project, "ca_1", another, Duration::ZERO).await.unwrap());
    assert!(of(server).lease(&project, "ca_1", holder, Duration::MAX).await.unwrap());
    assert!(!of(server).lease(&project, "ca_1", another, HOUR).await.unwrap());
    // A lease is no change, and there is none of what is not there.
    assert_eq!(of(server).account(&project, "ca_1").await.unwrap().unwrap().revision, 1);
    assert!(!of(server).lease(&project, "ca_2", holder, HOUR).await.unwrap());
    assert!(!of(server).lease(&Project::new("bank").unwrap(), "ca_1", holder, HOUR).await.unwrap());
}

#[tokio::test]
async fn a_project_finds_its_own_accounts_only() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = two(folder.path());
    let (home, bank) = (Project::default(), Project::new("bank").unwrap());
    // One id may be in both.
    let own = row("ca_1", "ada", 1);
    let theirs = AccountRow { project: bank.clone(), alias: Some("theirs".to_owned()), ..own.clone() };
    of(&one).add_account(own.clone(), Some(link(1, &own, LATER))).await.unwrap();
    assert!(of(&other).account(&bank, "ca_1").await.unwrap().is_none());
    assert!(of(&other).accounts(&bank, Some("ada")).await.unwrap().is_empty());
    assert!(!of(&other).change_account(theirs.clone(), None).await.unwrap());
    assert!(!of(&other).delete_account(&bank, "ca_1").await.unwrap());
    of(&other).add_account(theirs.clone(), Some(link(2, &theirs, LATER))).await.unwrap();
    assert!(of(&one).lease(&home, "ca_1", "one", HOUR).await.unwrap());
    assert!(of(&one).lease(&bank, "ca_1", "other", HOUR).await.unwrap());
    assert!(of(&one).account(&bank, "ca_1").await.unwrap() == Some(theirs));
    assert!(of(&one).delete_account(&home, "ca_1").await.unwrap());
    assert!(of(&one).link(&[1; 32]).await.unwrap().is_none());
    assert_eq!(of(&one).take_link(&[2; 32]).await.unwrap().unwrap().project, bank);
    assert_eq!(of(&one).accounts(&bank, None).await.unwrap().len(), 1);
}

#[tokio::test]
async fn data_keys_are_kept_by_whoever_comes_first() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = two(folder.path());
    assert!(of(&one).data_keys().await.unwrap().is_none());
    assert!(!of(&one).keep_data_keys(Some(vec![1]), vec![2]).await.unwrap());
    let (first, second) =
        tokio::join!(of(&one).keep_data_keys(None, vec![1]), of(&other).keep_data_keys(None, vec![2]));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert!(first != second);
    let kept = of(&one).data_keys().await.unwrap().unwrap();
    assert_eq!(kept, [if first { 1 } else { 2 }]);
    assert!(!of(&other).keep_data_keys(Some(vec![3]), vec![4]).await.unwrap());
    assert!(of(&other).keep_data_keys(Some(kept), vec![0, 255]).await.unwrap());
    assert_eq!(of(&one).data_keys().await.unwrap().unwrap(), [0, 255]);
    // They are not what URLs are signed with.
    assert_eq!(one.signing_key().await.unwrap(), None);
}

#[tokio::test]
async fn a_name_with_any_character_finds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let [store, _] = two(folder.path());
    let project = Project::default();
    of(&store).add_account(row("ca_1", "ada", 1), None).await.unwrap();
    for name in ["", "\0", "ca_1\0", "ca_1'; --", "\u{fffd}"] {
        assert!(of(&store).account(&project, name).await.unwrap().is_none(), "{name:?}");
        assert!(of(&store).accounts(&project, Some(name)).await.unwrap().is_empty(), "{name:?}");
        assert!(!of(&store).delete_account(&project, name).await.unwrap(), "{name:?}");
        assert!(!of(&store).lease(&project, name, "one", HOUR).await.unwrap(), "{name:?}");
    }
    // An alias is kept as it is, or refused.
    let kept = of(&store).account(&project, "ca_1").await.unwrap().unwrap();
    let change = AccountRow { alias: Some("a\0b".to_owned()), ..kept };
    if let Err(error) = of(&store).change_account(change, None).await {
        assert_eq!((error.kind(), error.status()), (ErrorKind::Validation, Some(400)));
    }
}
