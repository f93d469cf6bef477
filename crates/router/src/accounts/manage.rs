//! Accounts, listed and looked after.

use composio_contract::{
    AuthConfig, AuthConfigsQuery, ConnectedAccount, ConnectedAccountsQuery, Error, ErrorKind, Page, Patch, RawJson,
    RefreshAccount, RefreshedAccount, Result, RevokedAccount, UpdateAccount,
};
use serde::Deserialize;
use serde_json::Value;

use super::complete::unknown;
use super::credential;
use super::import;
use super::link::check_alias;
use super::refresh::is_renewable;
use composio_oauth::Owner;

use super::sealed::{Stored, open_credential, open_owner, seal_credential};
use super::select::as_of_now;
use super::wire;
use crate::page::Window;
use crate::router::Router;
use crate::store::{AccountRow, AccountStatus};

const MAX_ACCOUNTS: u32 = 1_000;
const MAX_CONFIGS: u32 = 1_000;

impl Router {
    async fn account_row(&self, id: &str) -> Result<AccountRow> {
        self.ensure_open()?;
        self.account_store()?.account(&self.project, id).await?.map(as_of_now).ok_or_else(|| unknown(id))
    }

    /// An account as the contract has it, with whose it is.
    async fn shown(&self, row: &AccountRow) -> Result<ConnectedAccount> {
        Ok(wire::account(row, self.owner_of(row).await?))
    }

    /// Whose account it is, as far as its API tells.
    pub(crate) async fn owner_of(&self, row: &AccountRow) -> Result<Option<Owner>> {
        match &row.owner {
            None => Ok(None),
            Some(_) => open_owner(self.accounts.vault(self.account_store()?).await?, row),
        }
    }

    /// The project's accounts that a query asks for, newest first.
    pub(crate) async fn list_accounts(&self, query: &ConnectedAccountsQuery) -> Result<Page<ConnectedAccount>> {
        self.ensure_open()?;
        let window = Window::new(query.limit, query.cursor.as_deref(), MAX_ACCOUNTS)?;
        let wanted = |name: &str| {
            let list: Vec<String> = match query.extra.get(name) {
                Some(Value::String(list)) => list.split(',').map(|item| item.trim().to_owned()).collect(),
                Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
                _ => return None,
            };
            Some(list).filter(|list| !list.is_empty())
        };
        type Filter = (Option<Vec<String>>, fn(&AccountRow, &str) -> bool);
        let filters: [Filter; 5] = [
            (wanted("user_ids"), |row, id| row.user_id == id),
            (wanted("toolkit_slugs"), |row, slug| row.toolkit.eq_ignore_ascii_case(slug)),
            (wanted("statuses"), |row, status| wire::status(row).eq_ignore_ascii_case(status)),
            (wanted("auth_config_ids"), |row, id| row.auth_config == id),
            (wanted("connected_account_ids"), |row, id| row.id == id),
        ];
        let fits = |row: &AccountRow| {
            filters
                .iter()
                .all(|(wanted, is)| wanted.as_ref().is_none_or(|wanted| wanted.iter().any(|item| is(row, item))))
        };
        let rows = match self.store.accounts() {
            Some(store) => store.accounts(&self.project, None).await?,
            None => Vec::new(),
        };
        let rows: Vec<AccountRow> = rows.into_iter().rev().map(as_of_now).filter(fits).collect();
        let Page { items: rows, next_cursor, total_pages, current_page, total_items } = window.cut(rows.into_iter());
        let mut items = Vec::with_capacity(rows.len());
        for row in &rows {
            items.push(self.shown(row).await?);
        }
        Ok(Page { items, next_cursor, total_pages, current_page, total_items })
    }

    /// One of the project's accounts.
    pub(crate) async fn one_account(&self, id: &str) -> Result<ConnectedAccount> {
        self.shown(&self.account_row(id).await?).await
    }

    /// Changes an account's alias or its credential.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::Validation`] where another account of the user has the alias, or for a
    /// credential of another scheme.
    pub(crate) async fn edit_account(&self, id: &str, request: &UpdateAccount) -> Result<ConnectedAccount> {
        let row = self.account_row(id).await?;
        let alias = match &request.alias {
            Patch::Keep => None,
            Patch::Clear => Some(None),
            Patch::Set(alias) => {
                let alias = Some(alias.trim().to_owned()).filter(|alias| !alias.is_empty());
                if let Some(alias) = &alias {
                    let others = self.account_store()?.accounts(&self.project, Some(&row.user_id)).await?;
                    let others = others.iter().filter(|other| other.toolkit == row.toolkit && other.id != row.id);
                    check_alias(alias, others)?;
                }
                Some(alias)
            }
        };
        let credential = match &request.connection {
            None => None,
            Some(connection) => {
                let config = self.accounts.config(&row.toolkit).ok_or_else(|| unknown_auth_config(&row.auth_config))?;
                let Connection { state } = connection
                    .decode("connection")
                    .map_err(|_| Error::validation("`connection` must have `state`, an object"))?;
                Some((import::read(&config.scheme, &state)?, config))
            }
        };
        // Whoever only renames needs no master key.
        let credential = match credential {
            None => None,
            Some((stored, config)) => Some((self.accounts.vault(self.account_store()?).await?, stored, config)),
        };
        let row = self
            .change_account(&self.project, id, |row| {
                if let Some(alias) = &alias {
                    row.alias.clone_from(alias);
                }
                if let Some((vault, stored, config)) = &credential {
                    (row.auth_config, row.auth_scheme) = (config.id.clone(), config.scheme.name().to_owned());
                    row.credential = Some(seal_credential(vault, row, stored)?);
                    (row.status, row.status_reason, row.expires_at) = (AccountStatus::Active, None, None);
                    row.owner = None;
                }
                Ok(())
            })
            .await?;
        self.shown(&row).await
    }

