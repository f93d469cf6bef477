//! Links: what a user follows to connect an account.

use std::time::Duration;

use composio_contract::{AccountLinkRequest, Error, ErrorKind, LinkReply, LinkRequest, Result};
use composio_egress::is_this_machine;
use composio_oauth::random;
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use url::Url;
use uuid::Uuid;

use super::device::Waiting;
use super::manage::unknown_auth_config;
use super::sealed::{Pending, PendingDevice, seal_credential, seal_link};
use super::{AuthConfig, AuthScheme, OAuthFlow, connect, scopes};
use crate::clock;
use crate::router::Router;
use crate::sessions::LiveSession;
use crate::store::{AccountRow, AccountStatus, LinkRow};

/// How long a link serves.
pub(super) const LIFETIME: Duration = Duration::from_secs(30 * 60);
const LONGEST_ALIAS: usize = 64;
/// Stands for the session of a link that was asked for outside of any.
pub(super) const NO_SESSION: &str = "";

/// An account that waits for its user, with what lets them connect it.
struct Offer {
    row: AccountRow,
    /// Is not kept where the account is active already.
    link: LinkRow,
    reply: LinkReply,
    device: Option<Waiting>,
}

/// When a link that is made now lapses.
fn lapses() -> i64 {
    clock::millis().saturating_add(i64::try_from(LIFETIME.as_millis()).unwrap_or(i64::MAX))
}

/// How a link's secret is looked up.
pub(super) fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// When a token that lapses in so many seconds does.
pub(super) fn expiry(expires_in: Option<u64>) -> Option<i64> {
    let seconds = i64::try_from(expires_in?).unwrap_or(i64::MAX);
    Some(clock::millis().saturating_add(seconds.saturating_mul(1_000)))
}

/// Whether an account may be called so beside others of its user and toolkit.
pub(super) fn check_alias<'a>(alias: &str, others: impl IntoIterator<Item = &'a AccountRow>) -> Result<()> {
    if alias.chars().count() > LONGEST_ALIAS || alias.starts_with("ca_") {
        let message = format!("`alias` must have at most {LONGEST_ALIAS} letters and not begin with `ca_`, as ids do");
        return Err(Error::validation(message));
    }
    let taken = |row: &&AccountRow| row.alias.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(alias));
    match others.into_iter().find(taken) {
        Some(row) => Err(Error::validation(format!("`alias`: {} is called `{alias}` already", row.id))),
        None => Ok(()),
    }
}

/// The alias that a new account is to have beside others, where it may.
pub(super) fn checked(alias: Option<&str>, others: &[AccountRow]) -> Result<Option<String>> {
    let Some(alias) = alias.map(str::trim).filter(|alias| !alias.is_empty()) else { return Ok(None) };
    check_alias(alias, others)?;
    Ok(Some(alias.to_owned()))
}

/// Whether a session allows its user another account beside those of a toolkit.
fn check_room(session: &LiveSession, toolkit: &str, accounts: &[AccountRow]) -> Result<()> {
    let Some(limit) = session.account_limit() else { return Ok(()) };
    let active = accounts.iter().filter(|row| row.status == AccountStatus::Active).count();
    if active < limit {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Conflict,
        format!("the user has {active} active accounts of `{toolkit}`, and the session allows {limit}"),
    )
    .with_status(409)
    .with_suggested_fix("delete one, or raise `multi_account.max_accounts_per_toolkit`"))
}

impl Router {
    /// The same router for callers that reach it at a URL: links lead there, not to a listener of the router's own.
    #[must_use]
    pub fn reached_at(&self, base: &str) -> Self {
        let mut router = self.clone();
        router.base = Some(base.trim_end_matches('/').into());
        router
    }

    /// The same router for users of other machines: none is sent back to a loopback address that `accounts.callback_urls` does
    /// not list, for there it would be the user's own machine.
    #[must_use]
    pub fn reached_from_elsewhere(&self) -> Self {
        let mut router = self.clone();
        router.is_reached_from_elsewhere = true;
        router
    }

