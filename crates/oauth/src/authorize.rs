//! The user agrees: the URL that asks, and the callback that answers.

use std::fmt;

use composio_contract::{Error, ErrorKind, Result};
use data_encoding::BASE64URL_NOPAD;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use url::Url;

use crate::error::{OAuthError, Refusal, clean};
use crate::provider::{Client, Provider};

/// 256 random bits as letters, digits, `-` and `_`.
///
/// # Errors
/// [`ErrorKind::Internal`] where the system gives no random bytes.
pub fn random() -> Result<SecretString> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::new(ErrorKind::Internal, format!("the system gives no random bytes: {error}")))?;
    Ok(BASE64URL_NOPAD.encode(&bytes).into())
}

/// What the user is asked to agree to.
#[derive(Clone, Copy, Debug)]
pub struct AuthorizationRequest<'a> {
    /// Where the browser comes back to.
    pub redirect: &'a str,
    /// The scopes, which may be none.
    pub scopes: &'a [String],
    /// The API that the token is for (RFC 8707).
    pub resource: Option<&'a str>,
    /// What a provider wants beside, such as `access_type=offline`. What this crate sets itself is not replaced.
    pub extra: &'a [(String, String)],
}

/// A question to the user under way. Only the URL leaves this program before the callback.
#[derive(Debug)]
pub struct Authorization {
    /// Where the user goes.
    pub url: Url,
    /// What comes back in the callback.
    pub state: SecretString,
    /// Proves to the token endpoint that the same program asked (PKCE, S256).
    pub verifier: SecretString,
}

const OWN: [&str; 8] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "state",
    "code_challenge",
    "code_challenge_method",
    "scope",
    "resource",
];

impl Authorization {
    /// Makes the URL at which the user agrees, with fresh secrets.
    ///
    /// # Errors
    /// [`OAuthError::Failed`] where the provider has no authorization endpoint.
    pub fn start(
        provider: &Provider,
        client: &Client,
        state: SecretString,
        request: AuthorizationRequest<'_>,
    ) -> Result<Self, OAuthError> {
        let mut url = Provider::endpoint(provider.authorization.as_ref(), "authorization")?.clone();
        let verifier = random()?;
        let challenge = BASE64URL_NOPAD.encode(&Sha256::digest(verifier.expose_secret().as_bytes()));
        let kept: Vec<(String, String)> = url
            .query_pairs()
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .chain(request.extra.iter().cloned())
            .filter(|(name, _)| !OWN.contains(&name.as_str()))
            .collect();
        let mut query = url.query_pairs_mut();
        query.clear();
        query.append_pair("response_type", "code").append_pair("client_id", &client.id);
        query.append_pair("redirect_uri", request.redirect).append_pair("state", state.expose_secret());
        query.append_pair("code_challenge", &challenge).append_pair("code_challenge_method", "S256");
        if !request.scopes.is_empty() {
            query.append_pair("scope", &request.scopes.join(" "));
        }
        if let Some(resource) = request.resource {
            query.append_pair("resource", resource);
        }
        query.extend_pairs(kept);
        drop(query);
        Ok(Self { url, state, verifier })
    }
}

/// What the provider sent the browser back with.
pub struct Callback {
    state: SecretString,
    issuer: Option<String>,
    answer: std::result::Result<SecretString, Refusal>,
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback").field("refusal", &self.answer.as_ref().err()).finish_non_exhaustive()
    }
}

