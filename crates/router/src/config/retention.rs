//! How long the router keeps what it stores.

use schemars::JsonSchema;
use serde::Deserialize;

/// How long the router keeps what it stores. In each of them 0 stands for no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionOptions {
    /// Days that entries of the execution log are kept: 90 under `composio serve`, else without a limit.
    pub log_days: Option<u32>,
    /// Entries of the execution log that are kept of each project, the newest: 1,000,000 under `composio serve`, else
    /// without a limit.
    pub log_rows: Option<u32>,
    /// Days after its last use that a session is deleted: 180 under `composio serve`, else without a limit.
    pub session_idle_days: Option<u32>,
    /// Versions of its configuration that are kept of each session, the one in force included: 20.
    pub config_versions: Option<u32>,
}

impl RetentionOptions {
    /// The same with what a server does where nothing is said.
    #[must_use]
    pub fn for_server(self) -> Self {
        Self {
            log_days: self.log_days.or(Some(90)),
            log_rows: self.log_rows.or(Some(1_000_000)),
            session_idle_days: self.session_idle_days.or(Some(180)),
            config_versions: self.config_versions,
        }
    }

    /// How many versions of a configuration are kept; none where all are.
    pub(crate) fn versions(self) -> Option<u32> {
        limit(self.config_versions.or(Some(20)))
    }
}

/// A limit, where there is one.
pub(crate) fn limit(option: Option<u32>) -> Option<u32> {
    option.filter(|limit| *limit > 0)
}
