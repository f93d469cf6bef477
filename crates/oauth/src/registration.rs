//! A client that nobody registered: by a document about it, or by registering itself (RFC 7591).

use serde_json::{Value, json};
use url::Url;

use crate::discovery::ServerMetadata;
use crate::error::OAuthError;
use crate::http::{Http, post_json};
use crate::provider::{Client, ClientAuth};
use crate::token::DEVICE;

/// What a client says about itself, as a document at a URL (which is then its id) and at registration. Without redirects it
/// is one whose user agrees on another device.
#[must_use]
pub fn client_metadata(name: &str, redirects: &[&str]) -> Value {
    json!({
        "client_name": name,
        "redirect_uris": redirects,
        "grant_types": [if redirects.is_empty() { DEVICE } else { "authorization_code" }, "refresh_token"],
        "response_types": if redirects.is_empty() { json!([]) } else { json!(["code"]) },
        "token_endpoint_auth_method": "none",
    })
}

/// A client made for a server.
#[derive(Debug)]
pub struct Registration {
    /// The client.
    pub client: Client,
    /// Whether the server was told of it, so that the client is to be kept and used again.
    pub is_dynamic: bool,
}

impl Registration {
    /// The client for a server: by the document at `document`, if the server takes such, else registered now.
    ///
    /// # Errors
    /// [`OAuthError::Failed`] where the server knows neither way.
    pub async fn make(
        http: &dyn Http,
        server: &ServerMetadata,
        document: Option<&Url>,
        name: &str,
        redirects: &[&str],
    ) -> Result<Self, OAuthError> {
        if let Some(document) = document.filter(|_| server.takes_client_documents) {
            return Ok(Self { client: Client::public(document.as_str()), is_dynamic: false });
        }
        let Some(endpoint) = &server.registration else {
            return Err(OAuthError::protocol(
                "the authorization server knows no way for a program to introduce itself; register one there and give \
                 its client id",
            ));
        };
        let answer = post_json(http, endpoint, &client_metadata(name, redirects)).await?;
        let fields = answer.success("the registration endpoint", &[])?;
        let text = |name: &str| fields.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let id =
            text("client_id").ok_or_else(|| OAuthError::protocol("the registration's reply has no `client_id`"))?;
        let auth = match text("token_endpoint_auth_method") {
            Some("client_secret_post") => ClientAuth::Post,
            _ => ClientAuth::Basic,
        };
        let client = Client { id: id.to_owned(), secret: text("client_secret").map(Into::into), auth };
        Ok(Self { client, is_dynamic: true })
    }
}
