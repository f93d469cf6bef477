//! What a source does not offer, so that an operator can hear of it.

use std::fmt::Display;

use crate::text;

/// How many of them are named.
const NAMED: usize = 20;

/// How long the reason may be, in characters.
const REASON: usize = 300;

/// The tools that a source was given and does not offer, because they cannot be read or would be unsafe to show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    count: usize,
    reasons: Vec<String>,
}

impl LeftOut {
    /// Notes a tool and logs it. `why` comes after its name, as in "has an empty name".
    pub(crate) fn note(&mut self, toolkit: &str, tool: &str, why: impl Display) {
        let (tool, why) = (text::name(tool), text::prose(&why.to_string(), REASON));
        tracing::warn!(toolkit, tool, "a tool is left out: it {why}");
        self.count += 1;
        if self.reasons.len() < NAMED {
            self.reasons.push(format!("`{tool}` {why}"));
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// The first 20, each with its name and the reason: "`read` has an empty name".
    #[must_use]
    pub fn reasons(&self) -> &[String] {
        &self.reasons
    }
}
