//! How a document says that its calls are signed, and so what accounts its users connect.

use std::collections::{BTreeMap, BTreeSet};

use composio_oauth::Provider;
use composio_openapi::{Document, OAuthFlowKind, Operation, Requirement, SecurityKind};
use url::Url;

use super::config::OpenApiConfig;
use crate::accounts::{AuthScheme, KeyPlace, OAuthFlow, OAuthScheme};
use crate::source::Signing;

/// Where an OpenID provider has what it says of itself.
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// Which accounts sign the calls, where the configuration has nothing that does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AccountChoice {
    /// Those that the document asks for, where it is a file or given in code. One from a URL is read too late for that.
    #[default]
    Document,
    /// None: calls go unsigned.
    None,
    /// Those of a scheme. Addresses and scopes of OAuth 2 that are not given are the document's, where it is a file or given
    /// in code.
    Scheme(AuthScheme),
}

/// How the calls of a document are signed with users' accounts; none where they need none.
pub(super) fn scheme(config: &OpenApiConfig, document: Option<&Document>) -> Option<AuthScheme> {
    if config.auth.is_some() {
        return None;
    }
    match &config.accounts {
        AccountChoice::None => None,
        AccountChoice::Document => chosen(config, document?, |_| true),
        AccountChoice::Scheme(AuthScheme::OAuth2(given)) => {
            let is_oauth = |scheme: &AuthScheme| matches!(scheme, AuthScheme::OAuth2(_));
            let found = document.and_then(|document| chosen(config, document, is_oauth));
            let Some(AuthScheme::OAuth2(found)) = found else { return Some(AuthScheme::OAuth2(given.clone())) };
            Some(AuthScheme::OAuth2(Box::new(merged((**given).clone(), *found))))
        }
        AccountChoice::Scheme(scheme) => Some(scheme.clone()),
    }
}

fn merged(given: OAuthScheme, found: OAuthScheme) -> OAuthScheme {
    let is_known = given.issuer.is_some() || given.provider != Provider::default();
    OAuthScheme {
        issuer: if is_known { given.issuer } else { found.issuer },
        flow: if is_known { given.flow } else { found.flow },
        provider: if is_known { given.provider } else { found.provider },
        scopes: if given.scopes.is_empty() { found.scopes } else { given.scopes },
        resource: given.resource,
        mcp: given.mcp,
    }
}

/// The scheme that signs most of the operations; among equals the one that asks least of the user.
fn chosen(config: &OpenApiConfig, document: &Document, fits: impl Fn(&AuthScheme) -> bool) -> Option<AuthScheme> {
    let offered = || document.operations().iter().filter(|operation| config.operations.admits(operation));
    let mut uses: BTreeMap<String, usize> = BTreeMap::new();
    for operation in offered() {
        let wanted = wanted(config, document, operation);
        let names: BTreeSet<String> = wanted.into_iter().flat_map(|one| one.schemes.into_keys()).collect();
        names.into_iter().for_each(|name| *uses.entry(name).or_default() += 1);
    }
    let base = base(config, document);
    let candidates = document.security_schemes().iter().filter_map(|declared| {
        let scheme = read(&declared.kind, base.as_ref()).filter(&fits)?;
        Some((*uses.get(&declared.name)?, scheme))
    });
    // The last of equals is the one that is taken.
    let mut candidates: Vec<_> = candidates.collect();
    candidates.reverse();
    let (_, mut scheme) = candidates.into_iter().max_by_key(|(uses, scheme)| (*uses, rank(scheme)))?;
    let scopes: BTreeSet<String> =
        offered().flat_map(|operation| scopes(config, document, operation, &scheme)).collect();
    if let AuthScheme::OAuth2(scheme) = &mut scheme {
        scheme.scopes = scopes.into_iter().collect();
    }
    Some(scheme)
}

