//! What is sent to a provider, and how its replies are read.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at the first error"
)]

use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use composio_contract::Result;
use composio_egress::{Request, Response};
use composio_oauth::{
    Challenge, Client, ClientAuth, DeviceCode, DevicePoll, Grant, Http, OAuthError, ProtectedResource, Provider,
    Registration, ServerMetadata, discover_for_mcp,
};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use url::Url;

/// Answers from a list, and keeps what was asked.
#[derive(Debug)]
struct Played {
    replies: Mutex<Vec<(u16, &'static str, String)>>,
    asked: Mutex<Vec<(String, Option<String>, String)>>,
}

impl Played {
    fn new(replies: Vec<(u16, Value)>) -> Self {
        let replies = replies.into_iter().rev().map(|(status, body)| (status, "application/json", body.to_string()));
        Self { replies: Mutex::new(replies.collect()), asked: Mutex::default() }
    }

    fn form(body: &'static str) -> Self {
        let reply = (200, "application/x-www-form-urlencoded; charset=utf-8", body.to_owned());
        Self { replies: Mutex::new(vec![reply]), asked: Mutex::default() }
    }

    fn asked(&self, at: usize) -> (String, Option<String>, String) {
        self.asked.lock().unwrap()[at].clone()
    }
}

#[async_trait]
impl Http for Played {
    async fn send(&self, request: Request) -> Result<Response> {
        let basic = request.headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
        let body = String::from_utf8(request.body.to_vec()).unwrap();
        self.asked.lock().unwrap().push((request.url.to_string(), basic, body));
        let (status, kind, body) = self.replies.lock().unwrap().pop().expect("one request too many");
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, kind.parse().unwrap());
        Ok(Response {
            status: status.try_into().unwrap(),
            url: request.url,
            headers,
            body: Bytes::from(body),
            truncated: false,
        })
    }

    fn check_secure(&self, _: &Url) -> Result<()> {
        Ok(())
    }
}

fn provider() -> Provider {
    let at = |path: &str| Some(Url::parse(&format!("https://id.example/{path}")).unwrap());
    Provider { token: at("token"), revocation: at("revoke"), device: at("device"), ..Provider::default() }
}

#[tokio::test]
async fn a_code_is_exchanged() {
    let http = Played::new(vec![(
        200,
        json!({
            "access_token": "at", "refresh_token": "rt", "expires_in": "3600", "token_type": "bearer", "scope": "a",
        }),
    )]);
    let (code, verifier): (SecretString, SecretString) = ("c&d".into(), "v".into());
    let grant = Grant::Code { code: &code, verifier: &verifier, redirect: "http://127.0.0.1/cb" };
    let client = Client::confidential("me:1", "hu sh");
    let tokens = grant.exchange(&http, &provider(), &client, Some("https://api.example")).await.unwrap();
    assert_eq!((tokens.access.expose_secret(), tokens.expires_in), ("at", Some(3600)));
    assert_eq!(tokens.refresh.as_ref().unwrap().expose_secret(), "rt");
    assert!(!format!("{tokens:?}").contains("\"at\""), "{tokens:?}");
    let (url, basic, body) = http.asked(0);
    assert_eq!(url, "https://id.example/token");
    assert_eq!(basic.as_deref(), Some("Basic bWUlM0ExOmh1K3No"));
    assert_eq!(
        body,
        "grant_type=authorization_code&code=c%26d&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcb&code_verifier=v\
         &resource=https%3A%2F%2Fapi.example",
    );
}

#[tokio::test]
async fn a_client_proves_itself_as_the_provider_wants() {
    let refresh: SecretString = "rt".into();
    for (client, end) in [
        (Client { auth: ClientAuth::Post, ..Client::confidential("me", "s") }, "client_id=me&client_secret=s"),
        (Client::public("me"), "client_id=me"),
    ] {
        let http = Played::new(vec![(200, json!({"access_token": "at"}))]);
        Grant::Refresh(&refresh).exchange(&http, &provider(), &client, None).await.unwrap();
        let (_, basic, body) = http.asked(0);
        assert_eq!((basic, body), (None, format!("grant_type=refresh_token&refresh_token=rt&{end}")));
    }
}

#[tokio::test]
async fn a_form_is_read_too() {
    let http = Played::form("access_token=at&scope=a%2Cb&token_type=bearer");
    let scopes = ["a".to_owned()];
    let client = Client::confidential("me", "s");
    let grant = Grant::ClientCredentials { scopes: &scopes };
    let tokens = grant.exchange(&http, &provider(), &client, None).await.unwrap();
    assert_eq!((tokens.access.expose_secret(), tokens.scope.as_deref()), ("at", Some("a,b")));
    assert_eq!(http.asked(0).2, "grant_type=client_credentials&scope=a");
}

