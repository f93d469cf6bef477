//! What goes wrong, with what the provider said about it.

use std::fmt;

use composio_contract::{Error, ErrorKind};
use serde_json::Value;

/// Characters of a provider's text that are passed on.
const LONGEST: usize = 300;
/// A shorter text is no secret, and would be found in every word.
const SHORTEST_SECRET: usize = 4;

/// What the provider said when it refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The provider's `error`, such as `invalid_grant`.
    pub code: String,
    /// The provider's `error_description`.
    pub description: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code)?;
        match &self.description {
            Some(description) => write!(f, ": {description}"),
            None => Ok(()),
        }
    }
}

/// Why a step failed.
#[derive(Debug)]
pub enum OAuthError {
    /// The provider refused; the same request is refused again.
    Refused(Refusal),
    /// The provider was not reached, is out of order, or does not follow the rules; nothing is known of the grant.
    Failed(Error),
}

impl OAuthError {
    pub(crate) fn protocol(message: impl Into<String>) -> Self {
        Self::Failed(Error::new(ErrorKind::InvalidReply, message))
    }

    /// Whether the provider said that the grant is no longer good, so that the user must agree again.
    #[must_use]
    pub fn grant_is_gone(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.code == "invalid_grant")
    }
}

impl fmt::Display for OAuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => write!(f, "the provider refused: {refusal}"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for OAuthError {}

impl From<Error> for OAuthError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<OAuthError> for Error {
    fn from(error: OAuthError) -> Self {
        match error {
            OAuthError::Refused(ref refusal) if refusal.code == "temporarily_unavailable" => {
                Self::new(ErrorKind::Connection, error.to_string())
            }
            OAuthError::Refused(_) => Self::new(ErrorKind::ConnectedAccount, error.to_string()),
            OAuthError::Failed(error) => error,
        }
    }
}

/// A provider's text without control characters, at a bearable length, and with everything secret masked.
pub(crate) fn clean(text: &str, secrets: &[&str]) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().filter(|secret| secret.len() >= SHORTEST_SECRET) {
        text = text.replace(secret, "***");
    }
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(LONGEST).collect()
}

/// The refusal in a reply's fields, if it is one.
pub(crate) fn refusal(fields: &Value, secrets: &[&str]) -> Option<Refusal> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    Some(Refusal {
        code: clean(text("error")?, secrets),
        description: text("error_description").map(|text| clean(text, secrets)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_provider_says_is_masked_and_cut() {
        let fields = serde_json::json!({"error": "invalid_grant", "error_description": format!("code s3cret\n{}", "x".repeat(999))});
        let refusal = refusal(&fields, &["s3cret", ""]).unwrap();
        assert!(refusal.to_string().starts_with("invalid_grant: code *** xxx"), "{refusal}");
        assert!(refusal.to_string().len() < 400);
    }
}
