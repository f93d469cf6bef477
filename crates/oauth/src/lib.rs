//! An OAuth 2 client: authorization code with PKCE, client credentials, device code, refresh, revocation, and the discovery
//! that MCP servers ask for.
//!
//! It keeps nothing and sends through an [`Http`], which in the router is the guarded way out. No error, `Debug` or log
//! line holds a token, a code or a client's secret: what a provider says is passed on with them masked.

mod authorize;
mod device;
mod discovery;
mod error;
mod http;
mod mcp;
mod owner;
mod provider;
mod registration;
mod token;

pub use authorize::{Authorization, AuthorizationRequest, Callback, random};
pub use device::{DeviceCode, DevicePoll};
pub use discovery::{Challenge, ProtectedResource, ServerMetadata};
pub use error::{OAuthError, Refusal};
pub use http::Http;
pub use mcp::{McpAuthorization, discover_for_mcp, resource_of};
pub use owner::Owner;
pub use provider::{Client, ClientAuth, Provider};
pub use registration::{Registration, client_metadata};
pub use token::{Grant, Tokens};