    /// Makes an account that waits for its user, for a session.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] where the toolkit needs none; [`ErrorKind::Validation`] for a callback URL that is not
    /// allowed or an alias that is taken; [`ErrorKind::Conflict`] where the session allows no further account.
    pub(crate) async fn link_account(&self, session: &LiveSession, request: &LinkRequest) -> Result<LinkReply> {
        let toolkit = self.catalog.toolkit(&request.toolkit)?;
        session.policy.toolkit(&toolkit.slug).map_err(|denial| denial.error(&toolkit.slug))?;
        let config = self.accounts.config(&toolkit.slug).ok_or_else(|| {
            Error::new(
                ErrorKind::Unsupported,
                format!("the toolkit `{}` needs no connected account, and none can be made", toolkit.slug),
            )
            .with_suggested_fix("run its tools directly")
        })?;
        session.check_auth_config(&toolkit.slug, &config.id)?;
        let accounts = self.accounts_beside(&session.user_id, &toolkit.slug).await?;
        let alias = checked(request.alias.as_deref(), &accounts)?;
        check_room(session, &toolkit.slug, &accounts)?;
        let mut row = self.new_account(&session.user_id, &toolkit.slug, config, alias);
        row.extra_scopes = scopes::extra_of(&accounts);
        let callback_url = request.callback_url.as_deref().or_else(|| session.callback_url());
        let offer = self.offer(row, config, &session.id, callback_url).await?;
        self.keep(offer, true).await.map(|(reply, _)| reply)
    }

    /// Makes an account that waits for its user, outside of any session.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for another auth config, else as in a session.
    pub(crate) async fn link_outside(&self, request: &AccountLinkRequest) -> Result<(LinkReply, AccountStatus)> {
        self.ensure_open()?;
        let (toolkit, config) = self.auth_config_of(&request.auth_config_id)?;
        if request.user_id.trim().is_empty() {
            return Err(Error::validation("`user_id` must not be empty"));
        }
        let accounts = self.accounts_beside(&request.user_id, toolkit).await?;
        let alias = checked(request.alias.as_deref(), &accounts)?;
        let mut row = self.new_account(&request.user_id, toolkit, config, alias);
        row.extra_scopes = scopes::extra_of(&accounts);
        self.keep(self.offer(row, config, NO_SESSION, request.callback_url.as_deref()).await?, true).await
    }

    /// Lets its user connect an account again, which keeps its id. Links to it that are still open are void.
    pub(super) async fn link_again(
        &self,
        row: AccountRow,
        callback_url: Option<&str>,
    ) -> Result<(LinkReply, AccountStatus)> {
        let config = self.accounts.config(&row.toolkit).ok_or_else(|| {
            let message = format!("the toolkit `{}` needs no connected account any more", row.toolkit);
            Error::new(ErrorKind::Unsupported, message)
        })?;
        let row = AccountRow {
            auth_config: config.id.clone(),
            auth_scheme: config.scheme.name().to_owned(),
            status: AccountStatus::Initiated,
            status_reason: None,
            credential: None,
            expires_at: Some(lapses()),
            ..row
        };
        self.keep(self.offer(row, config, NO_SESSION, callback_url).await?, false).await
    }

    /// The auth config of an id, and its toolkit.
    pub(super) fn auth_config_of(&self, id: &str) -> Result<(&str, &AuthConfig)> {
        self.accounts.configs().find(|(_, config)| config.id == id).ok_or_else(|| unknown_auth_config(id))
    }

