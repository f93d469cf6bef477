//! The writer of the execution log: a thread that batches, so that a call never waits for the disk or the network.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use composio_contract::Result;
use tokio::sync::oneshot;

use super::{LogEntry, failed};

/// How long the first entry of a batch waits for others; what a killed process loses.
const WINDOW: Duration = Duration::from_millis(5);
/// Entries of one transaction.
const BATCH: usize = 512;
/// Entries that may wait while another process holds the database, and again as many while it is away or full.
const QUEUE: usize = 65_536;
/// How long to wait before what could not be written is tried again.
const PAUSE: Duration = Duration::from_millis(500);

/// Where entries are written.
pub(super) trait LogSink: Send + 'static {
    /// Writes all entries or none. One that was written before stays as it is, since after a broken connection nobody
    /// knows. An error that is retryable keeps the entries for later.
    fn write(&mut self, batch: &[LogEntry]) -> Result<()>;
}

enum Message {
    Entry(LogEntry),
    Flush(oneshot::Sender<Result<()>>),
}

/// The sending end; dropping it writes what is left and ends the thread.
#[derive(Debug)]
pub(super) struct LogWriter {
    sender: Option<SyncSender<Message>>,
    thread: Option<JoinHandle<()>>,
}

impl LogWriter {
    pub(super) fn start(sink: impl LogSink) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::sync_channel(QUEUE);
        let writer = Writer { sink, pending: Vec::new(), retry_at: None };
        let thread =
            std::thread::Builder::new().name("composio-log".to_owned()).spawn(move || writer.run(&receiver))?;
        Ok(Self { sender: Some(sender), thread: Some(thread) })
    }

    pub(super) fn send(&self, entry: LogEntry) {
        let Some(sender) = &self.sender else { return };
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = sender.try_send(Message::Entry(entry)) {
            tracing::error!("the execution log cannot keep up; an entry is lost");
        }
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
    pending: Vec<LogEntry>,
    /// Set while the database does not take what is pending.
    retry_at: Option<Instant>,
}

impl<S: LogSink> Writer<S> {
    fn run(mut self, receiver: &Receiver<Message>) {
        let mut ended = false;
        let mut has_more = false;
        while !ended {
            let mut next = match self.retry_at {
                None => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(at) => receiver.recv_timeout(at.saturating_duration_since(Instant::now())),
            };
            if self.retry_at.is_none() && !has_more && matches!(next, Ok(Message::Entry(_))) {
                // Not a wait for the next one: each would wake this thread, at the cost of the call that sends it.
                std::thread::sleep(WINDOW);
            }
            has_more = false;
            let mut flush = None;
            loop {
                match next {
                    Ok(Message::Entry(entry)) => self.keep(entry),
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
                if self.retry_at.is_none() && self.pending.len() >= BATCH {
                    has_more = true;
                    break;
                }
                next = match self.retry_at {
                    None => receiver.try_recv().map_err(|error| match error {
                        TryRecvError::Empty => RecvTimeoutError::Timeout,
                        TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
                    }),
                    Some(at) => receiver.recv_timeout(at.saturating_duration_since(Instant::now())),
                };
            }
            let written = self.write();
            if let Some(done) = flush {
                // Whoever waited may have given up.
                let _ = done.send(written);
            }
        }
        if !self.pending.is_empty() {
            tracing::error!(entries = self.pending.len(), "the execution log could not be written to its end");
        }
    }

    fn keep(&mut self, entry: LogEntry) {
        if self.pending.len() < QUEUE {
            self.pending.push(entry);
        } else {
            tracing::error!("the execution log has not been written for long; an entry is lost");
        }
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex};

    use super::super::{RunStatus, unavailable};
    use super::*;
    use crate::project::Project;

    #[derive(Clone, Default)]
    struct Sink {
        away: Arc<AtomicBool>,
        written: Arc<Mutex<Vec<String>>>,
    }

    impl LogSink for Sink {
        fn write(&mut self, batch: &[LogEntry]) -> Result<()> {
            if self.away.load(Ordering::SeqCst) {
                return Err(unavailable("write", std::io::Error::other("away")));
            }
            self.written.lock().unwrap().extend(batch.iter().map(|entry| entry.id.clone()));
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