fn rank(scheme: &AuthScheme) -> u8 {
    match scheme {
        AuthScheme::OAuth2(scheme) if scheme.flow != OAuthFlow::ClientCredentials => 4,
        AuthScheme::ApiKey { .. } => 3,
        AuthScheme::Bearer => 2,
        AuthScheme::Basic => 1,
        AuthScheme::OAuth2(_) => 0,
    }
}

/// What relative addresses are meant from.
fn base(config: &OpenApiConfig, document: &Document) -> Option<Url> {
    let of_document =
        || document.servers().iter().find_map(|server| Url::parse(&server.fill(&config.variables).ok()?).ok());
    config.base_url.clone().or_else(of_document)
}

fn read(kind: &SecurityKind, base: Option<&Url>) -> Option<AuthScheme> {
    let address = |text: &Option<String>| {
        let text = text.as_deref()?;
        Url::parse(text).ok().or_else(|| base?.join(text).ok())
    };
    Some(match kind {
        SecurityKind::ApiKey { place, name } => AuthScheme::ApiKey { place: *place, name: name.clone() },
        SecurityKind::Bearer { .. } => AuthScheme::Bearer,
        SecurityKind::Basic => AuthScheme::Basic,
        SecurityKind::OAuth2 { flows } => {
            let found = flows.iter().find_map(|one| {
                let (authorization, token) = (address(&one.authorization_url), address(&one.token_url));
                let (refresh, device) = (address(&one.refresh_url), address(&one.device_authorization_url));
                let flow = match one.kind {
                    OAuthFlowKind::AuthorizationCode if authorization.is_some() && token.is_some() => OAuthFlow::Code,
                    OAuthFlowKind::DeviceCode if device.is_some() && token.is_some() => OAuthFlow::Device,
                    OAuthFlowKind::ClientCredentials if token.is_some() => OAuthFlow::ClientCredentials,
                    _ => return None,
                };
                let provider = Provider { authorization, token, refresh, device, ..Provider::default() };
                Some(OAuthScheme { provider, flow, ..OAuthScheme::default() })
            });
            // A flow that is not offered here leaves a token that the user has from elsewhere.
            found.map_or(AuthScheme::Bearer, |scheme| AuthScheme::OAuth2(Box::new(scheme)))
        }
        SecurityKind::OpenIdConnect { url } => {
            let url = address(&Some(url.clone()))?;
            match url.as_str().strip_suffix(WELL_KNOWN) {
                Some(issuer) => {
                    let issuer = Some(issuer.to_owned());
                    AuthScheme::OAuth2(Box::new(OAuthScheme { issuer, ..OAuthScheme::default() }))
                }
                None => AuthScheme::Bearer,
            }
        }
        SecurityKind::Http { .. } | SecurityKind::MutualTls | SecurityKind::Unknown { .. } => return None,
    })
}

/// What an operation's calls need beside the headers of the configuration: one of these; none at all is nothing.
fn wanted(config: &OpenApiConfig, document: &Document, operation: &Operation) -> Vec<Requirement> {
    let has_header = |header: &str| config.headers.keys().any(|name| name.eq_ignore_ascii_case(header));
    let is_supplied = |name: &String| {
        let declared = document.security_schemes().iter().find(|scheme| scheme.name == *name);
        declared.is_some_and(|scheme| match &scheme.kind {
            SecurityKind::ApiKey { place: KeyPlace::Header, name } => has_header(name),
            SecurityKind::ApiKey { .. } | SecurityKind::MutualTls | SecurityKind::Unknown { .. } => false,
            _ => has_header("authorization"),
        })
    };
    let mut wanted = document.security_of(operation).to_vec();
    for one in &mut wanted {
        let needs_something = !one.schemes.is_empty();
        one.schemes.retain(|name, _| !is_supplied(name));
        if needs_something && one.schemes.is_empty() {
            return Vec::new();
        }
    }
    wanted
}