#[tokio::test]
async fn a_refusal_is_told_without_secrets() {
    let refresh: SecretString = "s3cret".into();
    for status in [400, 200] {
        let reply = json!({"error": "invalid_grant", "error_description": "s3cret is unknown to hush"});
        let http = Played::new(vec![(status, reply)]);
        let client = Client::confidential("me", "hush");
        let error = Grant::Refresh(&refresh).exchange(&http, &provider(), &client, None).await.unwrap_err();
        assert!(error.grant_is_gone());
        assert_eq!(error.to_string(), "the provider refused: invalid_grant: *** is unknown to ***");
    }
    for (status, body) in [(503, json!("s3cret")), (404, json!(null)), (200, json!({"token": "s3cret"}))] {
        let http = Played::new(vec![(status, body)]);
        let error =
            Grant::Refresh(&refresh).exchange(&http, &provider(), &Client::public("me"), None).await.unwrap_err();
        assert!(matches!(error, OAuthError::Failed(_)) && !error.grant_is_gone());
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    }
}

#[tokio::test]
async fn a_token_is_revoked() {
    let token: SecretString = "at".into();
    let client = Client::public("me");
    for (reply, expected) in [
        ((200, json!(null)), Some(true)),
        ((400, json!({"error": "invalid_token"})), Some(true)),
        ((400, json!({"error": "unsupported_token_type"})), Some(false)),
        ((503, json!(null)), None),
    ] {
        let http = Played::new(vec![reply]);
        let revoked = provider().revoke(&http, &client, &token, "access_token").await;
        assert_eq!(revoked.ok(), expected);
        assert_eq!(http.asked(0).2, "token=at&token_type_hint=access_token&client_id=me");
    }
    let none = Provider { revocation: None, ..provider() };
    assert!(!none.revoke(&Played::new(vec![]), &client, &token, "access_token").await.unwrap());
}

#[tokio::test]
async fn a_token_is_renewed_where_the_provider_renews_it() {
    let refresh: SecretString = "rt".into();
    let elsewhere = Provider { refresh: Some("https://id.example/renew".parse().unwrap()), ..provider() };
    for (provider, place) in [(provider(), "https://id.example/token"), (elsewhere, "https://id.example/renew")] {
        let http = Played::new(vec![(200, json!({"access_token": "at"}))]);
        Grant::Refresh(&refresh).exchange(&http, &provider, &Client::public("me"), None).await.unwrap();
        assert_eq!(http.asked(0).0, place);
    }
}

#[tokio::test]
async fn a_device_shows_no_link_but_one_of_the_web() {
    let reply = |complete: &str| {
        json!({
            "device_code": "dc", "user_code": "AB-CD", "verification_uri": "https://id.example/d",
            "verification_uri_complete": complete, "expires_in": 9,
        })
    };
    let http = Played::new(vec![(200, reply("javascript:alert(1)"))]);
    let error = DeviceCode::start(&http, &provider(), &Client::public("me"), &[], Some("https://api.example")).await;
    assert!(error.unwrap_err().to_string().contains("`verification_uri_complete` is not a URL"));
    assert_eq!(http.asked(0).2, "client_id=me&resource=https%3A%2F%2Fapi.example");
}

#[tokio::test]
async fn a_device_waits_for_its_user() {
    let pending = |code: &str| (400, json!({"error": code}));
    let http = Played::new(vec![
        (
            200,
            json!({"device_code": "dc", "user_code": "AB-CD", "verification_uri": "https://id.example/d", "expires_in": 9}),
        ),
        pending("authorization_pending"),
        pending("slow_down"),
        (200, json!({"access_token": "at"})),
        pending("access_denied"),
    ]);
    let (provider, client) = (provider(), Client::public("me"));
    let device = DeviceCode::start(&http, &provider, &client, &[], None).await.unwrap();
    assert_eq!((device.user_code.as_str(), device.interval, device.expires_in), ("AB-CD", 5, 9));
    assert!(matches!(device.poll(&http, &provider, &client, None).await.unwrap(), DevicePoll::Pending));
    assert!(matches!(device.poll(&http, &provider, &client, None).await.unwrap(), DevicePoll::SlowDown));
    assert!(matches!(device.poll(&http, &provider, &client, None).await.unwrap(), DevicePoll::Done(_)));
    let error = device.poll(&http, &provider, &client, None).await.unwrap_err();
    assert!(error.to_string().contains("access_denied"), "{error}");
}

