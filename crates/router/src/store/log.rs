//! The writer of the execution log: a thread that batches, so that a call never waits for the disk or the network, but for one that
//! may change something: that it begins is committed first, together with the others that begin at the same time.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use composio_contract::{Error, Result};
use tokio::sync::oneshot;

use super::{LogEntry, RunStatus, failed, unavailable};

/// How long the first entry of a batch waits for others; what a killed process loses.
const WINDOW: Duration = Duration::from_millis(5);
/// Entries of one transaction.
const BATCH: usize = 512;
/// Entries that may wait while another process holds the database, and again as many while it is away or full.
const QUEUE: usize = 65_536;
/// How long to wait before what could not be written is tried again.
const PAUSE: Duration = Duration::from_millis(500);
/// How long a run that was said to be under way is taken to be. A killed process is noticed after this.
pub(super) const LEASE: Duration = Duration::from_secs(5);
/// How often that is said again.
const RENEWAL: Duration = Duration::from_secs(1);
/// How exactly the last use of a session is known.
pub(super) const TOUCH: Duration = Duration::from_secs(3_600);

/// Where entries are written.
pub(super) trait LogSink: Send + 'static {
    /// Writes all entries or none. An entry of a run that has started is replaced by the one that ends it; any other that was
    /// written before stays as it is, since after a broken connection nobody knows. An error that is retryable keeps the
    /// entries for later.
    fn write(&mut self, batch: &[LogEntry]) -> Result<()>;

    /// Says of runs that have started that they are still under way.
    fn renew(&mut self, ids: &[&str]) -> Result<()>;
}

type Done = oneshot::Sender<Result<()>>;

enum Message {
    Entry(LogEntry),
    Begin(LogEntry, Done),
    Flush(Done),
}

/// The sending end; dropping it writes what is left and ends the thread.
#[derive(Debug)]
pub(super) struct LogWriter {
    sender: Option<SyncSender<Message>>,
    /// Somebody waits, so that a batch does not.
    is_hurried: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl LogWriter {
    pub(super) fn start(sink: impl LogSink) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::sync_channel(QUEUE);
        let is_hurried = Arc::new(AtomicBool::new(false));
        let writer = Writer {
            sink,
            begun: Vec::new(),
            pending: Vec::new(),
            running: HashMap::new(),
            renew_at: None,
            retry_at: None,
            is_hurried: Arc::clone(&is_hurried),
        };
        let thread =
            std::thread::Builder::new().name("composio-log".to_owned()).spawn(move || writer.run(&receiver))?;
        Ok(Self { sender: Some(sender), is_hurried, thread: Some(thread) })
    }

    pub(super) fn send(&self, entry: LogEntry) {
        let Some(sender) = &self.sender else { return };
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = sender.try_send(Message::Entry(entry)) {
            tracing::error!("the execution log cannot keep up; an entry is lost");
        }
    }

    /// Resolves once the entry of a run that begins is committed. Where that fails the entry is not kept for later, but it may
    /// have been written all the same.
    pub(super) async fn begin(&self, entry: LogEntry) -> Result<()> {
        let (done, committed) = oneshot::channel();
        if let Some(sender) = &self.sender
            && let Err(TrySendError::Full(_)) = sender.try_send(Message::Begin(entry, done))
        {
            return Err(unavailable("write its log", "too many entries wait to be written"));
        }
        self.hurry();
        committed.await.map_err(|error| failed("write its log", error))?
    }

    /// Resolves once everything sent before is written, or could not be.
    pub(super) async fn flush(&self) -> Result<()> {
        let (done, written) = oneshot::channel();
        if let Some(sender) = &self.sender {
            // A writer that is gone drops `done`, which the receiver sees.
            let _ = sender.send(Message::Flush(done));
        }
        written.await.map_err(|error| failed("flush its log", error))?
    }

    fn hurry(&self) {
        self.is_hurried.store(true, Ordering::Release);
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        drop(self.sender.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the writer of the execution log panicked");
        }
    }
}

struct Writer<S> {
    sink: S,
    /// Entries whose senders wait.
    begun: Vec<(LogEntry, Done)>,
    pending: Vec<LogEntry>,
    /// Runs that have begun and not ended, and when they began.
    running: HashMap<String, Instant>,
    /// Set while there are such.
    renew_at: Option<Instant>,
    /// Set while the database does not take what is pending.
    retry_at: Option<Instant>,
    is_hurried: Arc<AtomicBool>,
}

