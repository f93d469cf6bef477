//! Credentials that lapse are renewed: once, whoever asks, and the new one is stored before it is used.

use std::time::Duration;

use composio_contract::{Error, ErrorKind, Result};
use composio_oauth::{Grant, OAuthError};
use tokio::time::{Instant, sleep};

use super::complete::unknown;
use super::link::expiry;
use super::sealed::{Stored, open_credential, seal_credential};
use super::{AuthScheme, Credential};
use crate::clock;
use crate::project::Project;
use crate::router::Router;
use crate::store::{AccountRow, AccountStatus};

/// A token that lapses within so many milliseconds is renewed before it is used.
const MARGIN: i64 = 30_000;
/// Longer than a provider may take to answer.
const LEASE: Duration = Duration::from_secs(45);
/// Between two looks whether another process is done.
const PAUSE: Duration = Duration::from_millis(50);
/// Between two tries to store what a provider has given.
const STORE_PAUSE: Duration = Duration::from_millis(500);

fn lapses_soon(row: &AccountRow) -> bool {
    row.expires_at.is_some_and(|at| at <= clock::millis().saturating_add(MARGIN))
}

fn has_lapsed(row: &AccountRow) -> bool {
    row.expires_at.is_some_and(|at| at <= clock::millis())
}

/// Whether a credential that the API refuses can be replaced without the user.
pub(crate) fn is_renewable(row: &AccountRow) -> bool {
    row.auth_scheme.ends_with("OAUTH2")
}

/// The error of an account that has to be connected again.
pub(super) fn ended(row: &AccountRow) -> Error {
    let reason = row.status_reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let message = format!("the connected account {} of `{}` is {}{reason}", row.id, row.toolkit, row.status.name());
    Error::new(ErrorKind::ConnectedAccount, message).with_suggested_fix("connect it again")
}

impl Router {
    /// What signs a call with an account, renewed first where it lapses.
    pub(crate) async fn credential(&self, row: AccountRow) -> Result<(AccountRow, Credential)> {
        let row = if lapses_soon(&row) {
            match self.renew(&row).await {
                // What is good for a few more seconds is used while the provider is out of order.
                Err(error) if error.is_retryable() && !has_lapsed(&row) => row,
                other => other?,
            }
        } else {
            row
        };
        let vault = self.accounts.vault(self.account_store()?).await?;
        let config = self.accounts.config(&row.toolkit).ok_or_else(|| unknown(&row.id))?;
        let stored = open_credential(vault, &row)?.ok_or_else(|| ended(&row))?;
        let credential = Credential::of_account(&row, &config.scheme, &stored)?;
        Ok((row, credential))
    }

    /// What signs a call once the API has refused what signed it before.
    pub(crate) async fn credential_after_refusal(&self, refused: &AccountRow) -> Result<(AccountRow, Credential)> {
        if !is_renewable(refused) {
            let message = format!("the API of `{}` refused the credential of {}", refused.toolkit, refused.id);
            return Err(Error::new(ErrorKind::ConnectedAccount, message)
                .with_suggested_fix("connect the account again, with a credential that is good"));
        }
        let renewed = self.renew(refused).await?;
        self.credential(renewed).await
    }

    /// Another credential than the one in `stale`, which lapses or was refused.
    ///
    /// # Errors
    /// [`ErrorKind::ConnectedAccount`] where the user must connect the account again.
    pub(super) async fn renew(&self, stale: &AccountRow) -> Result<AccountRow> {
        let (router, stale) = (self.clone(), stale.clone());
        // On its own: a caller that gives up must not lose a token that the provider has just replaced.
        let task = self.accounts.runtime.spawn(async move { router.renew_alone(&stale).await });
        task.await.map_err(|error| Error::new(ErrorKind::Internal, "a renewal broke off").with_source(error))?
    }

    async fn renew_alone(&self, stale: &AccountRow) -> Result<AccountRow> {
        let (project, id) = (&stale.project, stale.id.as_str());
        let flight = self.accounts.flight(project, id);
        let _alone = flight.lock().await;
        let store = self.account_store()?;
        let deadline = clock::millis().saturating_add(i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX));
        loop {
            let row = store.account(project, id).await?.ok_or_else(|| unknown(id))?;
            if row.status != AccountStatus::Active {
                return Err(ended(&row));
            }
            if row.credential != stale.credential {
                return Ok(row);
            }
            if store.lease(project, id, &self.accounts.holder, LEASE).await? {
                break;
            }
            if clock::millis() > deadline {
                let message = format!("the connected account {id} is being renewed elsewhere, for too long");
                return Err(Error::new(ErrorKind::Timeout, message));
            }
            sleep(PAUSE).await;
        }
        let renewed = self.renew_with_lease(stale).await;
        store.release(project, id, &self.accounts.holder).await?;
        renewed
    }

    async fn renew_with_lease(&self, stale: &AccountRow) -> Result<AccountRow> {
        let (project, id) = (&stale.project, stale.id.as_str());
        let store = self.account_store()?;
        // Another process may have been done between the look and the lease.
        let row = store.account(project, id).await?.ok_or_else(|| unknown(id))?;
        if row.credential != stale.credential {
            return Ok(row);
        }
        let vault = self.accounts.vault(store).await?;
        let renewed = match open_credential(vault, &row)? {
            Some(Stored::OAuth2 { refresh: Some(refresh), app, .. }) => {
                let (http, client) = (self.accounts.http.as_ref(), app.client());
                let grant = Grant::Refresh(&refresh);
                let tokens = grant.exchange(http, &app.provider, &client, app.resource.as_deref()).await;
                tokens.map(|tokens| {
                    let lapses = expiry(tokens.expires_in);
                    let refresh = tokens.refresh.or(Some(refresh));
                    (Stored::OAuth2 { access: tokens.access, refresh, app }, lapses)
                })
            }
            Some(Stored::OAuth2 { refresh: None, .. }) => match self.accounts.config(&row.toolkit) {
                Some(config) if row.auth_scheme == "S2S_OAUTH2" => match &config.scheme {
                    AuthScheme::OAuth2(scheme) => self.sign_in(config, scheme).await.map_err(OAuthError::Failed),
                    _ => return Err(ended(&row)),
                },
                _ => {
                    return self
                        .expire(project, id, "the token has lapsed, and the provider gave none to renew it")
                        .await;
                }
            },
            _ => return self.expire(project, id, "the API refused the credential").await,
        };
        match renewed {
            Ok((stored, lapses)) => {
                // The provider has replaced the token before: a store that is away for a moment must not cost it.
                let end = Instant::now() + LEASE;
                loop {
                    let kept = self
                        .change_account(project, id, |row| {
                            row.credential = Some(seal_credential(vault, row, &stored)?);
                            (row.status_reason, row.expires_at) = (None, lapses);
                            Ok(())
                        })
                        .await;
                    match kept {
                        Err(error) if error.is_retryable() && Instant::now() < end => sleep(STORE_PAUSE).await,
                        kept => return kept,
                    }
                }
            }
            Err(error) if error.grant_is_gone() => self.expire(project, id, &error.to_string()).await,
            // A provider that is out of order, or no longer knows this program, says nothing of what the user agreed to.
            Err(error) => Err(error.into()),
        }
    }

    /// Marks an account as not good any more, and answers with the error that says so.
    async fn expire(&self, project: &Project, id: &str, reason: &str) -> Result<AccountRow> {
        let row = self
            .change_account(project, id, |row| {
                row.status = AccountStatus::Expired;
                row.status_reason = Some(reason.to_owned());
                row.credential = None;
                Ok(())
            })
            .await?;
        Err(ended(&row))
    }
}
