//! What signs the requests of every user, from the configuration.

use composio_contract::{Error, ErrorKind, Result};
use composio_openapi::{Document, Requirement, SecurityKind};

use super::config::StaticAuth;
use crate::accounts::Credential;

/// The credential that a configuration's secret makes: where the document says where keys go, there.
pub(super) fn resolve(auth: &StaticAuth, document: &Document, wanted: &[Requirement]) -> Result<Credential> {
    let key = match auth {
        StaticAuth::Bearer(token) => return Ok(Credential::bearer(token)),
        StaticAuth::Basic { username, password } => return Ok(Credential::basic(username, password)),
        StaticAuth::ApiKey(key) => key,
    };
    if let Some((place, name)) = &key.place {
        return Credential::key(*place, name, &key.key);
    }
    let keys = document.security_schemes().iter().filter_map(|scheme| match &scheme.kind {
        SecurityKind::ApiKey { place, name } => Some((scheme, *place, name)),
        _ => None,
    });
    let is_wanted = |name: &String| wanted.iter().any(|requirement| requirement.schemes.contains_key(name));
    let mut keys: Vec<_> = keys.collect();
    keys.sort_by_key(|(scheme, _, _)| !is_wanted(&scheme.name));
    let (_, place, name) = keys.first().ok_or_else(|| {
        Error::new(ErrorKind::Configuration, "the document does not say where its API key goes")
            .with_suggested_fix("set `header`, `query` or `cookie` beside `api_key`")
    })?;
    Credential::key(*place, name, &key.key)
}
