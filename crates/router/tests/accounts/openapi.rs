//! APIs by their OpenAPI documents, whose calls are signed with accounts.

use std::path::Path;

use composio_contract::{
    Backend as _, ErrorKind, ExecuteRequest, ProxyExecuteRequest, ProxyReply, RefreshAccount, Result,
};
use composio_router::{Router, RouterConfig};
use serde_json::{Value, json};

use crate::support::{Server, agree, completed, consent, failed, fetch, link, meta, session, who};

/// A document with two operations: `who`, at a path, and `open`, each with its `security`.
fn document(server: &Server, path: &str, scheme: Value, who: Value, open: Value) -> String {
    let operation = |id: &str, security: Value| json!({"get": {"operationId": id, "security": security, "responses": {"200": {"description": "It."}}}});
    json!({
        "openapi": "3.1.0",
        "info": {"title": "The API", "version": "1"},
        "servers": [{"url": server.url}],
        "components": {"securitySchemes": {"user": scheme}},
        "paths": {path: operation("who", who), "/_open": operation("open", open)},
    })
    .to_string()
}

fn oauth(server: &Server) -> String {
    let flow = json!({
        "authorizationUrl": format!("{}/auth", server.url),
        "tokenUrl": "/token",
        "scopes": {"openid": "Who you are.", "other": "What nobody needs."},
    });
    let scheme = json!({"type": "oauth2", "flows": {"authorizationCode": flow}});
    document(server, "/_api", scheme, json!([{"user": ["openid"]}]), json!([]))
}

fn key(server: &Server) -> String {
    let scheme = json!({"type": "apiKey", "in": "header", "name": "X-Key"});
    document(server, "/_key", scheme, json!([{"user": []}]), json!([{}, {"user": []}]))
}

/// A router with a document as the toolkit `api`.
fn router(folder: &Path, place: &str, server: &Server, toolkit: Value, more: Value) -> Router {
    let mut api = json!({"openapi": place, "slug": "api", "name": "The API", "base_url": server.url});
    api.as_object_mut().unwrap().extend(toolkit.as_object().unwrap().clone());
    let mut config = json!({
        "router": {"data_dir": folder}, "http": {"allow_hosts": ["127.0.0.1"]}, "toolkit": [api],
    });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Router::builder().config(RouterConfig::from_json(config).unwrap()).build().unwrap()
}

/// The same with the document in a file.
fn router_of(folder: &Path, text: &str, server: &Server, more: Value) -> Router {
    let file = folder.join("api.json");
    std::fs::write(&file, text).unwrap();
    router(folder, file.to_str().unwrap(), server, json!({}), more)
}

async fn open(router: &Router, session: &str) -> Value {
    let request = ExecuteRequest { tool_slug: "API_OPEN".to_owned(), ..ExecuteRequest::default() };
    completed(&router.execute(session, &request).await.unwrap())["body"].clone()
}

async fn proxy(router: &Router, session: &str, endpoint: &str) -> Result<ProxyReply> {
    let request = json!({"toolkit_slug": "api", "endpoint": endpoint, "method": "GET"});
    let request: ProxyExecuteRequest = serde_json::from_value(request).unwrap();
    Ok(router.proxy_execute(session, &request).await?.into_parts().1)
}

fn body(reply: &ProxyReply) -> Value {
    assert_eq!(reply.status, json!(200), "{:?}", reply.data);
    reply.data.as_ref().unwrap().decode("data").unwrap()
}

fn app(server: &Server) -> Value {
    json!({"auth": [{
        "toolkit": "api", "client_id": "app", "client_secret": "secret-of-the-app",
        "revocation_url": format!("{}/token/revocation", server.url),
    }]})
}

fn scope(url: &str) -> String {
    let url = url::Url::parse(url).unwrap();
    url.query_pairs().find(|(name, _)| name == "scope").unwrap().1.into_owned()
}