    pub(super) fn new_account(
        &self,
        user_id: &str,
        toolkit: &str,
        config: &AuthConfig,
        alias: Option<String>,
    ) -> AccountRow {
        let now = clock::millis();
        AccountRow {
            project: self.project.clone(),
            // In the order of their making, also within a millisecond: the newest is the default.
            id: format!("ca_{}", Uuid::now_v7().simple()),
            user_id: user_id.to_owned(),
            toolkit: toolkit.to_owned(),
            auth_config: config.id.clone(),
            auth_scheme: config.scheme.name().to_owned(),
            status: AccountStatus::Initiated,
            status_reason: None,
            alias,
            disabled: false,
            credential: None,
            owner: None,
            extra_scopes: String::new(),
            expires_at: Some(lapses()),
            created_at: now,
            updated_at: now,
            revision: 1,
        }
    }

    /// A link for an account that waits for its user, or the account active where nobody need be asked.
    async fn offer(
        &self,
        mut row: AccountRow,
        config: &AuthConfig,
        session_id: &str,
        callback_url: Option<&str>,
    ) -> Result<Offer> {
        callback_url.map(|url| self.check_callback(url)).transpose()?;
        let asks_here = self.accounts.consent_page;
        let base = if self.accounts.redirect.is_some() && config.scheme.asks_in_browser() && !asks_here {
            // Nobody comes here.
            String::new()
        } else {
            self.connect_base().await?
        };
        let token = random()?;
        let vault = self.accounts.vault(self.account_store()?).await?;
        let page = || format!("{base}{}{}", connect::PATH, token.expose_secret());
        let (mut oauth, mut code) = (None, None);
        let redirect_url = match &config.scheme {
            AuthScheme::OAuth2(scheme) if scheme.flow == OAuthFlow::ClientCredentials => {
                let (stored, lapses) = self.sign_in(config, scheme).await?;
                row.credential = Some(seal_credential(vault, &row, &stored)?);
                (row.status, row.expires_at) = (AccountStatus::Active, lapses);
                format!("{base}{}done", connect::PATH)
            }
            AuthScheme::OAuth2(scheme) if scheme.flow == OAuthFlow::Device => {
                let (app, asked) = self.ask_for_code(config, scheme, &row.extra_scopes).await?;
                row.expires_at = expiry(Some(asked.expires_in)).min(row.expires_at);
                let at_provider = asked.verification_complete.clone().filter(|_| !asks_here);
                let url = at_provider.map_or_else(page, Into::into);
                code = Some((app, asked));
                url
            }
            AuthScheme::OAuth2(scheme) => {
                let redirect = self.redirect(&base);
                let asked = self.ask_at_provider(config, scheme, redirect, &token, &row.extra_scopes).await;
                let (mut pending, url) = asked?;
                let url = if asks_here {
                    pending.authorization = Some(url);
                    // An app that receives the provider's answer itself has to know its user.
                    pending.browser = self.accounts.redirect.is_none().then(random).transpose()?;
                    page()
                } else {
                    url
                };
                oauth = Some(pending);
                url
            }
            _ => page(),
        };
        let device = code.as_ref().map(|(_, asked)| PendingDevice {
            user_code: asked.user_code.clone(),
            verification: asked.verification.clone(),
            verification_complete: asked.verification_complete.clone(),
        });
        let link = LinkRow {
            hash: hash(token.expose_secret()),
            project: row.project.clone(),
            account_id: row.id.clone(),
            session_id: session_id.to_owned(),
            user_id: row.user_id.clone(),
            secret: seal_link(
                vault,
                row.project.as_str(),
                &row.id,
                &Pending { callback_url: callback_url.map(str::to_owned), oauth, device },
            )?,
            expires_at: row.expires_at.filter(|_| code.is_some()).unwrap_or_else(lapses),
        };
        let device = code.map(|(app, asked)| Waiting { link: link.hash, lapses: link.expires_at, code: asked, app });
        // The token opens the link, and the URL has it where a link page asks; it is the user's, as the URL is.
        let link_token = token.expose_secret().to_owned();
        let reply = LinkReply {
            connected_account_id: row.id.clone(),
            redirect_url,
            link_token,
            expires_at: Some(clock::rfc3339(link.expires_at)),
        };
        Ok(Offer { row, link, reply, device })
    }

