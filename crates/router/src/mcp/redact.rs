//! Keeps a server's secrets out of messages and logs.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use super::config::McpTransport;

/// Shorter values, such as `1` or `true`, are no secrets, and to blank them out would garble every message.
const SHORTEST_SECRET: usize = 6;

/// Blanks out the values that a server was configured with: servers and HTTP clients repeat them in what they report.
#[derive(Clone)]
pub(super) struct Redactor(Vec<SecretString>);

impl Redactor {
    pub(super) fn new(transport: &McpTransport) -> Self {
        let mut secrets: Vec<SecretString> = match transport {
            McpTransport::Stdio { env, .. } => env.values().cloned().collect(),
            McpTransport::Http { url, headers } => headers
                .values()
                // `Bearer abc` may be reported as `abc`.
                .flat_map(|value| [value.clone(), value.expose_secret().rsplit(' ').next().unwrap_or_default().into()])
                .chain(url.query().into_iter().chain(url.password()).map(SecretString::from))
                .collect(),
        };
        secrets.retain(|secret| secret.expose_secret().len() >= SHORTEST_SECRET);
        // A secret that contains another goes first.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose_secret().len()));
        Self(secrets)
    }

    /// The text without the secrets.
    pub(super) fn clean(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.expose_secret(), "[redacted]"))
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_blanked_out_and_short_values_kept() {
        let env = [("KEY", "hunter2-hunter2"), ("PART", "hunter2"), ("DEBUG", "1")];
        let redactor = Redactor::new(&McpTransport::Stdio {
            command: "x".into(),
            args: Vec::new(),
            env: env.iter().map(|(name, value)| ((*name).to_owned(), SecretString::from(*value))).collect(),
            cwd: None,
        });
        assert_eq!(redactor.clean("1: key=hunter2-hunter2, hunter2"), "1: key=[redacted], [redacted]");
        assert!(!format!("{redactor:?}").contains("hunter2"));
    }
}
