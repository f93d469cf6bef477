//! Who gives tokens for an MCP server, by the rules of MCP's authorization.

use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use serde_json::json;
use url::Url;

use crate::discovery::{Challenge, ProtectedResource, ServerMetadata};
use crate::error::OAuthError;
use crate::http::Http;

/// What a client asks for so that its tokens can be renewed, at servers that know it.
const OFFLINE: &str = "offline_access";

/// What an MCP server says of the tokens that it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct McpAuthorization {
    /// Who gives them.
    pub server: ServerMetadata,
    /// What they are asked for with (RFC 8707).
    pub resource: String,
    /// The scopes to ask for.
    pub scopes: Vec<String>,
}

/// Asks an MCP server who gives tokens for it: by its answer to a request without one, by its document (RFC 9728), and where
/// it has none, as servers of the first revision do, at its own origin.
///
/// # Errors
/// [`OAuthError::Failed`] where the server or the issuer does not say what it must, or the issuer does not say that it can do
/// PKCE.
pub async fn discover_for_mcp(http: &dyn Http, url: &Url) -> Result<McpAuthorization, OAuthError> {
    let challenge = challenge(http, url).await?;
    let document = ProtectedResource::discover(http, url, &challenge).await?;
    let (issuer, resource, known) = match document {
        Some(document) => {
            let issuer = document.issuers.into_iter().next().ok_or_else(|| {
                OAuthError::protocol(format!(
                    "{} names nobody who gives tokens for it",
                    url.origin().ascii_serialization()
                ))
            })?;
            (issuer, document.resource, document.scopes)
        }
        None => (url.origin().ascii_serialization(), resource_of(url), Vec::new()),
    };
    let server = ServerMetadata::discover(http, &issuer).await?;
    if !server.says_pkce {
        return Err(OAuthError::protocol(format!("{issuer} does not say that it can do PKCE, which MCP demands")));
    }
    let mut scopes = if challenge.scopes.is_empty() { known } else { challenge.scopes };
    if server.scopes.iter().any(|scope| scope == OFFLINE) && !scopes.iter().any(|scope| scope == OFFLINE) {
        scopes.push(OFFLINE.to_owned());
    }
    Ok(McpAuthorization { server, resource, scopes })
}

/// What a token for a server is asked for with, where the server says nothing else: its URL without a fragment, and without a
/// slash that says nothing.
#[must_use]
pub fn resource_of(url: &Url) -> String {
    let mut url = url.clone();
    url.set_fragment(None);
    url.as_str().trim_end_matches('/').to_owned()
}

/// What the server says to a request that is not signed.
async fn challenge(http: &dyn Http, url: &Url) -> Result<Challenge, OAuthError> {
    let mut request = crate::http::request(Method::POST, url)?;
    request.redirects = 0;
    request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    request.headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    request.body = ping.to_string().into();
    let response = http.send(request).await?;
    let header = response.headers.get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
    Ok(header.filter(|_| response.status == 401).map(Challenge::parse).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_without_what_says_nothing() {
        let of = |url: &str| resource_of(&Url::parse(url).unwrap());
        assert_eq!(of("https://a.example"), "https://a.example");
        assert_eq!(of("https://a.example/mcp#x"), "https://a.example/mcp");
    }
}
