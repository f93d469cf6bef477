//! Scopes that a token turns out to lack (RFC 6750, 3.1): what the user is asked for the next time.

use std::fmt;

use composio_contract::{Error, ErrorKind};
use composio_oauth::Challenge;

use crate::router::Router;
use crate::sessions::LiveSession;
use crate::store::AccountRow;

/// As long as all that an API has asked for may get, in bytes; it stands in a URL.
const LONGEST: usize = 2_000;

/// The cause of an error: an API that wants more scopes.
#[derive(Debug)]
struct Lacking(Vec<String>);

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the token lacks scopes: {}", self.0.join(" "))
    }
}

impl std::error::Error for Lacking {}

/// The scopes that an API says a good token lacks, where it names any.
pub(crate) fn lacking(header: &str) -> Option<Vec<String>> {
    let Challenge { scopes, lacks_scopes: true, .. } = Challenge::parse(header) else { return None };
    let scopes: Vec<String> = scopes.into_iter().filter(|scope| scope.bytes().all(may_be_in_scope)).collect();
    Some(scopes).filter(|scopes| !scopes.is_empty())
}

/// The error of a call whose token lacks scopes.
pub(crate) fn refused(message: impl Into<String>, scopes: Vec<String>) -> Error {
    Error::new(ErrorKind::ConnectedAccount, message).with_source(Lacking(scopes))
}

/// RFC 6749, 3.3.
fn may_be_in_scope(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'"' && byte != b'\\'
}

/// Both lists without repetition, between spaces.
fn union(known: &str, more: &[String]) -> String {
    let mut all: Vec<&str> = Vec::new();
    let mut length = 0;
    for scope in known.split_ascii_whitespace().chain(more.iter().map(String::as_str)) {
        if !all.contains(&scope) && length + scope.len() < LONGEST {
            length += scope.len() + 1;
            all.push(scope);
        }
    }
    all.join(" ")
}

/// The scopes to ask for, with those that an account's API turned out to want.
pub(super) fn with_extra(mut scopes: Vec<String>, extra: &str) -> Vec<String> {
    for scope in extra.split_ascii_whitespace() {
        if !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    scopes
}

/// What the APIs of a user's accounts of one toolkit turned out to want.
pub(super) fn extra_of<'a>(rows: impl IntoIterator<Item = &'a AccountRow>) -> String {
    rows.into_iter().fold(String::new(), |extra, row| {
        let more: Vec<String> = row.extra_scopes.split_ascii_whitespace().map(str::to_owned).collect();
        union(&extra, &more)
    })
}

impl Router {
    /// Where an error is that an account's token lacks scopes: remembers them, so that its user is asked for them the next
    /// time, and says how. Other errors are left as they are.
    pub(crate) async fn note_lacking(&self, session: &LiveSession, row: &AccountRow, error: Error) -> Error {
        let Some(Lacking(scopes)) = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref()) else {
            return error;
        };
        let wanted = scopes.join(" ");
        let message = format!("{}. The account {} lacks the scopes: {wanted}", error.message(), row.id);
        let explained = Error::new(error.kind(), message);
        let asks_user = self.accounts.config(&row.toolkit).is_some_and(|config| config.scheme.asks_user());
        if !asks_user {
            return explained.with_suggested_fix("connect it with a credential that has them");
        }
        let extra = union(&row.extra_scopes, scopes);
        if extra != row.extra_scopes {
            let add = |row: &mut AccountRow| {
                row.extra_scopes = union(&row.extra_scopes, scopes);
                Ok(())
            };
            if let Err(error) = self.change_account(&row.project, &row.id, add).await {
                tracing::warn!(account = row.id, %error, "what scopes its API wants could not be kept");
            }
        }
        explained.with_suggested_fix(if session.policy.manage_connections() {
            "connect it anew with COMPOSIO_MANAGE_CONNECTIONS and `reinitiate_all`; the user is then asked for them"
                .to_owned()
        } else {
            format!("connect it anew with session.authorize(\"{}\"); the user is then asked for them", row.toolkit)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_scopes_that_can_be_asked_for() {
        let told = |rest: &str| lacking(&format!(r#"Bearer error="insufficient_scope"{rest}"#));
        assert_eq!(told(r#", scope="read write""#), Some(vec!["read".to_owned(), "write".to_owned()]));
        assert_eq!(told(r#", scope="read a\b""#), Some(vec!["read".to_owned()]));
        assert_eq!(told(""), None);
        assert_eq!(lacking(r#"Bearer error="invalid_token", scope="read""#), None);
    }

    #[test]
    fn what_is_asked_for_is_there_once_and_has_an_end() {
        let more = ["b".to_owned(), "x".repeat(LONGEST), "c".to_owned()];
        assert_eq!(union("a b", &more), "a b c");
        // What is there already takes no room.
        let long = "y".repeat(LONGEST - 10);
        assert_eq!(union(&long, &[long.clone(), "d".to_owned()]), format!("{long} d"));
        assert_eq!(with_extra(vec!["a".to_owned()], "b a"), ["a", "b"]);
    }
}
