//! Connected accounts and auth configs, outside of a session.

use composio_contract::{
    AccountLinkRequest, AuthConfigsQuery, CompleteAuth, ConnectedAccountsQuery, CreateAccount, CreateAuthConfig,
    DeleteAccount, Error, ErrorKind, IdRef, NewConnection, RawJson, RefreshAccount, Result, SlugRef, SwitchAccount,
    UpdateAccount,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::{Client, check_id, read_query};

/// The arguments of [`Client::link_account`] and [`Client::initiate_account`].
#[derive(Deserialize)]
struct NewAccount {
    #[serde(default)]
    user_id: String,
    #[serde(default)]
    auth_config_id: String,
    #[serde(default)]
    callback_url: Option<String>,
    #[serde(default)]
    alias: Option<String>,
    #[serde(default)]
    allow_multiple: Option<bool>,
    #[serde(default)]
    config: Option<Value>,
    #[serde(default)]
    experimental: Option<Value>,
}

impl NewAccount {
    fn read(options: &RawJson, name: &str) -> Result<Self> {
        let options: Self = options.decode(name)?;
        check_id("user_id", &options.user_id)?;
        check_id("auth_config_id", &options.auth_config_id)?;
        Ok(options)
    }
}

/// The credential of an account that is made with one, as the contract has it.
fn state(config: &Value) -> Result<RawJson> {
    let scheme = config.get("auth_scheme").or_else(|| config.get("authScheme")).and_then(Value::as_str);
    let (Some(scheme), Some(Value::Object(val))) = (scheme, config.get("val")) else {
        return Err(Error::validation(
            "config: expected `auth_scheme`, such as API_KEY, and `val`, an object with the credential",
        ));
    };
    let mut val = val.clone();
    val.entry("status").or_insert_with(|| "ACTIVE".into());
    RawJson::encode(&json!({ "authScheme": scheme, "val": val }))
}

/// How a new account is shown.
fn request(id: &str, status: &str, redirect_url: Option<&str>) -> RawJson {
    RawJson::from(json!({ "id": id, "status": status, "redirect_url": redirect_url }))
}

impl Client {
    /// One connected account.
    ///
    /// # Errors
    /// What the backend says.
    pub async fn connected_account(&self, id: &str) -> Result<RawJson> {
        check_id("id", id)?;
        Ok(self.backend()?.get_connected_account(id).await?.into_parts().0)
    }

    /// A page of connected accounts; `query` has the contract's parameters.
    ///
    /// # Errors
    /// What the backend says.
    pub async fn connected_accounts(&self, query: &RawJson) -> Result<RawJson> {
        let query: ConnectedAccountsQuery = read_query(query, &[])?;
        Ok(self.backend()?.list_connected_accounts(&query).await?.into_parts().0)
    }

    /// Starts connecting an account outside of a session; `options` has `user_id`, `auth_config_id`, `callback_url`, `alias`,
    /// `allow_multiple` and `experimental`. The answer has `id`, `status` and `redirect_url`.
    ///
    /// # Errors
    /// [`ErrorKind::MultipleConnectedAccounts`] where the user has an active account of the auth config and
    /// `allow_multiple` is not true, else what the backend says.
    pub async fn link_account(&self, options: &RawJson) -> Result<RawJson> {
        let options = NewAccount::read(options, "link")?;
        if options.config.is_some() {
            return Err(Error::validation("config: a link asks the user; `initiate` takes a credential"));
        }
        self.check_room(&options).await?;
        let link = AccountLinkRequest {
            auth_config_id: options.auth_config_id,
            user_id: options.user_id,
            callback_url: options.callback_url,
            alias: options.alias,
            experimental: options.experimental,
        };
        let reply = self.backend()?.link_connected_account(&link).await?;
        Ok(request(&reply.connected_account_id, "INITIATED", Some(&reply.redirect_url)))
    }

    /// Makes an account outside of a session, with a credential that the caller has where `config` is given: `auth_scheme`
    /// and `val`, such as `{"auth_scheme": "API_KEY", "val": {"api_key": "…"}}`. Else as [`Client::link_account`].
    ///
    /// # Errors
    /// As [`Client::link_account`], and [`ErrorKind::Validation`] for another `config`.
    pub async fn initiate_account(&self, options: &RawJson) -> Result<RawJson> {
        let options = NewAccount::read(options, "initiate")?;
        let state = options.config.as_ref().map(state).transpose()?;
        self.check_room(&options).await?;
        let create = CreateAccount {
            auth_config: IdRef { id: options.auth_config_id },
            connection: NewConnection {
                user_id: Some(options.user_id),
                callback_url: options.callback_url,
                alias: options.alias,
                state,
            },
        };
        let reply = self.backend()?.create_connected_account(&create).await?;
        Ok(request(&reply.id, &reply.status, reply.redirect_url.as_deref()))
    }

    /// Whether the user may have another account: an app that forgets that it connected one should not pile them up.
    async fn check_room(&self, options: &NewAccount) -> Result<()> {
        if options.allow_multiple == Some(true) {
            return Ok(());
        }
        let query = RawJson::from(json!({
            "user_ids": options.user_id,
            "auth_config_ids": options.auth_config_id,
            "statuses": "ACTIVE",
        }));
        let page = self.backend()?.list_connected_accounts(&read_query(&query, &[])?).await?;
        let ids: Vec<&str> = page.items.iter().map(|account| account.id.as_str()).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let message = format!(
            "the user {} has an active account of {}: {}",
            options.user_id,
            options.auth_config_id,
            ids.join(", ")
        );
        Err(Error::new(ErrorKind::MultipleConnectedAccounts, message)
            .with_suggested_fix("use that one, or say that the user may have several with allow_multiple"))
    }

    /// Finishes a connection with the URL that the provider sent the user's browser to, for an app that receives it itself;
    /// `options` has `user_id` and `session_uri`.
    ///
    /// # Errors
    /// What the backend says; for an embedded router [`ErrorKind::NotFound`] where the link lapsed or is another user's.
    pub async fn complete_auth(&self, options: &RawJson) -> Result<RawJson> {
        let request: CompleteAuth = options.decode("complete_auth")?;
        check_id("user_id", &request.user_id)?;
        check_id("session_uri", &request.session_uri)?;
        Ok(self.backend()?.complete_auth(&request).await?.into_parts().0)
    }

    /// Changes an account; `options` has `alias`, which null takes away, `connection` and `experimental`.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`] where nothing is to be changed, else what the backend says.
    pub async fn update_connected_account(&self, id: &str, options: &RawJson) -> Result<RawJson> {
        check_id("id", id)?;
        let request: UpdateAccount = options.decode("update")?;
        if request.alias.is_keep() && request.connection.is_none() && request.experimental.is_none() {
            return Err(Error::validation("update: give an alias, a connection, or both"));
        }
        Ok(self.backend()?.update_connected_account(id, &request).await?.into_parts().0)
    }

    /// Switches an account on or off.
    ///
    /// # Errors
    /// What the backend says.
    pub async fn switch_connected_account(&self, id: &str, enabled: bool) -> Result<RawJson> {
        check_id("id", id)?;
        Ok(self.backend()?.switch_connected_account(id, SwitchAccount { enabled }).await?.into_parts().0)
    }

    /// Deletes an account; `options` may have `revoke_on_delete`, which revokes its tokens at the provider first.
    ///
    /// # Errors
    /// What the backend says; then it is not deleted.
    pub async fn delete_connected_account(&self, id: &str, options: &RawJson) -> Result<RawJson> {
        check_id("id", id)?;
        let query: DeleteAccount = options.decode("delete")?;
        Ok(self.backend()?.delete_connected_account(id, query).await?.into_parts().0)
    }

    /// Renews an account's credential now. Where only its user can, the answer's `redirect_url` is where they go;
    /// `options` may have `redirect_url`, where their browser goes afterwards.
    ///
    /// # Errors
    /// What the backend says.
    pub async fn refresh_connected_account(&self, id: &str, options: &RawJson) -> Result<RawJson> {
        check_id("id", id)?;
        let request: RefreshAccount = options.decode("refresh")?;
        Ok(self.backend()?.refresh_connected_account(id, &request).await?.into_parts().0)
    }

    /// Revokes an account's tokens at the provider, and forgets them.
    ///
    /// # Errors
    /// What the backend says; then nothing is forgotten.
    pub async fn revoke_connected_account(&self, id: &str) -> Result<RawJson> {
        check_id("id", id)?;
        Ok(self.backend()?.revoke_connected_account(id).await?.into_parts().0)
    }

    /// A page of auth configs; `query` has the contract's parameters, such as `toolkit_slug`.
    ///
    /// # Errors
    /// What the backend says.
    pub async fn auth_configs(&self, query: &RawJson) -> Result<RawJson> {
        let query: AuthConfigsQuery = read_query(query, &[("toolkit", "toolkit_slug")])?;
        Ok(self.backend()?.list_auth_configs(&query).await?.into_parts().0)
    }

    /// One auth config.
    ///
    /// # Errors
    /// What the backend says.
    pub async fn auth_config(&self, id: &str) -> Result<RawJson> {
        check_id("id", id)?;
        Ok(self.backend()?.get_auth_config(id).await?.into_parts().0)
    }

    /// Makes an auth config of a toolkit; `options` is the contract's `auth_config`, such as
    /// `{"type": "use_custom_auth", "authScheme": "API_KEY"}`.
    ///
    /// # Errors
    /// What the backend says. The embedded router makes its own, and says where they are configured.
    pub async fn create_auth_config(&self, toolkit: &str, options: &RawJson) -> Result<RawJson> {
        check_id("toolkit", toolkit)?;
        let request = CreateAuthConfig { toolkit: SlugRef { slug: toolkit.to_owned() }, auth_config: options.clone() };
        let reply = self.backend()?.create_auth_config(&request).await?;
        RawJson::encode(&reply.auth_config)
    }

    /// Changes an auth config; `options` is as the contract has it.
    ///
    /// # Errors
    /// As [`Client::create_auth_config`].
    pub async fn update_auth_config(&self, id: &str, options: &RawJson) -> Result<RawJson> {
        check_id("id", id)?;
        Ok(self.backend()?.update_auth_config(id, options).await?.into_parts().0)
    }

    /// Switches an auth config on or off.
    ///
    /// # Errors
    /// As [`Client::create_auth_config`].
    pub async fn switch_auth_config(&self, id: &str, enabled: bool) -> Result<RawJson> {
        check_id("id", id)?;
        Ok(self.backend()?.switch_auth_config(id, enabled).await?.into_parts().0)
    }

    /// Deletes an auth config.
    ///
    /// # Errors
    /// As [`Client::create_auth_config`].
    pub async fn delete_auth_config(&self, id: &str) -> Result<RawJson> {
        check_id("id", id)?;
        Ok(self.backend()?.delete_auth_config(id).await?.into_parts().0)
    }
}
