//! Links: what a user follows to connect an account.

use std::time::Duration;

use composio_contract::{Error, ErrorKind, LinkReply, LinkRequest, Result};
use composio_oauth::{
    Authorization, AuthorizationRequest, Grant, OAuthError, Provider, Registration, ServerMetadata, random,
};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use url::{Host, Url};
use uuid::Uuid;

use super::device::Waiting;
use super::sealed::{App, Pending, PendingDevice, PendingOAuth, Stored, seal_credential, seal_link};
use super::{AuthConfig, AuthScheme, OAuthFlow, OAuthScheme, connect};
use crate::clock;
use crate::router::Router;
use crate::sessions::LiveSession;
use crate::store::{AccountRow, AccountStatus, LinkRow};

/// How long a link serves.
const LIFETIME: Duration = Duration::from_secs(30 * 60);
const LONGEST_ALIAS: usize = 64;
/// What providers that let programs introduce themselves show to the user.
const CLIENT_NAME: &str = "composio";

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

impl Router {
    /// The same router for callers that reach it at a URL: links lead there, not to a listener of the router's own.
    #[must_use]
    pub fn reached_at(&self, base: &str) -> Self {
        let mut router = self.clone();
        router.base = Some(base.trim_end_matches('/').into());
        router
    }

    /// Makes an account that waits for its user.
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
        let callback_url = request.callback_url.as_deref().or_else(|| session.callback_url());
        callback_url.map(|url| self.check_callback(url)).transpose()?;
        let alias = request.alias.as_deref().map(str::trim).filter(|alias| !alias.is_empty());
        self.check_room(session, &toolkit.slug, alias).await?;

