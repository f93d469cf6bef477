//! Accounts that are connected on another device: the user types a code in there, and the router asks the provider until
//! they have.

use std::time::Duration;

use composio_contract::Result;
use composio_oauth::{DeviceCode, DevicePoll, OAuthError};
use tokio::time::sleep;

use super::scopes::with_extra;
use super::sealed::App;
use super::{AuthConfig, OAuthScheme};
use crate::clock;
use crate::router::Router;

/// How much less often the provider is asked once it says that it is too often (RFC 8628, 3.5).
const SLOWER: Duration = Duration::from_secs(5);
/// How seldom a provider that is out of order is asked at last.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A code that its user has not typed in yet.
pub(super) struct Waiting {
    /// Finds the link.
    pub(super) link: [u8; 32],
    /// When it does no longer serve.
    pub(super) lapses: i64,
    pub(super) code: DeviceCode,
    pub(super) app: Box<App>,
}

impl Router {
    pub(super) async fn ask_for_code(
        &self,
        config: &AuthConfig,
        scheme: &OAuthScheme,
        extra_scopes: &str,
    ) -> Result<(Box<App>, DeviceCode)> {
        let (app, scopes) = self.app(config, scheme, None).await?;
        let scopes = with_extra(scopes, extra_scopes);
        let http = self.accounts.http.as_ref();
        let code = DeviceCode::start(http, &app.provider, &app.client(), &scopes, app.resource.as_deref()).await?;
        Ok((app, code))
    }

    /// Asks the provider in the background. What it waits for is in this process only: an account whose process ends before
    /// its user has agreed is connected anew.
    pub(super) fn wait_for_device(&self, waiting: Waiting) {
        let router = self.clone();
        self.accounts.runtime.spawn(async move {
            if let Err(error) = router.finish_device(waiting).await {
                tracing::warn!(%error, "an account could not be connected on another device");
            }
        });
    }

    async fn finish_device(&self, waiting: Waiting) -> Result<()> {
        let Waiting { link: hash, lapses, code, app } = waiting;
        let (store, http, client) = (self.account_store()?, self.accounts.http.as_ref(), app.client());
        let mut pause = Duration::from_secs(code.interval.max(1));
        let answer = loop {
            sleep(pause).await;
            // Closed, lapsed, or ended with its session or account: the account says so by itself.
            if self.ensure_open().is_err() || clock::millis() >= lapses || store.link(&hash).await?.is_none() {
                return Ok(());
            }
            match code.poll(http, &app.provider, &client, app.resource.as_deref()).await {
                Ok(DevicePoll::Pending) => {}
                Ok(DevicePoll::SlowDown) => pause += SLOWER,
                Ok(DevicePoll::Done(tokens)) => break Ok(tokens),
                Err(OAuthError::Failed(error)) if error.is_retryable() => pause = (pause * 2).min(LONGEST_PAUSE),
                Err(error) => break Err(error),
            }
        };
        let Some(link) = store.take_link(&hash).await? else { return Ok(()) };
        self.check_link(&link).await?;
        match answer {
            Ok(tokens) => self.activate_with(&link, tokens, app).await?,
            Err(error) => self.fail_account(&link, &error).await?,
        };
        Ok(())
    }
}
