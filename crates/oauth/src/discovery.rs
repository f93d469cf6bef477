//! Finding out who gives tokens for a server, and where (RFC 9728, RFC 8414, OpenID Connect Discovery).

use serde_json::Value;
use url::Url;

use crate::error::OAuthError;
use crate::http::{Http, get, url_of};
use crate::provider::{ClientAuth, Provider};

/// What a protected API says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtectedResource {
    /// What a token for it is asked for with.
    pub resource: String,
    /// The issuers of its tokens.
    pub issuers: Vec<String>,
    /// The scopes it knows.
    pub scopes: Vec<String>,
}

/// What an authorization server says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerMetadata {
    /// Its addresses.
    pub provider: Provider,
    /// Where a client registers itself (RFC 7591).
    pub registration: Option<Url>,
    /// Whether a URL of a document about the client serves as its id.
    pub takes_client_documents: bool,
    /// How a client with a secret proves who it is.
    pub client_auth: ClientAuth,
    /// The scopes it knows.
    pub scopes: Vec<String>,
    /// Whether it says that it can do PKCE. One that does not say may be unable to.
    pub says_pkce: bool,
}

/// What a server's 401 or 403 says of the token that it wants (RFC 6750, RFC 9728).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    /// Where its document about its tokens is.
    pub document: Option<Url>,
    /// The scopes that it wants.
    pub scopes: Vec<String>,
    /// Whether the token that it was given is good, and lacks scopes.
    pub lacks_scopes: bool,
}

impl Challenge {
    /// Reads a `WWW-Authenticate` header.
    ///
    /// ```
    /// let challenge = composio_oauth::Challenge::parse(r#"Bearer scope="read write""#);
    /// assert_eq!(challenge.scopes, ["read", "write"]);
    /// assert!(composio_oauth::Challenge::parse(r#"Bearer error="insufficient_scope", scope="admin""#).lacks_scopes);
    /// ```
    #[must_use]
    pub fn parse(header: &str) -> Self {
        let scopes = parameter(header, "scope").unwrap_or_default();
        Self {
            document: parameter(header, "resource_metadata").and_then(|text| Url::parse(&text).ok()),
            scopes: scopes.split_ascii_whitespace().map(str::to_owned).collect(),
            lacks_scopes: parameter(header, "error").is_some_and(|error| error == "insufficient_scope"),
        }
    }
}

/// The address of a well-known document: its name stands between host and path.
fn well_known(base: &Url, name: &str) -> Url {
    let mut url = base.clone();
    let path = base.path().trim_end_matches('/').to_owned();
    url.set_path(&format!("/.well-known/{name}{path}"));
    url.set_query(None);
    url.set_fragment(None);
    url
}

fn texts(fields: &Value, name: &str) -> Vec<String> {
    let items = fields.get(name).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

impl ProtectedResource {
    /// Asks a server that answered 401: at the address that its challenge gives, else at the well-known ones. None where it has
    /// no such document.
    ///
    /// # Errors
    /// [`OAuthError::Failed`] where the server cannot be asked, or the document is about another one.
    pub async fn discover(http: &dyn Http, server: &Url, challenge: &Challenge) -> Result<Option<Self>, OAuthError> {
        let named = challenge.document.clone();
        let mut root = server.clone();
        root.set_path("/");
        let name = "oauth-protected-resource";
        let places: Vec<Url> = match named {
            Some(url) => vec![url],
            None => vec![well_known(server, name), well_known(&root, name)],
        };
        for place in &places {
            let answer = get(http, place).await?;
            if answer.status != 200 || !answer.fields.is_object() {
                continue;
            }
            let resource = answer.fields.get("resource").and_then(Value::as_str).unwrap_or_default().to_owned();
            // Otherwise a server could have tokens made for another one.
            if !covers(&resource, server) {
                return Err(OAuthError::protocol(format!(
                    "{}'s document about its tokens is about another server",
                    server.origin().ascii_serialization()
                )));
            }
            return Ok(Some(Self {
                resource,
                issuers: texts(&answer.fields, "authorization_servers"),
                scopes: texts(&answer.fields, "scopes_supported"),
            }));
        }
        Ok(None)
    }
}

/// Whether a resource identifier is that of a server, or of a path above it.
fn covers(resource: &str, server: &Url) -> bool {
    let Ok(resource) = Url::parse(resource) else { return false };
    let path = resource.path().trim_end_matches('/');
    let below = server.path().strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    resource.origin() == server.origin() && below
}

/// A parameter of a `WWW-Authenticate` header.
fn parameter(header: &str, name: &str) -> Option<String> {
    let mut rest = header;
    loop {
        let at = rest.find(name)?;
        let (before, after) = rest.split_at(at);
        let after = after.get(name.len()..)?;
        let starts = before.is_empty() || before.ends_with([' ', ',', '\t']);
        if let Some(value) = after.strip_prefix('=').filter(|_| starts) {
            return match value.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').map(|(value, _)| value.to_owned()),
                None => value.split([',', ' ']).next().map(str::to_owned),
            };
        }
        rest = after;
    }
}

