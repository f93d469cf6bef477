//! Sending forms and reading JSON.

use std::fmt;

use async_trait::async_trait;
use composio_contract::Result;
use composio_egress::{Egress, Request, Response};
use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::Url;

use crate::error::{OAuthError, clean, refusal};

/// Bytes of a provider's reply.
const LIMIT: usize = 1 << 20;
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What requests to a provider go through.
#[async_trait]
pub trait Http: fmt::Debug + Send + Sync {
    /// Sends a request; any status is a response.
    ///
    /// # Errors
    /// Where there is no response.
    async fn send(&self, request: Request) -> Result<Response>;

    /// Checks that what a user's browser takes to a URL can be read on the way by nobody.
    ///
    /// # Errors
    /// [`ErrorKind::BlockedUrl`](composio_contract::ErrorKind::BlockedUrl).
    fn check_secure(&self, url: &Url) -> Result<()>;
}

#[async_trait]
impl Http for Egress {
    async fn send(&self, request: Request) -> Result<Response> {
        Self::send(self, request).await
    }

    fn check_secure(&self, url: &Url) -> Result<()> {
        Self::check_secure(self, url)
    }
}

/// A reply's status and its fields; `null` where it has none.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: Value,
}

impl Answer {
    /// The fields of a success.
    pub(crate) fn success(self, what: &str, secrets: &[&str]) -> Result<Value, OAuthError> {
        // Some providers refuse with status 200.
        if let Some(refusal) = refusal(&self.fields, secrets) {
            return Err(OAuthError::Refused(refusal));
        }
        if !(200..300).contains(&self.status) {
            let kind = if self.status >= 500 || self.status == 429 {
                composio_contract::ErrorKind::Connection
            } else {
                composio_contract::ErrorKind::InvalidReply
            };
            let message = format!("{what} answered with status {} and no OAuth error", self.status);
            return Err(composio_contract::Error::new(kind, message).into());
        }
        Ok(self.fields)
    }
}

pub(crate) fn request(method: Method, url: &Url) -> Result<Request> {
    let mut request = Request::new(method, url.as_str())?;
    request.limit = LIMIT;
    request.secure = true;
    request.time_limit = std::time::Duration::from_secs(30);
    request.headers.insert(ACCEPT, JSON);
    Ok(request)
}

/// Posts a form. A redirect is not followed: it would carry a credential to another place.
pub(crate) async fn post(
    http: &dyn Http,
    url: &Url,
    form: &[(&str, &str)],
    basic: Option<&SecretString>,
) -> Result<Answer, OAuthError> {
    let mut request = request(Method::POST, url)?;
    request.redirects = 0;
    request.headers.insert(CONTENT_TYPE, FORM);
    if let Some(basic) = basic {
        let mut value = HeaderValue::from_str(&format!("Basic {}", basic.expose_secret()))
            .map_err(|_| OAuthError::protocol("the client's id or secret cannot be sent"))?;
        value.set_sensitive(true);
        request.headers.insert(AUTHORIZATION, value);
    }
    request.body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish().into();
    answer(http.send(request).await?)
}

/// Posts JSON.
pub(crate) async fn post_json(http: &dyn Http, url: &Url, body: &Value) -> Result<Answer, OAuthError> {
    let mut request = request(Method::POST, url)?;
    request.redirects = 0;
    request.headers.insert(CONTENT_TYPE, JSON);
    request.body = body.to_string().into();
    answer(http.send(request).await?)
}

/// Gets a document.
pub(crate) async fn get(http: &dyn Http, url: &Url) -> Result<Answer, OAuthError> {
    answer(http.send(request(Method::GET, url)?).await?)
}

/// Gets a document with a token.
pub(crate) async fn get_signed(http: &dyn Http, url: &Url, token: &SecretString) -> Result<Answer, OAuthError> {
    let mut request = request(Method::GET, url)?;
    request.redirects = 0;
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
        .map_err(|_| OAuthError::protocol("the provider gave a token that cannot be sent"))?;
    value.set_sensitive(true);
    request.headers.insert(AUTHORIZATION, value);
    answer(http.send(request).await?)
}

fn answer(response: Response) -> Result<Answer, OAuthError> {
    let response = response.complete()?;
    let status = response.status.as_u16();
    // Some providers answer a token request with a form.
    let fields = if response.media_type().as_deref() == Some("application/x-www-form-urlencoded") {
        form_urlencoded::parse(&response.body)
            .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
            .collect::<serde_json::Map<_, _>>()
            .into()
    } else {
        serde_json::from_slice(&response.body).unwrap_or(Value::Null)
    };
    Ok(Answer { status, fields })
}

/// A URL from a provider's document.
pub(crate) fn url_of(fields: &Value, name: &str) -> Result<Option<Url>, OAuthError> {
    let Some(text) = fields.get(name).and_then(Value::as_str) else { return Ok(None) };
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
    url.map(Some).ok_or_else(|| OAuthError::protocol(format!("`{name}` is not a URL: {}", clean(text, &[]))))
}
