//! The provider of a toolkit's accounts, and this program's place there.

use composio_contract::{Error, ErrorKind, Result};
use composio_oauth::{
    Authorization, AuthorizationRequest, Grant, OAuthError, Provider, Registration, ServerMetadata, client_metadata,
};
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use super::link::expiry;
use super::scopes::with_extra;
use super::sealed::{App, PendingOAuth, Stored};
use super::{AuthConfig, OAuthScheme, connect};
use crate::router::Router;

/// What providers that let programs introduce themselves show to the user.
const CLIENT_NAME: &str = "composio";

/// The name of the document about this program, among the pages that browsers see.
pub(super) const CLIENT_DOCUMENT: &str = "client.json";

/// What is found out about a provider.
struct Found {
    /// What it says about itself.
    server: Option<ServerMetadata>,
    resource: Option<String>,
    scopes: Vec<String>,
}

impl Router {
    /// The provider and this program's place there, and the scopes to ask for.
    pub(super) async fn app(
        &self,
        config: &AuthConfig,
        scheme: &OAuthScheme,
        redirect: Option<&str>,
    ) -> Result<(Box<App>, Vec<String>)> {
        let http = self.accounts.http.as_ref();
        let Found { server, resource, scopes } = self.find_provider(scheme).await?;
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
            userinfo: given.userinfo.clone().or(found.userinfo),
        };
        let client = match (&config.client, &server) {
            (Some(client), _) => client.clone(),
            (None, Some(server)) => {
                let redirects: Vec<&str> = redirect.into_iter().collect();
                // Its document is of one that asks users in a browser.
                let document = redirect.and_then(|_| self.client_document());
                let made = Registration::make(http, server, document.as_ref(), CLIENT_NAME, &redirects).await;
                made.map_err(Error::from)?.client
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
        Ok((Box::new(App::new(provider, client, resource)), scopes))
    }

    /// What says where the provider's addresses are: its issuer, or the MCP server that tokens are for.
    async fn find_provider(&self, scheme: &OAuthScheme) -> Result<Found> {
        let http = self.accounts.http.as_ref();
        let (resource, scopes) = (scheme.resource.clone(), scheme.scopes.clone());
        let server = match (&scheme.issuer, &scheme.mcp) {
            (Some(issuer), _) => Some(ServerMetadata::discover(http, issuer).await.map_err(Error::from)?),
            (None, Some(mcp)) if scheme.provider.token.is_none() => {
                let found = composio_oauth::discover_for_mcp(http, mcp).await.map_err(Error::from)?;
                return Ok(Found {
                    server: Some(found.server),
                    resource: resource.or(Some(found.resource)),
                    scopes: if scopes.is_empty() { found.scopes } else { scopes },
                });
            }
            _ => None,
        };
        let resource = resource.or_else(|| scheme.mcp.as_ref().map(composio_oauth::resource_of));
        Ok(Found { server, resource, scopes })
    }

    /// Where providers send users back to.
    pub(super) fn redirect(&self, base: &str) -> String {
        self.accounts.redirect.clone().unwrap_or_else(|| format!("{base}{}callback", connect::PATH))
    }

    /// Where the document about this program is: its id at providers that take such.
    fn client_document(&self) -> Option<Url> {
        let configured = self.accounts.client_document.clone();
        // A provider has to be able to read it, and takes it from https alone.
        let own = || Url::parse(&format!("{}{}{CLIENT_DOCUMENT}", self.base.as_deref()?, connect::PATH)).ok();
        configured.or_else(|| own().filter(|url| url.scheme() == "https"))
    }

    /// The document about this program that providers read at its own address.
    pub(super) fn describe_client(&self) -> Option<Value> {
        let base = self.base.as_deref()?;
        let mut document = client_metadata(CLIENT_NAME, &[&self.redirect(base)]);
        let fields = document.as_object_mut()?;
        fields.insert("client_id".to_owned(), format!("{base}{}{CLIENT_DOCUMENT}", connect::PATH).into());
        fields.insert("client_uri".to_owned(), base.into());
        Some(document)
    }

    /// The URL at which a provider asks the user, and what its answer is finished with.
    pub(super) async fn ask_at_provider(
        &self,
        config: &AuthConfig,
        scheme: &OAuthScheme,
        redirect: String,
        state: &SecretString,
        extra_scopes: &str,
    ) -> Result<(PendingOAuth, String)> {
        let (app, scopes) = self.app(config, scheme, Some(&redirect)).await?;
        let scopes = with_extra(scopes, extra_scopes);
        let request = AuthorizationRequest {
            redirect: &redirect,
            scopes: &scopes,
            resource: app.resource.as_deref(),
            extra: &config.parameters,
        };
        if let Some(url) = &app.provider.authorization {
            self.accounts.http.check_secure(url)?;
        }
        let started = Authorization::start(&app.provider, &app.client(), state.clone(), request)?;
        let pending = PendingOAuth { verifier: started.verifier, redirect, app, authorization: None, browser: None };
        Ok((pending, started.url.into()))
    }

    /// A token for the program itself.
    pub(super) async fn sign_in(&self, config: &AuthConfig, scheme: &OAuthScheme) -> Result<(Stored, Option<i64>)> {
        let (app, scopes) = self.app(config, scheme, None).await?;
        let grant = Grant::ClientCredentials { scopes: &scopes };
        let tokens = grant
            .exchange(self.accounts.http.as_ref(), &app.provider, &app.client(), app.resource.as_deref())
            .await
            .map_err(|error: OAuthError| Error::from(error))?;
        Ok((Stored::OAuth2 { access: tokens.access, refresh: None, app }, expiry(tokens.expires_in)))
    }
}
