//! Forgetting what is old: the execution log, sessions that nobody uses, versions of configurations.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use composio_contract::{ErrorKind, Result};
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::clock;
use crate::config::RetentionOptions;
use crate::config::retention::limit;
use crate::router::Router;
use crate::store::retention::{Lease, prune_under};
use crate::store::{Prune, Store, shrink_all};

/// When the first round begins, and how long after each the next one does.
struct Schedule {
    first: Duration,
    every: Duration,
}

/// Not within the start of a program.
const SCHEDULE: Schedule = Schedule { first: Duration::from_secs(60), every: Duration::from_secs(600) };
/// The name of the lease that one of several processes has.
const LEASE: &str = "retention";
/// How long a process that was killed in the middle holds up the others.
const HELD: Duration = Duration::from_secs(120);
const DAY: i64 = 24 * 3_600 * 1_000;

/// What a round removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Entries of the execution log.
    pub log: u64,
    /// Sessions.
    pub sessions: u64,
    /// Versions of configurations.
    pub versions: u64,
    /// Approvals, links and notes of used tickets that had expired.
    pub expired: u64,
}

impl Router {
    /// Removes what the configuration says is not kept, as `composio serve` does from time to time. None where another process
    /// does it now.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn prune(&self) -> Result<Option<Pruned>> {
        round(self.store(), self.retention, &Uuid::new_v4().to_string()).await
    }
}

/// Prunes from time to time until the router is closed or gone, if there is anything that the configuration limits.
pub(crate) fn start(store: &Arc<dyn Store>, closed: &Arc<AtomicBool>, options: RetentionOptions, runtime: &Handle) {
    if [options.log_days, options.log_rows, options.session_idle_days].into_iter().all(|option| limit(option).is_none())
    {
        return;
    }
    runtime.spawn(keep_pruning(Arc::downgrade(store), Arc::downgrade(closed), options, SCHEDULE));
}

async fn keep_pruning(
    store: Weak<dyn Store>,
    closed: Weak<AtomicBool>,
    options: RetentionOptions,
    Schedule { first, every }: Schedule,
) {
    let holder = Uuid::new_v4().to_string();
    let mut pause = first;
    loop {
        tokio::time::sleep(pause).await;
        pause = every;
        let (Some(store), Some(closed)) = (store.upgrade(), closed.upgrade()) else { return };
        if closed.load(Ordering::Acquire) {
            return;
        }
        match round(store.as_ref(), options, &holder).await {
            Ok(None) => {}
            Ok(Some(pruned)) if pruned == Pruned::default() => {}
            Ok(Some(Pruned { log, sessions, versions, expired })) => {
                tracing::info!(log, sessions, versions, expired, "removed what is not kept any longer");
            }
            Err(error) => tracing::warn!(%error, "what is not kept any longer is removed later"),
        }
    }
}

async fn round(store: &dyn Store, options: RetentionOptions, holder: &str) -> Result<Option<Pruned>> {
    if !store.hold(LEASE, holder, HELD).await? {
        return Ok(None);
    }
    match prune(store, options, holder).await {
        Err(error) if error.kind() == ErrorKind::Conflict => Ok(None),
        done => done.map(Some),
    }
}

async fn prune(store: &dyn Store, options: RetentionOptions, holder: &str) -> Result<Pruned> {
    let now = clock::millis();
    let before = |days: u32| now.saturating_sub(i64::from(days).saturating_mul(DAY));
    let lease = Lease { name: LEASE, holder, time: HELD };
    let lease = Some(&lease);
    let expired = prune_under(store, &Prune::Expired { now }, lease).await?;
    let mut pruned = Pruned { expired, ..Pruned::default() };
    if let Some(days) = limit(options.session_idle_days) {
        let idle = Prune::IdleSessions { project: None, before: before(days) };
        pruned.sessions = prune_under(store, &idle, lease).await?;
    }
    if let Some(kept) = options.versions() {
        pruned.versions = prune_under(store, &Prune::Versions { session_id: None, kept }, lease).await?;
    }
    if limit(options.log_days).or(limit(options.log_rows)).is_some() {
        for project in store.log_projects().await? {
            if let Some(days) = limit(options.log_days) {
                let old = Prune::LogBefore { project: project.clone(), before: before(days) };
                pruned.log += prune_under(store, &old, lease).await?;
            }
            if let Some(rows) = limit(options.log_rows) {
                let beyond = Prune::LogBeyond { project, rows: rows.into() };
                pruned.log += prune_under(store, &beyond, lease).await?;
            }
        }
    }
    shrink_all(store).await?;
    Ok(pruned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Project;
    use crate::store::{Location, LogEntry, LogQuery, RunStatus, SqliteStore};

    fn entry(id: u64, started_at: i64) -> LogEntry {
        LogEntry {
            id: format!("{id:08}"),
            project: Project::default(),
            session_id: "trs_1".to_owned(),
            user_id: "ada".to_owned(),
            tool_slug: "TIME_NOW".to_owned(),
            status: RunStatus::Completed,
            error: None,
            arguments_size: 0,
            arguments_hash: [0; 32],
            started_at,
            duration: 0,
        }
    }

    /// Without anybody asking for it, after an error too, and until the router is closed.
    #[tokio::test]
    async fn the_background_task_prunes_from_time_to_time() {
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&Location::Memory).unwrap());
        let closed = Arc::new(AtomicBool::new(false));
        let options = RetentionOptions::default().for_server();
        let often = Schedule { first: Duration::from_millis(1), every: Duration::from_millis(1) };
        let task = tokio::spawn(keep_pruning(Arc::downgrade(&store), Arc::downgrade(&closed), options, often));
        let count = async || {
            store.flush().await.unwrap();
            store.find_log(&LogQuery::newest(Project::default(), 10)).await.unwrap().len()
        };
        store.log(entry(1, clock::millis()));
        for id in 2..4 {
            store.log(entry(id, 0));
            while count().await > 1 {
                tokio::task::yield_now().await;
            }
        }
        closed.store(true, Ordering::Release);
        task.await.unwrap();
        store.log(entry(4, 0));
        assert_eq!(count().await, 2);
    }

    #[tokio::test]
    async fn one_process_at_a_time_prunes() {
        let store = SqliteStore::open(&Location::Memory).unwrap();
        let options = RetentionOptions::default().for_server();
        assert!(round(&store, options, "one").await.unwrap().is_some());
        assert_eq!(round(&store, options, "other").await.unwrap(), None);
        assert!(round(&store, options, "one").await.unwrap().is_some());
        // A lease that would last longer than any does was taken before the clock was set back.
        assert!(store.hold(LEASE, "one", 100 * HELD).await.unwrap());
        assert!(round(&store, options, "other").await.unwrap().is_some());
    }
}