/// Whether an account of a scheme gives what a declared one of that name needs.
fn serves(document: &Document, name: &str, scheme: &AuthScheme) -> bool {
    let declared = document.security_schemes().iter().find(|declared| declared.name == name);
    declared.is_some_and(|declared| match (&declared.kind, scheme) {
        (SecurityKind::ApiKey { place, name }, AuthScheme::ApiKey { place: known, name: own }) => {
            place == known && name.eq_ignore_ascii_case(own)
        }
        (SecurityKind::Basic, AuthScheme::Basic) => true,
        // All of them are a token in the header `Authorization`.
        (
            SecurityKind::Bearer { .. } | SecurityKind::OAuth2 { .. } | SecurityKind::OpenIdConnect { .. },
            AuthScheme::Bearer | AuthScheme::OAuth2(_),
        ) => true,
        _ => false,
    })
}

/// Whether an operation's calls are signed with accounts of a scheme.
pub(super) fn signing(
    config: &OpenApiConfig,
    document: &Document,
    operation: &Operation,
    scheme: &AuthScheme,
) -> Signing {
    let is_told = matches!(config.accounts, AccountChoice::Scheme(_));
    if is_told && operation.security.is_none() && document.security().is_empty() {
        return Signing::Always;
    }
    let wanted = wanted(config, document, operation);
    let needs_nothing = |one: &Requirement| one.schemes.is_empty();
    if wanted.iter().all(needs_nothing) {
        return Signing::Never;
    }
    match wanted.iter().any(needs_nothing) {
        false => Signing::Always,
        true if misfit(config, document, operation, scheme).is_some() => Signing::Never,
        true => Signing::Optional,
    }
}

/// What is wrong with signing an operation's calls with an account: the document wants another one.
pub(super) fn misfit(
    config: &OpenApiConfig,
    document: &Document,
    operation: &Operation,
    scheme: &AuthScheme,
) -> Option<String> {
    // What the configuration says goes before the document.
    if config.accounts != AccountChoice::Document {
        return None;
    }
    let wanted = wanted(config, document, operation);
    let names: BTreeSet<&String> = wanted.iter().flat_map(|one| one.schemes.keys()).collect();
    if names.is_empty() || names.iter().any(|name| serves(document, name, scheme)) {
        return None;
    }
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    Some(format!(
        "its API wants {}, and the accounts of the toolkit `{}` are of the kind {}",
        names.join(" or "),
        config.slug,
        scheme.name()
    ))
}

