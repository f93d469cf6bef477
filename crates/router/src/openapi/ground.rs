//! What the calls of a document stand on: where they go, and what signs them. Whoever changes that could have credentials sent
//! elsewhere.

use std::collections::BTreeMap;

use composio_openapi::{Document, OAuthFlow, Operation, Requirement, SecurityKind};
use serde_json::{Map, Value, json};
use url::Url;

/// Of the document as a whole: the server that raw calls go to, the others that requests may go to, and every security scheme
/// with its endpoints and scopes.
pub(super) fn of_document(document: &Document, servers: &[Url]) -> Value {
    let base = servers.first().map(Url::as_str);
    let mut servers: Vec<&str> = servers.iter().map(Url::as_str).collect();
    servers.sort_unstable();
    servers.dedup();
    let schemes: BTreeMap<&str, Value> =
        document.security_schemes().iter().map(|one| (one.name.as_str(), scheme(&one.kind))).collect();
    json!({"base": base, "servers": servers, "security_schemes": schemes, "security": requirements(document.security())})
}

/// Of one operation: its request, where that goes unless the configuration says so, and the schemes that may sign it.
pub(super) fn of_operation(document: &Document, operation: &Operation, base: Option<&Url>) -> Value {
    let wanted = document.security_of(operation);
    let names: Vec<&String> = wanted.iter().flat_map(|one| one.schemes.keys()).collect();
    let schemes: BTreeMap<&str, Value> = document
        .security_schemes()
        .iter()
        .filter(|one| names.contains(&&one.name))
        .map(|one| (one.name.as_str(), scheme(&one.kind)))
        .collect();
    let mut facts = Map::new();
    facts.insert("request".to_owned(), format!("{} {}", operation.method, operation.path).into());
    facts.extend(base.map(|base| ("server".to_owned(), base.as_str().into())));
    facts.insert("security".to_owned(), requirements(wanted));
    facts.insert("security_schemes".to_owned(), json!(schemes));
    facts.into()
}

fn requirements(all: &[Requirement]) -> Value {
    all.iter().map(|one| json!(one.schemes)).collect()
}

fn scheme(kind: &SecurityKind) -> Value {
    match kind {
        SecurityKind::ApiKey { place, name } => json!({"type": "apiKey", "in": format!("{place:?}"), "name": name}),
        SecurityKind::Bearer { .. } => json!({"type": "bearer"}),
        SecurityKind::Basic => json!({"type": "basic"}),
        SecurityKind::Http { scheme } => json!({"type": "http", "scheme": scheme}),
        SecurityKind::OAuth2 { flows } => {
            json!({"type": "oauth2", "flows": flows.iter().map(flow).collect::<Vec<_>>()})
        }
        SecurityKind::OpenIdConnect { url } => json!({"type": "openIdConnect", "url": url}),
        SecurityKind::MutualTls => json!({"type": "mutualTLS"}),
        SecurityKind::Unknown { kind } => json!({"type": kind}),
    }
}

fn flow(flow: &OAuthFlow) -> Value {
    json!({
        "kind": format!("{:?}", flow.kind),
        "authorization_url": flow.authorization_url,
        "token_url": flow.token_url,
        "refresh_url": flow.refresh_url,
        "device_authorization_url": flow.device_authorization_url,
        "scopes": flow.scopes.keys().collect::<Vec<_>>(),
    })
}