impl ServerMetadata {
    /// Asks an issuer about itself.
    ///
    /// # Errors
    /// [`OAuthError::Failed`] where it has no such document, the document is about another issuer, or the server cannot do
    /// PKCE with S256.
    pub async fn discover(http: &dyn Http, issuer: &str) -> Result<Self, OAuthError> {
        let base =
            Url::parse(issuer).map_err(|error| OAuthError::protocol(format!("the issuer is not a URL: {error}")))?;
        let mut appended = base.clone();
        let path = base.path().trim_end_matches('/').to_owned();
        appended.set_path(&format!("{path}/.well-known/openid-configuration"));
        let places =
            [well_known(&base, "oauth-authorization-server"), well_known(&base, "openid-configuration"), appended];
        for place in &places {
            let answer = get(http, place).await?;
            if answer.status == 200 && answer.fields.is_object() {
                return Self::read(issuer, &answer.fields);
            }
        }
        Err(OAuthError::protocol(format!("{} does not say where its tokens come from", base.as_str())))
    }

    fn read(issuer: &str, fields: &Value) -> Result<Self, OAuthError> {
        if fields.get("issuer").and_then(Value::as_str) != Some(issuer) {
            return Err(OAuthError::protocol(format!("the document of {issuer} is about another issuer")));
        }
        let methods = texts(fields, "code_challenge_methods_supported");
        if !methods.is_empty() && !methods.iter().any(|method| method == "S256") {
            return Err(OAuthError::protocol(format!("{issuer} cannot do PKCE with S256")));
        }
        let client_auth = texts(fields, "token_endpoint_auth_methods_supported");
        let has = |method: &str| client_auth.iter().any(|known| known == method);
        let flag = |name: &str| fields.get(name).and_then(Value::as_bool).unwrap_or_default();
        Ok(Self {
            provider: Provider {
                issuer: Some(issuer.to_owned()),
                sends_issuer: flag("authorization_response_iss_parameter_supported"),
                authorization: url_of(fields, "authorization_endpoint")?,
                token: url_of(fields, "token_endpoint")?,
                // No document tells of another place.
                refresh: None,
                revocation: url_of(fields, "revocation_endpoint")?,
                device: url_of(fields, "device_authorization_endpoint")?,
                userinfo: url_of(fields, "userinfo_endpoint")?,
            },
            registration: url_of(fields, "registration_endpoint")?,
            takes_client_documents: flag("client_id_metadata_document_supported"),
            client_auth: if !has("client_secret_basic") && has("client_secret_post") {
                ClientAuth::Post
            } else {
                ClientAuth::Basic
            },
            scopes: texts(fields, "scopes_supported"),
            says_pkce: !methods.is_empty(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_documents_stand_between_host_and_path() {
        let at = |base: &str| well_known(&Url::parse(base).unwrap(), "x").to_string();
        assert_eq!(at("https://a.example"), "https://a.example/.well-known/x");
        assert_eq!(at("https://a.example/t/1/?q#f"), "https://a.example/.well-known/x/t/1");
    }

    #[test]
    fn a_challenge_names_the_document() {
        let header = r#"Bearer realm="a", resource_metadata="https://a.example/x", error="invalid_token""#;
        assert_eq!(parameter(header, "resource_metadata").as_deref(), Some("https://a.example/x"));
        assert_eq!(
            parameter("Bearer resource_metadata=https://b.example", "resource_metadata").as_deref(),
            Some("https://b.example")
        );
        assert_eq!(parameter("Bearer not_resource_metadata=\"x\"", "resource_metadata"), None);
    }

    #[test]
    fn a_resource_covers_its_own_paths_only() {
        let server = Url::parse("https://a.example/mcp/v1").unwrap();
        for (resource, expected) in [
            ("https://a.example", true),
            ("https://a.example/mcp", true),
            ("https://a.example/mcp/v1/", true),
            ("https://a.example/mc", false),
            ("https://b.example/mcp/v1", false),
            ("http://a.example/mcp/v1", false),
            ("", false),
        ] {
            assert_eq!(covers(resource, &server), expected, "{resource}");
        }
    }

    #[test]
    fn a_document_of_another_issuer_is_refused() {
        let document = serde_json::json!({
            "issuer": "https://id.example",
            "token_endpoint": "https://id.example/token",
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "none"],
            "authorization_response_iss_parameter_supported": true,
        });
        let read = ServerMetadata::read("https://id.example", &document).unwrap();
        assert_eq!((read.provider.sends_issuer, read.client_auth), (true, ClientAuth::Post));
        assert!(ServerMetadata::read("https://id.example/", &document).is_err());
        let plain = serde_json::json!({"issuer": "i", "code_challenge_methods_supported": ["plain"]});
        assert!(ServerMetadata::read("i", &plain).unwrap_err().to_string().contains("PKCE"));
    }
}
