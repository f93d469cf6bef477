//! Accounts, listed and looked after.

use composio_contract::{ConnectedAccount, ConnectedAccountsQuery, Error, ErrorKind, Page, PageQuery, Result};
use serde_json::Value;

use super::complete::unknown;
use super::link::check_alias;
use super::refresh::{ended, is_renewable};
use super::sealed::{Stored, open_credential};
use super::select::as_of_now;
use super::wire::{self, AccountChange};
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
        let filters = [
            ("user_ids", wanted("user_ids")),
            ("toolkit_slugs", wanted("toolkit_slugs")),
            ("statuses", wanted("statuses")),
            ("auth_config_ids", wanted("auth_config_ids")),
            ("connected_account_ids", wanted("connected_account_ids")),
        ];
        let fits = |row: &AccountRow| {
            filters.iter().all(|(name, wanted)| {
                let value: &str = match *name {
                    "user_ids" => &row.user_id,
                    "toolkit_slugs" => &row.toolkit,
                    "statuses" => wire::status(row),
                    "auth_config_ids" => &row.auth_config,
                    _ => row.id.as_str(),
                };
                wanted.as_ref().is_none_or(|wanted| wanted.iter().any(|item| item.eq_ignore_ascii_case(value)))
            })
        };
        let rows = match self.store.accounts() {
            Some(store) => store.accounts(&self.project, None).await?,
            None => Vec::new(),
        };
        let rows: Vec<AccountRow> = rows.into_iter().rev().map(as_of_now).filter(fits).collect();
        Ok(window.cut(rows.iter().map(wire::account).collect::<Vec<_>>().into_iter()))
    }

    /// One of the project's accounts.
    pub(crate) async fn one_account(&self, id: &str) -> Result<ConnectedAccount> {
        self.account_row(id).await.map(|row| wire::account(&row))
    }

    /// Changes an account's alias, or switches it on or off.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::Validation`] where another account of the user has the alias.
    pub async fn change_connected_account(&self, id: &str, change: &AccountChange) -> Result<ConnectedAccount> {
        let row = self.account_row(id).await?;
        let alias = change.alias.as_ref().map(|alias| alias.trim().to_owned());
        if let Some(alias) = alias.as_ref().filter(|alias| !alias.is_empty()) {
            let others = self.account_store()?.accounts(&self.project, Some(&row.user_id)).await?;
            let others = others.iter().filter(|other| other.toolkit == row.toolkit && other.id != row.id);
            check_alias(alias, others)?;
        }
        let row = self
            .change_account(&self.project, id, |row| {
                if let Some(alias) = &alias {
                    row.alias = Some(alias.clone()).filter(|alias| !alias.is_empty());
                }
                row.disabled = change.enabled.map_or(row.disabled, |enabled| !enabled);
                Ok(())
            })
            .await?;
        Ok(wire::account(&row))
    }

    /// Renews an account's credential now.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::ConnectedAccount`] where the user must connect it again;
    /// [`ErrorKind::Unsupported`] where its credential does not lapse.
    pub async fn refresh_connected_account(&self, id: &str) -> Result<ConnectedAccount> {
        let row = self.account_row(id).await?;
        if row.status != AccountStatus::Active {
            return Err(ended(&row));
        }
        if !is_renewable(&row) {
            let message = format!("the credential of {id} is the user's own and is not renewed");
            return Err(Error::new(ErrorKind::Unsupported, message).with_suggested_fix("connect it again to change it"));
        }
        self.renew(&row).await.map(|row| wire::account(&row))
    }

    /// Revokes an account's tokens at the provider, forgets them here, and answers which the provider revoked. Where the
    /// provider cannot revoke, they are forgotten only.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], or why the provider could not be asked; then nothing is forgotten.
    pub async fn revoke_connected_account(&self, id: &str) -> Result<(ConnectedAccount, Vec<&'static str>)> {
        let row = self.account_row(id).await?;
        let vault = self.accounts.vault(self.account_store()?).await?;
        let mut revoked = Vec::new();
        if let Some(Stored::OAuth2 { access, refresh, app }) = open_credential(vault, &row)? {
            let tokens = refresh.iter().map(|token| (token, "refresh_token")).chain([(&access, "access_token")]);
            for (token, hint) in tokens {
                let done = app.provider.revoke(self.accounts.http.as_ref(), &app.client(), token, hint).await;
                if done.map_err(Error::from)? {
                    revoked.push(hint);
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
        Ok((wire::account(&row), revoked))
    }

    /// Deletes an account, revoked at the provider first where that is asked for.
    ///
    /// # Errors
    /// As [`Router::revoke_connected_account`]; then it is not deleted.
    pub async fn delete_connected_account(&self, id: &str, revoke: bool) -> Result<()> {
        let row = self.account_row(id).await?;
        if revoke && row.credential.is_some() {
            self.revoke_connected_account(id).await?;
        }
        if self.account_store()?.delete_account(&self.project, id).await? { Ok(()) } else { Err(unknown(id)) }
    }

    /// The auth configs that the router made of its toolkits, as the contract has them.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`], or where the store cannot be read.
    pub async fn auth_configs(&self, query: &PageQuery, toolkit: Option<&str>) -> Result<Page<Value>> {
        self.ensure_open()?;
        let window = Window::new(query.limit, query.cursor.as_deref(), MAX_CONFIGS)?;
        let rows = match self.store.accounts() {
            Some(store) => store.accounts(&self.project, None).await?,
            None => Vec::new(),
        };
        let configs: Vec<Value> = self
            .accounts
            .configs()
            .filter(|(slug, _)| toolkit.is_none_or(|wanted| wanted.eq_ignore_ascii_case(slug)))
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
    pub async fn auth_config(&self, id: &str) -> Result<Value> {
        let all = self.auth_configs(&PageQuery { limit: Some(MAX_CONFIGS), cursor: None }, None).await?;
        all.items.into_iter().find(|config| config.get("id").and_then(Value::as_str) == Some(id)).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("there is no auth config `{id}`"))
                .with_status(404)
                .with_suggested_fix("the router makes them on its own, one a toolkit that needs it")
        })
    }
}
