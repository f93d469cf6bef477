//! The file mount.

use composio_contract::{Backend as _, ErrorKind, FileListQuery, MountPath, UploadRequest};
use serde_json::json;

use crate::common::Fixture;

fn at(path: &str) -> MountPath {
    MountPath { mount_relative_path: path.to_owned(), sandbox_mount_prefix: None }
}

async fn upload(fixture: &Fixture, session: &str, path: &str, content: &str) -> String {
    let request = UploadRequest { mount_relative_path: path.to_owned(), mimetype: None };
    let reply = fixture.router.upload_url(session, "files", &request).await.unwrap();
    fixture.router.put_file(&reply.upload_url, None, content.to_owned().into()).await.unwrap();
    reply.upload_url.clone()
}

#[tokio::test]
async fn a_file_goes_up_is_listed_comes_down_and_goes() {
    let fixture = Fixture::new();
    let session = fixture.session(json!({})).await;
    let used = upload(&fixture, &session, "notes/a.txt", "hello").await;
    upload(&fixture, &session, "b.txt", "!").await;
    let again = fixture.router.put_file(&used, None, "x".into()).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Upload);

    let list = fixture.router.list_files(&session, "files", &FileListQuery::default()).await.unwrap();
    let files: Vec<_> = list.items.iter().map(|file| (file.mount_relative_path.as_str(), file.size)).collect();
    assert_eq!(files, [("b.txt", 1), ("notes/a.txt", 5)]);
    let below = FileListQuery { mount_relative_prefix: Some("notes".to_owned()), ..FileListQuery::default() };
    assert_eq!(fixture.router.list_files(&session, "files", &below).await.unwrap().items.len(), 1);
    let nowhere = FileListQuery { mount_relative_prefix: Some("none".to_owned()), ..FileListQuery::default() };
    assert!(fixture.router.list_files(&session, "files", &nowhere).await.unwrap().items.is_empty());

    let url = fixture.router.download_url(&session, "files", &at("notes/a.txt")).await.unwrap().download_url.clone();
    assert_eq!(fixture.router.get_file(&url, 100).await.unwrap(), "hello");
    assert_eq!(fixture.router.get_file(&url, 4).await.unwrap_err().kind(), ErrorKind::TooLarge);
    assert_eq!(fixture.router.put_file(&url, None, "x".into()).await.unwrap_err().kind(), ErrorKind::Upload);

    fixture.router.delete_file(&session, "files", &at("notes/a.txt")).await.unwrap();
    let gone = fixture.router.download_url(&session, "files", &at("notes/a.txt")).await.unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::FileNotFound);
}

#[tokio::test]
async fn nothing_leaves_the_users_folder() {
    let fixture = Fixture::new();
    let session = fixture.session(json!({})).await;
    for path in ["../x", "/etc/passwd", "a/../../x"] {
        let request = UploadRequest { mount_relative_path: path.to_owned(), mimetype: None };
        let error = fixture.router.upload_url(&session, "files", &request).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnsafePath, "{error}");
        assert!(fixture.router.download_url(&session, "files", &at(path)).await.is_err());
        assert!(fixture.router.delete_file(&session, "files", &at(path)).await.is_err());
    }
    let made_up = fixture.router.get_file("composio-file:0", 10).await.unwrap_err();
    assert_eq!(made_up.kind(), ErrorKind::Download);
    let other = fixture.router.list_files(&session, "disk", &FileListQuery::default()).await.unwrap_err();
    assert_eq!(other.kind(), ErrorKind::NotFound);
    assert!(fixture.folder.path().join("workspaces").join("ada").is_dir());
}