#[tokio::test]
async fn an_mcp_server_says_whose_tokens_it_takes() {
    let server = Url::parse("https://mcp.example/v1").unwrap();
    let http = Played::new(vec![
        (404, json!(null)),
        (200, json!({"resource": "https://mcp.example", "authorization_servers": ["https://id.example/t"]})),
        (404, json!(null)),
        (
            200,
            json!({
                "issuer": "https://id.example/t", "token_endpoint": "https://id.example/token",
                "registration_endpoint": "https://id.example/register",
            }),
        ),
        (201, json!({"client_id": "new", "client_secret": "s", "token_endpoint_auth_method": "client_secret_post"})),
    ]);
    let resource = ProtectedResource::discover(&http, &server, &Challenge::default()).await.unwrap().unwrap();
    assert_eq!(resource.issuers, ["https://id.example/t"]);
    let metadata = ServerMetadata::discover(&http, &resource.issuers[0]).await.unwrap();
    let document = Url::parse("https://app.example/client.json").unwrap();
    let made = Registration::make(&http, &metadata, Some(&document), "app", &["http://127.0.0.1/cb"]).await.unwrap();
    assert!(made.is_dynamic && made.client.id == "new" && made.client.auth == ClientAuth::Post);
    let urls: Vec<String> = (0..5).map(|at| http.asked(at).0).collect();
    assert_eq!(
        urls,
        [
            "https://mcp.example/.well-known/oauth-protected-resource/v1",
            "https://mcp.example/.well-known/oauth-protected-resource",
            "https://id.example/.well-known/oauth-authorization-server/t",
            "https://id.example/.well-known/openid-configuration/t",
            "https://id.example/register",
        ]
    );
    // A document of the client's own goes before, and needs no request.
    let takes = ServerMetadata { takes_client_documents: true, ..metadata };
    let made = Registration::make(&Played::new(vec![]), &takes, Some(&document), "app", &[]).await.unwrap();
    assert!(!made.is_dynamic && made.client.id == document.as_str());
}

#[tokio::test]
async fn a_server_cannot_have_tokens_made_for_another() {
    let server = Url::parse("https://mcp.example/v1").unwrap();
    let http = Played::new(vec![(200, json!({"resource": "https://bank.example", "authorization_servers": []}))]);
    let header = r#"Bearer resource_metadata="https://mcp.example/meta""#;
    let error = ProtectedResource::discover(&http, &server, &Challenge::parse(header)).await.unwrap_err();
    assert!(error.to_string().contains("another server"), "{error}");
    assert_eq!(http.asked(0).0, "https://mcp.example/meta");
}

#[tokio::test]
async fn what_an_mcp_server_does_not_say_is_taken_from_its_origin() {
    let server = Url::parse("https://mcp.example/v1").unwrap();
    let issuer = |methods: Value| {
        json!({
            "issuer": "https://mcp.example", "token_endpoint": "https://mcp.example/token",
            "code_challenge_methods_supported": methods, "scopes_supported": ["read", "offline_access"],
        })
    };
    // A ping, two places of a document that is not there, and the issuer.
    let replies =
        |methods: Value| vec![(200, json!({})), (404, json!(null)), (404, json!(null)), (200, issuer(methods))];
    let http = Played::new(replies(json!(["S256"])));
    let found = discover_for_mcp(&http, &server).await.unwrap();
    assert_eq!(http.asked(0).0, "https://mcp.example/v1");
    assert_eq!(http.asked(3).0, "https://mcp.example/.well-known/oauth-authorization-server");
    assert_eq!(
        (found.resource.as_str(), found.scopes.as_slice()),
        ("https://mcp.example/v1", ["offline_access".to_owned()].as_slice())
    );
    let error = discover_for_mcp(&Played::new(replies(json!([]))), &server).await.unwrap_err();
    assert!(error.to_string().contains("PKCE"), "{error}");
    let nobody = vec![(200, json!({})), (200, json!({"resource": "https://mcp.example/v1"}))];
    let error = discover_for_mcp(&Played::new(nobody), &server).await.unwrap_err();
    assert!(error.to_string().contains("names nobody"), "{error}");
}

#[tokio::test]
async fn whose_account_it_is_comes_from_both_places() {
    let claims = json!({"iss": "https://id.example", "aud": "app", "sub": "7", "email": "ada@example.com"});
    let payload = data_encoding::BASE64URL_NOPAD.encode(claims.to_string().as_bytes());
    let tokens = |http: Played| async move {
        let url = |path: &str| Some(Url::parse(&format!("https://id.example{path}")).unwrap());
        let provider = Provider {
            issuer: Some("https://id.example".to_owned()),
            token: url("/token"),
            userinfo: url("/me"),
            ..Provider::default()
        };
        let client = Client::public("app");
        let got = Grant::Refresh(&"r".into()).exchange(&http, &provider, &client, None).await.unwrap();
        (got.owner(&http, &provider, &client).await, http)
    };
    let given = || (200, json!({"access_token": "token-of-ada", "id_token": format!("h.{payload}.s")}));
    let (found, http) = tokens(Played::new(vec![given(), (200, json!({"sub": "7", "name": "Ada"}))])).await;
    let (Some(owner), None) = found else { panic!("{found:?}") };
    assert_eq!((owner.name.as_deref(), owner.email.as_deref()), (Some("Ada"), Some("ada@example.com")));
    assert_eq!(http.asked(1).0, "https://id.example/me");
    // An answer about somebody else is not used, and one that does not come costs nothing that is known.
    let ((owner, problem), _) = tokens(Played::new(vec![given(), (200, json!({"sub": "8", "name": "Eve"}))])).await;
    assert!(problem.is_none() && owner.unwrap().name.is_none());
    let ((owner, problem), _) = tokens(Played::new(vec![given(), (503, json!(null))])).await;
    assert_eq!(owner.unwrap().id.as_deref(), Some("7"));
    assert!(!problem.unwrap().to_string().contains("token-of-ada"));
}
