//! Secrets in what comes back: some APIs repeat what they were sent.

use std::borrow::Cow;
use std::fmt;

use composio_contract::Error;
use composio_egress::Response;
use data_encoding::BASE64;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};

/// What stands in place of an echoed secret.
const MASK: &str = "***";
/// A shorter text is not masked: it would be found everywhere, and whoever reads the result learns nothing from it.
const SHORTEST: usize = 4;

/// Secrets, in every form in which they could come back.
#[derive(Default)]
pub(crate) struct Echoes(Vec<SecretString>);

impl fmt::Debug for Echoes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Echoes")
    }
}

impl Echoes {
    /// Adds a secret: as it is, as it stands in JSON and in a form, and in Base64.
    pub(crate) fn add(&mut self, secret: &str) {
        let json = serde_json::to_string(secret).unwrap_or_default();
        let json = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).unwrap_or_default();
        let form: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        for echo in [secret.to_owned(), json.to_owned(), form, BASE64.encode(secret.as_bytes())] {
            let is_known = self.0.iter().any(|known| known.expose_secret() == echo);
            if echo.len() >= SHORTEST && !is_known {
                self.0.push(echo.into());
            }
        }
        // One that contains another goes first.
        self.0.sort_by_key(|echo| std::cmp::Reverse(echo.expose_secret().len()));
    }

    /// The text with every echo masked.
    pub(crate) fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut masked = Cow::Borrowed(text);
        for echo in &self.0 {
            if masked.contains(echo.expose_secret()) {
                masked = Cow::Owned(masked.replace(echo.expose_secret(), MASK));
            }
        }
        masked
    }

    /// The error with every echo masked. One that has any loses its cause, which could have others.
    pub(crate) fn mask_error(&self, error: Error) -> Error {
        let text = error.to_string();
        match self.mask(&text) {
            Cow::Borrowed(_) => error,
            Cow::Owned(masked) => Error::new(error.kind(), masked).with_retryable(error.is_retryable()),
        }
    }

    /// Masks the headers of a response, and its body where that is a text.
    pub(crate) fn mask_response(&self, response: &mut Response) {
        for value in response.headers.values_mut() {
            let masked = match value.to_str().map(|text| self.mask(text)) {
                Ok(Cow::Owned(masked)) => HeaderValue::try_from(masked).ok(),
                _ => None,
            };
            if let Some(masked) = masked {
                *value = masked;
            }
        }
        let masked = match std::str::from_utf8(&response.body).map(|text| self.mask(text)) {
            Ok(Cow::Owned(masked)) => Some(masked),
            _ => None,
        };
        if let Some(masked) = masked {
            response.body = masked.into();
        }
    }
}
