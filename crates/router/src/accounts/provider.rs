//! The provider of a toolkit's accounts, and this program's place there.

use composio_contract::{Error, ErrorKind, Result};
use composio_oauth::{Authorization, AuthorizationRequest, Grant, OAuthError, Provider, Registration, ServerMetadata};
use secrecy::SecretString;

use super::link::expiry;
use super::sealed::{App, PendingOAuth, Stored};
use super::{AuthConfig, OAuthScheme};
use crate::router::Router;

/// What providers that let programs introduce themselves show to the user.
const CLIENT_NAME: &str = "composio";

impl Router {
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
    pub(super) async fn ask_at_provider(
        &self,
        config: &AuthConfig,
        scheme: &OAuthScheme,
        redirect: String,
        state: &SecretString,
    ) -> Result<(PendingOAuth, String)> {
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