/// The scopes that a token must have for an operation.
pub(super) fn scopes(
    config: &OpenApiConfig,
    document: &Document,
    operation: &Operation,
    scheme: &AuthScheme,
) -> Vec<String> {
    if !matches!(scheme, AuthScheme::OAuth2(_)) {
        return Vec::new();
    }
    let served = wanted(config, document, operation).into_iter().find_map(|one| {
        let (_, scopes) = one.schemes.into_iter().find(|(name, _)| serves(document, name, scheme))?;
        Some(scopes)
    });
    served.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::openapi::DocumentPlace;

    fn document(operations: Value) -> Document {
        let paths: serde_json::Map<String, Value> = operations
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, security)| {
                let operation = json!({"operationId": name, "security": security, "responses": {}});
                (format!("/{name}"), json!({"get": operation}))
            })
            .collect();
        let flows = json!({
            "implicit": {"authorizationUrl": "https://id.example/a", "scopes": {}},
            "authorizationCode": {"authorizationUrl": "/a", "tokenUrl": "https://id.example/t", "scopes": {}},
        });
        let text = json!({
            "openapi": "3.0.3",
            "info": {"title": "T", "version": "1"},
            "servers": [{"url": "https://api.example/v1"}],
            "components": {"securitySchemes": {
                "app": {"type": "apiKey", "in": "header", "name": "X-App"},
                "basic": {"type": "http", "scheme": "basic"},
                "digest": {"type": "http", "scheme": "digest"},
                "implicit": {"type": "oauth2", "flows": {"implicit": flows["implicit"]}},
                "oauth": {"type": "oauth2", "flows": flows},
                "openid": {"type": "openIdConnect", "openIdConnectUrl": "https://id.example/.well-known/openid-configuration"},
            }},
            "paths": paths,
        });
        Document::load(&text.to_string()).unwrap()
    }

    fn config() -> OpenApiConfig {
        OpenApiConfig::new("t", DocumentPlace::Text("".into()))
    }

    #[test]
    fn the_scheme_of_most_operations_is_taken() {
        let all = json!([{"basic": []}, {"oauth": ["read"]}, {"app": []}]);
        for (operations, name) in [
            (json!({"a": all, "b": [{"oauth": ["write"]}], "c": []}), Some("OAUTH2")),
            (json!({"a": all, "b": [{"basic": []}], "c": []}), Some("BASIC")),
            (json!({"a": [{"implicit": []}]}), Some("BEARER_TOKEN")),
            (json!({"a": [{"app": [], "oauth": []}]}), Some("OAUTH2")),
            (json!({"a": [{"digest": []}], "b": [{"unheard_of": []}]}), None),
            (json!({"a": [], "b": [{}]}), None),
        ] {
            let found = scheme(&config(), Some(&document(operations.clone())));
            assert_eq!(found.as_ref().map(AuthScheme::name), name, "{operations}");
        }
        let found = scheme(&config(), Some(&document(json!({"a": all, "b": [{"oauth": ["write"]}]}))));
        let Some(AuthScheme::OAuth2(oauth)) = found else { panic!("{found:?}") };
        assert_eq!(oauth.scopes, ["read", "write"]);
        assert_eq!(oauth.provider.authorization.unwrap().as_str(), "https://api.example/a");
        let found = scheme(&config(), Some(&document(json!({"a": [{"openid": ["email"]}]}))));
        let Some(AuthScheme::OAuth2(oauth)) = found else { panic!("{found:?}") };
        assert_eq!(
            (oauth.issuer.as_deref(), oauth.scopes.as_slice()),
            (Some("https://id.example"), ["email".to_owned()].as_slice())
        );
    }

    #[test]
    fn what_the_configuration_has_is_not_asked_for() {
        let both =
            document(json!({"a": [{"app": [], "oauth": ["read"]}], "b": [{"app": []}], "c": [{}, {"basic": []}]}));
        let mut config = config();
        config.headers.insert("x-app".to_owned(), "of-the-app".into());
        let found = scheme(&config, Some(&both)).unwrap();
        assert_eq!(found.name(), "OAUTH2");
        let of = |config: &OpenApiConfig, name: &str| {
            let operation = both.operation(name).unwrap();
            (signing(config, &both, operation, &found), misfit(config, &both, operation, &found))
        };
        assert_eq!(of(&config, "a"), (Signing::Always, None));
        assert_eq!(of(&config, "b"), (Signing::Never, None));
        assert_eq!(of(&config, "c").0, Signing::Never, "another kind of account signs nothing");
        config.headers.clear();
        let reason = of(&config, "b").1.unwrap();
        assert!(reason.contains("wants `app`") && reason.contains("OAUTH2"), "{reason}");
        config.headers.insert("Authorization".to_owned(), "Bearer fixed".into());
        config.headers.insert("X-App".to_owned(), "of-the-app".into());
        assert_eq!(scheme(&config, Some(&both)), None);
    }

    #[test]
    fn the_configuration_goes_before_the_document() {
        let known = document(json!({"a": [{"app": []}, {"oauth": ["read"]}]}));
        let mut config = config();
        config.accounts = AccountChoice::Scheme(AuthScheme::OAuth2(Box::default()));
        let Some(AuthScheme::OAuth2(oauth)) = scheme(&config, Some(&known)) else { panic!() };
        assert_eq!((oauth.provider.token.is_some(), oauth.scopes.len()), (true, 1));
        assert_eq!(scheme(&config, None), Some(AuthScheme::OAuth2(Box::default())));
        config.accounts = AccountChoice::None;
        assert_eq!(scheme(&config, Some(&known)), None);
    }
}