impl<S: LogSink> Writer<S> {
    fn run(mut self, receiver: &Receiver<Message>) {
        let mut ended = false;
        let mut has_more = false;
        while !ended {
            let mut next = match self.wake_at() {
                None => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(at) => receiver.recv_timeout(at.saturating_duration_since(Instant::now())),
            };
            if self.retry_at.is_none() && !has_more && matches!(next, Ok(Message::Entry(_))) {
                self.gather();
            }
            has_more = false;
            let mut flush = None;
            loop {
                match next {
                    Ok(Message::Entry(entry)) => self.keep(entry),
                    Ok(Message::Begin(entry, done)) => self.begun.push((entry, done)),
                    Ok(Message::Flush(done)) => {
                        flush = Some(done);
                        break;
                    }
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => {
                        ended = true;
                        break;
                    }
                }
                if self.retry_at.is_none() && self.pending.len() + self.begun.len() >= BATCH {
                    has_more = true;
                    break;
                }
                next = match self.retry_at {
                    Some(at) if self.begun.is_empty() => {
                        receiver.recv_timeout(at.saturating_duration_since(Instant::now()))
                    }
                    _ => receiver.try_recv().map_err(|error| match error {
                        TryRecvError::Empty => RecvTimeoutError::Timeout,
                        TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
                    }),
                };
            }
            self.begin();
            let is_due = self.retry_at.is_none_or(|at| at <= Instant::now());
            let written = if is_due || flush.is_some() || ended { self.write() } else { Ok(()) };
            if let Some(done) = flush {
                // Whoever waited may have given up.
                let _ = done.send(written);
            }
            self.renew();
        }
        if !self.pending.is_empty() {
            tracing::error!(entries = self.pending.len(), "the execution log could not be written to its end");
        }
    }

    /// Waits for further entries of the batch, but not for the next one: each would wake this thread, at the cost of the call that
    /// sends it.
    fn gather(&self) {
        let until = Instant::now() + WINDOW;
        while !self.is_hurried.swap(false, Ordering::Acquire) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::park_timeout(left);
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        self.retry_at.into_iter().chain(self.renew_at).min()
    }

    fn keep(&mut self, entry: LogEntry) {
        if entry.status != RunStatus::Started {
            self.running.remove(&entry.id);
        }
        if self.pending.len() < QUEUE {
            self.pending.push(entry);
        } else {
            tracing::error!("the execution log has not been written for long; an entry is lost");
        }
    }

    /// Writes what begins, and tells those who wait.
    fn begin(&mut self) {
        while !self.begun.is_empty() {
            let count = self.begun.len().min(BATCH);
            let (entries, waiting): (Vec<_>, Vec<_>) = self.begun.drain(..count).unzip();
            let written = self.sink.write(&entries);
            let now = Instant::now();
            for (entry, done) in entries.into_iter().zip(waiting) {
                let told = match &written {
                    Ok(()) => Ok(()),
                    Err(error) => Err(again(error)),
                };
                let has_begun = told.is_ok();
                // A call that was cancelled meanwhile has sent its end, or is about to.
                if done.send(told).is_ok() && has_begun {
                    self.running.insert(entry.id, now);
                }
            }
        }
        if self.renew_at.is_none() && !self.running.is_empty() {
            self.renew_at = Some(Instant::now() + RENEWAL);
        }
    }

    /// Says of the runs that have not ended that they are under way. Most end before that is due.
    fn renew(&mut self) {
        let now = Instant::now();
        if self.renew_at.is_none_or(|at| now < at) {
            return;
        }
        let old = |began: &Instant| now.saturating_duration_since(*began) >= RENEWAL / 2;
        let ids: Vec<&str> = self.running.iter().filter(|(_, began)| old(began)).map(|(id, _)| id.as_str()).collect();
        for ids in ids.chunks(BATCH) {
            if let Err(error) = self.sink.renew(ids) {
                tracing::debug!(%error, "runs that are under way may be taken for interrupted ones");
            }
        }
        self.renew_at = (!self.running.is_empty()).then(|| now + RENEWAL);
    }

    fn write(&mut self) -> Result<()> {
        let mut result = Ok(());
        while !self.pending.is_empty() {
            let count = self.pending.len().min(BATCH);
            let batch = self.pending.get(..count).unwrap_or_default();
            if let Err(error) = self.sink.write(batch) {
                if error.is_retryable() {
                    if self.retry_at.is_none() {
                        tracing::error!(%error, "the execution log waits for its database");
                    }
                    self.retry_at = Some(Instant::now() + PAUSE);
                    return Err(error);
                }
                tracing::error!(%error, entries = count, "the execution log could not be written");
                result = Err(error);
            }
            self.pending.drain(..count);
        }
        self.retry_at = None;
        result
    }
}

