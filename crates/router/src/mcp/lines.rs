//! The pipes of a server's process: a JSON-RPC message a line.
//!
//! The protocol library drops a line that it cannot read, and whoever waits for the answer in it waits until the time is
//! over. Here such a line is read as far as it can be, and else its request is answered with what was wrong with it.

use std::future::Future;
use std::io;
use std::sync::Arc;

use rmcp::model::{ErrorCode, ErrorData, RequestId, ServerJsonRpcMessage};
use rmcp::service::{RoleClient, RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::Mutex;

use super::process::Pipes;
use super::scan::{IdScan, without_depths};
use crate::text;

/// How long a line may be.
const MAX_LINE: usize = 16 * 1024 * 1024;

/// How much of the buffer for a line is kept for the next one.
const KEPT: usize = 64 * 1024;

/// The code of the error that stands for an answer which could not be read.
pub(super) const UNREADABLE: ErrorCode = ErrorCode(-32_097);

/// See the module.
pub(super) struct Lines {
    read: BufReader<ChildStdout>,
    line: Vec<u8>,
    /// Looks for the id in a line that is too long, until its end.
    skipped: Option<IdScan>,
    write: Arc<Mutex<Option<ChildStdin>>>,
}

impl Lines {
    pub(super) fn new((read, write): Pipes) -> Self {
        Self { read: BufReader::new(read), line: Vec::new(), skipped: None, write: Arc::new(Mutex::new(Some(write))) }
    }

    /// The next line, or the id that one which is too long has; none at the end. Safe to drop and to call again.
    async fn next(&mut self) -> io::Result<Option<Result<(), Option<RequestId>>>> {
        loop {
            let available = self.read.fill_buf().await?;
            if available.is_empty() {
                return Ok(None);
            }
            let end = available.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(available.len(), |end| end + 1);
            let part = available.get(..taken).unwrap_or_default();
            match &mut self.skipped {
                Some(scan) => scan.feed(part),
                None if self.line.len().saturating_add(taken) > MAX_LINE => {
                    let mut scan = IdScan::default();
                    scan.feed(&self.line);
                    scan.feed(part);
                    self.line = Vec::new();
                    self.skipped = Some(scan);
                }
                None => self.line.extend_from_slice(part),
            }
            self.read.consume(taken);
            if end.is_some() {
                return Ok(Some(match self.skipped.take() {
                    Some(scan) => Err(scan.id()),
                    None => Ok(()),
                }));
            }
        }
    }

    /// The message on the line.
    fn message(&self) -> Option<RxJsonRpcMessage<RoleClient>> {
        let line = self.line.trim_ascii();
        let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        if line.is_empty() {
            return None;
        }
        let error = match serde_json::from_slice(line) {
            Ok(message) => return Some(message),
            Err(error) => error,
        };
        // A byte that is no text, or a value that is nested too deeply, costs itself.
        let readable = without_depths(String::from_utf8_lossy(line).as_bytes());
        if let Ok(message) = serde_json::from_slice(&readable) {
            tracing::warn!(%error, "a message of an MCP server was read in part");
            return Some(message);
        }
        let mut scan = IdScan::default();
        scan.feed(line);
        let why = format!("it does not fit the protocol: {error}");
        unreadable(scan.id(), &why)
    }
}

/// An answer in place of one that cannot be read.
fn unreadable(id: Option<RequestId>, why: &str) -> Option<RxJsonRpcMessage<RoleClient>> {
    let why = text::prose(why, 300);
    let Some(id) = id else {
        tracing::debug!("a line of an MCP server is no message: {why}");
        return None;
    };
    let message = format!("The answer cannot be read: {why}.");
    Some(ServerJsonRpcMessage::error(ErrorData::new(UNREADABLE, message, None), Some(id)))
}

impl Transport<RoleClient> for Lines {
    type Error = io::Error;

    fn send(&mut self, item: TxJsonRpcMessage<RoleClient>) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let write = Arc::clone(&self.write);
        async move {
            let mut line = serde_json::to_vec(&item)?;
            line.push(b'\n');
            match &mut *write.lock().await {
                Some(write) => {
                    write.write_all(&line).await?;
                    write.flush().await
                }
                None => Err(io::Error::new(io::ErrorKind::NotConnected, "the connection is closed")),
            }
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        loop {
            let message = match self.next().await {
                Ok(Some(Ok(()))) => {
                    let message = self.message();
                    self.line.clear();
                    self.line.shrink_to(KEPT);
                    message
                }
                Ok(Some(Err(id))) => {
                    let most = MAX_LINE / (1024 * 1024);
                    tracing::warn!("a line of an MCP server is longer than {most} MiB and was not read");
                    unreadable(id, &format!("it is a line of more than {most} MiB, the most that is read"))
                }
                Ok(None) => return None,
                Err(error) => {
                    tracing::warn!(%error, "the output of an MCP server cannot be read");
                    return None;
                }
            };
            if message.is_some() {
                return message;
            }
            tokio::task::consume_budget().await;
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        self.write.lock().await.take();
        Ok(())
    }
}
