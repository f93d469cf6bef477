//! What signs a call: the schemes that a document has, and which of them an operation wants.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::Refused;
use crate::document::Document;

/// A way to sign a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityScheme {
    /// The name that requirements use.
    pub name: String,
    /// What it is, for people.
    pub description: Option<String>,
    /// How it works.
    pub kind: SecurityKind,
}

/// How a call is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecurityKind {
    /// A key in a place of its own.
    ApiKey {
        /// The place.
        place: KeyPlace,
        /// The name of the header, query parameter or cookie.
        name: String,
    },
    /// `Authorization: Bearer …`
    Bearer {
        /// What the token looks like, such as `JWT`.
        format: Option<String>,
    },
    /// `Authorization: Basic …`
    Basic,
    /// Another scheme of the `Authorization` header, such as `digest`.
    Http {
        /// The scheme, lower case.
        scheme: String,
    },
    /// OAuth 2, by any of these flows.
    OAuth2 {
        /// The flows, the one best for a user who is there first.
        flows: Vec<OAuthFlow>,
    },
    /// OpenID Connect, whose discovery says the rest.
    OpenIdConnect {
        /// The URL of the discovery document.
        url: String,
    },
    /// A certificate of the client.
    MutualTls,
    /// What no version of OpenAPI has.
    Unknown {
        /// The `type` that the document gives.
        kind: String,
    },
}

/// Where an API key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// In a header.
    Header,
    /// In the query.
    Query,
    /// In a cookie.
    Cookie,
}

/// One way to get a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthFlow {
    /// Which.
    pub kind: OAuthFlowKind,
    /// Where the user agrees.
    pub authorization_url: Option<String>,
    /// Where a token is got.
    pub token_url: Option<String>,
    /// Where a token is renewed, where that is elsewhere.
    pub refresh_url: Option<String>,
    /// Where a device asks for its code.
    pub device_authorization_url: Option<String>,
    /// The scopes there are, and what each allows.
    pub scopes: BTreeMap<String, String>,
}

/// The flows of OAuth 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OAuthFlowKind {
    /// The user agrees in a browser.
    AuthorizationCode,
    /// The user agrees on another device.
    DeviceCode,
    /// The program signs in as itself.
    ClientCredentials,
    /// The token comes in the redirect; withdrawn by OAuth 2.1.
    Implicit,
    /// The program has the user's password; withdrawn by OAuth 2.1.
    Password,
}

/// Schemes that together sign a call, each with the scopes it needs. One without any scheme is that nothing is needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirement {
    /// The scopes by the scheme's name.
    pub schemes: BTreeMap<String, Vec<String>>,
}

/// The alternatives of a `security`, if it is one.
pub(crate) fn requirements(value: &Value) -> Option<Vec<Requirement>> {
    let scopes = |value: &Value| {
        let scopes = value.as_array().into_iter().flatten();
        scopes.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    let one = |value: &Value| Requirement {
        schemes: value.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), scopes(value))).collect(),
    };
    Some(value.as_array()?.iter().map(one).collect())
}

/// The schemes of a document; one that cannot be read is told as unknown.
pub(crate) fn schemes(document: &Document) -> Result<Vec<SecurityScheme>, Refused> {
    let names = document.component_names("securitySchemes");
    let mut schemes = Vec::with_capacity(names.len());
    for name in names {
        let reference = format!("#/components/securitySchemes/{}", crate::text::escape(&name));
        let value = document.resolve(serde_json::json!({"$ref": reference})).unwrap_or_default();
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        schemes.push(SecurityScheme { description: text("description"), kind: kind(&value), name });
    }
    Ok(schemes)
}

fn kind(value: &Value) -> SecurityKind {
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let unknown = |kind: String| SecurityKind::Unknown { kind };
    let declared = text("type").unwrap_or_default();
    match declared.to_ascii_lowercase().as_str() {
        "apikey" => {
            let place = match text("in").as_deref() {
                Some("header") => KeyPlace::Header,
                Some("query") => KeyPlace::Query,
                Some("cookie") => KeyPlace::Cookie,
                _ => return unknown(declared),
            };
            text("name").map_or(unknown(declared), |name| SecurityKind::ApiKey { place, name })
        }
        "http" => match text("scheme").unwrap_or_default().to_ascii_lowercase().as_str() {
            "bearer" => SecurityKind::Bearer { format: text("bearerFormat") },
            "basic" => SecurityKind::Basic,
            scheme => SecurityKind::Http { scheme: scheme.to_owned() },
        },
        "oauth2" => SecurityKind::OAuth2 { flows: flows(value) },
        "openidconnect" => {
            text("openIdConnectUrl").map_or(unknown(declared), |url| SecurityKind::OpenIdConnect { url })
        }
        "mutualtls" => SecurityKind::MutualTls,
        _ => unknown(declared),
    }
}

fn flows(value: &Value) -> Vec<OAuthFlow> {
    let flow = |(name, value): (&String, &Value)| {
        let kind = match name.as_str() {
            "authorizationCode" => OAuthFlowKind::AuthorizationCode,
            "deviceAuthorization" => OAuthFlowKind::DeviceCode,
            "clientCredentials" => OAuthFlowKind::ClientCredentials,
            "implicit" => OAuthFlowKind::Implicit,
            "password" => OAuthFlowKind::Password,
            _ => return None,
        };
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let scopes = value.get("scopes").and_then(Value::as_object).into_iter().flatten();
        Some(OAuthFlow {
            kind,
            authorization_url: text("authorizationUrl"),
            token_url: text("tokenUrl"),
            refresh_url: text("refreshUrl"),
            device_authorization_url: text("deviceAuthorizationUrl"),
            scopes: scopes.map(|(name, about)| (name.clone(), about.as_str().unwrap_or_default().to_owned())).collect(),
        })
    };
    let mut flows: Vec<OAuthFlow> =
        value.get("flows").and_then(Value::as_object).into_iter().flatten().filter_map(flow).collect();
    flows.sort_by_key(|flow| flow.kind);
    flows
}