    /// Stores what is offered, for a new account or in place of what was known of it, and answers with its status.
    async fn keep(&self, offer: Offer, is_new: bool) -> Result<(LinkReply, AccountStatus)> {
        let Offer { row, link, reply, device } = offer;
        let (store, status) = (self.account_store()?, row.status);
        let link = Some(link).filter(|_| status == AccountStatus::Initiated);
        if is_new {
            if link.is_some() {
                self.make_room_for_link(&row.user_id).await?;
            }
            store.add_account(row, link).await?;
        } else if !store.change_account(row, link).await? {
            let message = format!("the account {} was changed at the same time", reply.connected_account_id);
            return Err(Error::new(ErrorKind::Conflict, message).with_status(409).with_retryable(true));
        }
        if let Some(waiting) = device {
            self.wait_for_device(waiting);
        }
        Ok((reply, status))
    }

    /// Lets the oldest links of a user lapse that nobody followed, if there would be too many with one more. Accounts that
    /// were connected before, and wait to be again, stay.
    async fn make_room_for_link(&self, user_id: &str) -> Result<()> {
        let Some(limit) = self.quotas.pending_links() else { return Ok(()) };
        let store = self.account_store()?;
        let rows = store.accounts(&self.project, Some(user_id)).await?;
        let waiting: Vec<&AccountRow> =
            rows.iter().filter(|row| row.status == AccountStatus::Initiated && row.revision == 1).collect();
        let too_many = (waiting.len() + 1).saturating_sub(limit);
        for row in waiting.into_iter().take(too_many) {
            if store.delete_account(&self.project, &row.id).await? {
                self.quotas.note_lapsed_link();
                tracing::info!(account = row.id, limit, "a link that nobody followed made room for a newer one");
            }
        }
        Ok(())
    }

    /// A user's accounts of a toolkit, whatever their status.
    pub(super) async fn accounts_beside(&self, user_id: &str, toolkit: &str) -> Result<Vec<AccountRow>> {
        let rows = self.account_store()?.accounts(&self.project, Some(user_id)).await?;
        Ok(rows.into_iter().filter(|row| row.toolkit == toolkit).collect())
    }

    /// Whether a user's browser may be sent to a URL afterwards: what the configuration names, or this machine, unless
    /// users reach the router elsewhere.
    fn check_callback(&self, text: &str) -> Result<()> {
        let refuse = |why: &str| {
            Err(Error::validation(format!("`callback_url` {why}")).with_suggested_fix(
                "`accounts.callback_urls` in composio.toml lists what a callback URL may begin with",
            ))
        };
        let Ok(url) = Url::parse(text) else { return refuse("is not a URL") };
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("has a user name or password in it");
        }
        // For a server that others reach, this machine is not the user's.
        let is_local = |base: &str| Url::parse(base).is_ok_and(|base| is_this_machine(&base));
        let allows_loopback = !self.is_reached_from_elsewhere && self.base.as_deref().is_none_or(is_local);
        let allowed = |prefix: &Url| {
            // Not `Url::origin`, by which no URL of an app's own scheme is like another.
            let same = (prefix.scheme(), prefix.host(), prefix.port_or_known_default())
                == (url.scheme(), url.host(), url.port_or_known_default());
            let path = prefix.path().trim_end_matches('/');
            same && url.path().strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if (allows_loopback && is_this_machine(&url) && matches!(url.scheme(), "http" | "https"))
            || self.accounts.callbacks.iter().any(allowed)
        {
            return Ok(());
        }
        refuse("is not on the list of those that are allowed")
    }

    pub(super) async fn connect_base(&self) -> Result<String> {
        match &self.base {
            Some(base) => Ok(base.to_string()),
            None => self.accounts.listener.base(self, LIFETIME).await,
        }
    }
}
