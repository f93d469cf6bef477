//! Files over HTTP: put and got at signed URLs.

use std::time::Duration;

use bytes::Bytes;
use composio_server::PublicUrl;
use serde_json::{Value, json};

use crate::common::{Answer, Server, request};

pub(crate) async fn url(server: &Server, session: &str, key: Option<&str>, kind: &str, path: &str) -> String {
    let at = format!("/tool_router/session/{session}/mounts/files/{kind}");
    let reply = server.call("POST", &at, key, Some(json!({"mount_relative_path": path}))).await.expect(200);
    reply.json()[kind].as_str().unwrap().to_owned()
}

pub(crate) async fn put(server: &Server, url: &str, content: impl Into<Bytes>) -> Answer {
    let mut request = request("PUT", path_of(server, url), None, None);
    *request.body_mut() = content.into().into();
    server.send(request).await
}

pub(crate) fn path_of<'a>(server: &Server, url: &'a str) -> &'a str {
    url.strip_prefix(&format!("http://{}", server.address)).unwrap()
}

#[tokio::test]
async fn a_file_goes_up_once_and_comes_down() {
    let server = Server::open().await;
    let key = server.key("shop").await;
    let session = server.session(Some(&key)).await;
    let up = url(&server, &session, Some(&key), "upload_url", "notes/ä b.bin").await;
    let content = [0_u8, 255, 13, 10];
    // No key: the URL is one.
    put(&server, &up, content.to_vec()).await.expect(200);
    assert_eq!(put(&server, &up, "again").await.expect(403).slug(), "InvalidFileUrl");
    let down = url(&server, &session, Some(&key), "download_url", "notes/ä b.bin").await;
    for _ in 0..2 {
        let answer = server.get(path_of(&server, &down)).await.expect(200);
        assert_eq!(&answer.body[..], content);
        assert_eq!(answer.header("content-disposition"), Some("attachment"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
    assert_eq!(put(&server, &down, "x").await.expect(403).slug(), "InvalidFileUrl");
    server.get(path_of(&server, &up)).await.expect(403);
}

#[tokio::test]
async fn a_changed_url_opens_nothing() {
    let server = Server::open().await;
    let session = server.session(None).await;
    let up = url(&server, &session, None, "upload_url", "a.txt").await;
    put(&server, &up, "hello").await.expect(200);
    let down = url(&server, &session, None, "download_url", "a.txt").await;
    let path = path_of(&server, &down);
    let (payload, signature) = path.rsplit_once('.').unwrap();
    for changed in [
        format!("{payload}.{}", signature.chars().rev().collect::<String>()),
        format!("{payload}A.{signature}"),
        format!("{payload}."),
        payload.to_owned(),
        "/files/x".to_owned(),
    ] {
        assert_eq!(server.get(&changed).await.expect(403).slug(), "InvalidFileUrl", "{changed}");
    }
    // Nothing of the ticket is in the answer's way to a log of the client.
    assert!(!String::from_utf8_lossy(&server.get("/files/x").await.body).contains("/files/x"));
}

#[tokio::test]
async fn a_file_has_its_limit_and_its_time() {
    let server = Server::with(|options| {
        options.file_limit = 10;
        options.request_timeout = Duration::from_secs(5);
    })
    .await;
    let session = server.session(None).await;
    let up = url(&server, &session, None, "upload_url", "a.txt").await;
    assert_eq!(put(&server, &up, "01234567890").await.expect(413).slug(), "TooLarge");
    // What was refused has not used the URL up.
    put(&server, &up, "0123456789").await.expect(200);
    let write = json!({"path": "b.txt", "content": "01234567890"});
    server.execute(&session, None, "FILES_WRITE", write).await.expect(200);
    let down = url(&server, &session, None, "download_url", "b.txt").await;
    assert_eq!(server.get(path_of(&server, &down)).await.expect(413).slug(), "TooLarge");
}

#[tokio::test]
async fn urls_begin_with_the_address_that_clients_know() {
    let server =
        Server::with(|options| options.public_url = Some(PublicUrl::parse("https://tools.example/c/").unwrap())).await;
    let session = server.session(None).await;
    let up = url(&server, &session, None, "upload_url", "a.txt").await;
    assert!(up.starts_with("https://tools.example/c/files/"), "{up}");
}

#[tokio::test]
async fn no_path_leaves_the_folder() {
    let server = Server::open().await;
    let session = server.session(None).await;
    for path in ["../x", "/etc/passwd", "a/../../x"] {
        for kind in ["upload_url", "download_url", "delete"] {
            let at = format!("/tool_router/session/{session}/mounts/files/{kind}");
            let body: Value = json!({"mount_relative_path": path});
            server.call("POST", &at, None, Some(body)).await.expect(400);
        }
    }
}