#[tokio::test]
async fn scopes_that_the_api_misses_are_asked_for_the_next_time() {
    let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
    let text = oauth(&server).replace("/_api", "/_admin");
    let router = router_of(folder.path(), &text, &server, app(&server));
    let ada = session(&router, "ada", json!({})).await;
    let asked = link(&router, &ada).await;
    assert_eq!(scope(&consent(&router, &asked.redirect_url).await), "openid");
    fetch(&agree(&asked.redirect_url).await, None).await;
    for _ in 0..2 {
        let reason = failed(&who(&router, &ada, None).await.unwrap());
        let lacks = format!("The account {} lacks the scopes: tracker:admin", asked.connected_account_id);
        assert!(reason.contains("403") && reason.contains(&lacks) && reason.contains("reinitiate_all"), "{reason}");
    }
    let status = router.get_connected_account(&asked.connected_account_id).await.unwrap().status.clone();
    assert_eq!(status, "ACTIVE", "it serves for what it was made for");

    // The model of one who cannot connect accounts is told what its program can do.
    let alone = session(&router, "ada", json!({"manage_connections": {"enable": false}})).await;
    let reason = failed(&who(&router, &alone, None).await.unwrap());
    assert!(reason.contains("session.authorize(\"api\")"), "{reason}");
    // Others are not asked for more.
    let bea = session(&router, "bea", json!({})).await;
    assert_eq!(scope(&consent(&router, &link(&router, &bea).await.redirect_url).await), "openid");

    let arguments = json!({"toolkits": ["api"], "reinitiate_all": true});
    let answer = meta(&router, &ada, "COMPOSIO_MANAGE_CONNECTIONS", arguments).await;
    let anew = answer["results"]["api"]["redirect_url"].as_str().unwrap();
    assert_eq!(scope(&consent(&router, anew).await), "openid tracker:admin");
    fetch(&agree(anew).await, None).await;
    assert_eq!(completed(&who(&router, &ada, None).await.unwrap())["body"]["sub"], "ada");
    // It is not forgotten with the credential.
    let id = answer["results"]["api"]["connected_account_id"].as_str().unwrap();
    router.revoke_connected_account(id).await.unwrap();
    let again = router.refresh_connected_account(id, &RefreshAccount::default()).await.unwrap();
    assert_eq!(scope(&consent(&router, again.redirect_url.as_deref().unwrap()).await), "openid tracker:admin");
    router.close().await.unwrap();
}

#[tokio::test]
async fn from_a_document_to_a_revoked_account() {
    let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
    let router = router_of(folder.path(), &oauth(&server), &server, app(&server));
    let session = session(&router, "ada", json!({})).await;
    let tool = router.get_tool("API_WHO").await.unwrap();
    assert!(!tool.no_auth);
    assert_eq!(tool.scopes, ["openid"]);
    let tool = router.get_tool("API_OPEN").await.unwrap();
    assert!(tool.no_auth && tool.scopes.is_empty());

    // Without an account only what needs none is called.
    let unsigned = json!({"authorization": null, "key": null});
    assert_eq!(open(&router, &session).await, unsigned);
    let reason = failed(&who(&router, &session, None).await.unwrap());
    assert!(reason.contains("no active connected account of `api`"), "{reason}");
    assert_eq!(proxy(&router, &session, "/_api").await.unwrap_err().kind(), ErrorKind::ConnectedAccount);

    let asked = link(&router, &session).await;
    assert_eq!(url::Url::parse(&consent(&router, &asked.redirect_url).await).unwrap().path(), "/auth");
    assert_eq!(scope(&consent(&router, &asked.redirect_url).await), "openid");
    let page = fetch(&agree(&asked.redirect_url).await, None).await.1;
    assert!(page.contains("is connected"), "{page}");
    let told = json!({"sub": "ada", "client": "app", "header": "Bearer ***"});
    assert_eq!(completed(&who(&router, &session, None).await.unwrap())["body"], told);
    assert_eq!(open(&router, &session).await, unsigned);
    assert_eq!(body(&proxy(&router, &session, "/_api").await.unwrap()), told);
    assert_eq!(body(&proxy(&router, &session, &format!("{}/_api", server.url)).await.unwrap()), told);

    // A refused token is renewed, by a tool's call and by a raw one.
    server.ask("/_forget?what=AccessToken").await;
    assert_eq!(completed(&who(&router, &session, None).await.unwrap())["body"], told);
    server.ask("/_forget?what=AccessToken").await;
    assert_eq!(body(&proxy(&router, &session, "/_api").await.unwrap()), told);
    assert_eq!(server.count("refresh_token").await, 2);

    let revoked = router.revoke_connected_account(&asked.connected_account_id).await.unwrap().revoked_tokens.clone();
    assert_eq!(revoked, ["refresh_token", "access_token"]);
    assert!(failed(&who(&router, &session, None).await.unwrap()).contains("REVOKED"));
    let error = proxy(&router, &session, "/_api").await.unwrap_err();
    assert!(error.kind() == ErrorKind::ConnectedAccount && error.to_string().contains("REVOKED"), "{error}");
}