    /// Switches an account on or off.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    pub(crate) async fn switch_account(&self, id: &str, enabled: bool) -> Result<()> {
        self.ensure_open()?;
        let switch = |row: &mut AccountRow| {
            row.disabled = !enabled;
            Ok(())
        };
        self.change_account(&self.project, id, switch).await.map(drop)
    }

    /// Renews an account's credential now. Where only its user can, because it lapsed for good or was revoked, the answer says
    /// where they go; the account keeps its id.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::ConnectedAccount`] where the provider ends it now;
    /// [`ErrorKind::Unsupported`] where its credential does not lapse.
    pub(crate) async fn refresh_account(&self, id: &str, request: &RefreshAccount) -> Result<RefreshedAccount> {
        let row = self.account_row(id).await?;
        if row.status != AccountStatus::Active {
            let (reply, status) = self.link_again(row, request.redirect_url.as_deref()).await?;
            let status = status.name().to_owned();
            return Ok(RefreshedAccount { id: id.to_owned(), status, redirect_url: Some(reply.redirect_url) });
        }
        if !is_renewable(&row) {
            let message = format!("the credential of {id} is the user's own and is not renewed");
            return Err(Error::new(ErrorKind::Unsupported, message)
                .with_suggested_fix("connect another account, or set the account's `connection`"));
        }
        let row = self.renew(&row).await?;
        Ok(RefreshedAccount { id: id.to_owned(), status: wire::status(&row).to_owned(), redirect_url: None })
    }

    /// Revokes an account's tokens at the provider, forgets them here, and answers which the provider revoked. Where the
    /// provider cannot revoke, they are forgotten only.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], or why the provider could not be asked; then nothing is forgotten.
    pub(crate) async fn revoke_account(&self, id: &str) -> Result<RevokedAccount> {
        let row = self.account_row(id).await?;
        let vault = self.accounts.vault(self.account_store()?).await?;
        let mut revoked_tokens = Vec::new();
        if let Some(Stored::OAuth2 { access, refresh, app }) = open_credential(vault, &row)? {
            let tokens = refresh.iter().map(|token| (token, "refresh_token")).chain([(&access, "access_token")]);
            for (token, hint) in tokens {
                let done = app.provider.revoke(self.accounts.http.as_ref(), &app.client(), token, hint).await;
                if done.map_err(Error::from)? {
                    revoked_tokens.push(hint.to_owned());
                }
            }
        }
        let row = self
            .change_account(&self.project, id, |row| {
                (row.status, row.status_reason) = (AccountStatus::Revoked, Some("it was revoked here".to_owned()));
                (row.credential, row.expires_at) = (None, None);
                Ok(())
            })
            .await?;
        self.forget(&row);
        Ok(RevokedAccount { connected_account: wire::account_ref(&row), revoked_tokens })
    }

    /// Deletes an account, revoked at the provider first where that is asked for.
    ///
    /// # Errors
    /// As [`Router::revoke_account`]; then it is not deleted.
    pub(crate) async fn remove_account(&self, id: &str, revoke: bool) -> Result<()> {
        let row = self.account_row(id).await?;
        if revoke && row.credential.is_some() {
            self.revoke_account(id).await?;
        }
        self.forget(&row);
        if self.account_store()?.delete_account(&self.project, id).await? { Ok(()) } else { Err(unknown(id)) }
    }

    /// Has the toolkit let go of what it keeps for an account.
    fn forget(&self, row: &AccountRow) {
        if let Ok(source) = self.catalog.source(&row.toolkit) {
            source.forget(&credential::name(row));
        }
    }

    /// The auth configs that the router made of its toolkits.
    pub(crate) async fn configs(&self, query: &AuthConfigsQuery) -> Result<Page<AuthConfig>> {
        self.ensure_open()?;
        let window = Window::new(query.limit, query.cursor.as_deref(), MAX_CONFIGS)?;
        let rows = match self.store.accounts() {
            Some(store) => store.accounts(&self.project, None).await?,
            None => Vec::new(),
        };
        let wanted = query.toolkit_slug.as_deref();
        let configs: Vec<AuthConfig> = self
            .accounts
            .configs()
            .filter(|(slug, _)| wanted.is_none_or(|wanted| wanted.split(',').any(|one| one.eq_ignore_ascii_case(slug))))
            .filter_map(|(slug, config)| {
                let connections = rows.iter().filter(|row| row.auth_config == config.id).count();
                Some(wire::auth_config(config, self.catalog.toolkit(slug).ok()?, connections))
            })
            .collect();
        Ok(window.cut(configs.into_iter()))
    }

    /// One auth config.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    pub(crate) async fn one_config(&self, id: &str) -> Result<AuthConfig> {
        let (toolkit, _) = self.auth_config_of(id)?;
        let query = AuthConfigsQuery { toolkit_slug: Some(toolkit.to_owned()), ..AuthConfigsQuery::default() };
        self.configs(&query).await?.items.into_iter().next().ok_or_else(|| unknown_auth_config(id))
    }
}

/// What replaces a credential.
#[derive(Deserialize)]
struct Connection {
    state: RawJson,
}

pub(super) fn unknown_auth_config(id: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no auth config `{id}`")).with_status(404).with_suggested_fix(
        "the router makes them on its own, one a toolkit that needs it; auth_configs.list shows them",
    )
}

/// Says where the router's auth configs come from.
pub(crate) fn made_by_the_router() -> Error {
    Error::new(ErrorKind::Unsupported, "the embedded router makes auth configs on its own, one a toolkit that needs it")
        .with_suggested_fix("composio.toml says what a toolkit's needs beside, in [[auth]]")
}