impl Callback {
    /// Reads the query of the callback's URL.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`] where it has no state, neither a code nor an error, or one of them twice.
    pub fn parse(query: &str) -> Result<Self> {
        let one = |wanted: &str| {
            let mut found = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == wanted);
            match (found.next(), found.next()) {
                (Some((_, value)), None) => Ok(Some(value.into_owned()).filter(|value| !value.is_empty())),
                (None, _) => Ok(None),
                _ => Err(Error::validation(format!("the callback has `{wanted}` twice"))),
            }
        };
        let state = one("state")?.ok_or_else(|| Error::validation("the callback has no `state`"))?;
        let answer = match (one("code")?, one("error")?) {
            (_, Some(code)) => {
                let description = one("error_description")?.map(|text| clean(&text, &[&state]));
                Err(Refusal { code: clean(&code, &[&state]), description })
            }
            (Some(code), None) => Ok(code.into()),
            (None, None) => return Err(Error::validation("the callback has neither `code` nor `error`")),
        };
        Ok(Self { state: state.into(), issuer: one("iss")?, answer })
    }

    /// What tells which question this answers.
    #[must_use]
    pub fn state(&self) -> &SecretString {
        &self.state
    }

    /// The code, if the callback answers this question, comes from this provider, and the user agreed.
    ///
    /// # Errors
    /// [`OAuthError::Refused`] with what the provider said; [`OAuthError::Failed`] for another state or issuer.
    pub fn code(self, provider: &Provider, state: &SecretString) -> Result<SecretString, OAuthError> {
        let same = self.state.expose_secret().as_bytes().ct_eq(state.expose_secret().as_bytes());
        if !bool::from(same) {
            return Err(Error::validation("the callback answers another question").into());
        }
        // Before anything else of the callback is believed, an error included.
        match (&self.issuer, &provider.issuer) {
            (Some(theirs), Some(ours)) if theirs != ours => {
                return Err(OAuthError::protocol("the callback comes from another issuer than the user was sent to"));
            }
            (None, Some(_)) if provider.sends_issuer => {
                return Err(OAuthError::protocol("the callback does not say which issuer it comes from"));
            }
            _ => {}
        }
        self.answer.map_err(OAuthError::Refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider() -> Provider {
        Provider {
            issuer: Some("https://id.example".to_owned()),
            sends_issuer: true,
            authorization: Some("https://id.example/auth?tenant=a&state=evil".parse().unwrap()),
            ..Provider::default()
        }
    }

    #[test]
    fn the_url_asks_for_a_code_with_pkce() {
        let extra = [("prompt".to_owned(), "consent".to_owned()), ("redirect_uri".to_owned(), "evil".to_owned())];
        let request = AuthorizationRequest {
            redirect: "http://127.0.0.1:1/cb",
            scopes: &["a".to_owned(), "b".to_owned()],
            resource: Some("https://api.example/"),
            extra: &extra,
        };
        let client = Client::confidential("me", "hush");
        let started = Authorization::start(&provider(), &client, random().unwrap(), request).unwrap();
        let query: Vec<(String, String)> = started.url.query_pairs().into_owned().collect();
        let get = |wanted: &str| {
            let found: Vec<&str> =
                query.iter().filter(|(name, _)| name == wanted).map(|(_, value)| value.as_str()).collect();
            assert_eq!(found.len(), 1, "{wanted}: {query:?}");
            found[0]
        };
        assert_eq!((get("response_type"), get("client_id"), get("scope")), ("code", "me", "a b"));
        assert_eq!((get("tenant"), get("prompt"), get("redirect_uri")), ("a", "consent", "http://127.0.0.1:1/cb"));
        assert_eq!((get("resource"), get("state")), ("https://api.example/", started.state.expose_secret()));
        let digest = Sha256::digest(started.verifier.expose_secret().as_bytes());
        assert_eq!((get("code_challenge"), get("code_challenge_method")), (&*BASE64URL_NOPAD.encode(&digest), "S256"));
        let shown = format!("{started:?} {client:?}");
        assert!(!shown.contains(started.verifier.expose_secret()) && !shown.contains("hush"), "{shown}");
    }

    #[test]
    fn a_callback_is_checked_before_it_is_believed() {
        let state: SecretString = "s".into();
        let code = |query: &str| Callback::parse(query).map_err(OAuthError::from)?.code(&provider(), &state);
        let good = "code=c&state=s&iss=https%3A%2F%2Fid.example";
        assert_eq!(code(good).unwrap().expose_secret(), "c");
        for (query, message) in [
            ("code=c&state=t&iss=https://id.example", "another question"),
            ("code=c&state=s", "does not say which issuer"),
            ("code=c&state=s&iss=https://evil.example", "another issuer"),
            ("error=access_denied&state=s&iss=https://evil.example", "another issuer"),
            ("error=access_denied&error_description=no&state=s&iss=https://id.example", "access_denied: no"),
            ("code=c", "no `state`"),
            ("state=s", "neither `code` nor `error`"),
            ("code=c&code=d&state=s", "`code` twice"),
        ] {
            let error = code(query).unwrap_err().to_string();
            assert!(error.contains(message), "{query}: {error}");
        }
        let silent = Provider { sends_issuer: false, ..provider() };
        assert!(Callback::parse("code=c&state=s").unwrap().code(&silent, &state).is_ok());
    }
}
