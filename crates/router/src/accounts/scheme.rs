//! How a toolkit's calls are signed.

use composio_oauth::Provider;
pub use composio_openapi::KeyPlace;
use url::Url;

/// How a toolkit's calls are signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthScheme {
    /// A key in a place of its own.
    ApiKey {
        /// The place.
        place: KeyPlace,
        /// The name of the header, query parameter or cookie.
        name: String,
    },
    /// `Authorization: Bearer …` with a token that the user has.
    Bearer,
    /// `Authorization: Basic …`
    Basic,
    /// `Authorization: Bearer …` with a token that a provider gives.
    OAuth2(Box<OAuthScheme>),
}

/// Whose agreement a token needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OAuthFlow {
    /// The user's, in a browser.
    #[default]
    Code,
    /// The user's, on another device, where they type in a code.
    Device,
    /// Nobody's: the program signs in as itself.
    ClientCredentials,
}

/// Where a token comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OAuthScheme {
    /// The provider's addresses, as far as they are known.
    pub provider: Provider,
    /// The issuer whose own document has the addresses (RFC 8414), where they are not given.
    pub issuer: Option<String>,
    /// The flow.
    pub flow: OAuthFlow,
    /// The scopes that are asked for.
    pub scopes: Vec<String>,
    /// The API that the token is for (RFC 8707).
    pub resource: Option<String>,
    /// The MCP server that the token is for, which is asked who gives it (RFC 9728), where nothing else says so.
    pub mcp: Option<Url>,
}

impl AuthScheme {
    /// Whether the provider asks the user in a browser, and sends it back.
    pub(super) fn asks_in_browser(&self) -> bool {
        matches!(self, Self::OAuth2(scheme) if scheme.flow == OAuthFlow::Code)
    }

    /// Whether the user agrees to what the provider gives.
    pub(super) fn asks_user(&self) -> bool {
        matches!(self, Self::OAuth2(scheme) if scheme.flow != OAuthFlow::ClientCredentials)
    }

    /// The contract's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::ApiKey { .. } => "API_KEY",
            Self::Bearer => "BEARER_TOKEN",
            Self::Basic => "BASIC",
            Self::OAuth2(scheme) if scheme.flow == OAuthFlow::ClientCredentials => "S2S_OAUTH2",
            Self::OAuth2(_) => "OAUTH2",
        }
    }
}
