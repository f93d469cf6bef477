//! Servers, and what signs a call.

use std::collections::BTreeMap;

use composio_openapi::{Document, KeyPlace, OAuthFlowKind, SecurityKind};
use serde_json::{Value, json};
use url::Url;

#[test]
fn schemes_and_requirements_are_typed() {
    let document = json!({
        "openapi": "3.1.0",
        "security": [{"key": []}, {"oauth": ["read"], "cookie": []}, {}],
        "paths": {"/a": {"get": {"operationId": "a"}, "put": {"operationId": "open", "security": []}, "post": {"operationId": "b", "security": [{"basic": []}]}}},
        "components": {"securitySchemes": {
            "key": {"type": "apiKey", "in": "header", "name": "X-Key", "description": "Ask us."},
            "query": {"type": "apiKey", "in": "query", "name": "k"},
            "cookie": {"type": "apiKey", "in": "cookie", "name": "sid"},
            "bearer": {"type": "http", "scheme": "Bearer", "bearerFormat": "JWT"},
            "basic": {"type": "http", "scheme": "basic"},
            "digest": {"type": "http", "scheme": "Digest"},
            "oidc": {"type": "openIdConnect", "openIdConnectUrl": "https://id.example/.well-known/openid-configuration"},
            "tls": {"type": "mutualTLS"},
            "odd": {"type": "voice"},
            "oauth": {"type": "oauth2", "flows": {
                "clientCredentials": {"tokenUrl": "/token", "scopes": {}},
                "authorizationCode": {"authorizationUrl": "https://id.example/auth", "tokenUrl": "https://id.example/token", "refreshUrl": "https://id.example/refresh", "scopes": {"read": "Reads."}},
            }},
        }},
    });
    let document = Document::load(&document.to_string()).unwrap();
    let kind = |name: &str| &document.security_schemes().iter().find(|scheme| scheme.name == name).unwrap().kind;
    let api_key = |place, name: &str| SecurityKind::ApiKey { place, name: name.to_owned() };
    assert_eq!(*kind("key"), api_key(KeyPlace::Header, "X-Key"));
    assert_eq!(*kind("query"), api_key(KeyPlace::Query, "k"));
    assert_eq!(*kind("cookie"), api_key(KeyPlace::Cookie, "sid"));
    assert_eq!(*kind("bearer"), SecurityKind::Bearer { format: Some("JWT".to_owned()) });
    assert_eq!(*kind("basic"), SecurityKind::Basic);
    assert_eq!(*kind("digest"), SecurityKind::Http { scheme: "digest".to_owned() });
    assert_eq!(*kind("tls"), SecurityKind::MutualTls);
    assert_eq!(*kind("odd"), SecurityKind::Unknown { kind: "voice".to_owned() });
    assert!(matches!(kind("oidc"), SecurityKind::OpenIdConnect { .. }));
    let SecurityKind::OAuth2 { flows } = kind("oauth") else { panic!() };
    let kinds: Vec<OAuthFlowKind> = flows.iter().map(|flow| flow.kind).collect();
    assert_eq!(kinds, [OAuthFlowKind::AuthorizationCode, OAuthFlowKind::ClientCredentials]);
    assert_eq!(flows[0].refresh_url.as_deref(), Some("https://id.example/refresh"));
    assert_eq!(flows[0].scopes["read"], "Reads.");

    let wants = |name: &str| {
        let operation = document.operation(name).unwrap();
        let schemes = |one: &composio_openapi::Requirement| one.schemes.keys().cloned().collect::<Vec<_>>();
        document.security_of(operation).iter().map(schemes).collect::<Vec<_>>()
    };
    assert_eq!(wants("a"), [vec!["key".to_owned()], vec!["cookie".to_owned(), "oauth".to_owned()], vec![]]);
    assert_eq!(wants("open"), Vec::<Vec<String>>::new());
    assert_eq!(wants("b"), [vec!["basic".to_owned()]]);
}

fn base(servers: Value, from: Option<&str>, variables: &[(&str, &str)]) -> Result<String, String> {
    let document = json!({"openapi": "3.0.0", "servers": servers, "paths": {"/a": {"get": {}}}});
    let document = Document::load(&document.to_string()).unwrap();
    let from = from.map(|url| Url::parse(url).unwrap());
    let variables: BTreeMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let url = document.base_url(&document.operations()[0], from.as_ref(), &variables);
    url.map(|url| url.to_string()).map_err(|refused| refused.to_string())
}

#[test]
fn servers_have_variables_and_may_be_relative() {
    let varied = json!([{"url": "https://{region}.api.example:{port}/v1", "variables": {
        "region": {"default": "eu", "enum": ["eu", "us"]}, "port": {"default": "8443"},
    }}]);
    assert_eq!(base(varied.clone(), None, &[]).unwrap(), "https://eu.api.example:8443/v1");
    assert_eq!(base(varied.clone(), None, &[("region", "us"), ("port", "1")]).unwrap(), "https://us.api.example:1/v1");
    assert!(base(varied, None, &[("region", "evil.example/")]).unwrap_err().contains("it may be eu, us"));
    let from = Some("https://docs.example/specs/api.json");
    assert_eq!(base(json!([{"url": "../v2"}]), from, &[]).unwrap(), "https://docs.example/v2");
    assert_eq!(base(json!([]), from, &[]).unwrap(), "https://docs.example/");
    assert_eq!(base(json!([{"url": "api.example/v1"}]), None, &[]).unwrap(), "https://api.example/v1");
    for (servers, expected) in [
        (json!([]), "names no server"),
        (json!([{"url": "/v1"}]), "is relative"),
        (json!([{"url": "https://{tenant}.example"}]), "needs a value for its variable `tenant`"),
        (json!([{"url": "ftp://api.example"}]), "neither http nor https"),
    ] {
        let reason = base(servers, None, &[]).unwrap_err();
        assert!(reason.contains(expected), "{reason}");
    }
}
