//! The entry of a call in the execution log: that it begins, where that matters, and how it ended.

use std::fmt;
use std::time::Instant;

use composio_contract::{Error, Result};
use composio_schema::Invalid;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::clock;
use crate::execute::Ended;
use crate::fingerprint::Fingerprint;
use crate::sessions::LiveSession;
use crate::source::Outcome;
use crate::store::{LogEntry, RunStatus, Store};

/// Bytes of an error that the log keeps.
const MAX_ERROR: usize = 2 << 10;

/// What the log says of a call that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Words of the router's own, without anything that the caller, a tool or an API gave.
    Ours(String),
    /// The words are a tool's or an API's, which may repeat arguments: only what tells them apart is kept.
    Theirs,
}

impl Said {
    /// An error on the way to a tool: which kind, and what tells its message apart.
    pub(crate) fn error(error: &Error) -> Self {
        Self::Ours(words(error))
    }
}

fn words(error: &Error) -> String {
    let status = error.status().map(|status| format!(" {status}")).unwrap_or_default();
    format!("{}{status}: {}", error.kind().name(), unsaid(error.message()))
}

/// What tells a message apart that is not kept.
fn unsaid(message: &str) -> String {
    let hash = Sha256::digest(message);
    let hash = hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("a message of {} bytes, SHA-256 {hash}", message.len())
}

/// What is wrong with arguments, for the caller and for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WrongArguments {
    whole: String,
    without_values: String,
}

impl WrongArguments {
    pub(crate) fn new(invalid: &Invalid, schema: &Value) -> Self {
        Self { whole: invalid.to_string(), without_values: invalid.without_values(schema) }
    }

    /// Nobody can tell, for a reason that lies in the schema.
    pub(crate) fn unknown(reason: String) -> Self {
        Self { without_values: reason.clone(), whole: reason }
    }

    pub(crate) fn said(&self) -> Said {
        Said::Ours(format!("the arguments are wrong, and it was not run:\n{}", self.without_values))
    }
}

/// As the caller is told.
impl fmt::Display for WrongArguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.whole)
    }
}

/// The log entry of a call under way. A call that is dropped is logged as cancelled.
pub(crate) struct Record<'a> {
    store: &'a dyn Store,
    started: Instant,
    entry: Option<LogEntry>,
}

impl<'a> Record<'a> {
    pub(crate) fn new(store: &'a dyn Store, session: &LiveSession, slug: &str, arguments: Fingerprint) -> Self {
        let entry = LogEntry {
            id: format!("log_{}", Uuid::now_v7().simple()),
            project: session.project.clone(),
            session_id: session.id.clone(),
            user_id: session.user_id.clone(),
            tool_slug: slug.to_owned(),
            status: RunStatus::Failed,
            error: Some("cancelled by the caller".to_owned()),
            arguments_size: arguments.size,
            arguments_hash: arguments.hash,
            started_at: clock::millis(),
            duration: 0,
        };
        Self { store, started: Instant::now(), entry: Some(entry) }
    }

    /// Has the log say that the call begins, before it does: if this process is killed, it shows what may have happened.
    ///
    /// # Errors
    /// Where the log cannot be written; the call must not run then.
    pub(crate) async fn begin(&mut self) -> Result<()> {
        let Some(entry) = &mut self.entry else { return Ok(()) };
        let started = LogEntry { status: RunStatus::Started, error: None, ..entry.clone() };
        self.store.log_started(started).await.map_err(|error| {
            // It may have been written all the same.
            entry.error = Some("not run: the log could not say before that it begins".to_owned());
            not_begun(&entry.tool_slug, error)
        })
    }

    /// Writes the entry and answers its id.
    pub(crate) fn end(mut self, status: RunStatus, error: Option<String>) -> String {
        let Some(mut entry) = self.entry.take() else { return String::new() };
        entry.status = status;
        entry.error = error.map(cut);
        let id = entry.id.clone();
        self.write(entry);
        id
    }

    /// Writes the entry of a run that failed on the way.
    pub(crate) fn fail(self, error: &Error) -> String {
        self.end(RunStatus::Failed, Some(words(error)))
    }

    /// Writes the entry of a run that ended.
    pub(crate) fn conclude(self, outcome: Outcome, said: Said) -> Ended {
        let log_id = match (&outcome, said) {
            (Outcome::Completed(_), _) => self.end(RunStatus::Completed, None),
            (Outcome::Failed { .. }, Said::Ours(said)) => self.end(RunStatus::Failed, Some(said)),
            (Outcome::Failed { error, .. }, Said::Theirs) => {
                self.end(RunStatus::Failed, Some(format!("the tool failed: {}", unsaid(error))))
            }
        };
        Ended { outcome, log_id }
    }

    /// Leaves no entry: nothing has run yet.
    pub(crate) fn discard(mut self) {
        self.entry = None;
    }

    fn write(&self, mut entry: LogEntry) {
        entry.duration = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.store.log(entry);
    }
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            self.write(entry);
        }
    }
}

fn not_begun(slug: &str, error: Error) -> Error {
    let message = format!("{slug} was not run: that it begins could not be logged: {}", error.message());
    let mut told = Error::new(error.kind(), message).with_retryable(error.is_retryable());
    if let Some(status) = error.status() {
        told = told.with_status(status);
    }
    if let Some(slug) = error.slug() {
        told = told.with_slug(slug);
    }
    if let Some(fix) = error.suggested_fix() {
        told = told.with_suggested_fix(fix);
    }
    told.with_source(error)
}

/// A text that is not longer than what the log keeps.
fn cut(text: String) -> String {
    if text.len() <= MAX_ERROR {
        return text;
    }
    let end = (0..=MAX_ERROR).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    format!("{}… ({} more bytes)", text.get(..end).unwrap_or_default(), text.len() - end)
}

#[cfg(test)]
mod tests {
    use uuid::{ContextV7, Timestamp};

    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters_and_says_so() {
        assert_eq!(cut("a".repeat(MAX_ERROR)), "a".repeat(MAX_ERROR));
        for lead in ["", "a", "ab", "abc"] {
            let text = format!("{lead}{}", "\u{1f600}".repeat(1_000));
            let kept = cut(text.clone());
            let (start, rest) = kept.split_once('…').unwrap();
            assert!(text.starts_with(start) && (MAX_ERROR - 3..=MAX_ERROR).contains(&start.len()), "{}", start.len());
            assert_eq!(rest, format!(" ({} more bytes)", text.len() - start.len()));
        }
    }

    #[test]
    fn what_others_wrote_is_not_repeated() {
        let error = Error::validation("it holds tok_SECRET").with_status(400);
        let said = words(&error);
        let hash = "SHA-256 a8541176d9b70557dbe1f5e2a8ce4ca1a8d9a35b6e1ec2b6a3a0b1dd1a5c1e4e".len();
        assert!(said.starts_with("validation 400: a message of 19 bytes, SHA-256 "), "{said}");
        assert_eq!(said.len(), "validation 400: a message of 19 bytes, ".len() + hash);
    }

    /// The ids of one process are in the order of its calls, wherever its clock jumps to.
    #[test]
    fn ids_are_ordered_although_the_clock_goes_back() {
        let context = ContextV7::new();
        let seconds = [1_700_000_000, 1_700_000_000, 1_600_000_000, 1_600_000_001, 1_700_000_000, 1_700_000_001];
        let ids = seconds.map(|seconds| Uuid::new_v7(Timestamp::from_unix(&context, seconds, 0)));
        assert!(ids.is_sorted() && ids.windows(2).all(|pair| pair[0] != pair[1]), "{ids:?}");
    }
}
