//! Auth configs: made from what a toolkit says, with what the configuration adds.

use std::collections::BTreeMap;
use std::sync::Arc;

use composio_contract::{Error, ErrorKind, Result};
use composio_oauth::{Client, ClientAuth};
use url::Url;

use super::{AuthScheme, OAuthFlow};
use crate::config::{AuthOptions, ClientAuthOption, FlowOption};
use crate::source::Source;

/// How the accounts of a toolkit are made.
#[derive(Clone, Debug)]
pub(crate) struct AuthConfig {
    pub(crate) id: String,
    pub(crate) scheme: AuthScheme,
    /// What the provider knows this program as. Without one it introduces itself, where the provider lets it.
    pub(crate) client: Option<Client>,
    /// What the provider wants beside.
    pub(crate) parameters: Vec<(String, String)>,
}

impl AuthConfig {
    fn of(toolkit: &str, scheme: AuthScheme) -> Self {
        Self { id: format!("ac_{toolkit}"), scheme, client: None, parameters: Vec::new() }
    }

    fn apply(&mut self, options: &AuthOptions) -> Result<()> {
        let wrong = |message: String| {
            Error::new(ErrorKind::Configuration, format!("the auth config of `{}` {message}", options.toolkit))
        };
        let AuthScheme::OAuth2(scheme) = &mut self.scheme else {
            return Err(wrong("is for OAuth 2, and the toolkit's calls are signed in another way".to_owned()));
        };
        let url = |name: &str, text: &Option<String>| {
            let Some(text) = text else { return Ok(None) };
            Url::parse(text).map(Some).map_err(|error| wrong(format!("has a `{name}` that is not a URL: {error}")))
        };
        let provider = &mut scheme.provider;
        for (name, text, place) in [
            ("authorization_url", &options.authorization_url, &mut provider.authorization),
            ("token_url", &options.token_url, &mut provider.token),
            ("refresh_url", &options.refresh_url, &mut provider.refresh),
            ("device_url", &options.device_url, &mut provider.device),
            ("revocation_url", &options.revocation_url, &mut provider.revocation),
            ("userinfo_url", &options.userinfo_url, &mut provider.userinfo),
        ] {
            if let Some(url) = url(name, text)? {
                *place = Some(url);
            }
        }
        if let Some(scopes) = &options.scopes {
            scheme.scopes.clone_from(scopes);
        }
        if options.issuer.is_some() {
            scheme.issuer.clone_from(&options.issuer);
        }
        if options.resource.is_some() {
            scheme.resource.clone_from(&options.resource);
        }
        scheme.flow = match options.flow {
            Some(FlowOption::Code) => OAuthFlow::Code,
            Some(FlowOption::Device) => OAuthFlow::Device,
            Some(FlowOption::ClientCredentials) => OAuthFlow::ClientCredentials,
            None => scheme.flow,
        };
        self.client = options.client_id.as_ref().map(|id| Client {
            id: id.clone(),
            secret: options.client_secret.clone(),
            auth: match options.client_auth {
                ClientAuthOption::Basic => ClientAuth::Basic,
                ClientAuthOption::Post => ClientAuth::Post,
            },
        });
        self.parameters = options.parameters.clone().into_iter().collect();
        Ok(())
    }
}

/// The auth configs of the toolkits that need one.
///
/// # Errors
/// [`ErrorKind::Configuration`] where the configuration names a toolkit that needs none.
pub(crate) fn of(sources: &[Arc<dyn Source>], options: &[AuthOptions]) -> Result<BTreeMap<String, AuthConfig>> {
    let mut configs: BTreeMap<String, AuthConfig> = sources
        .iter()
        .filter_map(|source| {
            let toolkit = &source.toolkit().slug;
            Some((toolkit.clone(), AuthConfig::of(toolkit, source.auth()?.clone())))
        })
        .collect();
    for each in options {
        let config = configs.get_mut(&each.toolkit).ok_or_else(|| {
            let message = format!("`auth` names the toolkit `{}`, which needs no connected account", each.toolkit);
            Error::new(ErrorKind::Configuration, message)
        })?;
        config.apply(each)?;
    }
    Ok(configs)
}
