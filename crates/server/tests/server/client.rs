//! The project's own client against the server: what it does on the router in its own process it does here too.

use std::sync::Arc;

use composio_contract::{Backend as _, CreateSession, ErrorKind, MountPath, RawJson, UploadRequest};
use composio_core::{Call, Choice, Client, ClientOptions, CustomToolSet, HttpBackend, RunMode};
use serde_json::{Value, json};

use crate::common::Server;

fn backend(server: &Server, key: &str) -> HttpBackend {
    let options = ClientOptions {
        api_key: Some(key.to_owned().into()),
        base_url: Some(format!("http://{}", server.address)),
        ..ClientOptions::default()
    };
    match options.choose().unwrap() {
        Choice::Http(options) => HttpBackend::new(options).unwrap(),
        Choice::Embedded => panic!("a base URL means HTTP"),
    }
}

fn client(server: &Server, key: &str) -> Client {
    Client::of(Arc::new(backend(server, key)))
}

#[tokio::test]
async fn a_session_over_http_is_the_same_session() {
    let server = Server::open().await;
    let key = server.key("shop").await;
    let client = client(&server, &key);
    let options: RawJson = json!({"user_id": "ada", "toolkits": ["time", "files"]}).into();
    let session = client.create(&options, CustomToolSet::default()).await.unwrap();
    let call = Call {
        slug: "TIME_NOW".to_owned(),
        arguments: Some(json!({"timezone": "Asia/Tokyo"}).into()),
        ..Call::default()
    };
    let mut run = session.run(vec![call], RunMode::Execute).unwrap();
    run.remote().await;
    let outcome = run.finish(Vec::new()).unwrap().remove(0).unwrap();
    let data: Value = outcome.data.decode("data").unwrap();
    assert_eq!(data["timezone"], "Asia/Tokyo");
    let mcp = session.mcp().unwrap();
    assert_eq!(mcp.url, format!("http://{}/tool_router/{}/mcp", server.address, session.id()));
    // A token of the session's own, not the key, which opens the whole project.
    let [(name, value)] = mcp.headers.as_slice() else { panic!("{:?}", mcp.headers.len()) };
    assert_eq!(name, "Authorization");
    assert!(value.starts_with("Bearer st_") && !value.contains(&key));
}

#[tokio::test]
async fn errors_keep_their_kind_and_their_request_id() {
    let server = Server::open().await;
    let key = server.key("shop").await;
    let options: RawJson = json!({"user_id": "ada", "toolkits": ["tmie"]}).into();
    let error = client(&server, &key).create(&options, CustomToolSet::default()).await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::BadRequest, Some(400)));
    assert!(error.suggested_fix().unwrap().contains("time"), "{error}");
    assert!(error.request_id().is_some());
    let options: RawJson = json!({"user_id": "ada"}).into();
    let error = client(&server, "ck_0_0").create(&options, CustomToolSet::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Authentication);
}

#[tokio::test]
async fn files_go_both_ways() {
    let server = Server::open().await;
    let key = server.key("shop").await;
    let backend = backend(&server, &key);
    let request = CreateSession { user_id: "ada".to_owned(), ..CreateSession::default() };
    let session = backend.create_session(&request).await.unwrap().session_id.clone();
    let upload = UploadRequest { mount_relative_path: "a.txt".to_owned(), mimetype: None };
    let url = backend.upload_url(&session, "files", &upload).await.unwrap().upload_url.clone();
    backend.put_file(&url, Some("text/plain"), "hello".into()).await.unwrap();
    let file = MountPath { mount_relative_path: "a.txt".to_owned(), sandbox_mount_prefix: None };
    let url = backend.download_url(&session, "files", &file).await.unwrap().download_url.clone();
    assert_eq!(backend.get_file(&url, 100).await.unwrap(), "hello");
    let used = backend.put_file(&format!("{url}x"), None, "x".into()).await.unwrap_err();
    assert_eq!((used.kind(), used.status()), (ErrorKind::Upload, Some(403)));
}