        let (store, now) = (self.account_store()?, clock::millis());
        let expires_at = now.saturating_add(i64::try_from(LIFETIME.as_millis()).unwrap_or(i64::MAX));
        let mut row = AccountRow {
            project: session.project.clone(),
            id: format!("ca_{}", Uuid::new_v4().simple()),
            user_id: session.user_id.clone(),
            toolkit: toolkit.slug.clone(),
            auth_config: config.id.clone(),
            auth_scheme: config.scheme.name().to_owned(),
            status: AccountStatus::Initiated,
            status_reason: None,
            alias: alias.map(str::to_owned),
            disabled: false,
            credential: None,
            expires_at: Some(expires_at),
            created_at: now,
            updated_at: now,
            revision: 1,
        };
        let base = self.connect_base().await?;
        let token = random()?;
        let vault = self.accounts.vault(store).await?;
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
                let (app, asked) = self.ask_for_code(config, scheme).await?;
                row.expires_at = expiry(Some(asked.expires_in)).map(|at| at.min(expires_at));
                let url = asked.verification_complete.clone().map_or_else(page, Into::into);
                code = Some((app, asked));
                url
            }
            AuthScheme::OAuth2(scheme) => {
                let (pending, url) = self.ask_at_provider(config, scheme, &base, &token).await?;
                oauth = Some(pending);
                url
            }
            _ => page(),
        };
        let device = code.as_ref().map(|(_, asked)| PendingDevice {
            user_code: asked.user_code.clone(),
            verification: asked.verification.clone(),
        });
        let link = LinkRow {
            hash: hash(token.expose_secret()),
            project: row.project.clone(),
            account_id: row.id.clone(),
            session_id: session.id.clone(),
            user_id: session.user_id.clone(),
            secret: seal_link(
                vault,
                row.project.as_str(),
                &row.id,
                &Pending { callback_url: callback_url.map(str::to_owned), oauth, device },
            )?,
            expires_at: row.expires_at.filter(|_| code.is_some()).unwrap_or(expires_at),
        };
        let connected_account_id = row.id.clone();
        let waits = row.status == AccountStatus::Initiated;
        let waiting = code.map(|(app, asked)| Waiting { link: link.hash, lapses: link.expires_at, code: asked, app });
        store.add_account(row, waits.then_some(link)).await?;
        if let Some(waiting) = waiting {
            self.wait_for_device(waiting);
        }
        // The token opens the link, and the URL has it where a link page asks; it is the user's, as the URL is.
        let link_token = token.expose_secret().to_owned();
        Ok(LinkReply { connected_account_id, redirect_url, link_token })
    }

    async fn check_room(&self, session: &LiveSession, toolkit: &str, alias: Option<&str>) -> Result<()> {
        let rows = self.account_store()?.accounts(&session.project, Some(&session.user_id)).await?;
        let of_toolkit = || rows.iter().filter(|row| row.toolkit == toolkit);
        alias.map_or(Ok(()), |alias| check_alias(alias, of_toolkit()))?;
        let Some(limit) = session.account_limit() else { return Ok(()) };
        let active = of_toolkit().filter(|row| row.status == AccountStatus::Active).count();
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

    /// Whether a user's browser may be sent to a URL afterwards: this machine, or what the configuration names.
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
        let is_loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        let allowed = |prefix: &Url| {
            let same = (prefix.scheme(), prefix.host(), prefix.port_or_known_default())
                == (url.scheme(), url.host(), url.port_or_known_default());
            let path = prefix.path().trim_end_matches('/');
            same && url.path().strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if (is_loopback && matches!(url.scheme(), "http" | "https")) || self.accounts.callbacks.iter().any(allowed) {
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

    /// The provider and this program's place there.
    pub(super) async fn app(
        &self,
        config: &AuthConfig,
        scheme: &OAuthScheme,
        redirect: Option<&str>,
    ) -> Result<Box<App>> {
        let http = self.accounts.http.as_ref();
        let server = match &scheme.issuer {
            Some(issuer) => Some(ServerMetadata::discover(http, issuer).await.map_err(Error::from)?),
            None => None,
        };
        let given = &scheme.provider;
        let found = server.as_ref().map(|server| server.provider.clone()).unwrap_or_default();
        let provider = Provider {
            issuer: given.issuer.clone().or(found.issuer),
            sends_issuer: given.sends_issuer || found.sends_issuer,
            authorization: given.authorization.clone().or(found.authorization),
            token: given.token.clone().or(found.token),
            refresh: given.refresh.clone().or(found.refresh),
            revocation: given.revocation.clone().or(found.revocation),
            device: given.device.clone().or(found.device),
        };
        let client = match (&config.client, &server) {
            (Some(client), _) => client.clone(),
            (None, Some(server)) => {
                let redirects: Vec<&str> = redirect.into_iter().collect();
                Registration::make(http, server, None, CLIENT_NAME, &redirects).await.map_err(Error::from)?.client
            }
            (None, None) => {
                let toolkit = config.id.trim_start_matches("ac_");
                return Err(Error::new(
                    ErrorKind::Configuration,
                    format!("`{toolkit}` uses OAuth, and its provider does not know this program"),
                )
                .with_suggested_fix(format!(
                    "register a client there{}, and give its id: [[auth]] with toolkit = \"{toolkit}\" and client_id in \
                     composio.toml",
                    redirect.map_or_else(String::new, |redirect| format!(" with the redirect URI {redirect}"))
                )));
            }
        };
        Ok(Box::new(App::new(provider, client, scheme.resource.clone())))
    }

    /// The URL at which a provider asks the user, and what its answer is finished with.
    async fn ask_at_provider(
        &self,
        config: &AuthConfig,
        scheme: &OAuthScheme,
        base: &str,
        state: &SecretString,
    ) -> Result<(PendingOAuth, String)> {
        let redirect = format!("{base}{}callback", connect::PATH);
        let app = self.app(config, scheme, Some(&redirect)).await?;
        let request = AuthorizationRequest {
            redirect: &redirect,
            scopes: &scheme.scopes,
            resource: scheme.resource.as_deref(),
            extra: &config.parameters,
        };
        let started = Authorization::start(&app.provider, &app.client(), state.clone(), request)?;
        Ok((PendingOAuth { verifier: started.verifier, redirect, app }, started.url.into()))
    }

    /// A token for the program itself.
    pub(super) async fn sign_in(&self, config: &AuthConfig, scheme: &OAuthScheme) -> Result<(Stored, Option<i64>)> {
        let app = self.app(config, scheme, None).await?;
        let grant = Grant::ClientCredentials { scopes: &scheme.scopes };
        let tokens = grant
            .exchange(self.accounts.http.as_ref(), &app.provider, &app.client(), app.resource.as_deref())
            .await
            .map_err(|error: OAuthError| Error::from(error))?;
        Ok((Stored::OAuth2 { access: tokens.access, refresh: None, app }, expiry(tokens.expires_in)))
    }
}
