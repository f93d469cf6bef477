//! The writer of the execution log: a thread that batches, so that a call never waits for the disk.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use tokio::sync::oneshot;

use super::LogEntry;

/// How long the first entry of a batch waits for others; what a killed process loses.
const WINDOW: Duration = Duration::from_millis(5);
/// Entries of one transaction.
const BATCH: usize = 512;
/// Entries that may wait while another process holds the database.
const QUEUE: usize = 65_536;

enum Message {
    Entry(LogEntry),
    Flush(oneshot::Sender<()>),
}

/// The sending end; dropping it writes what is left and ends the thread.
#[derive(Debug)]
pub(super) struct LogWriter {
    sender: Option<SyncSender<Message>>,
    thread: Option<JoinHandle<()>>,
}

impl LogWriter {
    pub(super) fn start(connection: Arc<Mutex<Connection>>) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::sync_channel(QUEUE);
        let thread =
            std::thread::Builder::new().name("composio-log".to_owned()).spawn(move || run(&connection, &receiver))?;
        Ok(Self { sender: Some(sender), thread: Some(thread) })
    }

    pub(super) fn send(&self, entry: LogEntry) {
        let Some(sender) = &self.sender else { return };
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = sender.try_send(Message::Entry(entry)) {
            tracing::error!("the execution log cannot keep up; an entry is lost");
        }
    }

    /// Resolves once everything sent before is written.
    pub(super) fn flush(&self) -> oneshot::Receiver<()> {
        let (done, written) = oneshot::channel();
        if let Some(sender) = &self.sender {
            // A writer that is gone drops `done`, which the receiver sees.
            let _ = sender.send(Message::Flush(done));
        }
        written
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

fn run(connection: &Mutex<Connection>, receiver: &Receiver<Message>) {
    let mut batch = Vec::new();
    while let Ok(message) = receiver.recv() {
        let deadline = Instant::now() + WINDOW;
        let mut next = Ok(message);
        let mut waiting = None;
        loop {
            match next {
                Ok(Message::Entry(entry)) => batch.push(entry),
                Ok(Message::Flush(done)) => {
                    waiting = Some(done);
                    break;
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
            if batch.len() >= BATCH {
                break;
            }
            next = receiver.recv_timeout(deadline.saturating_duration_since(Instant::now()));
        }
        if let Err(error) = write(&mut connection.lock().unwrap_or_else(PoisonError::into_inner), &batch) {
            tracing::error!(%error, entries = batch.len(), "the execution log could not be written");
        }
        batch.clear();
        if let Some(done) = waiting {
            // Whoever waited may have given up.
            let _ = done.send(());
        }
    }
}

fn write(connection: &mut Connection, batch: &[LogEntry]) -> rusqlite::Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    {
        let mut insert = transaction.prepare_cached(
            "INSERT INTO executions (id, project, session_id, user_id, tool_slug, status, error, arguments_size, \
             arguments_hash, started_at, duration) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?;
        for entry in batch {
            insert.execute(params![
                entry.id,
                entry.project.as_str(),
                entry.session_id,
                entry.user_id,
                entry.tool_slug,
                entry.status.name(),
                entry.error,
                entry.arguments_size.cast_signed(),
                entry.arguments_hash,
                entry.started_at,
                entry.duration.cast_signed(),
            ])?;
        }
    }
    transaction.commit()
}
