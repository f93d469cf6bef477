//! A credential, ready to sign a call.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use composio_contract::{Error, ErrorKind, RawJson, Result};
use composio_egress::Request;
use data_encoding::BASE64;
use reqwest::header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};

use super::sealed::Stored;
use super::{AuthScheme, Echoes, KeyPlace};
use crate::source::{Outcome, ProxyBody, ProxyResult};
use crate::store::AccountRow;

/// What signs a call. It can be put on a request, and masked in what comes back; it cannot be read.
pub struct Credential {
    /// Whose it is; empty for one of the configuration's.
    account: Arc<str>,
    place: Place,
    value: SecretString,
    echoes: Echoes,
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
    /// What signs with an account.
    pub(super) fn of_account(row: &AccountRow, scheme: &AuthScheme, stored: &Stored) -> Result<Self> {
        Ok(Self { account: name(row).into(), ..Self::new(scheme, stored)? })
    }

    fn new(scheme: &AuthScheme, stored: &Stored) -> Result<Self> {
        match (scheme, stored) {
            (AuthScheme::ApiKey { place, name }, Stored::Key { key }) => Self::key(*place, name, key),
            (AuthScheme::Bearer, Stored::Key { key: token })
            | (AuthScheme::OAuth2(_), Stored::OAuth2 { access: token, .. }) => Ok(Self::bearer(token)),
            (AuthScheme::Basic, Stored::Basic { username, password }) => Ok(Self::basic(username, password)),
            _ => Err(Error::new(
                ErrorKind::ConnectedAccount,
                "the account was connected when the toolkit's calls were signed in another way",
            )
            .with_suggested_fix("connect it again")),
        }
    }

    /// A key in a place of its own.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] where the place is a header of a name that none has.
    pub(crate) fn key(place: KeyPlace, name: &str, key: &SecretString) -> Result<Self> {
        let place =
            match place {
                KeyPlace::Query => Place::Query(name.to_owned()),
                KeyPlace::Cookie => Place::Cookie(name.to_owned()),
                KeyPlace::Header => Place::Header(name.parse().map_err(|_| {
                    Error::new(ErrorKind::Configuration, format!("{name:?} is not the name of a header"))
                })?),
            };
        let mut echoes = Echoes::default();
        echoes.add(key.expose_secret());
        Ok(Self { account: "".into(), place, value: key.clone(), echoes })
    }

    /// `Authorization: Bearer …`
    pub(crate) fn bearer(token: &SecretString) -> Self {
        let mut echoes = Echoes::default();
        echoes.add(token.expose_secret());
        let value = format!("Bearer {}", token.expose_secret()).into();
        Self { account: "".into(), place: Place::Header(AUTHORIZATION), value, echoes }
    }

    /// `Authorization: Basic …`
    pub(crate) fn basic(username: &str, password: &SecretString) -> Self {
        let pair = Zeroizing::new(format!("{username}:{}", password.expose_secret()));
        let pair = Zeroizing::new(BASE64.encode(pair.as_bytes()));
        let mut echoes = Echoes::default();
        echoes.add(password.expose_secret());
        echoes.add(&pair);
        let value = format!("Basic {}", pair.as_str()).into();
        Self { account: "".into(), place: Place::Header(AUTHORIZATION), value, echoes }
    }

    /// The account, by which what belongs to it is kept apart.
    pub(crate) fn account(&self) -> &Arc<str> {
        &self.account
    }

    /// The header that signs, for connections that outlive a request.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] where the credential goes elsewhere; else those of [`Credential::sign`].
    pub(crate) fn header(&self) -> Result<(HeaderName, HeaderValue)> {
        match &self.place {
            Place::Header(name) => Ok((name.clone(), sensitive(self.value.expose_secret())?)),
            _ => Err(Error::new(ErrorKind::Configuration, "the credential goes in no header")),
        }
    }

    pub(crate) fn echoes(&self) -> &Echoes {
        &self.echoes
    }

    /// Signs a request. What the request had in that place is replaced.
    ///
    /// # Errors
    /// [`ErrorKind::ConnectedAccount`] where the credential has letters that cannot be sent there.
    pub fn sign(&self, request: &mut Request) -> Result<()> {
        let secret = self.value.expose_secret();
        match &self.place {
            Place::Header(name) => {
                request.headers.insert(name, sensitive(secret)?);
            }
            Place::Query(name) => {
                let kept: Vec<(String, String)> =
                    request.url.query_pairs().into_owned().filter(|(known, _)| known != name).collect();
                // What has nothing in that place keeps its query as it is written.
                if kept.len() < request.url.query_pairs().count() {
                    request.url.query_pairs_mut().clear().extend_pairs(kept);
                }
                request.url.query_pairs_mut().append_pair(name, secret);
            }
            Place::Cookie(name) => {
                let before = request.headers.get(COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
                let others = before.split(';').map(str::trim).filter(|cookie| {
                    !cookie.is_empty() && cookie.split_once('=').is_none_or(|(known, _)| known != name)
                });
                let own = Zeroizing::new(format!("{name}={secret}"));
                let all = Zeroizing::new(others.chain([own.as_str()]).collect::<Vec<_>>().join("; "));
                request.headers.insert(COOKIE, sensitive(&all)?);
            }
        }
        Ok(())
    }

    /// The text with every echo of the secret masked.
    #[must_use]
    pub fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.echoes.mask(text)
    }

    /// The answer to a raw call with every echo masked.
    pub(crate) fn mask_answer(&self, mut answer: ProxyResult) -> ProxyResult {
        for value in answer.headers.values_mut() {
            *value = self.mask(value).into_owned();
        }
        if let ProxyBody::Json(data) = answer.body {
            answer.body = ProxyBody::Json(self.mask_json(data));
        }
        answer
    }

    fn mask_json(&self, data: RawJson) -> RawJson {
        let masked = match self.mask(data.as_str()) {
            Cow::Borrowed(_) => None,
            Cow::Owned(text) => Some(text),
        };
        // An echo that spans the text's own structure leaves no JSON; then nothing of it is passed on.
        masked.map_or(data, |text| RawJson::parse(text).unwrap_or_else(|_| RawJson::empty_object()))
    }

    /// The outcome with every echo masked.
    pub(crate) fn mask_outcome(&self, outcome: Outcome) -> Outcome {
        let data = |data| self.mask_json(data);
        match outcome {
            Outcome::Completed(given) => Outcome::Completed(data(given)),
            Outcome::Failed { error, data: given } => {
                Outcome::Failed { error: self.mask(&error).into_owned(), data: given.map(data) }
            }
        }
    }
}

/// How an account is told from all others.
pub(super) fn name(row: &AccountRow) -> String {
    format!("{}/{}", row.project.as_str(), row.id)
}

fn sensitive(text: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(text).map_err(|_| {
        Error::new(ErrorKind::ConnectedAccount, "the credential has letters that no header can carry")
            .with_suggested_fix("connect the account again")
    })?;
    value.set_sensitive(true);
    Ok(value)
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