/// An error once more, for another one who waits.
fn again(error: &Error) -> Error {
    let mut again = Error::new(error.kind(), error.message()).with_retryable(error.is_retryable());
    if let Some(status) = error.status() {
        again = again.with_status(status);
    }
    if let Some(slug) = error.slug() {
        again = again.with_slug(slug);
    }
    match error.suggested_fix() {
        Some(fix) => again.with_suggested_fix(fix),
        None => again,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Condvar, Mutex};

    use super::super::{RunStatus, unavailable};
    use super::*;
    use crate::project::Project;

    #[derive(Clone, Default)]
    struct Sink {
        away: Arc<AtomicBool>,
        written: Arc<Mutex<Vec<String>>>,
        renewed: Arc<Mutex<Vec<String>>>,
        told: Arc<Condvar>,
    }

    impl LogSink for Sink {
        fn write(&mut self, batch: &[LogEntry]) -> Result<()> {
            if self.away.load(Ordering::SeqCst) {
                return Err(unavailable("write", std::io::Error::other("away")));
            }
            self.written.lock().unwrap().extend(batch.iter().map(|entry| entry.id.clone()));
            Ok(())
        }

        fn renew(&mut self, ids: &[&str]) -> Result<()> {
            let mut renewed = self.renewed.lock().unwrap();
            renewed.extend(ids.iter().map(|id| (*id).to_owned()));
            self.told.notify_all();
            Ok(())
        }
    }

    fn entry(id: usize) -> LogEntry {
        LogEntry {
            id: id.to_string(),
            project: Project::default(),
            session_id: "trs_1".to_owned(),
            user_id: "ada".to_owned(),
            tool_slug: "TIME_NOW".to_owned(),
            status: RunStatus::Completed,
            error: None,
            arguments_size: 2,
            arguments_hash: [0; 32],
            started_at: 0,
            duration: 0,
        }
    }

    #[tokio::test]
    async fn what_a_database_does_not_take_is_kept_until_it_does() {
        let sink = Sink::default();
        let log = LogWriter::start(sink.clone()).unwrap();
        sink.away.store(true, Ordering::SeqCst);
        for id in 0..2 * BATCH + 1 {
            log.send(entry(id));
        }
        assert!(log.flush().await.unwrap_err().is_retryable());
        assert!(sink.written.lock().unwrap().is_empty());
        sink.away.store(false, Ordering::SeqCst);
        log.send(entry(2 * BATCH + 1));
        log.flush().await.unwrap();
        let expected: Vec<String> = (0..2 * BATCH + 2).map(|id| id.to_string()).collect();
        assert_eq!(*sink.written.lock().unwrap(), expected);
    }

    #[tokio::test]
    async fn a_run_begins_once_that_is_written_and_not_at_all_where_it_cannot_be() {
        let sink = Sink::default();
        let log = LogWriter::start(sink.clone()).unwrap();
        log.begin(entry(1)).await.unwrap();
        assert_eq!(*sink.written.lock().unwrap(), ["1"]);
        sink.away.store(true, Ordering::SeqCst);
        // Also while entries wait for the database to come back.
        log.send(entry(2));
        assert!(log.flush().await.is_err());
        let error = log.begin(entry(3)).await.unwrap_err();
        assert_eq!((error.status(), error.is_retryable()), (Some(503), true));
        sink.away.store(false, Ordering::SeqCst);
        log.flush().await.unwrap();
        assert_eq!(*sink.written.lock().unwrap(), ["1", "2"]);
    }

    #[tokio::test]
    async fn of_runs_under_way_that_is_said_again_until_they_end() {
        let sink = Sink::default();
        let log = LogWriter::start(sink.clone()).unwrap();
        for id in [1, 2] {
            log.begin(LogEntry { status: RunStatus::Started, ..entry(id) }).await.unwrap();
        }
        log.send(entry(1));
        log.flush().await.unwrap();
        let renewed = sink.renewed.lock().unwrap();
        let renewed = sink.told.wait_while(renewed, |renewed| renewed.len() < 2).unwrap();
        assert!(renewed.iter().all(|id| id == "2"), "{renewed:?}");
    }

    #[test]
    fn the_end_waits_for_what_is_left_but_not_for_a_database_that_is_away() {
        let sink = Sink::default();
        let log = LogWriter::start(sink.clone()).unwrap();
        log.send(entry(1));
        drop(log);
        assert_eq!(sink.written.lock().unwrap().len(), 1);
        sink.away.store(true, Ordering::SeqCst);
        let log = LogWriter::start(sink.clone()).unwrap();
        log.send(entry(2));
        drop(log);
        assert_eq!(sink.written.lock().unwrap().len(), 1);
    }
}
