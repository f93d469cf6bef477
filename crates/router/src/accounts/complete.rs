//! The user has answered.

use composio_contract::{Error, ErrorKind, Result};
use composio_oauth::{Callback, Grant, OAuthError, Owner, Provider, Tokens};
use hyper::HeaderMap;
use secrecy::ExposeSecret as _;

use super::browser;
use super::connect::Connected;
use super::link::{NO_SESSION, expiry, hash};
use super::sealed::{App, Pending, Stored, open_link, seal_credential, seal_owner};
use crate::clock;
use crate::project::Project;
use crate::router::Router;
use crate::store::{AccountRow, AccountStatus, LinkRow};

/// How often a change is tried again when another one came in between.
const ATTEMPTS: usize = 16;

pub(super) fn void_link() -> Error {
    Error::new(ErrorKind::NotFound, "the link is not one of this router's, or it has lapsed or was used")
        .with_status(404)
        .with_suggested_fix("ask for a new one")
}

pub(super) fn unknown(id: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no connected account `{id}`")).with_status(404)
}

/// Who brings the provider's answer.
pub(super) enum By<'a> {
    /// An app, for its user of this id.
    App(&'a str),
    /// A browser, with the headers of its request.
    Browser(&'a HeaderMap),
}

impl Router {
    /// Finishes a connection of a user of this router's project with the URL, or its query, that the provider sent their
    /// browser to: for an app that receives it itself, as on a phone.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where the link has lapsed, was used, or its session is gone;
    /// [`ErrorKind::Validation`] where it is no callback. A refusal is no error: the account then has failed.
    pub async fn complete_connection(&self, user_id: &str, callback: &str) -> Result<Connected> {
        self.ensure_open()?;
        let query = callback.split_once('?').map_or(callback, |(_, query)| query);
        let query = query.split_once('#').map_or(query, |(query, _)| query);
        self.finish_oauth(query, By::App(user_id)).await.map(|(connected, _)| connected)
    }

    /// Finishes with the provider's answer, and says where the browser goes next. A link is not used up by an attempt of
    /// another user or in another browser than its own.
    pub(super) async fn finish_oauth(&self, query: &str, by: By<'_>) -> Result<(Connected, Option<String>)> {
        let callback = Callback::parse(query)?;
        let store = self.account_store()?;
        let hash = hash(callback.state().expose_secret());
        let link = store.link(&hash).await?.ok_or_else(void_link)?;
        match by {
            By::App(user_id) if link.user_id != user_id || link.project != self.project => return Err(void_link()),
            By::App(_) => {}
            By::Browser(headers) => {
                let pending = open_link(self.accounts.vault(store).await?, &link)?;
                let oauth = pending.oauth.ok_or_else(void_link)?;
                if !browser::is_that_of(headers, &link, &oauth) {
                    return Err(browser::another());
                }
            }
        }
        let link = store.take_link(&hash).await?.ok_or_else(void_link)?;
        self.check_link(&link).await?;
        let pending = open_link(self.accounts.vault(store).await?, &link)?;
        let Pending { callback_url, oauth: Some(oauth), .. } = pending else { return Err(void_link()) };
        let state = callback.state().clone();
        let exchanged = match callback.code(&oauth.app.provider, &state) {
            Ok(code) => {
                let grant = Grant::Code { code: &code, verifier: &oauth.verifier, redirect: &oauth.redirect };
                let (http, client) = (self.accounts.http.as_ref(), oauth.app.client());
                grant.exchange(http, &oauth.app.provider, &client, oauth.app.resource.as_deref()).await
            }
            Err(error) => Err(error),
        };
        let row = match exchanged {
            Ok(tokens) => self.activate_with(&link, tokens, oauth.app).await?,
            Err(error) => self.fail_account(&link, &error).await?,
        };
        Ok((Connected::of(&row), callback_url))
    }

    /// The provider has given tokens: the account is active, and whose it is is noted where the provider tells.
    pub(super) async fn activate_with(&self, link: &LinkRow, tokens: Tokens, app: Box<App>) -> Result<AccountRow> {
        // A token for one API alone is not for the provider's own.
        let userinfo = app.provider.userinfo.clone().filter(|_| app.resource.is_none());
        let provider = Provider { userinfo, ..app.provider.clone() };
        let (owner, problem) = tokens.owner(self.accounts.http.as_ref(), &provider, &app.client()).await;
        if let Some(error) = problem {
            // The account serves all the same.
            tracing::warn!(account = link.account_id, %error, "the provider does not say whose account it is");
        }
        let lapses = expiry(tokens.expires_in);
        let stored = Stored::OAuth2 { access: tokens.access, refresh: tokens.refresh, app };
        self.activate(&link.project, &link.account_id, &stored, owner.as_ref(), lapses).await
    }

    /// Marks a link's account as one that could not be connected.
    pub(super) async fn fail_account(&self, link: &LinkRow, error: &OAuthError) -> Result<AccountRow> {
        let reason = error.to_string();
        self.change_account(&link.project, &link.account_id, |row| {
            row.status = AccountStatus::Failed;
            row.status_reason = Some(reason.clone());
            row.expires_at = None;
            Ok(())
        })
        .await
    }

    /// A link that still serves, which is left where it is.
    pub(super) async fn open_page(&self, token: &str) -> Result<(LinkRow, AccountRow)> {
        let store = self.account_store()?;
        let link = store.link(&hash(token)).await?.ok_or_else(void_link)?;
        self.check_link(&link).await?;
        let row = store.account(&link.project, &link.account_id).await?.ok_or_else(void_link)?;
        Ok((link, row))
    }

    /// Finishes with what the user typed.
    pub(super) async fn finish_form(&self, link: &LinkRow, stored: &Stored) -> Result<(Connected, Option<String>)> {
        let store = self.account_store()?;
        let link = store.take_link(&link.hash).await?.ok_or_else(void_link)?;
        let pending = open_link(self.accounts.vault(store).await?, &link)?;
        let row = self.activate(&link.project, &link.account_id, stored, None, None).await?;
        Ok((Connected::of(&row), pending.callback_url))
    }

    /// A link serves until it lapses, and as long as the session is there that it was asked for in.
    pub(super) async fn check_link(&self, link: &LinkRow) -> Result<()> {
        let is_theirs = link.session_id == NO_SESSION || {
            let session = self.store.session(&link.project, &link.session_id).await?;
            session.is_some_and(|session| session.user_id == link.user_id)
        };
        if is_theirs && link.expires_at > clock::millis() { Ok(()) } else { Err(void_link()) }
    }

    pub(super) async fn activate(
        &self,
        project: &Project,
        id: &str,
        stored: &Stored,
        owner: Option<&Owner>,
        expires_at: Option<i64>,
    ) -> Result<AccountRow> {
        let vault = self.accounts.vault(self.account_store()?).await?;
        self.change_account(project, id, |row| {
            row.credential = Some(seal_credential(vault, row, stored)?);
            row.owner = owner.map(|owner| seal_owner(vault, row, owner)).transpose()?;
            (row.status, row.status_reason, row.expires_at) = (AccountStatus::Active, None, expires_at);
            Ok(())
        })
        .await
    }

    /// Changes an account, on top of whatever changes it at the same time.
    pub(super) async fn change_account(
        &self,
        project: &Project,
        id: &str,
        change: impl Fn(&mut AccountRow) -> Result<()> + Send + Sync,
    ) -> Result<AccountRow> {
        let store = self.account_store()?;
        for _ in 0..ATTEMPTS {
            let mut row = store.account(project, id).await?.ok_or_else(|| unknown(id))?;
            change(&mut row)?;
            if store.change_account(row.clone(), None).await? {
                row.revision += 1;
                return Ok(row);
            }
        }
        Err(Error::new(ErrorKind::Conflict, "the account is being changed by others all the time; try again later")
            .with_status(409)
            .with_retryable(true))
    }
}
