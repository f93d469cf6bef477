//! A device without a browser shows a code, and the user agrees elsewhere (RFC 8628).

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::Url;

use crate::error::OAuthError;
use crate::http::{Http, post, url_of};
use crate::provider::{Client, Provider};
use crate::token::{Grant, Tokens};

/// What the user is shown, and what the device asks with.
#[derive(Debug)]
pub struct DeviceCode {
    /// What the device asks with.
    pub code: SecretString,
    /// What the user types in.
    pub user_code: String,
    /// Where.
    pub verification: Url,
    /// The same place with the code already typed in, where the provider has one.
    pub verification_complete: Option<Url>,
    /// Seconds until the code lapses.
    pub expires_in: u64,
    /// Seconds between two polls.
    pub interval: u64,
}

/// What a poll found.
#[derive(Debug)]
pub enum DevicePoll {
    /// The user agreed.
    Done(Tokens),
    /// Not yet; poll again after the interval.
    Pending,
    /// Not yet; poll five seconds less often from now on.
    SlowDown,
}

impl DeviceCode {
    /// Asks for a code, for the API `resource` where the provider wants to know (RFC 8707).
    ///
    /// # Errors
    /// [`OAuthError`].
    pub async fn start(
        http: &dyn Http,
        provider: &Provider,
        client: &Client,
        scopes: &[String],
        resource: Option<&str>,
    ) -> Result<Self, OAuthError> {
        let endpoint = Provider::endpoint(provider.device.as_ref(), "device authorization")?;
        let scope = scopes.join(" ");
        let mut form = client.form();
        form.extend((!scope.is_empty()).then_some(("scope", scope.as_str())));
        form.extend(resource.map(|resource| ("resource", resource)));
        let secrets: Vec<&str> = client.secret.iter().map(|secret| secret.expose_secret()).collect();
        let answer = post(http, endpoint, &form, client.basic().as_ref()).await?;
        let fields = answer.success("the device authorization endpoint", &secrets)?;
        let text = |name: &str| {
            fields
                .get(name)
                .and_then(Value::as_str)
                .ok_or_else(|| OAuthError::protocol(format!("the device authorization's reply has no `{name}`")))
        };
        let number = |name: &str, default: u64| fields.get(name).and_then(Value::as_u64).unwrap_or(default);
        Ok(Self {
            code: text("device_code")?.into(),
            user_code: text("user_code")?.to_owned(),
            verification: url_of(&fields, "verification_uri")?
                .ok_or_else(|| OAuthError::protocol("the device authorization's reply has no `verification_uri`"))?,
            verification_complete: url_of(&fields, "verification_uri_complete")?,
            expires_in: number("expires_in", 600),
            interval: number("interval", 5),
        })
    }

    /// Looks whether the user has agreed.
    ///
    /// # Errors
    /// [`OAuthError::Refused`] where the user said no or the code lapsed.
    pub async fn poll(
        &self,
        http: &dyn Http,
        provider: &Provider,
        client: &Client,
        resource: Option<&str>,
    ) -> Result<DevicePoll, OAuthError> {
        match Grant::Device(&self.code).exchange(http, provider, client, resource).await {
            Ok(tokens) => Ok(DevicePoll::Done(tokens)),
            Err(OAuthError::Refused(refusal)) if refusal.code == "authorization_pending" => Ok(DevicePoll::Pending),
            Err(OAuthError::Refused(refusal)) if refusal.code == "slow_down" => Ok(DevicePoll::SlowDown),
            Err(error) => Err(error),
        }
    }
}
