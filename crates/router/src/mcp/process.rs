//! A server's process, from its start until nothing of it is left.
//!
//! The server leads a process group of its own (a job on Windows), so that what it starts itself, as `npx` starts
//! `node`, ends with it. Its standard input is a pipe that only this process holds: should this process die without
//! having ended the server, the server reads the end of its input, which the protocol tells it to take as the sign to
//! stop. A parent-death signal would say the same to the server alone, on Linux alone, needs `unsafe`, and fires when
//! the *thread* that started the server ends.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use process_wrap::tokio::{ChildWrapper, CommandWrap};
use secrecy::ExposeSecret;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::config::McpTransport;
use super::redact::Redactor;

/// How long a server has to stop on its own, and then again once it was told to.
const GRACE: Duration = Duration::from_secs(2);

/// How long to wait for the rest of the standard error of a server that has ended.
const STDERR_GRACE: Duration = Duration::from_millis(500);

/// How many lines of standard error are kept for messages, and of how many bytes each.
const STDERR_LINES: usize = 12;
const STDERR_LINE_BYTES: u64 = 400;

/// The variables that a server gets from this process's environment. Others may hold secrets.
const INHERITED: &[&str] = if cfg!(windows) {
    &[
        "APPDATA",
        "COMSPEC",
        "HOMEDRIVE",
        "HOMEPATH",
        "LOCALAPPDATA",
        "PATH",
        "PATHEXT",
        "PROCESSOR_ARCHITECTURE",
        "PROGRAMDATA",
        "PROGRAMFILES",
        "SYSTEMDRIVE",
        "SYSTEMROOT",
        "TEMP",
        "TMP",
        "USERNAME",
        "USERPROFILE",
    ]
} else {
    &["HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER"]
};

/// A running server. Dropping it kills the whole group at once; [`Process::stop`] is the gentle way.
#[derive(Debug)]
pub(super) struct Process {
    child: Box<dyn ChildWrapper>,
    stderr: Stderr,
}

/// The two ends of the conversation with a server.
pub(super) type Pipes = (ChildStdout, ChildStdin);

impl Process {
    /// Starts a server. Must be called within the runtime that is to drive its pipes.
    pub(super) fn start(slug: &str, transport: &McpTransport, redactor: &Redactor) -> io::Result<(Self, Pipes)> {
        let McpTransport::Stdio { command, args, env, cwd } = transport else {
            return Err(io::Error::other("only a server with a command has a process"));
        };
        let mut wrap = CommandWrap::with_new(command, |process| {
            process.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            process.env_clear();
            process.envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
            process.envs(env.iter().map(|(name, value)| (name, value.expose_secret())));
            if let Some(cwd) = cwd {
                process.current_dir(cwd);
            }
        });
        #[cfg(unix)]
        wrap.wrap(process_wrap::tokio::ProcessGroup::leader());
        #[cfg(windows)]
        wrap.wrap(process_wrap::tokio::JobObject);

        let mut child = wrap.spawn()?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin().take(), child.stdout().take(), child.stderr().take())
        else {
            // Dropping the child would leave it running.
            let _ = child.start_kill();
            return Err(io::Error::other("its standard streams could not be connected"));
        };
        Ok((Self { child, stderr: Stderr::read(slug.to_owned(), stderr, redactor.clone()) }, (stdout, stdin)))
    }

    /// Whether the server has ended.
    pub(super) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until the server has ended by itself. Safe to drop and to call again.
    pub(super) async fn ended(&mut self) {
        if let Err(error) = self.child.wait().await {
            tracing::warn!(%error, "cannot wait for an MCP server's process");
        }
    }

    /// Ends the server and all that it started, once its standard input has been closed: waits a little, asks, and then
    /// kills. Says how it ended and what it last wrote to standard error.
    pub(super) async fn stop(mut self) -> String {
        let mut status = self.wait_briefly().await;
        #[cfg(unix)]
        if status.is_none() {
            let terminate = tokio::signal::unix::SignalKind::terminate().as_raw_value();
            if let Err(error) = self.child.signal(terminate) {
                tracing::debug!(%error, "cannot ask an MCP server's process group to stop");
            }
            status = self.wait_briefly().await;
        }
        // Also where the server itself has stopped: what it started may not have.
        self.kill_group();
        if status.is_none() {
            status = self.wait_briefly().await;
        }
        let mut report = match status {
            Some(status) => describe(status),
            None => "it did not end".to_owned(),
        };
        let tail = self.stderr.finish().await;
        if !tail.is_empty() {
            let _ = write!(report, "; its last output on standard error:\n{tail}");
        }
        report
    }

    async fn wait_briefly(&mut self) -> Option<ExitStatus> {
        timeout(GRACE, self.child.wait()).await.ok()?.ok()
    }

    /// An error means that no process of the group is left. The group's number is not in use again so soon: the kernel
    /// goes through all others first.
    fn kill_group(&mut self) {
        let _ = self.child.start_kill();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_group();
    }
}

fn describe(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("its process was ended by signal {signal}");
    }
    match status.code() {
        Some(code) => format!("its process exited with status {code}"),
        None => format!("its process ended: {status}"),
    }
}

/// Reads a server's standard error: logs it and keeps the end of it.
#[derive(Debug)]
struct Stderr {
    tail: Arc<Mutex<VecDeque<String>>>,
    reader: JoinHandle<()>,
}

impl Stderr {
    fn read(slug: String, stderr: ChildStderr, redactor: Redactor) -> Self {
        let tail = Arc::new(Mutex::new(VecDeque::with_capacity(STDERR_LINES)));
        let reader = tokio::spawn({
            let tail = Arc::clone(&tail);
            async move {
                let mut stderr = BufReader::new(stderr);
                let mut line = Vec::new();
                // A line that is too long counts as several.
                while let Ok(1..) = (&mut stderr).take(STDERR_LINE_BYTES).read_until(b'\n', &mut line).await {
                    let text = redactor.clean(String::from_utf8_lossy(&line).trim_end());
                    line.clear();
                    tracing::debug!(server = %slug, "{text}");
                    let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
                    if tail.len() == STDERR_LINES {
                        tail.pop_front();
                    }
                    tail.push_back(text);
                }
            }
        });
        Self { tail, reader }
    }

    /// What came last, once the server has ended.
    async fn finish(&mut self) -> String {
        if timeout(STDERR_GRACE, &mut self.reader).await.is_err() {
            // Somebody outside the group still holds the pipe.
            self.reader.abort();
        }
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Stderr {
    fn drop(&mut self) {
        self.reader.abort();
    }
}
