//! `[quota]`: what one user, project or key may take.

use schemars::JsonSchema;
use serde::Deserialize;

const MIB: u64 = 1 << 20;

/// What one user, project or key may take. `0` switches a limit off. A program's own router has only the limits that are
/// given here; `composio serve` has a default for each.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct QuotaOptions {
    /// Bytes of the files in a user's folder. `composio serve`: 1 GiB.
    pub workspace_bytes: Option<u64>,
    /// Files and folders in a user's folder. `composio serve`: 10,000.
    pub workspace_files: Option<u64>,
    /// Bytes of one SQLite database in a user's folder. `composio serve`: 256 MiB.
    pub database_bytes: Option<u64>,
    /// Links of a user that nobody followed yet; the oldest one lapses if one more is made. `composio serve`: 10.
    pub pending_links: Option<u64>,
    /// Sessions of a project. `composio serve`: 100,000.
    pub sessions: Option<u64>,
    /// Requests for the sessions of one user. `composio serve`: 200 a second, 400 at once.
    pub user: RateOptions,
    /// Requests to one project. `composio serve`: 2,000 a second, 4,000 at once.
    pub project: RateOptions,
    /// Requests with one key. `composio serve`: 1,000 a second, 2,000 at once.
    pub key: RateOptions,
}

/// How many requests are let in.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RateOptions {
    /// Requests a second, over time.
    #[schemars(range(min = 0))]
    pub requests_per_second: Option<f64>,
    /// Requests at once; twice as many as a second where it is missing.
    #[schemars(range(min = 1))]
    pub burst: Option<u32>,
}

impl QuotaOptions {
    /// The same with the defaults of a server for whatever is left out.
    #[must_use]
    pub fn for_server(&self) -> Self {
        let rate = |given: &RateOptions, requests_per_second: f64| RateOptions {
            requests_per_second: given.requests_per_second.or(Some(requests_per_second)),
            burst: given.burst,
        };
        Self {
            workspace_bytes: self.workspace_bytes.or(Some(1_024 * MIB)),
            workspace_files: self.workspace_files.or(Some(10_000)),
            database_bytes: self.database_bytes.or(Some(256 * MIB)),
            pending_links: self.pending_links.or(Some(10)),
            sessions: self.sessions.or(Some(100_000)),
            user: rate(&self.user, 200.0),
            project: rate(&self.project, 2_000.0),
            key: rate(&self.key, 1_000.0),
        }
    }

    /// The place of the first wrong field, and what is wrong with it.
    pub(super) fn fault(&self) -> Option<(Vec<String>, String)> {
        let rates = [("user", &self.user), ("project", &self.project), ("key", &self.key)];
        rates.into_iter().find_map(|(whose, rate)| {
            let fault = |key: &str, message: String| {
                Some((vec!["quota".to_owned(), whose.to_owned(), key.to_owned()], message))
            };
            match rate.requests_per_second {
                Some(requests) if !requests.is_finite() || requests < 0.0 => {
                    return fault("requests_per_second", format!("{requests} is not a rate; it must be 0 or more"));
                }
                _ => {}
            }
            if rate.burst == Some(0) {
                return fault(
                    "burst",
                    "is 0; it must be at least 1, and `requests_per_second = 0` switches it off".into(),
                );
            }
            None
        })
    }
}
