//! A credential, ready to sign a call.

use std::borrow::Cow;
use std::fmt;

use composio_contract::{Error, ErrorKind, RawJson, Result};
use composio_egress::Request;
use data_encoding::BASE64;
use reqwest::header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};

use super::sealed::Stored;
use super::{AuthScheme, KeyPlace};
use crate::source::Outcome;

/// What stands in place of an echoed secret.
const MASK: &str = "***";
/// A shorter text is not masked: it would be found everywhere, and whoever reads the result learns nothing from it.
const SHORTEST: usize = 4;

/// What signs a call. It can be put on a request, and masked in what comes back; it cannot be read.
pub struct Credential {
    place: Place,
    value: SecretString,
    /// Every form in which the secret could come back.
    echoes: Vec<SecretString>,
}

#[derive(Debug)]
enum Place {
    Header(HeaderName),
    Query(String),
    Cookie(String),
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Credential {
    pub(super) fn new(scheme: &AuthScheme, stored: &Stored) -> Result<Self> {
        let (secret, value) = match stored {
            Stored::Key { key } => (key, key.expose_secret().to_owned()),
            Stored::OAuth2 { access, .. } => (access, access.expose_secret().to_owned()),
            Stored::Basic { username, password } => {
                let pair = Zeroizing::new(format!("{username}:{}", password.expose_secret()));
                (password, BASE64.encode(pair.as_bytes()))
            }
        };
        let secret = secret.expose_secret();
        let json = serde_json::to_string(secret).unwrap_or_default();
        let escaped: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let mut echoes: Vec<String> = vec![
            value.clone(),
            secret.to_owned(),
            json.trim_matches('"').to_owned(),
            escaped,
            BASE64.encode(secret.as_bytes()),
        ];
        echoes.retain(|echo| echo.len() >= SHORTEST);
        echoes.sort_by_key(|echo| std::cmp::Reverse(echo.len()));
        echoes.dedup();
        let (place, value) = match (scheme, stored) {
            (AuthScheme::ApiKey { place, name }, Stored::Key { .. }) => {
                let place = match place {
                    KeyPlace::Query => Place::Query(name.clone()),
                    KeyPlace::Cookie => Place::Cookie(name.clone()),
                    KeyPlace::Header => Place::Header(name.parse().map_err(|_| {
                        Error::new(ErrorKind::Configuration, format!("{name:?} is not the name of a header"))
                    })?),
                };
                (place, value)
            }
            (AuthScheme::Bearer, Stored::Key { .. }) | (AuthScheme::OAuth2(_), Stored::OAuth2 { .. }) => {
                (Place::Header(AUTHORIZATION), format!("Bearer {value}"))
            }
            (AuthScheme::Basic, Stored::Basic { .. }) => (Place::Header(AUTHORIZATION), format!("Basic {value}")),
            _ => {
                return Err(Error::new(
                    ErrorKind::ConnectedAccount,
                    "the account was connected when the toolkit's calls were signed in another way",
                )
                .with_suggested_fix("connect it again"));
            }
        };
        Ok(Self { place, value: value.into(), echoes: echoes.into_iter().map(Into::into).collect() })
    }

    /// Signs a request. What the request had in that place is replaced.
    ///
    /// # Errors
    /// [`ErrorKind::ConnectedAccount`] where the credential has letters that cannot be sent there.
    pub fn sign(&self, request: &mut Request) -> Result<()> {
        let secret = self.value.expose_secret();
        let header = |text: &str| {
            let mut value = HeaderValue::from_str(text).map_err(|_| {
                Error::new(ErrorKind::ConnectedAccount, "the credential has letters that no header can carry")
                    .with_suggested_fix("connect the account again")
            })?;
            value.set_sensitive(true);
            Ok::<_, Error>(value)
        };
        match &self.place {
            Place::Header(name) => {
                request.headers.insert(name, header(secret)?);
            }
            Place::Query(name) => {
                let kept: Vec<(String, String)> =
                    request.url.query_pairs().into_owned().filter(|(known, _)| known != name).collect();
                request.url.query_pairs_mut().clear().extend_pairs(kept).append_pair(name, secret);
            }
            Place::Cookie(name) => {
                let before = request.headers.get(COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
                let others = before.split(';').map(str::trim).filter(|cookie| {
                    !cookie.is_empty() && cookie.split_once('=').is_none_or(|(known, _)| known != name)
                });
                let own = Zeroizing::new(format!("{name}={secret}"));
                let all = Zeroizing::new(others.chain([own.as_str()]).collect::<Vec<_>>().join("; "));
                request.headers.insert(COOKIE, header(&all)?);
            }
        }
        Ok(())
    }

    /// The text with every echo of the secret masked.
    #[must_use]
    pub fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut masked = Cow::Borrowed(text);
        for echo in &self.echoes {
            if masked.contains(echo.expose_secret()) {
                masked = Cow::Owned(masked.replace(echo.expose_secret(), MASK));
            }
        }
        masked
    }

    /// The outcome with every echo masked.
    pub(crate) fn mask_outcome(&self, outcome: Outcome) -> Outcome {
        let data = |data: RawJson| {
            let masked = match self.mask(data.as_str()) {
                Cow::Borrowed(_) => None,
                Cow::Owned(text) => Some(text),
            };
            // An echo that spans the text's own structure leaves no JSON; then nothing of it is passed on.
            masked.map_or(data, |text| RawJson::parse(text).unwrap_or_else(|_| RawJson::empty_object()))
        };
        match outcome {
            Outcome::Completed(given) => Outcome::Completed(data(given)),
            Outcome::Failed { error, data: given } => {
                Outcome::Failed { error: self.mask(&error).into_owned(), data: given.map(data) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(scheme: &AuthScheme) -> Credential {
        Credential::new(scheme, &Stored::Key { key: "k\"y &s3cret".into() }).unwrap()
    }

    #[test]
    fn each_scheme_signs_in_its_place() {
        let at = |place| AuthScheme::ApiKey { place, name: "X-Key".to_owned() };
        let signed = |credential: &Credential| {
            let mut request = Request::get("https://api.example/?a=1&X-Key=theirs").unwrap();
            request.headers.insert(COOKIE, HeaderValue::from_static("a=b; X-Key=theirs"));
            request.headers.insert("x-key", HeaderValue::from_static("theirs"));
            credential.sign(&mut request).unwrap();
            assert!(!format!("{credential:?} {request:?}").contains("s3cret"));
            request
        };
        let request = signed(&key(&at(KeyPlace::Header)));
        assert_eq!(request.headers["x-key"], "k\"y &s3cret");
        assert!(request.headers["x-key"].is_sensitive());
        let request = signed(&key(&at(KeyPlace::Query)));
        assert_eq!(request.url.query(), Some("a=1&X-Key=k%22y+%26s3cret"));
        let request = signed(&key(&at(KeyPlace::Cookie)));
        assert_eq!(request.headers[COOKIE], "a=b; X-Key=k\"y &s3cret");
        let basic = Stored::Basic { username: "ada".to_owned(), password: "s3cret".into() };
        let request = signed(&Credential::new(&AuthScheme::Basic, &basic).unwrap());
        assert_eq!(request.headers[AUTHORIZATION], "Basic YWRhOnMzY3JldA==");
        assert!(Credential::new(&AuthScheme::Bearer, &basic).is_err());
    }

    #[test]
    fn an_echo_is_masked_in_every_form() {
        let credential = key(&AuthScheme::Bearer);
        for echo in ["k\"y &s3cret", r#"k\"y &s3cret"#, "k%22y+%26s3cret", "ayJ5ICZzM2NyZXQ="] {
            assert_eq!(credential.mask(&format!("<{echo}>")), "<***>", "{echo}");
        }
        let basic = Stored::Basic { username: "ada".to_owned(), password: "s3cret".into() };
        let basic = Credential::new(&AuthScheme::Basic, &basic).unwrap();
        assert_eq!(basic.mask("Basic YWRhOnMzY3JldA== ada s3cret"), "Basic *** ada ***");
        let data = RawJson::from(serde_json::json!({"headers": {"authorization": "Bearer k\"y &s3cret"}, "n": 1}));
        let Outcome::Completed(masked) = credential.mask_outcome(Outcome::Completed(data)) else { panic!() };
        assert_eq!(masked.as_str(), r#"{"headers":{"authorization":"Bearer ***"},"n":1}"#);
    }
}