#[tokio::test]
async fn another_host_is_refused_before_the_credential_is_touched() {
    let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
    let router = router_of(folder.path(), &oauth(&server), &server, app(&server));
    let session = session(&router, "ada", json!({})).await;
    let refused = async || {
        for endpoint in ["https://evil.example/_api", "http://127.0.0.1:1/_api", "http://127.0.0.1@evil.example/"] {
            let error = proxy(&router, &session, endpoint).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BlockedUrl, "{error}");
        }
    };
    refused().await;
    // This one lapses at once, so that whoever wants it has to renew it.
    server.ask("/_set?ttl=1").await;
    fetch(&agree(&link(&router, &session).await.redirect_url).await, None).await;
    refused().await;
    assert_eq!(server.count("refresh_token").await, 0);
    body(&proxy(&router, &session, "/_api").await.unwrap());
    assert_eq!(server.count("refresh_token").await, 1);
}

#[tokio::test]
async fn a_key_of_the_user_goes_where_the_document_says() {
    let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
    let router = router_of(folder.path(), &key(&server), &server, json!({}));
    let session = session(&router, "ada", json!({})).await;
    // Where a call may be signed or not, an account decides.
    assert!(router.get_tool("API_OPEN").await.unwrap().no_auth);
    assert_eq!(open(&router, &session).await["key"], Value::Null);
    let page = link(&router, &session).await.redirect_url;
    assert!(fetch(&page, Some("key=key-of-the-user")).await.1.contains("is connected"));
    assert_eq!(open(&router, &session).await["key"], "***");
    let told = json!({"sub": "ada", "header": "***"});
    assert_eq!(completed(&who(&router, &session, None).await.unwrap())["body"], told);
    assert_eq!(body(&proxy(&router, &session, "_key").await.unwrap()), told);

    let page = link(&router, &session).await.redirect_url;
    fetch(&page, Some("key=wrong-key")).await;
    let reason = failed(&who(&router, &session, None).await.unwrap());
    assert!(reason.contains("refused the credential") && !reason.contains("wrong-key"), "{reason}");
    assert_eq!(proxy(&router, &session, "_key").await.unwrap().status, json!(401));
}

#[tokio::test]
async fn the_configuration_says_what_a_document_on_the_web_says_too_late() {
    let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
    let text = key(&server);
    let app = axum::Router::new().fallback(move || std::future::ready(text.clone()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api.json", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });

    let connect = json!({"connect": {"scheme": "api_key", "header": "X-Key"}});
    let told = router(folder.path(), &url, &server, connect, json!({}));
    let ada = session(&told, "ada", json!({})).await;
    fetch(&link(&told, &ada).await.redirect_url, Some("key=key-of-the-user")).await;
    assert_eq!(completed(&who(&told, &ada, None).await.unwrap())["body"]["sub"], "ada");
    told.close().await.unwrap();

    let untold = router(folder.path(), &url, &server, json!({}), json!({}));
    let reason = failed(&who(&untold, &ada, None).await.unwrap());
    assert!(reason.contains("answered 401") && reason.contains("not signed"), "{reason}");

    // A file says it, unless the configuration has it that nothing is signed.
    let file = folder.path().join("api.json");
    std::fs::write(&file, key(&server)).unwrap();
    let none = json!({"connect": {"scheme": "none"}});
    let unsigned = router(folder.path(), file.to_str().unwrap(), &server, none, json!({}));
    assert!(unsigned.get_tool("API_WHO").await.unwrap().no_auth);
    let fixed = json!({"auth": {"api_key": "key-of-the-user"}});
    let signed = router(folder.path(), file.to_str().unwrap(), &server, fixed, json!({}));
    assert!(signed.get_tool("API_WHO").await.unwrap().no_auth);
    assert_eq!(completed(&who(&signed, &ada, None).await.unwrap())["body"], json!({"sub": "ada", "header": "***"}));
}
