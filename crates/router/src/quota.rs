//! What one user, project or key may take, and how often a call was refused for it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use composio_contract::{Error, ErrorKind, Result};
use serde_json::json;

use crate::bounded::Bounded;
use crate::config::{QuotaOptions, RateOptions};
use crate::project::Project;
use crate::store::Store;

/// Names whose requests are counted at the same time.
const NAMES: usize = 16_384;
/// Projects whose sessions are counted.
const PROJECTS: usize = 1_024;
/// Another process may make sessions too, so that the store is asked again after this time.
const COUNT_LASTS: Duration = Duration::from_secs(60);
/// When a call that a quota without a rate refused may be worth another try, in seconds.
const LATER: u64 = 60;

/// A limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Requests a second, of a key, a project or a user.
    Requests,
    /// Sessions of a project.
    Sessions,
    /// Links of a user that nobody followed yet.
    PendingLinks,
    /// Bytes in a user's folder.
    WorkspaceBytes,
    /// Files and folders in a user's folder.
    WorkspaceFiles,
    /// Bytes of one SQLite database of a user's.
    DatabaseBytes,
}

impl Limit {
    const ALL: [Self; 6] = [
        Self::Requests,
        Self::Sessions,
        Self::PendingLinks,
        Self::WorkspaceBytes,
        Self::WorkspaceFiles,
        Self::DatabaseBytes,
    ];

    /// The name it is counted by.
    fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Sessions => "sessions",
            Self::PendingLinks => "pending_links",
            Self::WorkspaceBytes => "workspace_bytes",
            Self::WorkspaceFiles => "workspace_files",
            Self::DatabaseBytes => "database_bytes",
        }
    }

    fn slug(self) -> &'static str {
        match self {
            Self::Requests => "TooManyRequests",
            Self::Sessions => "SessionQuota",
            Self::PendingLinks => "PendingLinkQuota",
            Self::WorkspaceBytes => "WorkspaceQuota",
            Self::WorkspaceFiles => "FileQuota",
            Self::DatabaseBytes => "DatabaseQuota",
        }
    }
}

/// How often each limit refused something.
#[derive(Debug, Default)]
pub(crate) struct Refusals([AtomicU64; Limit::ALL.len()]);

impl Refusals {
    /// Counts what a limit did.
    pub(crate) fn note(&self, limit: Limit) {
        if let Some(count) = self.0.get(limit as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a refusal, and answers the error for it.
    pub(crate) fn refuse(&self, limit: Limit, message: String, fix: &str) -> Error {
        self.refuse_for(limit, message, fix, LATER)
    }

    fn refuse_for(&self, limit: Limit, message: String, fix: &str, seconds: u64) -> Error {
        self.note(limit);
        Error::new(ErrorKind::RateLimit, message)
            .with_status(429)
            .with_slug(limit.slug())
            .with_suggested_fix(fix)
            .with_retryable(limit == Limit::Requests)
            .with_details(json!({"retry_after": seconds}).into())
    }
}

/// The limits of a router, and what is counted against them.
#[derive(Debug)]
pub struct Quotas {
    keys: Option<Buckets>,
    projects: Option<Buckets>,
    users: Option<Buckets>,
    sessions: Option<u64>,
    counted: Mutex<Bounded<Project, Counted, PROJECTS>>,
    pending_links: Option<usize>,
    refusals: Arc<Refusals>,
}

/// A project's sessions when the store was asked, and those made since.
#[derive(Clone, Copy, Debug)]
struct Counted {
    sessions: u64,
    at: Instant,
}

impl Quotas {
    pub(crate) fn new(options: &QuotaOptions, refusals: Arc<Refusals>) -> Self {
        Self {
            keys: Buckets::new(&options.key),
            projects: Buckets::new(&options.project),
            users: Buckets::new(&options.user),
            sessions: options.sessions.filter(|limit| *limit > 0),
            counted: Mutex::default(),
            pending_links: options
                .pending_links
                .filter(|limit| *limit > 0)
                .map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)),
            refusals,
        }
    }

    /// Lets a request of a key in, unless the key or its project has sent too many. Both names must be known ones: whoever
    /// made names up would take the place of others.
    ///
    /// # Errors
    /// [`ErrorKind::RateLimit`] with status 429; `retry_after` in its details says when the next request is let in.
    pub fn admit(&self, key: &str, project: &Project) -> Result<()> {
        self.admit_to(self.keys.as_ref(), key, "the key")?;
        self.admit_to(self.projects.as_ref(), project.as_str(), "the project")
    }

    /// Lets a request for a session's user in.
    pub(crate) fn admit_user(&self, project: &Project, user_id: &str) -> Result<()> {
        if self.users.is_none() {
            return Ok(());
        }
        self.admit_to(self.users.as_ref(), &format!("{project}\0{user_id}"), "the user")
    }

    fn admit_to(&self, buckets: Option<&Buckets>, name: &str, whose: &str) -> Result<()> {
        let Some(buckets) = buckets else { return Ok(()) };
        buckets.take(name, Instant::now()).map_err(|wait| {
            let seconds = wait.as_secs_f64().ceil().max(1.0);
            let message = format!(
                "the request was not accepted: {whose} sent more than {} requests a second and {} at once",
                buckets.rate, buckets.burst
            );
            let fix = format!("wait {seconds} s, or raise the limit in `[quota]` of composio.toml");
            self.refusals.refuse_for(Limit::Requests, message, &fix, seconds as u64)
        })
    }

