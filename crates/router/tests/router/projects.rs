//! Projects: what one has is not there for another.

use composio_contract::{
    AttachSession, Backend as _, Error, ErrorKind, ExecuteMetaRequest, ExecuteRequest, FileListQuery, LinkRequest,
    MountPath, PageQuery, ProxyExecuteRequest, SearchQuery, SearchRequest, SessionToolkitsQuery, UpdateSession,
    UploadRequest,
};
use composio_router::Project;
use composio_router::store::KeyRow;
use serde_json::json;

use crate::common::{Fixture, create};
use crate::database;

fn project(name: &str) -> Project {
    Project::new(name).unwrap()
}

#[tokio::test]
async fn a_session_is_there_for_its_own_project_only() {
    let fixture = Fixture::new();
    let shop = fixture.router.in_project(project("shop")).unwrap();
    let session = shop.create_session(&create(json!({}))).await.unwrap().session_id.clone();
    let id = session.as_str();
    let search = SearchRequest {
        queries: vec![SearchQuery { use_case: "read".to_owned(), known_fields: None }],
        ..SearchRequest::default()
    };
    let run = ExecuteRequest { tool_slug: "SHELF_BURN".to_owned(), ..ExecuteRequest::default() };
    let meta = ExecuteMetaRequest { slug: "COMPOSIO_SEARCH_TOOLS".to_owned(), ..ExecuteMetaRequest::default() };
    let proxy = ProxyExecuteRequest { toolkit_slug: "shelf".to_owned(), ..ProxyExecuteRequest::default() };
    let link = LinkRequest { toolkit: "shelf".to_owned(), ..LinkRequest::default() };
    let upload = UploadRequest { mount_relative_path: "a".to_owned(), mimetype: None };
    let file = MountPath { mount_relative_path: "a".to_owned(), sandbox_mount_prefix: None };
    for stranger in [&fixture.router, &fixture.router.in_project(project("bank")).unwrap()] {
        let refused: [Option<Error>; 16] = [
            stranger.get_session(id).await.err(),
            stranger.attach_session(id, &AttachSession::default()).await.err(),
            stranger.update_session(id, &UpdateSession::default()).await.err(),
            stranger.config_history(id, &PageQuery::default()).await.err(),
            stranger.session_tools(id, &PageQuery::default()).await.err(),
            stranger.session_toolkits(id, &SessionToolkitsQuery::default()).await.err(),
            stranger.search(id, &search).await.err(),
            stranger.execute(id, &run).await.err(),
            stranger.execute_meta(id, &meta).await.err(),
            stranger.proxy_execute(id, &proxy).await.err(),
            stranger.link(id, &link).await.err(),
            stranger.list_files(id, "files", &FileListQuery::default()).await.err(),
            stranger.upload_url(id, "files", &upload).await.err(),
            stranger.download_url(id, "files", &file).await.err(),
            stranger.delete_file(id, "files", &file).await.err(),
            stranger.delete_session(id).await.err(),
        ];
        for (call, error) in refused.into_iter().enumerate() {
            assert_eq!(error.map(|error| error.kind()), Some(ErrorKind::NotFound), "call {call}");
        }
    }
    assert!(fixture.slugs_called().is_empty());
    let store = fixture.router.store();
    assert_eq!(store.sessions(shop.project(), 9).await.unwrap()[0].session_id, session);
    assert!(store.sessions(fixture.router.project(), 9).await.unwrap().is_empty());
    // Nothing of that has changed the session, nor thrown it out of memory.
    assert_eq!(shop.get_session(id).await.unwrap().config_version, 1);
    shop.execute(id, &run).await.unwrap();
    store.flush().await.unwrap();
    assert_eq!(store.log_entries(shop.project(), id, 10).await.unwrap().len(), 1);
    assert!(store.log_entries(fixture.router.project(), id, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_same_user_of_two_projects_has_two_folders() {
    let fixture = Fixture::new();
    let shop = fixture.router.in_project(project("shop")).unwrap();
    let theirs = shop.create_session(&create(json!({}))).await.unwrap().session_id.clone();
    let ours = fixture.session(json!({})).await;
    let upload = UploadRequest { mount_relative_path: "a.txt".to_owned(), mimetype: None };
    let url = shop.upload_url(&theirs, "files", &upload).await.unwrap().upload_url.clone();
    // The ticket says where the file goes, whoever brings it.
    fixture.router.put_file(&url, None, "hello".into()).await.unwrap();
    let all = FileListQuery::default();
    assert_eq!(shop.list_files(&theirs, "files", &all).await.unwrap().items.len(), 1);
    assert!(fixture.router.list_files(&ours, "files", &all).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn a_workspace_without_a_place_for_projects_has_the_default_one_only() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::with(json!({"workspace": folder.path()}), Vec::new());
    fixture.session(json!({})).await;
    let error = fixture.router.in_project(project("shop")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
}

#[tokio::test]
async fn keys_are_kept_and_revoked_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = database::store(folder.path());
    assert!(!store.has_keys().await.unwrap());
    let row = KeyRow {
        id: "k1".to_owned(),
        project: project("shop"),
        name: "ci".to_owned(),
        hash: [7; 32],
        created_at: 5,
        revoked_at: None,
    };
    store.add_key(row.clone()).await.unwrap();
    assert!(store.has_keys().await.unwrap());
    assert_eq!(store.keys().await.unwrap(), std::slice::from_ref(&row));
    assert_eq!(store.key("k1").await.unwrap(), Some(row));
    assert_eq!(store.key("k2").await.unwrap(), None);
    assert!(store.revoke_key("k1").await.unwrap());
    assert!(!store.revoke_key("k1").await.unwrap());
    assert!(store.key("k1").await.unwrap().unwrap().revoked_at.is_some());
    assert_eq!(store.signing_key().await.unwrap(), None);
    assert!(!store.keep_signing_key(Some(vec![1]), vec![2]).await.unwrap());
    assert!(store.keep_signing_key(None, vec![1]).await.unwrap());
    assert!(!store.keep_signing_key(None, vec![2]).await.unwrap());
    assert!(!store.keep_signing_key(Some(vec![2]), vec![3]).await.unwrap());
    assert!(store.keep_signing_key(Some(vec![1]), vec![4]).await.unwrap());
    assert_eq!(store.signing_key().await.unwrap(), Some(vec![4]));
    store.ping().await.unwrap();
}