    /// Lets a project have one more session.
    pub(crate) async fn admit_session(&self, project: &Project, store: &dyn Store) -> Result<()> {
        let Some(limit) = self.sessions else { return Ok(()) };
        let known = |counted: &mut Bounded<Project, Counted, PROJECTS>| {
            let mut known = *counted.get(project)?;
            if known.sessions >= limit || known.at.elapsed() > COUNT_LASTS {
                return None;
            }
            known.sessions += 1;
            counted.insert(project.clone(), known);
            Some(())
        };
        if known(&mut self.counted.lock().unwrap_or_else(PoisonError::into_inner)).is_some() {
            return Ok(());
        }
        let sessions = store.count_sessions(project, limit).await?;
        if sessions >= limit {
            let message = format!("cannot create a session: the project has {sessions}, and the limit is {limit}");
            let fix = "delete sessions that are done, or raise `quota.sessions` in composio.toml";
            return Err(self.refusals.refuse(Limit::Sessions, message, fix));
        }
        let counted = Counted { sessions: sessions + 1, at: Instant::now() };
        self.counted.lock().unwrap_or_else(PoisonError::into_inner).insert(project.clone(), counted);
        Ok(())
    }

    /// How many links a user may have that nobody followed yet.
    pub(crate) fn pending_links(&self) -> Option<usize> {
        self.pending_links
    }

    /// Counts a link that had to make room for a newer one.
    pub(crate) fn note_lapsed_link(&self) {
        self.refusals.note(Limit::PendingLinks);
    }

    /// How often each limit refused something, by its name.
    pub fn refusals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Limit::ALL.iter().zip(&self.refusals.0).map(|(limit, count)| (limit.name(), count.load(Ordering::Relaxed)))
    }
}

/// Token buckets: each name has `burst` tokens, and gets `rate` new ones a second.
#[derive(Debug)]
struct Buckets {
    rate: f64,
    burst: f64,
    of: Mutex<HashMap<String, Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Buckets {
    fn new(options: &RateOptions) -> Option<Self> {
        let rate = options.requests_per_second.filter(|rate| *rate > 0.0)?;
        let burst = options.burst.map_or_else(|| (rate * 2.0).ceil(), f64::from).max(1.0);
        Some(Self { rate, burst, of: Mutex::default() })
    }

    fn tokens(&self, bucket: &Bucket, now: Instant) -> f64 {
        let elapsed = now.saturating_duration_since(bucket.at).as_secs_f64();
        elapsed.mul_add(self.rate, bucket.tokens).min(self.burst)
    }

    /// Takes a token, or answers when there is one.
    fn take(&self, name: &str, now: Instant) -> Result<(), Duration> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = of.get_mut(name) {
            let tokens = self.tokens(bucket, now);
            if tokens < 1.0 {
                return Err(Duration::from_secs_f64((1.0 - tokens) / self.rate));
            }
            *bucket = Bucket { tokens: tokens - 1.0, at: now };
            return Ok(());
        }
        if of.len() >= NAMES {
            // A full bucket is the same as none.
            of.retain(|_, bucket| self.tokens(bucket, now) < self.burst);
        }
        if of.len() >= NAMES {
            of.clear();
        }
        of.insert(name.to_owned(), Bucket { tokens: self.burst - 1.0, at: now });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(rate: f64, burst: u32) -> Buckets {
        Buckets::new(&RateOptions { requests_per_second: Some(rate), burst: Some(burst) }).unwrap()
    }

    #[test]
    fn a_burst_is_let_in_and_then_the_rate() {
        let (buckets, start) = (buckets(10.0, 3), Instant::now());
        for _ in 0..3 {
            buckets.take("a", start).unwrap();
        }
        let wait = buckets.take("a", start).unwrap_err();
        assert_eq!(wait, Duration::from_millis(100));
        // Another name has its own.
        buckets.take("b", start).unwrap();
        buckets.take("a", start + wait).unwrap();
        buckets.take("a", start + wait).unwrap_err();
        // No more than the burst is saved up.
        let later = start + Duration::from_secs(60);
        for _ in 0..3 {
            buckets.take("a", later).unwrap();
        }
        buckets.take("a", later).unwrap_err();
    }

    #[test]
    fn many_names_take_no_more_than_their_place() {
        let (buckets, start) = (buckets(1.0, 1), Instant::now());
        for name in 0..NAMES {
            buckets.take(&name.to_string(), start).unwrap();
        }
        // All others are full again, and one is not.
        let later = start + Duration::from_secs(2);
        buckets.take("7", later).unwrap();
        buckets.take("one more", later).unwrap();
        assert_eq!(buckets.of.lock().unwrap().len(), 2);
        buckets.take("7", later).unwrap_err();
    }

    #[test]
    fn no_rate_is_no_limit() {
        for rate in [None, Some(0.0)] {
            assert!(Buckets::new(&RateOptions { requests_per_second: rate, burst: Some(1) }).is_none());
        }
    }
}
